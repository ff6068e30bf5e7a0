#!/usr/bin/perl

# Stripe's webhooks may come before its own answer, after the visitor is back,
# again and again, or never: an order is what they tell, once.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Checkout;
use Mojo::UserAgent;

my $t = checkout_test();
my $box = $t->sandbox;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);

sub bought (%request) {
    my $res = checkout($t, %request);
    is $res->code, 200, 'a checkout' or diag $res->body;
    return $res->json->{url} =~ s{.*/}{}r;
}

sub paid ($session, $name) {
    wait_ok { ($t->db->selectrow_array(q{SELECT state FROM tavus.orders
        WHERE stripe_session = ?}, undef, $session) // '') eq 'paid' } $name;
}

# ---- as it should be: at Stripe's page, and back
my $session = bought(session_id => 's1', email => 'ada@example.com');
my $res = $ua->post($box->url . "/c/pay/$session", form => {do => 'pay'})
    ->result;
is $res->code, 303, 'paid at the page';
like $res->headers->location, qr{/thank-you\?session_id=\Q$session\E\z},
    'and sent back, with the id';
is scalar $t->get($res->headers->location =~ s{^http://[^/]+}{}r)->code, 404,
    'to a page of this server';
paid($session, 'the order is paid');
is order($t)->{session_id}, 's1', 'and still says where it came from';
my $sub = $t->admin('/api/admin/subscriptions')->json->{subscriptions}[0];
is $sub->{order_id}, order($t)->{id}, 'with its subscription';

# ---- before Stripe's own answer has come
$box->fault(kind => 'delay', ms => 4000, after => 1, times => 1,
    method => 'POST', path => '/v1/checkout/sessions');
my $socket = ask($t, plan => 'replica');
my $early;
wait_ok { ($early) = grep { $_->{mode} eq 'payment' } $box->stripe_sessions }
    'a session that nobody here knows';
$early = $early->{id};
is scalar($t->db->selectrow_array(q{SELECT count(*) FROM tavus.orders
    WHERE stripe_session = ?}, undef, $early)), 0, 'as it is not answered';
$box->stripe('pay', session => $early);
my $answer = answered($socket);
is $answer->{status}, 200, 'the answer comes, to one who waits'
    or diag explain $answer;
paid($early, 'a webhook before the answer');
is order($t)->{plan}, 'replica', 'is of our order';
rolled($t);
is scalar(orders($t)), 2, 'and of no other';

# ---- after the return
$box->config(stripe_waits => 0, stripe_deliver =>
    {'checkout.session.completed' => {delay_ms => 700}});
$session = bought();
$ua->post($box->url . "/c/pay/$session", form => {do => 'pay'})->result;
is status($t, $session)->{status}, 'open', 'back before the webhook';
paid($session, 'which comes later');

# ---- again and again
$box->config(stripe_deliver => {map { $_ => {times => 3} }
    qw(checkout.session.completed invoice.paid
        customer.subscription.created)});
$session = bought();
$box->stripe('pay', session => $session);
paid($session, 'told three times');
rolled($t);
is scalar(orders($t)), 4, 'is one order';
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.subscriptions
    WHERE order_id = ?}, undef, order($t)->{id}), 1, 'and one subscription';
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE source = 'stripe' AND event_type = 'checkout.session.completed'
      AND convert_from(body, 'UTF8')::jsonb #>> '{data,object,id}' = ?},
    undef, $session), 1, 'each event is stored once';
my ($completed) = grep { $_->{type} eq 'checkout.session.completed' }
    reverse $box->stripe_events;
$box->stripe('deliver', event => $completed->{id});
is scalar(orders($t)), 4, 'days later, too';

# ---- never
$box->config(stripe_deliver => {map { $_ => {lost => 1} }
    qw(checkout.session.completed invoice.paid
        customer.subscription.created payment_intent.succeeded)});
$session = bought();
$box->stripe('pay', session => $session);
rolled($t);
is status($t, $session)->{status}, 'open',
    'what Stripe has not told is not known, and nothing is made up';

is $t->db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0;
is scalar(failures($t)), 0, 'nothing failed';

done_testing;
