#!/usr/bin/perl

# What was paid is a purchase at GA4: of who has agreed, once an order, in the
# currency's units, when the money is there, and never by a browser's word.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Sandbox;
use Tavus::Test::Stripe;
use Mojo::JSON qw(decode_json encode_json);

my $s = Tavus::Test::Sandbox->new;
my $t = Tavus::Test->new(sandbox => $s);
my $d = Tavus::Test::Deliver->new($t, ga4 => 'properties currency; '
    . 'events page_view begin_checkout checkout.session.completed '
    . 'checkout.session.async_payment_succeeded;', crm => 'events checkout.*;');
my %our = stripe_http($t, $s);
$t->configure(http => {$our{http}->%*, tavus_deliver => [$d->directives]},
    locations => $our{locations})->start;
wait_ok { $d->ready } 'ready';
$s->config(stripe_webhook_url => $t->url('/stripe'));

# By the order's id, of what the sandbox would show in a report.
my $bought = sub { return map { $_->{params} }
    grep { $_->{name} eq 'purchase' } $s->ga4_events };
my $of = sub ($id) { return grep { $_->{transaction_id} eq $id } $bought->() };

$d->track('begin_checkout', session => 'agrees', consent => 'granted',
    value => 1579, currency => 'USD', plan => 'scale');
wait_ok { grep { $_->{name} eq 'begin_checkout' } $s->ga4_events } 'begun';
my ($begun) = grep { $_->{name} eq 'begin_checkout' } $s->ga4_events;
is_deeply [$begun->{params}->@{qw(value currency)}], [1579, 'USD'];

my %yes = (visit => 'agrees', consent => 'granted');
my ($id, $session) = paid($t, %yes);
my ($no) = paid($t, visit => 'refuses', consent => 'denied');
my ($mute) = paid($t, visit => 'mute');
my ($sub) = paid($t, %yes, mode => 'subscription');
wait_ok { $of->($id) && $of->($sub) } 'purchases';
my ($purchase) = $of->($id);
is_deeply [$purchase->@{qw(value currency)}], [199, 'USD'], 'for so much';
is_deeply [($of->($sub))[0]->@{qw(value currency)}], [199, 'USD'],
    'a subscription: what was paid at once';
is $purchase->{session_id}, $begun->{params}{session_id}, 'of the same visit';

# ---- late: when it is paid, and not before
my ($later, $late) = ordered($t, %yes);
value($t, 'SELECT tavus.order_answer(?, ?, NULL, false, NULL)', $later, $late);
$s->stripe('late', session => $late);
wait_ok { order($t, $later)->{state} eq 'processing' } 'one that is paid later';
wait_ok { $d->idle('ga4') } 'is told';
is scalar($of->($later)), 0, 'and no purchase';
$s->stripe('paid', session => $late);
wait_ok { $of->($later) } 'until it is paid';

# ---- once
my $body = value($t, q{SELECT body FROM tavus.events
    WHERE event_type = 'checkout.session.completed'
      AND tavus.body_jsonb(body) #>> '{data,object,id}' = ?}, $session);
for my $times (1 .. 3) {
    my $event = decode_json($body);
    $event->{pending_webhooks} = $times;
    my $again = encode_json($event);
    is $t->ua->post($t->url('/stripe'),
        {sign_stripe($s->stripe_secret, $again)}, $again)->result->code, 200,
        'told again';
}

# ---- a browser may say anything
$d->track('checkout.session.completed', session => 'agrees',
    consent => 'granted', order => $id, payment_status => 'paid',
    amount_total => 1);
$d->track('page_view', session => 'last', consent => 'granted');
wait_ok { $d->idle('ga4') } 'all is told';
wait_ok { grep { $_->{name} eq 'page_view' } $s->ga4_events } 'what came last';

is_deeply [map { scalar $of->($_) } $id, $sub, $later], [1, 1, 1], 'each once';
is scalar(() = $bought->()), 3, 'and no other';
is_deeply [map { scalar $of->($_) } $no, $mute], [0, 0],
    'of who said no or nothing, none';
is_deeply [$s->received('ga4')->@{qw(refused)}, $s->received('ga4')->{invalid}],
    [0, []], 'GA4 counts all of them';

# ---- but the owner's own system hears of each
my $heard = sub { return map { $_->{body}{data}{object}{metadata}{order_id} }
    grep { $_->{source} eq 'stripe'
        && $_->{body}{type} eq 'checkout.session.completed' }
    map { $_->{body}{data} } $s->hook_messages('crm') };
wait_ok { 5 <= (() = $heard->()) } 'webhooks know no consent for a payment';
is_deeply [sort { $a cmp $b } $heard->()],
    [sort { $a cmp $b } $id, $no, $mute, $sub, $later], 'the order of each';

done_testing;
