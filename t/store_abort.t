#!/usr/bin/perl

# A sender that leaves once its event is here: the event is stored, whether it
# waited or was in flight.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $lock = $t->pg->connect(AutoCommit => 0);
$lock->do('LOCK TABLE tavus.events IN EXCLUSIVE MODE');
my @sockets = $t->socket->send(
    webhook_bytes($t, tavus_event('system.replica_joined', 'c0')));
wait_ok { $t->pg->connect->selectrow_array(
    q{SELECT count(*) FROM pg_locks WHERE NOT granted}) } 'in flight';
push @sockets, map { $t->socket->send(
    webhook_bytes($t, tavus_event('system.replica_joined', "c$_"))) } 1 .. 9;
$t->settle;
$_ % 2 ? $sockets[$_]->abort : $sockets[$_]->close for 0 .. 8;
# a FIN may be that of a sender who still listens
wait_ok { (() = $t->access_log =~ / 499 /g) == 4 } 'four are seen to leave';
$lock->rollback;

is $sockets[9]->response->{status}, 200;
is $t->db->selectrow_array('SELECT count(*) FROM tavus.events'), 10, 'stored';

done_testing;
