#!/usr/bin/perl

# memcheck

# The journal of a worker that was killed is adopted: a torn tail is cut, what
# is damaged is set aside and reported, and the rest is replayed.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(slurp spew);

my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $n = 0;
my $event = sub { tavus_event('system.replica_joined', 'c' . ++$n) };
my $stored = sub { $t->db->selectcol_arrayref(q{SELECT conversation_id
    FROM tavus.events ORDER BY length(conversation_id), 1}) };
my $files = sub { my @files = glob $t->dir . '/journal/*'; return @files };

# killed with events in its journal
$t->pg->stop;
is $t->webhook($event->())->code, 200 for 1 .. 5;
my ($worker) = $t->workers;
my ($file) = $files->();
like $file, qr{/$worker-\d+-\d+\.journal$}, 'named by process and time';
$t->kill_worker;
wait_ok { my ($w) = $t->workers; $w && $w != $worker } 'another one';
wait_ok { $t->grep_log(qr/of a worker that is gone is adopted/) } 'adopts', 20;
is $t->webhook($event->())->code, 200, 'and writes its own';
is scalar(() = $files->()), 2;
$t->pg->start;
wait_ok { !(() = $files->()) } 'both are replayed', 30;
is_deeply $stored->(), [map { "c$_" } 1 .. 6];

# the same with the end torn off, as by a crash in the middle of a write
my $broken = sub ($how) {
    $t->pg->stop;
    wait_ok { $t->webhook($event->())->code == 200
        && scalar(() = $files->()) } 'in the journal';
    is $t->webhook($event->())->code, 200 for 1 .. 4;
    ok $t->stop, 'stopped with a journal';
    my ($file) = $files->();
    my $bytes = slurp($file);
    spew($file, $how->($bytes), 0600);
    chown +(stat $t->dir . '/journal')[4, 5], $file;
    $t->pg->start;
    $t->{nginx}->start;
    wait_ok { !grep { /\.journal$/ } $files->() } 'replayed', 30;
};

$n = 10;
$broken->(sub ($bytes) { substr $bytes, 0, -7 });
wait_ok { $t->grep_log(qr/bytes of a write that a crash cut short are dropped/) }
    'the log says so';
is_deeply [grep { /^c1\d/ } $stored->()->@*], [map { "c$_" } 11 .. 14],
    'the whole ones';
is scalar(() = $files->()), 0;

# where the records of a file begin
my $records = sub ($bytes) {
    my $mark = substr $bytes, 4124, 4;
    my @at;
    for (my $i = 4124; $i != -1; $i = index $bytes, $mark, $i + 1) {
        push @at, $i;
    }
    return @at;
};

$n = 20;
$broken->(sub ($bytes) {
    # a byte in the second record
    my @at = $records->($bytes);
    substr($bytes, $at[1] + 60, 1) ^.= "\xff";
    return $bytes;
});
wait_ok { $t->grep_log(qr/damaged bytes are set aside/) } 'reported';
is_deeply [grep { /^c2\d/ } $stored->()->@*], ['c21', 'c23', 'c24', 'c25'],
    'those around it';
my ($aside) = $files->();
like $aside, qr/\.journal\.damaged$/, 'kept for whoever wants to look';
like slurp($aside), qr/c22/;
unlink $aside;

# the length of the last one: what is damaged is no write that was cut short
$n = 30;
$broken->(sub ($bytes) {
    my @at = $records->($bytes);
    substr($bytes, $at[4] + 5, 1) ^.= "\x01";
    return $bytes;
});
is_deeply [grep { /^c3\d/ } $stored->()->@*], [map { "c$_" } 31 .. 34],
    'those before it';
($aside) = $files->();
like $aside && slurp($aside), qr/c35/, 'and it is kept, not dropped';
unlink $aside;

# the first block of the disk: the second has the file's key, too
$n = 40;
$broken->(sub ($bytes) { "\0" x 4096 . substr $bytes, 4096 });
is_deeply [grep { /^c4\d/ } $stored->()->@*], [map { "c$_" } 41 .. 45], 'all';
is scalar(() = $files->()), 0;

# both: nothing can be read, and nothing is thrown away
$n = 50;
$broken->(sub ($bytes) { "\0" x 4124 . substr $bytes, 4124 });
is_deeply [grep { /^c5\d/ } $stored->()->@*], [], 'none';
($aside) = $files->();
like $aside && slurp($aside), qr/c51.*c55/s, 'but they are all kept';

done_testing;
