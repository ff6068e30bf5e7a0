#!/usr/bin/perl

# The same event many times at once, in one batch and in two workers: every
# delivery is acknowledged, the event is there once.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(sandbox => 0, workers => 2,
    http => {tavus_store_timeout => '20s'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

# held back, so that deliveries meet
my $lock = $t->pg->connect(AutoCommit => 0);
my @events = map { tavus_event('system.replica_joined', "c$_") } 1 .. 10;
for my $turn (1 .. 3) {
    $lock->do('LOCK TABLE tavus.events IN EXCLUSIVE MODE');
    my @sockets = map { $t->socket->send(webhook_bytes($t, $_)) }
        (@events, reverse @events) x 4;
    # one of them may have had all connections
    wait_ok { push @sockets, $t->socket->send(webhook_bytes($t, $events[0]));
        $t->pg->connect->selectrow_array(
            q{SELECT count(*) FROM pg_locks WHERE NOT granted}) >= 2 }
        'two workers wait';
    $lock->rollback;
    is scalar(grep { ($_->response || {})->{status} != 200 } @sockets), 0,
        'all are acknowledged';
}
is_deeply $t->db->selectcol_arrayref(q{SELECT count(*) FROM tavus.events
    GROUP BY conversation_id}), [(1) x 10], 'once';

done_testing;
