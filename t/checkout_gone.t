#!/usr/bin/perl

# A visitor who does not wait: nothing is asked of Stripe for who is gone by
# then, and what has been asked is brought to an end and recorded.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Checkout;

my $t = checkout_test();
my ($box, $db) = ($t->sandbox, $t->db);
my $path = '/v1/checkout/sessions';

sub due { return $db->selectrow_array(
    'SELECT count(*) FROM tavus.orders WHERE due_at IS NOT NULL') }

sub fresh {
    $db->do('DELETE FROM tavus.orders');
    $box->forget;
}

subtest 'before the order is committed' => sub {
    $t->pg->freeze;
    my $s = ask($t);
    # the request is with the database when a file is served after it
    $t->settle;
    $s->abort;
    $t->settle;
    $t->pg->thaw;
    is checkout($t, plan => 'growth')->code, 200, 'one who came later';
    is scalar(asked($t)), 1, 'is the only one that Stripe is asked for';
    wait_ok { !grep { $_->{state} eq 'new' } orders($t) }
        'what was committed is settled';
    is_deeply [map { $_->{reason} } grep { $_->{plan} eq 'starter' }
        orders($t)], ['abandoned'], 'as abandoned';
    is due(), 0, 'and is not looked for';
    is scalar(failures($t)), 0, 'nor of interest to anybody';
    done_testing;
};

for my $how (qw(close abort)) {
    subtest "$how while Stripe works" => sub {
        fresh();
        $box->fault(kind => 'delay', ms => 4000, times => 1, path => $path, method => 'POST');
        my $s = ask($t);
        wait_ok { scalar asked($t) } 'Stripe is asked';
        $s->$how;
        wait_ok { (order($t) // {state => ''})->{state} eq 'open' }
            'the answer is on record';
        is order($t)->{stripe_session}, ($box->stripe_sessions)[-1]{id},
            'with its session';
        is due(), 0, 'nobody need look for it';
        done_testing;
    };
}

subtest 'while Stripe says no' => sub {
    fresh();
    $box->fault(kind => 'status', status => 500, times => 1, path => $path, method => 'POST',
        body => {error => {type => 'api_error'}});
    $t->pg->freeze;
    my $s = ask($t);
    $t->settle;
    $t->pg->thaw;
    wait_ok { scalar asked($t) } 'Stripe is asked';
    $s->abort;
    wait_ok { scalar failures($t) } 'the owner is told';
    wait_ok { order($t)->{state} ne 'new' } 'and it is on record';
    done_testing;
};

subtest 'while the answer is committed' => sub {
    fresh();
    $box->fault(kind => 'delay', ms => 4000, times => 1, path => $path, method => 'POST');
    my $s = ask($t);
    wait_ok { scalar asked($t) } 'Stripe is asked';
    # who writes the answer waits for this
    my $holder = $t->pg->connect;
    $holder->begin_work;
    wait_ok { $holder->selectrow_array(
        'SELECT count(*) FROM (SELECT FROM tavus.orders FOR UPDATE) x') }
        'the order is held';
    wait_ok { $db->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND query LIKE '%order_answer%'}) }
        'its answer waits';
    $s->abort;
    $t->settle;
    $holder->rollback;
    wait_ok { order($t)->{state} eq 'open' } 'and is on record all the same';
    done_testing;
};

# ---- an old worker ends when its orders are
fresh();
$box->fault(kind => 'delay', ms => 4000, times => 1, path => $path, method => 'POST');
my $s = ask($t);
wait_ok { scalar asked($t) } 'Stripe is asked by a worker that is to go';
$s->abort;
$t->reload(drained => 1);
wait_ok { order($t)->{state} eq 'open' } 'which goes when it is on record';

done_testing;
