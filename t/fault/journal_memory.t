#!/usr/bin/perl

# A journal that was written and replayed leaves no memory behind, but what
# libpq keeps for a batch of 4 MB.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault qw(answers measured rss webhook_bytes);

my $t = Tavus::Test->new(measured(), sandbox => 0,
    http => {tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->webhook(tavus_event('system.replica_joined', 'c0'))->code, 200;

my ($worker) = $t->workers;
my $before = rss($worker);
my $n = 0;
for my $turn (1 .. 2) {
    $t->pg->stop;
    for (1 .. 10) {
        my %status = answers(map { $t->socket->send(webhook_bytes($t,
            tavus_event('application.transcription_ready', 'c' . ++$n,
                {text => 'x' x 40_000}))) } 1 .. 32);
        is_deeply \%status, {200 => 32}, 'acknowledged';
    }
    my @files = glob $t->dir . '/journal/*';
    cmp_ok -s $files[0], '>', 10_000_000, 'by a large file';
    $t->pg->start;
    wait_ok { !(() = glob $t->dir . '/journal/*') } 'replayed', 60;
}
# the address sanitizer's allocator keeps more: 20 MB, and each turn brings 13
my $kept = $ENV{ASAN_OPTIONS} ? 30_000_000 : 10_000_000;
wait_ok { rss($worker) - $before < $kept } 'the memory is given back';
note sprintf '%.1f MB before, %.1f MB now', $before / 1e6, rss($worker) / 1e6;
is $t->db->selectrow_array('SELECT count(DISTINCT conversation_id)
    FROM tavus.events'), $n + 1, 'and all is stored';

done_testing;
