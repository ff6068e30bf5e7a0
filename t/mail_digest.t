#!/usr/bin/perl

# Alerts come together: the first soon, all that was raised and cleared since in
# one mail, and no other before its time, on whichever node; one that is not taken
# goes again, with what came meanwhile.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Mail;
use Time::HiRes qw(time);

my $t = Tavus::Test->new;
my $m = Tavus::Test::Mail->new($t, 'mail contact.submitted; mail alert digest=15m;');
my $box = $t->sandbox;
$t->start;
wait_ok { $m->ready } 'the destination is there';

my $digests = sub { return grep { $_->{categories}[0] eq 'alert' } $m->mails };
my $waits = sub { return $t->db->selectrow_array(q{SELECT count(*) FROM
    tavus.deliveries WHERE digest AND due_at > now() + interval '10 minutes'}) };
my $text = sub ($mail) { return ($m->parts($mail))[0] };
# its time has come
my $later = sub {
    $t->db->do(q{UPDATE tavus.destinations SET digest_at = digest_at - interval '15 minutes'});
    $t->db->do(q{UPDATE tavus.deliveries SET due_at = now() WHERE digest});
};

my $begun = time;
$t->db->begin_work;
$m->alert(raised => 'key_invalid', subject => 'tavus', text => 'Tavus says 401');
$m->alert(raised => 'destination_dead', subject => 'crm',
    text => 'see http://evil.com/<b>');
$m->alert(cleared => 'quarantine');
$t->db->commit;
wait_ok { $digests->() } 'a mail';
cmp_ok time - $begun, '>=', 3, 'after what came with the first';
my ($first) = $digests->();
is $first->{subject}, '2 raised, 1 cleared: key_invalid and more';
like $text->($first), qr/^$_$/m, $_ for 'Raised: key_invalid', 'Of: tavus',
    'Tavus says 401', 'Raised: destination_dead', 'Cleared: quarantine',
    'see http\[:\]//evil\[\.\]com/<b>';
wait_ok { $m->idle('owner') } 'told';
is scalar(() = $t->db->selectall_array('SELECT 1 FROM tavus.deliveries')), 0,
    'nothing is left of it';

# the next waits, and leads do not
$m->alert(raised => 'node_silent', subject => 'n2');
wait_ok { $waits->() == 1 } 'the next one waits';
$m->alert(cleared => 'key_invalid', subject => 'tavus');
wait_ok { $waits->() == 2 } 'and another';
$m->lead;
wait_ok { 2 == (() = $m->mails) } 'a lead does not';
is scalar $digests->(), 1, 'no digest before its time';

# not taken: again, and together with what came since
$box->fault(path => '/v3/mail/send', holds => 'node_silent', kind => 'status',
    status => 500, times => 1);
$later->();
wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.deliveries
    WHERE digest AND status = 500}) == 2 } 'one that is not taken';
$m->alert(raised => 'partition_missing');
wait_ok { 2 == $digests->() } 'goes again', 40;
my $second = ($digests->())[-1];
like $text->($second), qr/$_/, $_ for 'node_silent', 'Cleared: key_invalid';
wait_ok { $m->idle('owner') } 'told';
wait_ok { $later->() if $waits->();
    grep { $text->($_) =~ /partition_missing/ } $digests->() } 'and nothing is lost';

# what is no word of the server
$m->track('alert.raised', alert => 'made up', text => 'buy now');
$t->webhook(tavus_event('alert.raised', 'c1', {alert => 'made up'}));
$later->();
wait_ok { $m->idle('owner') } 'all is told';
is scalar(grep { $text->($_) =~ /made up/ } $m->mails), 0, 'others raise nothing';

# many
$later->();
$t->db->begin_work;
$m->alert(raised => "alert_$_", text => '&' x 400) for 1 .. 250;
$t->db->commit;
wait_ok { $later->(); $m->mails > 0 && grep { $text->($_) =~ /alert_1\b/ } $digests->() }
    'many are one';
my ($many) = grep { $text->($_) =~ /alert_1\b/ } $digests->();
like $text->($many), qr/^Raised: alert_40$/m, 'with many of them';
cmp_ok length($text->($many)), '<', 110_000, 'but not too many';

is $box->received('sendgrid')->{refused}, 0, 'SendGrid takes them all';

done_testing;
