#!/usr/bin/perl

# Two nodes on one database: a visitor who buys at one is known at the other,
# to which Stripe may tell it; and when a node dies in the middle, the other
# finds what Stripe made.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Checkout;
use Tavus::Test::Pg;
use Tavus::Test::Sandbox;

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my ($a, $b) = map { checkout_test(db => $pg, sandbox => $box,
    http => {tavus_journal => '%%DIR%%/journal'}) } 1, 2;
my $path = '/v1/checkout/sessions';

# webhooks go to b, as it was configured last
my $res = checkout($a, session_id => 's1');
is $res->code, 200, 'bought at a' or diag $res->body;
my $session = $res->json->{url} =~ s{.*/}{}r;
is_deeply status($b, $session), {status => 'open', plan => 'starter'},
    'known at b';
$box->stripe('pay', session => $session);
wait_ok { (status($_, $session) || {})->{status} eq 'paid' } 'paid, at both'
    for $a, $b;

# both at once
my %said;
for my $t ($a, $b) {
    for my $n (1 .. 10) {
        $t->ua->post_p($t->url('/api/stripe/checkout'),
            json => {plan => 'starter', session_id => "$n"})
            ->then(sub ($tx) { $said{$tx->result->json->{url} // ''}++ });
    }
}
wait_ok { Mojo::IOLoop->one_tick; keys %said == 20 } 'twenty at once';
is scalar(orders($a)), 21, 'each an order';

# ---- one dies while Stripe works
$box->forget;
$box->fault(kind => 'delay', ms => 8000, times => 1, after => 1,
        path => $path, method => 'POST');
ask($a, plan => 'growth');
wait_ok { scalar asked($b) } 'Stripe is asked by a';
wait_ok { $box->stripe_sessions == 22 } 'and has made a session';
$a->crash;
is order($b)->{state}, 'new', 'nobody knows of it';
$b->db->do('UPDATE tavus.orders SET due_at = now() WHERE due_at IS NOT NULL');
wait_ok { order($b)->{state} !~ /^(?:new|unknown)\z/ } 'b finds it', 60;
is order($b)->{stripe_session}, ($box->stripe_sessions)[-1]{id},
    'as that session';
is scalar(asked($b)), 1, 'and asks for none';
is checkout($b)->code, 200, 'b goes on';

done_testing;
