#!/usr/bin/perl

# A worker that is killed at any step of a create holds its place until somebody finds out
# what became of it, and not longer; there is never a conversation too many.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;

my $t = Tavus::Test->new(http => {tavus_budget => 'active=2',
    tavus_store_timeout => '20s', tavus_api_timeout => '20s'})->start;
my ($pg, $box, $db) = ($t->pg, $t->sandbox, $t->db);

# one too many would be refused by Tavus, and be known by it
$box->config(max_concurrent => 2);

# A commit that waits for a standby which is not there is done, but for its answer.
sub waits {
    my ($what) = @_;
    return $db->selectrow_array(q{SELECT pid FROM pg_stat_activity
        WHERE wait_event = 'SyncRep' AND query LIKE ?}, undef, "%tavus.$what(%");
}
# Nobody waits until its visitor has surely given up.
sub hurry {
    my ($nonce) = @_;
    return $db->do(q{UPDATE tavus.intents SET due_at = now()
        WHERE due_at > now() AND nonce = decode(?, 'hex')}, {}, $nonce);
}

# Tavus ends what nobody joins.
sub unjoined {
    my ($nonce) = @_;
    my ($id) = $db->selectrow_array(q{SELECT conversation_id FROM tavus.intents
        WHERE nonce = decode(?, 'hex')}, {}, $nonce);
    return leave($id);
}
sub leave {
    my ($id) = @_;
    $t->ua->post($box->url . "/v2/conversations/$id/end", {'x-api-key' => $box->api_key});
    return end_call($t, $id);
}

my $made = 0;
sub killed {
    my ($name, $begin, $reached, $at_tavus, $announced) = @_;
    subtest $name => sub {
        # what a worker begins with has been committed
        wait_ok { $t->webhook(tavus_event('system.replica_joined', $name))->code == 200 }
            'the worker stores';
        $begin->();
        my $s = $t->socket;
        $s->send(create_bytes());
        wait_ok { $reached->() } 'so far';
        $t->kill_worker;
        $pg->commits_wait('');
        $box->no_faults;
        $made += $at_tavus;
        is scalar($box->conversations('active')), $at_tavus, 'what is at Tavus';

        # until somebody knows, it counts
        wait_ok { $t->get('/healthz')->code == 200 } 'another worker';
        wait_ok { used($t) == 1 } 'it has its place';
        my ($dead) = $db->selectrow_array(q{SELECT encode(nonce, 'hex')
            FROM tavus.places ORDER BY granted_at DESC LIMIT 1});
        my $id = granted($t, 'the second place is free');
        refused($t, 'and no third', [503, 'at_capacity', undef]);
        $made++;
        is asked($t), $made, 'Tavus was asked so often';

        unjoined($dead) if $announced;
        wait_ok { hurry($dead); used($t) == 1 } 'the place of the dead is found free', 60;
        is scalar($box->conversations('active')), 1, 'and nothing of it is left at Tavus';
        my $other = granted($t, 'somebody else has it');
        $made++;
        refused($t, 'and no third', [503, 'at_capacity', undef]);

        leave($_) for $id, $other;
        is used($t), 0, 'all are free';
        done_testing;
    };
    return;
}

killed('while the intent is committed', sub { $pg->commits_wait('nobody') },
    sub { waits('record_wishes') }, 0);
killed('while Tavus is asked', sub {
    $box->fault(kind => 'hang', method => 'POST', path => '/v2/conversations', times => 1)
}, sub { asked($t) == $made + 1 and ++$made }, 0);
killed('when Tavus has made it, and not answered', sub {
    $box->fault(kind => 'hang', method => 'POST', path => '/v2/conversations', times => 1,
        after => 1)
}, sub { $box->conversations('active') == 1 }, 1);
killed('while what Tavus answered is committed', sub {
    $box->fault(kind => 'delay', method => 'POST', path => '/v2/conversations', times => 1,
        ms => 1000);
}, sub {
    state $held;
    $held //= $pg->commits_wait('nobody') if asked($t) == $made + 1;
    waits('record');
}, 1, 1);

is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.create_failed'
      AND convert_from(body, 'UTF8') LIKE '%at_capacity%'}), 0, 'Tavus never refused one';
done_testing;
