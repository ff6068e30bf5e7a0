#!/usr/bin/perl

# Which of Stripe's events make orders that are ours is told by the mode of
# the key: what is of the other mode is stored, and no order of ours.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json);

my $t = Tavus::Test->new(sandbox => 0);
my $secret = 'whsec_of_the_test_0123456789abcdef';
my %key = map { $_ => 'file:' . $t->secret($_, "sk_${_}_0123456789abcdef") }
    qw(live test);
$t->configure(
    http => {tavus_stripe_api_url => 'https://127.0.0.1',
        tavus_stripe_key => $key{live}},
    locations => {'= /stripe' => 'tavus_webhook stripe; tavus_webhook_secret '
        . 'file:' . $t->secret('stripe', $secret) . ' id=one;'});
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

sub value ($sql, @args) {
    return scalar $t->db->selectrow_array($sql, undef, @args);
}

my $n = 0;

# Stripe tells that a session is paid; ours is one that was asked for here.
sub paid ($live, $order = undef) {
    my $id = 'cs_' . ($live ? 'live' : 'test') . '_' . ++$n;
    my $mode = $live ? \1 : \0;
    my $at = time;
    my $body = encode_json({id => "evt_$n", object => 'event', created => $at,
        type => 'checkout.session.completed', livemode => $mode,
        data => {object => {id => $id, object => 'checkout.session',
            created => $at, expires_at => $at + 3600, livemode => $mode,
            mode => 'payment', status => 'complete', payment_status => 'paid',
            amount_total => 1000, currency => 'eur',
            metadata => $order ? {order_id => $order} : {}}}});
    is $t->post('/stripe', $body, {'Content-Type' => 'application/json',
        sign_stripe($secret, $body)})->code, 200, "$id is taken";
    wait_ok { value(q{SELECT count(*) FROM tavus.orders
        WHERE stripe_session = ? AND state = 'paid'}, $id) }
        'and is a purchase';
    return $id;
}

sub asked ($live) {
    my $id = value(q{SELECT tavus.stripe_uuid(gen_random_uuid()::text,
        extract(epoch FROM now())::bigint)});
    is value(q{SELECT tavus.order_intent(?, ?, 'starter', 'payment', '[]',
        NULL, NULL, NULL, NULL, 's1', NULL, NULL, NULL, NULL, NULL, 120)}, $id,
        $live ? 't' : 'f'), 'new', 'asked for';
    return $id;
}

sub page ($session) {
    return value('SELECT tavus.order_by_session(?)', $session);
}
my $knows = '{"status":"paid","plan":"starter"}';
my $knows_not = '{"status":"open"}';

is page(paid(1, asked(1))), $knows, 'a live key, live mode: ours';
is page(paid(0, asked(0))), $knows_not, 'a live key, test mode: not ours';
is page(paid(1)), $knows_not, 'nor is what nobody asked for here';

# somebody who can make test events cannot make them of a live order
my $order = asked(1);
is page(paid(0, $order)), $knows_not, 'a test event of a live order';
is value('SELECT state FROM tavus.orders WHERE id = ?', $order), 'new',
    'says nothing of it';

$t->configure(http => {tavus_stripe_key => $key{test}});
$t->reload(drained => 1);
is page(paid(0, asked(0))), $knows, 'a test key, test mode: ours';
is page(paid(1, asked(1))), $knows_not, 'a test key, live mode: not ours';

is value('SELECT count(*) FROM tavus.quarantine'), 0, 'all of it is stored';
is value(q{SELECT count(*) FROM tavus.events WHERE source = 'stripe'}), $n;

done_testing;
