#!/usr/bin/perl
# alone

# A journal file on which fsync failed is never written to again: its events
# are not acknowledged, those after them go to another file.  What is in such
# files takes room like any other.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(spawn stop_process);

my $t = Tavus::Test->new(sandbox => 0, http => {
    tavus_store_timeout => '200ms',
    tavus_journal => '%%DIR%%/journal max_size=16m'},
    locations => {'= /metrics' => 'tavus_metrics;', '= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $files = sub { my @files = glob $t->dir . '/journal/*.journal';
    return @files };
my $code = sub ($id) {
    return $t->webhook(tavus_event('system.replica_joined', $id))->code;
};

$t->pg->stop;
is $code->('c1'), 200, 'one that is well';
my ($first) = $files->();

my ($worker) = $t->workers;
my $strace = spawn(['strace', '-f', '-q', '-o', $t->dir . '/strace', '-e',
    'trace=fdatasync', '-e', 'inject=fdatasync:error=EIO', '-p', $worker]);
wait_ok { $code->('c2') == 503 } 'not acknowledged', 20;
wait_ok { $t->grep_log(qr/\[crit\] .*fdatasync\(\) failed .*Input\/output error/) }
    'says why';
my $size = -s $first;

my $on_disk = sub { my $sum = 0; $sum += -s for $files->(); return $sum };
my $counted = sub {
    my ($n) = $t->get('/metrics')->body =~ /^tavus_journal_bytes (\d+)$/m;
    return $n;
};
is $counted->(), $on_disk->(), 'what failed is counted';

# after each failure it waits for a second, and for good when all is full
my $room = sub { $t->admin('/healthz?full')->json->{journal}{writable} };
my $most = 0;
for my $n (1 .. 5) {
    wait_ok { $room->() } "it would write again, $n";
    is $t->webhook(tavus_event('application.transcription_ready', "big$n",
        {text => 'x' x 5_000_000}))->code, 503, 'not acknowledged';
    $most = $on_disk->() if $on_disk->() > $most;
}
cmp_ok $most, '<=', 16 * 1024 * 1024, 'max_size is kept';
cmp_ok $most, '>', 10_000_000, 'and was needed';
is $counted->(), $most, 'all of it is counted';
stop_process($strace, TERM => 5);

wait_ok { $code->('c3') == 200 } 'well again', 20;
is -s $first, $size, 'the first file is left alone';
cmp_ok scalar(() = $files->()), '>=', 2, 'another one is begun';

$t->pg->start;
wait_ok { !(() = $files->()) } 'replayed', 20;
my %there = map { $_ => 1 } $t->db->selectcol_arrayref(
    'SELECT conversation_id FROM tavus.events')->@*;
ok $there{$_}, "$_ is there" for 'c1', 'c3';
wait_ok { $counted->() == 0 } 'and nothing is counted any more';

done_testing;
