#!/usr/bin/perl
# alone

# A new journal file that another worker, looking for files of workers that are
# gone, finds before it is locked: another one is begun, and what is
# acknowledged is in a file that is there.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault qw(webhook_bytes);
use Tavus::Test::Process qw(spawn stop_process);
use Fcntl qw(:flock);

my $t = Tavus::Test->new(sandbox => 0, http => {
    tavus_store_timeout => '100ms', tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
$t->pg->stop;

my $files = sub { my @files = glob $t->dir . '/journal/*'; return @files };

# time between open() and flock()
my ($worker) = $t->workers;
my $strace = spawn(['strace', '-f', '-q', '-o', $t->dir . '/strace', '-e',
    'trace=flock', '-e', 'inject=flock:delay_enter=1200000', '-p', $worker]);
wait_ok { -s $t->dir . '/strace' || (Tavus::Test::Process::slurp(
    "/proc/$worker/status") // '') =~ /^TracerPid:\s*[1-9]/m } 'traced';

my $event = sub ($id) { tavus_event('system.replica_joined', $id) };
my $found = sub ($id, $what) {
    my $s = $t->socket->send(webhook_bytes($t, $event->($id)));
    my ($file, $fh);
    wait_ok { ($file) = $files->() } 'a file';
    open $fh, '+<', $file or die "$file: $!";
    ok flock($fh, LOCK_EX | LOCK_NB), 'not locked yet';
    $what->($fh, $file);
    is +($s->response(20) || {})->{status}, 200, 'acknowledged all the same';
    is scalar(grep { -s } $files->()), 1, 'in a file that is there';
    return $fh;
};

# adopted, and removed already as it was empty
$found->('c1', sub ($fh, $file) { unlink $file; close $fh });
stop_process($strace, TERM => 5);
$t->pg->start;
wait_ok { !$files->() } 'replayed', 30;
is $t->db->selectrow_array('SELECT count(*) FROM tavus.events'), 1, 'it is there';

# adopted, and still locked
$t->pg->stop;
$strace = spawn(['strace', '-f', '-q', '-o', $t->dir . '/strace', '-e',
    'trace=flock', '-e', 'inject=flock:delay_enter=1200000', '-p', $worker]);
wait_ok { (Tavus::Test::Process::slurp("/proc/$worker/status") // '')
    =~ /^TracerPid:\s*[1-9]/m } 'traced';
my $held;
my $lock = $found->('c2', sub ($fh, $file) { $held = $file });
stop_process($strace, TERM => 5);
unlink $held;
$t->pg->start;
wait_ok { !$files->() } 'replayed', 30;
is $t->db->selectrow_array('SELECT count(*) FROM tavus.events'), 2, 'it is, too';
is scalar($t->grep_log(qr/\[crit\]/)), 0, 'nothing to complain about';

done_testing;
