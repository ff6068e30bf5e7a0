#!/usr/bin/perl

# Who writes to the owner is mailed to the owner: to whom and from whom is
# configured, an answer goes to the visitor, whatever was said to being counted.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Mail;
use Time::HiRes qw(time);

my $t = Tavus::Test->new;
my $m = Tavus::Test::Mail->new($t, 'to "Boss <boss@example.com>"; '
    . 'mail contact.submitted;');
my $box = $t->sandbox;
$t->start;
wait_ok { $m->ready } 'the destination is there';

$m->lead(phone => '+1 555 0100', company => 'Analytical Engines',
    utm_source => 'google', utm_medium => 'cpc', utm_campaign => 'spring',
    message => "Hello,\nhow much is <it>?\n", consent => 'denied');
wait_ok { $m->mails } 'a mail';

my ($mail) = $m->mails;
is_deeply $mail->{personalizations}[0]{to}, [{email => 'sales@example.com'},
    {email => 'boss@example.com', name => 'Boss'}], 'to the owner';
is_deeply $mail->{from}, {email => 'no-reply@example.com', name => 'Site'},
    'from the site';
is_deeply $mail->{reply_to}, {email => 'ada@example.com'},
    'an answer goes to the visitor';
is $mail->{subject}, 'New lead: Ada Example';
is_deeply [map { $_->{type} } $mail->{content}->@*], ['text/plain', 'text/html'];
is_deeply $mail->{categories}, ['lead'];
ok !$mail->{tracking_settings}{$_}{enable}, "no $_"
    for qw(click_tracking open_tracking subscription_tracking);

my ($id) = $t->db->selectrow_array(
    q{SELECT id FROM tavus.events WHERE event_type = 'contact.submitted'});
my $panel = $t->url('/admin');
is_deeply $mail->{personalizations}[0]{custom_args}, {event_id => $id};

my ($text, $html) = $m->parts($mail);
like $text, qr/^$_$/m, $_ for 'Name: Ada Example',
    'E-mail: ada\[at\]example\[\.\]com', 'Phone: \+1 555 0100',
    'Company: Analytical Engines', 'Came from: google / cpc / spring',
    'Hello,', 'how much is <it>\?', qr/\Q$panel\E/, qr/Event $id:.*/;
like $html, qr/Hello,<br>\nhow much is &lt;it&gt;\?/, 'escaped in HTML';
like $html, qr/<a href="\Q$panel\E">/, 'and a link to the panel';

wait_ok { $m->idle('owner') } 'told';
is $box->received('sendgrid')->{received}, 1, 'once';
is scalar(() = $m->failed), 0, 'nothing is left of it';
is $m->destination('owner')->{delivered}, 1;

# nothing else is
$m->track('page_view', consent => 'granted');
$m->track('contact', consent => 'granted');
$t->webhook(tavus_event("contact.submitted", "c1", {name => "x",
    email => "x\@example.com", message => "not from the form"}));
$m->lead(name => 'Bob Example');
wait_ok { 2 == (() = $m->mails) } 'the next lead';
is_deeply [map { $_->{subject} } $m->mails],
    ['New lead: Ada Example', 'New lead: Bob Example'], 'of leads alone';
is $box->received('sendgrid')->{refused}, 0, 'SendGrid takes them all';

# how long one takes, when nothing else is to be done
my $n = 2;
my @took;
for (1 .. 20) {
    wait_for { $m->idle('owner') } 10;
    my $begun = time;
    $m->lead;
    $n++;
    wait_for { $n <= (() = $box->calls('/v3/mail/send')) } 10;
    my $call = ($box->calls('/v3/mail/send'))[-1];
    push @took, 1000 * ($call->{time} - $begun);
}
@took = sort { $a <=> $b } @took;
diag sprintf 'from the form to SendGrid: median %.0f ms, most %.0f ms',
    $took[@took / 2], $took[-1];

done_testing;
