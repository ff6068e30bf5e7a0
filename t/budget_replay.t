#!/usr/bin/perl

# A wish that is sent twice is granted once, or not at all; one of before there was a budget has its
# conversation, without a place.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;

my $t = Tavus::Test->new(http => {tavus_store_timeout => '20s',
    tavus_journal => '%%DIR%%/journal'}, locations => {'= /metrics' => 'tavus_metrics;'})->start;
my ($pg, $db) = ($t->pg, $t->db);
my %budget = (http => {tavus_budget => 'active=2', tavus_store_timeout => '20s',
    tavus_journal => '%%DIR%%/journal'});

subtest 'journaled before there was a budget' => sub {
    undef $db;
    $pg->stop;
    my $id = granted($t, 'without a budget the journal is enough');
    $t->configure(%budget);
    $t->reload;
    $pg->start;
    $db = $t->db;
    wait_ok { $db->selectrow_array('SELECT count(*) FROM tavus.intents
        WHERE requested_id IS NOT NULL AND conversation_id = ?', undef, $id) } 'replayed';
    wait_ok { !(() = glob $t->dir . '/journal/*.journal') } 'all of it';
    is used($t), 0, 'it holds no place';
    is asked($t), 1, 'and Tavus was not asked again';
    done_testing;
};

# Commits are held up behind a standby that is not there, and then their connection is
# lost: they are done, and nobody knows.
my $held = q{SELECT pid FROM pg_stat_activity
    WHERE wait_event = 'SyncRep' AND query LIKE '%record_wishes%'};

subtest 'committed, and its connection lost' => sub {
    wait_ok { $t->create->code == 200 } 'a connection is there';
    $t->sandbox->forget;
    $pg->commits_wait('nobody');
    my $s = $t->socket;
    $s->send(create_bytes());
    my $pid;
    wait_ok { $pid = $db->selectrow_array($held) } 'it waits for its commit';
    is asked($t), 0, 'Tavus is not asked before';
    $db->do('SELECT pg_terminate_backend(?)', undef, $pid);
    wait_ok { !$db->selectrow_array('SELECT 1 FROM pg_stat_activity WHERE pid = ?',
        undef, $pid) } 'the connection is lost';
    $pg->commits_wait('');
    is $s->response(30)->{status}, 200, 'answered all the same';
    like $t->get('/metrics')->body, qr/^tavus_budget_verdicts_total\{verdict="duplicate"\} 1$/m,
        'as it was known when it came again';
    is asked($t), 1, 'Tavus was asked once';
    is used($t), 2, 'it has one place';
    refused($t, 'and there are no more', [503, 'at_capacity', undef]);
    is $db->selectrow_array('SELECT calls FROM tavus.budget_days'), 2, 'counted once';
    done_testing;
};

subtest 'its connection lost, and refused when it came again' => sub {
    my $lock = $pg->connect;
    $lock->begin_work;
    $lock->do('LOCK TABLE tavus.places IN ACCESS EXCLUSIVE MODE');
    my $s = $t->socket;
    $s->send(create_bytes());
    my $pid;
    wait_ok { $pid = $db->selectrow_array(q{SELECT pid FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND query LIKE '%record_wishes(%'}) } 'it is judged';
    $db->do('SELECT pg_terminate_backend(?)', undef, $pid);
    wait_ok { !$db->selectrow_array('SELECT 1 FROM pg_stat_activity WHERE pid = ?',
        undef, $pid) } 'the connection is lost';
    $lock->commit;
    is $s->response(30)->{status}, 503, 'the second one finds no place';
    wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.intents
        WHERE outcome = 'failed' AND reason = 'unrecorded' AND requested_id IS NULL}) == 1 }
        'the first one, should it come through, has none either';
    done_testing;
};

done_testing;
