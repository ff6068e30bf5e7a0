#!/usr/bin/perl

# npm

# What the sandbox's Stripe takes and shows has the names that the types of
# Stripe's own library give it: no parameter that it does not know, no member
# too many or too few.

use lib 't/lib', 't/sandbox/lib';
use Tavus::Test;
use Mojo::UserAgent;

use Sandbox::StripeParams;
use Tavus::Test::Sandbox;

my $TYPES = 'build/senders/node_modules/stripe/esm/resources';
-d $TYPES or BAIL_OUT('the senders are missing: ./build.sh npm');

sub types ($file) {
    open my $fh, '<', "$TYPES/$file.d.ts" or die "$file: $!";
    local $/ = undef;
    return <$fh> =~ s{/\*.*?\*/}{}gsr;
}

# {name: optional} of an interface's own members, by the namespaces it is in.
sub members ($text, @path) {
    my $name = pop @path;
    for (@path) {
        $text =~ /\bnamespace \Q$_\E (\{(?:[^{}]++|(?1))*\})/ or return {};
        $text = $1;
    }
    my ($body) = $text =~ /\binterface \Q$name\E (\{(?:[^{}]++|(?1))*\})/
        or return {};
    $body = substr $body, 1, -1;
    $body =~ s/(\{(?:[^{}]++|(?1))*\})//g;
    return {map { /^\s*(\w+)(\??):/ ? ($1 => length $2) : () }
        split /\n/, $body};
}

my $sessions = types('Checkout/Sessions');

for my $path (
    ['SessionCreateParams'],
    [qw(SessionCreateParams LineItem), 'line_items'],
    [qw(SessionCreateParams LineItem AdjustableQuantity),
        qw(line_items adjustable_quantity)],
    [qw(SessionCreateParams LineItem PriceData), qw(line_items price_data)],
    [qw(SessionCreateParams LineItem PriceData ProductData),
        qw(line_items price_data product_data)],
    [qw(SessionCreateParams LineItem PriceData Recurring),
        qw(line_items price_data recurring)],
    [qw(SessionCreateParams PaymentIntentData), 'payment_intent_data'],
    [qw(SessionCreateParams SubscriptionData), 'subscription_data'],
    [qw(SessionCreateParams AutomaticTax), 'automatic_tax'],
    [qw(SessionCreateParams TaxIdCollection), 'tax_id_collection'],
    [qw(SessionCreateParams Discount), 'discounts'],
) {
    my @type = grep { /^[A-Z]/ } @$path;
    my @param = grep { /^[a-z]/ } @$path;
    is_deeply [Sandbox::StripeParams::names(@param)],
        [sort keys members($sessions, @type)->%*],
        'parameters: ' . (join('.', @param) || 'all');
}

# ---- what is shown

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);

sub call ($method, $path, @body) {
    return $ua->start($ua->build_tx($method => $s->url . $path, {
        Authorization => 'Bearer ' . $s->stripe_key,
        'Stripe-Version' => '2026-10-28.endive'}, @body))->result->json;
}

sub create ($mode, $price) {
    return call(POST => '/v1/checkout/sessions', form => {mode => $mode,
        'line_items[0][price]' => $price, 'line_items[0][quantity]' => 1,
        success_url => 'http://127.0.0.1/ok'});
}

sub event ($type) {
    return call(GET => "/v1/events?type=$type&limit=1")->{data}[0];
}

sub fits ($name, $object, $file, @path) {
    my $known = members(types($file), @path);
    ok %$known, "$name: has a type";
    is_deeply [grep { !exists $known->{$_} } sort keys %$object], [],
        "$name: nothing more";
    is_deeply [grep { !$known->{$_} && !exists $object->{$_} }
        sort keys %$known], [], "$name: nothing less";
}

my $once = create('payment', 'price_replica');
my $sub = create('subscription', 'price_starter');
fits('a session', $_, 'Checkout/Sessions', 'Session') for $once, $sub;
fits('a price', call(GET => "/v1/prices/price_$_"), 'Prices', 'Price')
    for qw(starter replica);

$s->stripe('pay', session => $_->{id}) for $once, $sub;
$s->stripe('refund', session => $once->{id});
$s->stripe('dispute', session => $once->{id});
my $event = event('checkout.session.completed');
fits('an event', $event, 'Events', 'EventBase');
fits('a session that is paid', $event->{data}{object}, 'Checkout/Sessions',
    'Session');
fits('a charge', event('charge.refunded')->{data}{object}, 'Charges',
    'Charge');
fits('a dispute', event('charge.dispute.created')->{data}{object}, 'Disputes',
    'Dispute');

my $invoice = event('invoice.paid')->{data}{object};
fits('an invoice', $invoice, 'Invoices', 'Invoice');
fits('its parent', $invoice->{parent}, 'Invoices', 'Invoice', 'Parent');
fits('a line of it', $invoice->{lines}{data}[0], 'InvoiceLineItems',
    'InvoiceLineItem');
fits('a payment of it', event('invoice_payment.paid')->{data}{object},
    'InvoicePayments', 'InvoicePayment');

my $subscription = event('customer.subscription.created')->{data}{object};
fits('a subscription', $subscription, 'Subscriptions', 'Subscription');
my $item = $subscription->{items}{data}[0];
fits('an item', $item, 'SubscriptionItems', 'SubscriptionItem');
fits('its price', $item->{price}, 'Prices', 'Price');
fits('its plan', $item->{plan}, 'Plans', 'Plan');

done_testing;
