#!/usr/bin/perl

# Stripe refuses, fails, hangs or talks nonsense while it is asked for events
# and for orders: it is asked again when it says, or later and later, the
# trouble is said once, and in the end nothing is missing.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Stripe;

my $t = stripe_test(http => {tavus_stripe_timeout => '1s'});
my $s = $t->sandbox;
wait_ok { value($t, 'SELECT done_at FROM tavus.stripe_repairs') } 'ready';

my %fault = (
    hang    => [{kind => 'hang'}, 'timeout', 30],
    cut     => [{kind => 'cut'}, undef, 30],
    garbage => [{kind => 'garbage', body => 'no JSON'}, 'invalid_answer', 30],
    object  => [{kind => 'garbage', body => '{"data":{},"has_more":true}'},
        'invalid_answer', 30],
    huge    => [{kind => 'huge', bytes => 9_000_000}, 'invalid_answer', 30],
    500     => [{kind => 'status', status => 500}, 'server_error', 30],
    401     => [{kind => 'status', status => 401}, 'invalid_api_key', 900],
    403     => [{kind => 'status', status => 403}, 'invalid_api_key', 900],
    429     => [{kind => 'status', status => 429,
        headers => {'Retry-After' => 70}}, 'rate_limited', 70],
    404     => [{kind => 'status', status => 404}, 'refused', 3600],
);

# ---- events
my $state = sub { $t->db->selectrow_hashref(q{SELECT *,
    extract(epoch FROM due_at - now()) AS wait,
    extract(epoch FROM orders_at - now()) AS pause
    FROM tavus.stripe_repairs}) };
for my $kind (sort keys %fault) {
    my ($fault, $reason, $wait) = $fault{$kind}->@*;
    my @lines = $t->error_log =~ /could not be listed/g;
    lose($t, 1);
    my ($id) = paid($t);
    lose($t, 0);
    $s->fault(path => '/v1/events', %$fault);
    for my $n ($kind =~ /hang|401/ ? (1, 2) : 1) {
        due($t);
        wait_ok { $state->()->{failures} == $n } "events, $kind: $n in a row";
        my $row = $state->();
        # time goes by until one looks
        my $most = $wait == 30 ? 30 * $n : $wait;
        cmp_ok $row->{wait}, '<=', $most, "in $most s";
        cmp_ok $row->{wait}, '>', $most - 25, 'and not before';
    }
    my @said = $t->error_log =~ /could not be listed: .*, (\w+); again/g;
    is @said - @lines, 1, 'it is said once';
    is $said[-1], $reason, 'what it is' if defined $reason;
    is order($t, $id)->{state}, 'open', 'nothing came';

    $s->no_faults;
    due($t);
    wait_ok { $state->()->{failures} == 0 && !$state->()->{began} } 'again';
    wait_ok { order($t, $id)->{state} eq 'paid' } 'and it came';
}
like $t->error_log, qr/events of Stripe are listed again/;

# ---- orders
for my $kind (qw(401 404 429 500 cut garbage hang)) {
    my ($fault, $reason, $wait) = $fault{$kind}->@*;
    my ($lost, $made) = ordered($t);
    $wait = 30 if $kind eq '404';
    $s->fault(path => '/v1/checkout/sessions', method => 'GET', %$fault);
    unknown($t, $lost);
    wait_ok { $state->()->{pause} > 0 } "orders, $kind";
    cmp_ok $state->()->{pause}, '<=', $wait, "in $wait s";
    cmp_ok $state->()->{pause}, '>', $wait - 25, 'and not before';
    is order($t, $lost)->{state}, 'new', 'nothing is known';

    $s->no_faults;
    $t->db->do('UPDATE tavus.stripe_repairs SET orders_at = now()');
    unknown($t, $lost);
    wait_ok { order($t, $lost)->{state} ne 'new' } 'again';
    is order($t, $lost)->{stripe_session}, $made, 'it is found';
}

# ---- what is found cannot be closed
my ($open, $made) = ordered($t);
$s->fault(path => "/v1/checkout/sessions/$made/expire", kind => 'status',
    status => 500);
unknown($t, $open);
wait_ok { $state->()->{pause} > 0 } 'Stripe does not close it';
is order($t, $open)->{state}, 'new', 'so it is looked for again';
$s->no_faults;
$s->fault(path => "/v1/checkout/sessions/$made/expire", kind => 'status',
    status => 400, body => {error => {type => 'invalid_request_error'}});
$t->db->do('UPDATE tavus.stripe_repairs SET orders_at = now()');
unknown($t, $open);
wait_ok { order($t, $open)->{state} eq 'open' } 'it was paid meanwhile, or over';
is order($t, $open)->{stripe_session}, $made;

# ---- a page behind an event that is too old by now
$t->db->do(q{UPDATE tavus.stripe_repairs SET began = now(), after = 'evt_gone',
    due_at = now(), token = 0});
wait_ok { !defined $state->()->{after} && $state->()->{began} }
    'it is unknown';
due($t);
wait_ok { !$state->()->{began} } 'the run begins anew';

is value($t, 'SELECT count(*) FROM tavus.quarantine'), 0, 'nothing is amiss';
unlike $t->error_log, qr/\Q@{[$s->stripe_key]}\E/, 'the key is in no log';

done_testing;
