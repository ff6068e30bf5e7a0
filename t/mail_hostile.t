#!/usr/bin/perl

# Whatever a visitor writes into a field, or says: no recipient, header, markup or live link
# of it is in a mail, and SendGrid takes it.  The same bits for each run.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Mail;

my $t = Tavus::Test->new(http => {tavus_vertical =>
    ['general { persona_id p1; mail_transcript on; }']});
my $m = Tavus::Test::Mail->new($t, 'mail contact.submitted; mail conversation.ended;');
my $box = $t->sandbox;
$t->start;
wait_ok { $m->ready } 'the destination is there';

my @bits = ("\nBcc: x\@evil.com\n", '<script>alert(1)</script>', 'http://',
    'www.evil.com', 'evil.com/x', '@', 'x@evil.com', '.', '//', ':', '\\\\', '</p>',
    q(<a href="http://evil.com">), q("'&<>), '<img src=x>', '{{name}}', '[unsubscribe]',
    '<%asm_group_unsubscribe_url%>', "\x{202e}", "\x{200b}", "\x{ff0e}com",
    "\x{3002}com", "\x{ff20}b", "\x{1f600}", "\x{e9}", '1.2.3.4', '0.01 USD', 'Bcc:',
    '%0d%0aTo: x', 'javascript:x', 'mailto:x@evil.com', 'file:///x', ' ', 'a', '7');
my $seed = 20261129;
my $random = sub ($n) {
    $seed = ($seed * 1103515245 + 12345) % 2**31;
    return int($seed / 65536) % $n;
};
my $text = sub ($most, $lines = 0) {
    my $s = join '', map { $bits[$random->(scalar @bits)] } 0 .. $random->(12);
    $s =~ s/\n/ /g if !$lines;
    return 'ab' . substr($s, 0, $most - 12) . 'cdefghijkl';
};

my $panel = $t->url('/admin');
my $last = 60;
my @addresses = ('ada@example.com', 'a.b+c@sub.example.co', q("a b"@example.com),
    'www.evil.com/x@example.com', 'x@[127.0.0.1]', 'x@y');
my $taken = 0;
for my $n (1 .. $last) {
    my %form = (name => $text->(150), message => $text->(2000, 1),
        phone => substr($text->(60), 0, 30), company => $text->(150),
        email => $addresses[$random->(scalar @addresses)],
        map { $_ => $text->(60) } qw(utm_source utm_medium utm_campaign
            session_id conversation_id));
    my $res = $t->post('/api/contact', \%form);
    $taken++ if $res->code == 200;
}
cmp_ok $taken, '>=', $last / 4, "the form takes $taken of them";

my $talks = 8;
for (1 .. $talks) {
    my $id = $t->create(vertical => 'general', map { $_ => $text->(100) }
        qw(utm_source utm_medium utm_campaign session_id))->json->{conversation_id};
    $t->webhook(tavus_event($_->[0], $id, $_->[1])) for
        ['system.replica_joined', {}],
        ['system.shutdown', {shutdown_reason => $text->(100)}],
        ['application.transcription_ready', {transcript => [map +{
            role => $_ % 2 ? 'user' : 'assistant', content => $text->(2000, 1)},
            1 .. 20]}];
}
wait_ok { $taken + $talks == (() = $m->mails) } 'each is mailed', 60;
is scalar(grep { $_->{content}[0]{value} =~ /^Visitor: /m } $m->mails), $talks,
    'with what was said';
is $box->received('sendgrid')->{refused}, 0, 'and taken';

my %bad;
for my $mail ($m->mails) {
    my ($plain, $html) = $m->parts($mail);

    $bad{members} += join(' ', sort grep { $_ ne 'reply_to' } keys %$mail)
        ne 'categories content from personalizations subject tracking_settings';
    $bad{to} += $mail->{personalizations}->@* != 1
        || join(' ', sort keys $mail->{personalizations}[0]->%*) ne 'custom_args to'
        || $mail->{personalizations}[0]{to}->@* != 1
        || $mail->{personalizations}[0]{to}[0]{email} ne 'sales@example.com';
    $bad{from} += $mail->{from}{email} ne 'no-reply@example.com';
    $bad{reply} += exists $mail->{reply_to} && ($mail->{categories}[0] ne 'lead' || !grep { $mail->{reply_to}{email} eq $_ }
        @addresses[0, 1, 3]);
    $bad{subject} += $mail->{subject} =~ /[\x00-\x1f\x7f]/
        || length $mail->{subject} > 200;

    # ours: the link to the panel, and the markup
    $plain =~ s/^\Q$panel\E$//m or $bad{panel}++;
    $html =~ s/<a href="\Q$panel\E">// or $bad{panel}++;
    $html =~ s{</?(?:html|body|p|b|small|blockquote|a|!doctype\ html)
        (?:\ style="[a-z:-]+")?>|<br>}{}gx;
    $bad{markup} += $html =~ /[<>"']/;
    for my $part ($plain, $html =~ s/&#39;|&quot;|&lt;|&gt;|&amp;/_/gr,
        $mail->{subject})
    {
        my $live = Tavus::Test::Mail::live($part);
        diag "live: $live in $part" if defined $live && !$bad{live}++;
        $bad{controls} += $part =~ /[\x00-\x09\x0b-\x1f\x7f-\x9f\x{200b}\x{202e}]/;
    }
}
is $bad{$_} // 0, 0, "no $_" for qw(members to from reply subject panel markup live
    controls);
is scalar(() = $m->failed), 0, 'none failed';

ok defined Tavus::Test::Mail::live($_), "$_ would be found"
    for 'http://x', 'a evil.com b', 'x@y', '\\\\host', 'mailto:x', "a\x{3002}com";

done_testing;
