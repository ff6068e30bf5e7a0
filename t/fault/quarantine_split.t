#!/usr/bin/perl

# memcheck

# One event that PostgreSQL refuses for its content does its neighbours in the
# batch no harm: it alone goes into quarantine, and is acknowledged.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->webhook(tavus_event('system.replica_joined', 'c0'))->code, 200;

# what the gate in C lets pass, and a table does not
$t->db->do($_) for
    q{CREATE FUNCTION tavus.picky() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.event_type = 'system.poison' THEN
            RAISE 'no' USING ERRCODE = current_setting('tavus.state');
        END IF;
        RETURN NEW;
      END $$},
    'CREATE TRIGGER picky BEFORE INSERT ON tavus.events FOR EACH ROW '
        . 'EXECUTE FUNCTION tavus.picky()';

my $n = 0;
for my $state ('22P02', '23505', '54000') {
    $t->db->do("ALTER ROLE tavus_app SET tavus.state = '$state'");
    $t->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = 'tavus_app'});
    wait_ok { $t->webhook(tavus_event('x.y', 'again'))->code == 200 } 'back';

    # held back, so that they share a batch
    my $lock = $t->pg->connect(AutoCommit => 0);
    $lock->do('LOCK TABLE tavus.events IN EXCLUSIVE MODE');
    my $first = $t->socket->send(webhook_bytes($t,
        tavus_event('system.replica_joined', 'first' . ++$n)));
    wait_ok { $t->pg->connect->selectrow_array(
        q{SELECT count(*) FROM pg_locks WHERE NOT granted}) } 'waits';
    my @sockets = map { $t->socket->send(webhook_bytes($t, tavus_event(
        $_ == 13 || $_ == 30 ? 'system.poison' : 'system.replica_joined',
        "$state-$_"))) } 1 .. 40;
    $t->settle;
    $lock->rollback;

    is_deeply {answers($first, @sockets)}, {200 => 41},
        "$state: all are acknowledged";
    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id LIKE ?}, {}, "$state-%"), 38, 'neighbours';
    is_deeply $t->db->selectcol_arrayref(q{SELECT conversation_id
        FROM tavus.quarantine WHERE conversation_id LIKE ? ORDER BY 1}, {},
        "$state-%"), ["$state-13", "$state-30"], 'the culprits';
    is $t->db->selectrow_array(q{SELECT reason FROM tavus.quarantine
        WHERE conversation_id = ?}, {}, "$state-13"),
        "refused by the database, SQLSTATE $state", 'with the reason';
}

is scalar($t->grep_log(qr/goes into quarantine/)), 6;

done_testing;
