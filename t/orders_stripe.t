#!/usr/bin/perl

# What the sandbox's Stripe tells by webhooks becomes orders and subscriptions,
# in either shape of the API, also where all of it is of one second.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::UserAgent;

use Tavus::Test::Sandbox;

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);
my $t = Tavus::Test->new;
my $secret = $t->secret('stripe', $s->stripe_secret);
$t->configure(locations => {'= /stripe' =>
    "tavus_webhook stripe; tavus_webhook_secret file:$secret id=one;"});
$t->start;
wait_ok { value(q{SELECT count(*) FROM tavus.cursors WHERE name = 'orders'}) }
    'the log is read';

sub value ($sql, @args) {
    return scalar $t->db->selectrow_array($sql, undef, @args);
}

# An order of ours, asked for at Stripe as a checkout would.
sub bought ($price, $mode, $quantity = 1) {
    my $id = value(q{SELECT tavus.stripe_uuid(gen_random_uuid()::text,
        extract(epoch FROM now())::bigint)});
    is value(q{SELECT tavus.order_intent(?, false, 'starter', ?, ?, NULL,
        NULL, NULL, NULL, 's1', NULL, NULL, NULL, NULL, NULL, 120)}, $id,
        $mode, encode_json([{price => $price, quantity => $quantity}])),
        'new', 'asked for';

    my $inner = $mode eq 'payment' ? 'payment_intent_data'
        : 'subscription_data';
    my $res = $ua->post($s->url . '/v1/checkout/sessions' => {
        Authorization => 'Bearer ' . $s->stripe_key,
        'Stripe-Version' => '2026-10-28.endive', 'Idempotency-Key' => $id,
    } => form => {
        mode => $mode, success_url => 'http://127.0.0.1/ok',
        'line_items[0][price]' => $price,
        'line_items[0][quantity]' => $quantity,
        client_reference_id => $id, 'metadata[order_id]' => $id,
        "${inner}[metadata][order_id]" => $id,
    })->result;
    is $res->code, 200, 'Stripe has it' or diag $res->body;
    return ($id, $res->json->{id});
}

# what is known, when all that was sent is read
sub known ($id) {
    wait_for { !value(q{SELECT g.events FROM tavus.cursors c,
        tavus.cursor_lag(c.pos, c.ord) g WHERE c.name = 'orders'}) }
        or die 'the log is not read';
    my $order = decode_json(value(q{SELECT tavus.order_json(o)::text
        FROM tavus.orders o WHERE id = ?}, $id));
    my $sub = value(q{SELECT tavus.subscription_json(n)::text
        FROM tavus.subscriptions n WHERE order_id = ?}, $id);
    return ($order, defined $sub ? decode_json($sub) : undef);
}

for my $version ('2024-06-20', '2026-10-28.endive') {
    $s->config(stripe_webhook_url => $t->url('/stripe'),
        stripe_webhook_version => $version);

    subtest "$version, once" => sub {
        my ($id, $session) = bought('price_replica', 'payment');
        is((known($id))[0]{state}, 'new', 'nothing is heard');
        value('SELECT tavus.order_answer(?, ?, NULL, false, NULL)', $id,
            $session);
        is((known($id))[0]{state}, 'open', 'answered');

        $s->stripe('late', session => $session);
        is((known($id))[0]{state}, 'processing', 'not paid yet');
        is value('SELECT tavus.order_by_session(?)', $session),
            '{"status":"unpaid","plan":"starter"}', 'which its page knows';
        $s->stripe('paid', session => $session);
        my ($order) = known($id);
        is $order->{state}, 'paid', 'paid, within the second';
        is $order->{stripe_session}, $session;
        is value('SELECT tavus.order_by_session(?)', $session),
            '{"status":"paid","plan":"starter"}';

        $s->stripe('refund', session => $session, amount => 100);
        $s->stripe('refund', session => $session, amount => 150);
        $s->stripe('dispute', session => $session);
        ($order) = known($id);
        is $order->{state}, 'paid', 'and still is';
        is_deeply [map { $_->{amount} } $order->{refunded}->@*], [250],
            'two refunds';
        is scalar $order->{disputes}->@*, 1, 'and a dispute';
        done_testing;
    };

    subtest "$version, not" => sub {
        my ($id, $session) = bought('price_replica', 'payment');
        $s->stripe('late', session => $session);
        $s->stripe('unpaid', session => $session);
        is((known($id))[0]{state}, 'unpaid', 'the payment failed');
        done_testing;
    };

    subtest "$version, each month" => sub {
        my ($id, $session) = bought('price_starter', 'subscription', 2);
        $s->stripe('pay', session => $session);
        my ($order, $sub) = known($id);
        is $order->{state}, 'paid';
        is $order->{subscription}, $sub->{subscription};
        is $sub->{ours}, 1;
        is $sub->{status}, 'active';
        is_deeply [$sub->@{qw(invoices renewals)}], [1, 0], 'its first';
        is_deeply $sub->{items}, [{price => 'price_starter', quantity => 2}];
        is $sub->{paid}[0]{amount}, $order->{amount}{amount}, 'is paid';

        $s->stripe('refund', session => $session, amount => 100);
        $s->stripe('dispute', session => $session);
        ($order, my $back) = known($id);
        is_deeply [map { $_->{amount} } $order->{refunded}->@*], [100],
            'some of it is given back';
        is_deeply $back->{refunded}, $order->{refunded}, 'which both know';
        is scalar $order->{disputes}->@*, 1, 'and in dispute';
        is $back->{disputes}, 1;

        $s->stripe('fail', session => $session);
        (undef, my $failed) = known($id);
        is_deeply [$failed->@{qw(status invoices renewals)}],
            ['past_due', 1, 0], 'one that failed';
        is $failed->{failing}, 1;
        cmp_ok $failed->{period_end}, 'gt', $sub->{period_end};

        $s->stripe('renew', session => $session);
        (undef, my $again) = known($id);
        is_deeply [$again->@{qw(status invoices renewals)}],
            ['active', 2, 1], 'one that did not, within the second';
        is $again->{paid}[0]{amount}, 2 * $sub->{paid}[0]{amount};

        $s->stripe('cancel', session => $session);
        (undef, my $over) = known($id);
        is $over->{status}, 'canceled', 'and the end';
        ok defined $over->{ended_at};
        done_testing;
    };
}

is value('SELECT count(*) FROM tavus.orders WHERE NOT ours'), 0,
    'nothing else came of it';
is value(q{SELECT count(*) FROM tavus.quarantine}), 0, 'nor was set aside';

my $rows = q{SELECT json_agg(j ORDER BY j->>'id')::text
    FROM (SELECT tavus.order_json(o) FROM tavus.orders o UNION ALL
          SELECT tavus.subscription_json(n) FROM tavus.subscriptions n) x (j)};
my $before = value($rows);
$t->db->do(q{DELETE FROM tavus.stripe_objects});
$t->db->do(q{DELETE FROM tavus.subscriptions});
$t->db->do(q{UPDATE tavus.cursors SET pos = 0, ord = 0
    WHERE name = 'orders'});
known(value('SELECT id FROM tavus.orders LIMIT 1'));
is value($rows), $before, 'all at once it comes to the same';

done_testing;
