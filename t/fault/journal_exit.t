#!/usr/bin/perl

# A worker that is told to stop at once writes what still waits to its journal.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Process qw(alive);

my $t = Tavus::Test->new(sandbox => 0, http => {tavus_store_timeout => '20s',
    tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->webhook(tavus_event('system.replica_joined', 'c0'))->code, 200;

$t->pg->freeze;
my @sockets = map { $t->socket->send(webhook_bytes($t,
    tavus_event('system.replica_joined', "c$_"))) } 1 .. 5;
$t->settle;
my $pid = $t->pid;
$t->signal('TERM');
wait_ok { !alive($pid) } 'stopped';
ok $t->stop, 'as asked';
my @files = glob $t->dir . '/journal/*.journal';
is scalar(@files), 1, 'written';

$t->pg->thaw;
$t->{nginx}->start;
wait_ok { !(() = glob $t->dir . '/journal/*') } 'replayed', 20;
is_deeply $t->db->selectcol_arrayref(
    'SELECT conversation_id FROM tavus.events ORDER BY 1'),
    [map { "c$_" } 0 .. 5], 'all of them, once';

done_testing;
