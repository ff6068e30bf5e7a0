#!/usr/bin/perl

# Orders whose outcome nobody knows are looked for at Stripe: what is found is
# closed, as its visitor never saw it, and what is not found has failed.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Stripe;

my $t = stripe_test(locations => {'= /metrics' => 'tavus_metrics;'});
my $s = $t->sandbox;
my $row = sub ($id) {
    return $t->db->selectrow_hashref('SELECT * FROM tavus.orders
        WHERE id = ?', undef, $id);
};
my $session = sub ($id) {
    my ($it) = grep { $_->{id} eq $id } $s->stripe_sessions;
    return "$it->{status} $it->{payment_status}";
};
my $calls = sub { scalar $s->calls('/v1/checkout/sessions') };

# else it may be the list of events that tells
wait_ok { value($t, 'SELECT done_at FROM tavus.stripe_repairs') } 'it was read';

# ---- made, and the answer lost
my ($lost, $made) = ordered($t);
my ($paid, $bought) = ordered($t);
my $never = ordered($t, ask => 0);
my $later = ordered($t, ask => 0);
is order($t, $_)->{state}, 'new', 'nobody knows' for $lost, $paid, $never;
lose($t, 1);
$s->stripe('pay', session => $bought);
lose($t, 0);

unknown($t, $lost);
wait_ok { order($t, $lost)->{state} ne 'new' } 'it is found';
is $row->($lost)->{answered_session}, $made, 'as this session';
is $session->($made), 'expired unpaid', 'which is closed';
wait_ok { order($t, $lost)->{state} eq 'expired' } 'as Stripe tells';
is $row->($lost)->{due_at}, undef, 'it is not looked for any more';

unknown($t, $paid);
wait_ok { $row->($paid)->{answered_session} } 'one that was paid is found';
is $row->($paid)->{answered_session}, $bought;
is $session->($bought), 'complete paid', 'and stays';
due($t);
wait_ok { order($t, $paid)->{state} eq 'paid' } 'Stripe has told of it';

# ---- never received
unknown($t, $never);
wait_ok { $row->($never)->{tries} == 1 } 'what was never received';
wait_ok { $s->calls('/v1/checkout/sessions') > 3 } 'is looked for';
is order($t, $never)->{state}, 'new', 'and may be on its way';
ok defined $row->($never)->{due_at}, 'so it is looked for again';
like $t->get('/metrics')->body, qr/^tavus_orders_unknown [0-9]+$/m;
$t->db->do('UPDATE tavus.orders SET tries = 6, due_at = now() WHERE id = ?',
    undef, $never);
wait_ok { order($t, $never)->{state} eq 'failed' } 'after an hour it failed';
is order($t, $never)->{reason}, 'not_found', 'as there is none';
is $row->($never)->{due_at}, undef, 'for good';
is scalar(grep { $_->{method} eq 'POST' && $_->{path} !~ /expire/ }
    $s->calls('/v1/checkout/sessions')), 2, 'none was made by looking';

# ---- what came after all
$t->db->do('UPDATE tavus.orders SET tries = 6, due_at = now() WHERE id = ?',
    undef, $later);
wait_ok { order($t, $later)->{state} eq 'failed' } 'another failed';
my $res = $t->ua->post($s->url . '/v1/checkout/sessions' => {
    Authorization => 'Bearer ' . $s->stripe_key,
    'Stripe-Version' => '2026-10-28.endive', 'Idempotency-Key' => $later,
} => form => {mode => 'payment', success_url => 'http://127.0.0.1/ok',
    'line_items[0][price]' => 'price_replica', 'line_items[0][quantity]' => 1,
    'metadata[order_id]' => $later})->result;
$s->stripe('pay', session => $res->json->{id});
wait_ok { order($t, $later)->{state} eq 'paid' } 'Stripe knows better';

# ---- many sessions of the time, and none of them ours
my $own = ordered($t, ask => 0);
ordered($t) for 1 .. 3;
my ($deep) = ordered($t);
my $at = time;
wait_ok { time > $at } 'the others are of a later second';
for (1 .. 105) {
    $t->ua->post($s->url . '/v1/checkout/sessions' => {
        Authorization => 'Bearer ' . $s->stripe_key,
        'Stripe-Version' => '2026-10-28.endive',
    } => form => {mode => 'payment', success_url => 'http://127.0.0.1/ok',
        'line_items[0][price]' => 'price_replica',
        'line_items[0][quantity]' => 1, client_reference_id => $own});
}
$s->forget;
unknown($t, $deep);
wait_ok { $row->($deep)->{answered_session} } 'one behind a page of others';
cmp_ok scalar(grep { $_->{method} eq 'GET' }
    $s->calls('/v1/checkout/sessions')), '>=', 2, 'took two';
$t->db->do('UPDATE tavus.orders SET tries = 6, due_at = now() WHERE id = ?',
    undef, $own);
wait_ok { order($t, $own)->{state} eq 'failed' }
    'a reference that a visitor could write is none';

like $t->error_log, qr/order "$lost" was looked for: it is session "$made"/;
like $t->error_log, qr/order "$never" was looked for: Stripe has none/;

done_testing;
