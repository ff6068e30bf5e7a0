#!/usr/bin/perl

# A commit that takes over a second goes to the journal too and is answered
# from there; when it succeeds late after all, the event is there once.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Time::HiRes qw(time);

my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->webhook(tavus_event('system.replica_joined', 'c0'))->code, 200;

my $probe = Tavus::Test::Fault::Probe->new($t->port);
$t->pg->freeze;
my $from = time;
my @sockets = map { $t->socket->send(webhook_bytes($t,
    tavus_event('system.replica_joined', "c$_"))) } 1 .. 10;
is_deeply {answers(@sockets)}, {200 => 10}, 'acknowledged';
my $first = time - $from;
cmp_ok $first, '>', 0.9, 'after the time for PostgreSQL';

# known to be frozen: nobody waits for it any more
$from = time;
is $t->webhook(tavus_event('system.replica_joined', "d$_"))->code, 200
    for 1 .. 20;
cmp_ok time - $from, '<', 20 * 0.9, 'then at once';
is $t->get('/healthz')->code, 200;
wait_for { time - $from > 3 } 4;        # the stall is to be a long one
$probe->ok;

$t->pg->thaw;
wait_ok { $t->db->selectrow_array(
    'SELECT count(DISTINCT conversation_id) FROM tavus.events') == 31 }
    'all are there', 20;
wait_ok { !(() = glob $t->dir . '/journal/*') } 'replayed and removed', 20;
is $t->db->selectrow_array('SELECT count(*) FROM tavus.events'), 31, 'once';

done_testing;
