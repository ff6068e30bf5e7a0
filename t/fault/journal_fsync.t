#!/usr/bin/perl
# alone

# A journal file on which fsync failed is never written to again: its events
# are not acknowledged, those after them go to another file.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(spawn stop_process);

my $t = Tavus::Test->new(sandbox => 0, http => {
    tavus_store_timeout => '200ms', tavus_journal => '%%DIR%%/journal'})->start;
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
ok $t->grep_log(qr/\[crit\] .*fdatasync\(\) failed .*Input\/output error/),
    'says why';
my $size = -s $first;
stop_process($strace, TERM => 5);

wait_ok { $code->('c3') == 200 } 'well again', 20;
is -s $first, $size, 'the first file is left alone';
cmp_ok scalar(() = $files->()), '>=', 2, 'another one is begun';

$t->pg->start;
wait_ok { !(() = $files->()) } 'replayed', 20;
my %there = map { $_ => 1 } $t->db->selectcol_arrayref(
    'SELECT conversation_id FROM tavus.events')->@*;
ok $there{$_}, "$_ is there" for 'c1', 'c3';

done_testing;
