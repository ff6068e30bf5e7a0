#!/usr/bin/perl

# Events that come while a batch is in flight go together in the next one.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_store_timeout => '8s'},
    locations => {'= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})
    ->start;

# counts the requests that a worker has read and not answered yet
my $waiting = sub {
    $t->admin('/healthz?full')->json->{store}{waiting};
};
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $lock = $t->pg->connect(AutoCommit => 0);
$lock->do('LOCK TABLE tavus.events IN EXCLUSIVE MODE');

my @sockets = ($t->socket->send(
    webhook_bytes($t, tavus_event('system.replica_joined', 'first'))));
wait_ok { $t->pg->connect->selectrow_array(
    q{SELECT count(*) FROM pg_locks WHERE NOT granted}) } 'in flight';
push @sockets, map { $t->socket->send(
    webhook_bytes($t, tavus_event('system.replica_joined', "c$_"))) } 1 .. 300;
wait_ok { $waiting->() == 301 } 'all wait';
$lock->rollback;

is scalar(grep { ($_->response || {})->{status} == 200 } @sockets), 301,
    'all are acknowledged';
is_deeply $t->db->selectcol_arrayref(q{SELECT count(*) FROM tavus.events
    GROUP BY xmin::text ORDER BY 1}), [1, 300], 'by two transactions';

# more bytes than a batch takes
$lock->do('LOCK TABLE tavus.events IN EXCLUSIVE MODE');
my @big = map { $t->socket->send(webhook_bytes($t, tavus_event(
    'application.transcription_ready', "big$_", {text => 'x' x 1_500_000}))) }
    1 .. 6;
wait_ok { $waiting->() == 6 } 'all wait';
$lock->rollback;
is scalar(grep { ($_->response || {})->{status} == 200 } @big), 6, 'large ones';
cmp_ok scalar $t->db->selectrow_array(q{SELECT count(DISTINCT xmin::text)
    FROM tavus.events WHERE conversation_id LIKE 'big%'}), '>=', 3,
    'in several';

done_testing;
