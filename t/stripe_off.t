#!/usr/bin/perl

# Stripe is asked for nothing where there is no key, and for no events where
# that is off.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Stripe;

my $t = stripe_test(http => {tavus_stripe_repair => 'off'},
    locations => {'= /metrics' => 'tavus_metrics;'});
my $s = $t->sandbox;

# how often each query of upkeep was made
my $made = sub ($operation) {
    my ($n) = $t->get('/metrics')->body
        =~ /^tavus_upkeep_total\{operation="$operation",result="ok"\} (\d+)$/m;
    return $n // 0;
};

my $lost = ordered($t, ask => 0);
unknown($t, $lost);
wait_ok { $made->('orders') > 1 } 'orders are looked for';
wait_ok { $s->calls('/v1/checkout/sessions') } 'at Stripe';
is $made->('stripe'), 0, 'events are not asked for';
is_deeply [listed($t)], [], 'nor is Stripe';

$t->stop;
$t->configure(http => {tavus_stripe_key => undef,
    tavus_stripe_repair => '1m'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'without a key';
$s->forget;
unknown($t, $lost);
my $before = $made->('roll');
wait_ok { $made->('roll') > $before + 5 } 'upkeep goes on';
is $made->($_), 0, "but not of $_" for qw(stripe orders);
is_deeply [$s->calls('/v1/')], [], 'Stripe is not asked';

done_testing;
