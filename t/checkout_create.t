#!/usr/bin/perl

# A visitor chooses a plan and add-ons, and gets the address of Stripe's page;
# what Stripe is asked for is the owner's, and on record before.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Checkout;

sub of ($name, %in) { return map { ("${name}[$_]" => $in{$_}) } keys %in }

sub lines (@lines) {
    return map { ("line_items[$_][price]" => $lines[$_][0],
        "line_items[$_][quantity]" => $lines[$_][1]) } 0 .. $#lines;
}

my $t = checkout_test();
my $box = $t->sandbox;

my $res = checkout($t, plan => 'starter',
    add_ons => {minutes_1k => 10, multilingual => 1},
    email => 'ada@example.com', conversation_id => 'c123',
    session_id => 's-1', user_id => 'u-1', utm_source => 'news',
    utm_medium => 'mail', utm_campaign => 'w 48 & more', consent => 'granted');
is $res->code, 200, 'a checkout' or diag $res->body;
is_deeply [keys $res->json->%*], ['url'], 'is an address';
is $res->headers->cache_control, 'no-store', 'that nobody keeps';

my ($session) = $box->stripe_sessions;
is $res->json->{url}, $box->url . "/c/pay/$session->{id}",
    q{that of Stripe's page};

my ($call) = asked($t);
my $order = order($t);
my $id = $order->{id};
my %said = (order_id => $id, plan => 'starter', conversation_id => 'c123',
    session_id => 's-1', user_id => 'u-1', utm_source => 'news',
    utm_medium => 'mail', utm_campaign => 'w 48 & more',
    consent => 'granted');
my $origin = 'http://127.0.0.1:' . $t->port;
is_deeply $call->{form}, {
    mode => 'subscription', customer_email => 'ada@example.com',
    client_reference_id => $id, cancel_url => "$origin/pricing",
    success_url => "$origin/thank-you?session_id={CHECKOUT_SESSION_ID}",
    lines([price_starter => 1], [price_minutes_1k => 10],
        [price_multilingual => 1]),
    of(metadata => %said), of('subscription_data[metadata]', %said),
}, 'Stripe is asked for just that' or diag explain $call->{form};
is $call->{headers}{'stripe-version'}, '2026-10-28.endive', 'in one version';
is $call->{headers}{'idempotency-key'}, $id, q{by the order's id};

is_deeply [$order->@{qw(state plan mode email conversation_id session_id
    user_id utm_source utm_medium utm_campaign consent stripe_session)}],
    ['open', 'starter', 'subscription', 'ada@example.com',
    @said{qw(conversation_id session_id user_id utm_source utm_medium
        utm_campaign consent)}, $session->{id}], 'and it is on record';
is_deeply $order->{lines}, [{price => 'price_starter', quantity => 1},
    {add_on => 'minutes_1k', price => 'price_minutes_1k', quantity => 10},
    {add_on => 'multilingual', price => 'price_multilingual',
        quantity => 1}], 'with its lines';
ok defined $order->{expires_at}, 'and how long its page is open';
is $order->{livemode}, 0, 'in the mode of the key';
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.orders
    WHERE due_at IS NOT NULL}), 0, 'and nobody need look for it';

# ---- the least, of what is bought once
$res = checkout($t, plan => 'replica');
is $res->code, 200, 'a payment' or diag $res->body;
(undef, $call) = asked($t);
$order = order($t);
%said = (order_id => $order->{id}, plan => 'replica');
is_deeply $call->{form}, {
    mode => 'payment', client_reference_id => $order->{id},
    success_url => "$origin/thank-you?session_id={CHECKOUT_SESSION_ID}",
    cancel_url => "$origin/pricing", lines([price_replica => 1]),
    of(metadata => %said), of('payment_intent_data[metadata]', %said),
}, 'no word that was not said' or diag explain $call->{form};
isnt $order->{id}, $id, 'another order';

$res = checkout($t, add_ons => {});
is $res->code, 200, 'no add-ons';

# ---- paths of one's own
$t->configure(locations => {'= /api/stripe/checkout' => 'tavus_checkout; '
    . 'tavus_checkout_success /ok; tavus_checkout_cancel /no;'});
$t->reload(drained => 1);
is checkout($t)->code, 200;
$call = (asked($t))[-1];
is_deeply [$call->{form}->@{qw(success_url cancel_url)}],
    ["$origin/ok?session_id={CHECKOUT_SESSION_ID}", "$origin/no"],
    'where one comes back to';

is scalar failures($t), 0, 'nothing failed';
unlike $t->error_log . $t->access_log, qr/\Q${\ $box->stripe_key}\E/,
    'the key stands in no log';
is scalar $t->admin('/api/admin/orders')->json->{orders}->@*, 4, 'the owner sees them';

done_testing;
