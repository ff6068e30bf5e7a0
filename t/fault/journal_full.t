#!/usr/bin/perl

# A full disk, or a full journal: 503, and nothing is acknowledged that is not
# there; with room again all is as before.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(new_dir);

plan skip_all => 'only root can mount a small file system' if $>;

my $disk = new_dir();
system(mount => '-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', $disk) == 0
    or plan skip_all => 'no file system can be mounted here';
END { system(umount => '-l', $disk) if $disk && -d $disk }

my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_journal => "$disk/journal", tavus_store_timeout => '200ms'})
    ->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $event = sub ($id) {
    return tavus_event('application.transcription_ready', $id,
        {text => 'x' x 20_000});
};
is $t->webhook($event->('before'))->code, 200;
$t->pg->stop;

my (%acked, $n, $refused);
my $send = sub {
    my $id = 'c' . ++$n;
    my $code = $t->webhook($event->($id))->code;
    $acked{$id} = 1 if $code == 200;
    $refused++ if $code == 503;
    return $code;
};
$send->() for 1 .. 40;
cmp_ok scalar(keys %acked), '>', 5, 'some had room';
cmp_ok $refused, '>', 5, 'the others are refused';
is scalar(keys %acked) + $refused, 40, 'and nothing else';
wait_ok { $t->grep_log(qr/\[crit\] .* journal ".*": write\(\) failed .*No space/) }
    'says why';
# a second after a failure it would try again
wait_ok { $send->() == 503 && $t->get('/healthz')->code == 503 }
    'the node does not accept';
is $t->get('/')->code, 200, 'the site is there';

$t->pg->start;
wait_ok { !(() = glob "$disk/journal/*") } 'replayed', 30;
is_deeply [sort grep { $_ ne 'before' } $t->db->selectcol_arrayref(q{SELECT
    conversation_id FROM tavus.events WHERE conversation_id LIKE 'c%'})->@*],
    [sort keys %acked], 'what was acknowledged, and nothing twice';
is $t->get('/healthz')->code, 200;

$t->pg->stop;
wait_ok { $t->webhook(tavus_event('x.y', 'again'))->code == 200 }
    'room again', 15;
wait_ok { $t->grep_log(qr/journal is written again/) } 'the log says so';

$t->pg->start;
wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE conversation_id = 'again'}) } 'stored', 20;

done_testing;
