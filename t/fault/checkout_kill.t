#!/usr/bin/perl

# A worker dies at each step of a checkout: Stripe is asked once at most, what
# it made is found, and no order stays one of which nobody knows.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Checkout;

my $t = checkout_test();
my ($box, $db) = ($t->sandbox, $t->db);
my $path = '/v1/checkout/sessions';

my (%known, $session);

# what this step has made
sub fresh { return grep { !$known{$_->{id}} } orders($t) }

sub waits ($function) {
    return scalar $db->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND query LIKE ?}, undef,
        "%$function%");
}

# what a worker that is no more would have told is over
sub later ($tries = 0) {
    $db->do(q{UPDATE tavus.orders SET due_at = now(), tries = ?
        WHERE due_at IS NOT NULL}, undef, $tries);
}

sub step ($name, $hold, $reached, %want) {
    subtest $name => sub {
        %known = map { $_->{id} => 1 } orders($t);
        $box->forget;
        my $holder = $t->pg->connect;
        $holder->begin_work;
        $hold->($holder);
        my $s = ask($t);
        $reached->($holder);
        $t->kill_worker;
        $holder->rollback;
        is +($s->response // {})->{status}, undef, 'nobody is told anything';
        wait_ok { $t->get('/healthz')->code == 200 } 'another worker';

        # its statement may have been carried out, or not
        wait_ok { !waits('tavus.order_') } 'what it had sent is over';
        is scalar(asked($t)), $want{asked}, "Stripe was asked $want{asked}"
            if defined $want{asked};
        my @orders = fresh();
        cmp_ok scalar @orders, '<=', 1, 'one order at most';
        if (@orders && $orders[0]{state} eq 'new') {
            ok $db->selectrow_array(q{SELECT due_at > now()
                FROM tavus.orders WHERE id = ?}, undef, $orders[0]{id}),
                'which others look for, when it is time';
            # of one that was never made the last look says so
            later($want{asked} ? 0 : 6);
        }
        wait_ok { !grep { $_->{state} =~ /^(?:new|unknown)\z/ } fresh() }
            'it is known what became of it', 60;
        is scalar(asked($t)), $want{asked}, 'by asking for none again';
        $want{then}->() if $want{then};

        wait_ok { checkout($t)->code == 200 } 'and it goes on';
        done_testing;
    };
}

step('while the order is committed', sub ($h) {
    $h->do('LOCK TABLE tavus.orders IN SHARE ROW EXCLUSIVE MODE');
}, sub ($h) {
    wait_ok { waits('order_intent') } 'it is being committed';
}, asked => 0, then => sub {
    is $_->{state}, 'failed', 'none was made' for fresh();
});

my %seen = map { $_->{id} => 1 } $box->stripe_sessions;
step('while Stripe works', sub ($h) {
    $box->fault(kind => 'delay', ms => 8000, times => 1, after => 1,
        path => $path, method => 'POST');
}, sub ($h) {
    wait_ok { scalar asked($t) } 'Stripe is asked';
    wait_ok { ($session) = grep { !$seen{$_->{id}} } $box->stripe_sessions }
        'and has made a session';
}, asked => 1, then => sub {
    is +(fresh())[0]{stripe_session}, $session->{id}, 'which is found';
});
$box->no_faults;

my $before = () = $box->stripe_sessions;
step('while the answer is committed', sub ($h) {
    $box->fault(kind => 'delay', ms => 4000, times => 1, path => $path, method => 'POST');
}, sub ($h) {
    wait_ok { scalar asked($t) } 'Stripe is asked';
    wait_ok { $h->selectrow_array(
        'SELECT count(*) FROM (SELECT FROM tavus.orders FOR UPDATE) x') }
        'the order is held';
    wait_ok { waits('order_answer') } 'its answer waits';
}, asked => 1, then => sub {
    is scalar(() = $box->stripe_sessions), $before + 1, 'one session';
    like +(fresh())[0]{stripe_session}, qr/^cs_/, 'which is on record';
});

done_testing;
