package Sandbox::Stripe;

# Stripe: Checkout Sessions, prices and events, at /v1 as at api.stripe.com;
# the page on which one pays is Checkout.pm's.
#
# https://docs.stripe.com/api, and of keys that are sent again
# https://docs.stripe.com/api/idempotent_requests

use Mojo::Base 'Sandbox::Destination', -signatures;

use Mojo::Util qw(b64_decode secure_compare);
use Time::HiRes qw(time);

use Sandbox::Check qw(integer);
use Sandbox::Form;
use Sandbox::StripeEvents;
use Sandbox::StripeParams qw(checked unfit);
use Sandbox::StripeShape;

has sessions      => sub { {} };
has subscriptions => sub { {} };
has charges       => sub { {} };
has answers       => sub { {} };
has made => sub ($self) {
    Sandbox::StripeEvents->new(stripe => $self);
};

my @CHARS = ('a' .. 'z', 'A' .. 'Z', 0 .. 9);

# What POST /_config takes as stripe_prices: {id: {type, currency, …}}.
sub are_prices ($v) {
    return 0 unless ref $v eq 'HASH';
    for (values %$v) {
        return 0 unless ref eq 'HASH'
            && ($_->{type} // '') =~ /^(?:one_time|recurring)\z/
            && ($_->{currency} // '') =~ /^[a-z]{3}\z/
            && integer($_->{unit_amount});
    }
    return 1;
}

sub name ($self) { return 'stripe' }

sub new_id ($self, $head, $n) {
    return $head . join '', map { $CHARS[rand @CHARS] } 1 .. $n;
}

sub reset ($self) {
    $self->$_({}) for qw(sessions subscriptions charges answers);
    $self->made->events([]);
    return $self->SUPER::reset;
}

sub mount ($self, $r) {
    my $api = $r->under('/v1');
    my %cb = (
        create  => $api->post('/checkout/sessions'),
        sessions_of => $api->get('/checkout/sessions'),
        session => $api->get('/checkout/sessions/:id'),
        expire  => $api->post('/checkout/sessions/:id/expire'),
        price   => $api->get('/prices/:id'),
        listed  => $api->get('/events'),
        event   => $api->get('/events/:id'),
    );
    for my $method (keys %cb) {
        $cb{$method}->to(cb => sub ($c) { $self->serve($c, $method) });
    }
    $api->any('/*any' => {any => ''})->to(cb => sub ($c) {
        $self->sandbox->answer($c, 404, {error => {
            type => 'invalid_request_error', message =>
            'Unrecognized request URL (' . $c->req->method . ': '
                . $c->req->url->path . ').'}});
    });
}

sub missing_resource ($self, $what, $id, $param, $status = 404) {
    die {status => $status, type => 'invalid_request_error',
        code => 'resource_missing', param => $param,
        message => "No such $what: '$id'"};
}

# ---- keys, versions, parameters --------------------------------------------

# Whether the key is of live mode; dies of 401.
sub login ($self, $c) {
    my $said = $c->req->headers->authorization // '';
    my ($key) = $said =~ /^Bearer (.+)\z/;
    $key = b64_decode($1) =~ s/:\z//r if $said =~ /^Basic (.+)\z/;
    die {status => 401, type => 'invalid_request_error', message =>
        'You did not provide an API key.'} unless length($key // '');
    die {status => 401, type => 'invalid_request_error', message =>
        'Invalid API Key provided: ' . substr($key, 0, 8) . '****'}
        unless secure_compare($key, $self->now->{stripe_key});
    return $key =~ /^[sr]k_live_/ ? 1 : 0;
}

# Who says none gets the account's own version, whatever that is by then: here
# nothing.
sub version ($self, $c) {
    my $wanted = $self->now->{stripe_version};
    my $said = $c->req->headers->header('Stripe-Version') // '';
    unfit(undef, "Invalid Stripe API version: '$said', and not $wanted")
        if $said ne $wanted;
    return $said;
}

# (parameters, what makes them the same as others)
sub params ($self, $c) {
    my @fields;

    if ($c->req->method eq 'GET') {
        unfit(undef, 'A GET has no body') if length $c->req->body;
        my $query = $c->req->url->query->to_string;
        @fields = eval { Sandbox::Form::fields($query) };
    } else {
        my $bytes = $c->stash('sent')->{bytes} // '';
        unfit(undef, 'The body is not application/x-www-form-urlencoded')
            if length $bytes && ($c->req->headers->content_type // '')
                !~ m{^application/x-www-form-urlencoded\b}i;
        @fields = eval { Sandbox::Form::fields($bytes) };
    }
    unfit(undef, 'Invalid request: ' . $@ =~ s/\n//r) if $@;

    my $in = eval { Sandbox::Form::nested(@fields) };
    unfit($@->[0], "$@->[0] $@->[1]") unless $in;
    return $in, join '&', sort map { join '=', map { s/([&=%])/sprintf
        '%%%02X', ord $1/ger } @$_ } @fields;
}

sub serve ($self, $c, $method) {
    my ($status, $json, $request) = (200);
    my $again;

    my $done = eval {
        my $live = $self->login($c);
        my $version = $self->version($c);
        my ($in, $same) = $self->params($c);
        $request = {id => $self->new_id('req_', 14)};
        $again = $self->again($c, $live, "$method $same", $request);
        if (my $first = $again && $again->{answer}) {
            ($status, $json) = @$first;
            $c->res->headers->header('Idempotent-Replayed' => 'true');
            $c->res->headers->header('Original-Request' => $again->{request});
            $self->twice($json);
        } else {
            $json = $self->$method($c, $in, $live, $version, $request);
            $again->{answer} = [$status, $json] if $again;
        }
        1;
    };
    if (!$done) {
        my $error = $@;
        die $error unless ref $error eq 'HASH';
        $status = delete $error->{status} // 400;
        $json = {error => $error};
        # what was never begun may be tried again
        delete $self->answers->{$again->{key}} if $again && !$again->{answer};
        $self->refuse($error->{message}, status => $status,
            param => $error->{param});
    }

    # an error of its own is kept as any answer is
    my $f = $c->stash('fault');
    $again->{answer} = [$f->{status}, $f->{body} // {error => {type =>
        'api_error', message => 'An unknown error occurred'}}]
        if $done && $again && $f && $self->now->{stripe_keeps_500}
            && $f->{kind} eq 'status' && $f->{status} >= 500;

    $c->res->headers->header('Request-Id' => $request->{id}) if $request;
    return $self->sandbox->answer($c, $status, $json);
}

# The entry of an Idempotency-Key; undef if there is none.
sub again ($self, $c, $live, $same, $request) {
    my $key = $c->req->headers->header('Idempotency-Key') // return undef;
    return undef if $c->req->method ne 'POST';
    unfit(undef, 'Invalid idempotency key: it must have 1 to 255 characters')
        unless length $key && length $key <= 255;

    $c->res->headers->header('Idempotency-Key' => $key);
    $request->{key} = $key;
    my $of = "$live $key";
    my $entry = $self->answers->{$of};
    die {type => 'idempotency_error', message => 'Keys for idempotent '
        . 'requests can only be used with the same parameters they were first '
        . "used with. Try using a key other than '$key' if you meant to "
        . 'execute a different request.'}
        if $entry && $entry->{same} ne $same;
    die {status => 409, type => 'idempotency_error',
        code => 'idempotency_key_in_use', message => 'There is currently '
        . "another in-progress request using this Idempotent Key ($key)."}
        if $entry && $entry->{busy};

    $entry //= $self->answers->{$of} = {key => $of, same => $same,
        request => $request->{id}};
    $entry->{busy} = 1;
    $c->tx->on(finish => sub (@) { delete $entry->{busy} });
    return $entry;
}

# ---- what the API has ------------------------------------------------------

sub known ($in, @names) {
    my %known = map { $_ => 1 } @names;
    my ($name) = grep { !$known{$_} } sort keys %$in;
    unfit($name, "Received unknown parameter: $name", 'parameter_unknown')
        if defined $name;
}

sub price_of ($self, $id, $live) {
    my $price = $self->now->{stripe_prices}{$id} // return undef;
    return undef if defined $price->{livemode} && !$price->{livemode} ne !$live;
    return {%$price, id => $id, livemode => $live};
}

sub price ($self, $c, $in, $live, @) {
    known($in);
    my $id = $c->param('id');
    return Sandbox::StripeShape::price($self->price_of($id, $live)
        // $self->missing_resource('price', $id, 'price'));
}

# A line as it was asked for, with its price.
sub item ($self, $asked, $at, $mode, $live) {
    my $price;
    if (my $data = $asked->{price_data}) {
        $price = {id => $self->new_id('price_1', 24), livemode => $live,
            type => $data->{recurring} ? 'recurring' : 'one_time',
            currency => lc $data->{currency}, interval =>
                ($data->{recurring} // {})->{interval},
            unit_amount => $data->{unit_amount} // unfit(
                "${at}[price_data][unit_amount]", 'Missing required param: '
                . "${at}[price_data][unit_amount].", 'parameter_missing')};
    } else {
        my $id = $asked->{price};
        $price = $self->price_of($id, $live) // $self->missing_resource(
            'price', $id, "${at}[price]", 400);
        unfit("${at}[price]", 'The price specified is inactive. This field '
            . 'only accepts active prices.')
            unless $price->{active} // 1;
    }
    unfit("${at}[price]", 'You specified `payment` mode but passed a '
        . 'recurring price. Either switch to `subscription` mode or use only '
        . 'one-time prices.')
        if $mode eq 'payment' && $price->{type} eq 'recurring';
    return {id => $self->new_id('si_', 14), price => $price,
        quantity => $asked->{quantity}};
}

sub create ($self, $c, $in, $live, $version, $request) {
    my $now = int time;
    my $asked = checked($in, $now, $live);

    my @lines = $asked->{line_items}->@*;
    my @items = map { $self->item($lines[$_], "line_items[$_]",
        $asked->{mode}, $live) } 0 .. $#lines;
    my ($first) = @items;
    my ($other) = grep { $_->{price}{currency} ne $first->{price}{currency} }
        @items;
    unfit('line_items', 'All prices on a Checkout Session must have a '
        . 'matching currency.') if $other;
    unfit('currency', 'The currency does not match that of the prices.')
        if lc($asked->{currency} // $first->{price}{currency})
            ne $first->{price}{currency};
    my $recurring = grep { $_->{price}{type} eq 'recurring' } @items;
    unfit('line_items', 'You must provide at least one recurring price in '
        . '`subscription` mode when using prices.')
        if $asked->{mode} eq 'subscription' && !$recurring;
    unfit('line_items', 'No more than 20 recurring and 20 one-time prices '
        . 'in `subscription` mode.') if $asked->{mode} eq 'subscription'
            && ($recurring > 20 || @items - $recurring > 20);

    my $amount = 0;
    $amount += $_->{price}{unit_amount} * $_->{quantity} for @items;
    my $id = $self->new_id($live ? 'cs_live_a1' : 'cs_test_a1', 56);
    my $s = $self->sessions->{$id} = {
        id => $id, in => $asked, items => \@items, amount => $amount,
        currency => $first->{price}{currency}, created => $now,
        livemode => $live, expires_at => $asked->{expires_at} // $now + 86400,
        status => 'open', payment_status => 'unpaid', request => $request,
        customer => $asked->{customer},
        url => $self->sandbox->base . "/c/pay/$id",
    };
    $self->keep($id, $id, {id => $id});

    my $shown = Sandbox::StripeShape::session($s, $version);
    delete $shown->{url} unless $self->now->{stripe_url};
    return $shown;
}

# Sent again: no session more.
sub twice ($self, $json) {
    $self->keep($json->{id}, $json->{id}, {id => $json->{id}})
        if defined $json->{id};
}

sub find ($self, $id) {
    my $s = $self->sessions->{$id} // return undef;
    $self->over($s) if $s->{status} eq 'open' && $s->{expires_at} <= time;
    return $s;
}

sub asked_session ($self, $c, $live) {
    my $id = $c->param('id');
    my $s = $self->find($id);
    return $s if $s && !$s->{livemode} eq !$live;
    return $self->missing_resource('checkout.session', $id, 'session');
}

sub session ($self, $c, $in, $live, $version, @) {
    known($in);
    return Sandbox::StripeShape::session($self->asked_session($c, $live),
        $version);
}

sub expire ($self, $c, $in, $live, $version, @) {
    known($in);
    my $s = $self->asked_session($c, $live);
    unfit(undef, 'Only Checkout Sessions with a status in ["open"] can be '
        . "expired. This Checkout Session has a status of $s->{status}.")
        if $s->{status} ne 'open';
    $self->over($s);
    return Sandbox::StripeShape::session($s, $version);
}

# What all lists take.
sub paged ($self, $is) {
    unfit('limit', 'Invalid integer: ' . $is->{limit},
        'parameter_invalid_integer')
        if exists $is->{limit} && $is->{limit} !~ /^(?:[1-9]\d?|100)\z/;
    unfit('starting_after', 'You may only specify one of these parameters: '
        . 'starting_after, ending_before.')
        if exists $is->{starting_after} && exists $is->{ending_before};
    return unless exists $is->{created};

    $is->{created} = {gte => $is->{created}, lte => $is->{created}}
        unless ref $is->{created};
    for (sort keys $is->{created}->%*) {
        unfit("created[$_]", "Received unknown parameter: created[$_]",
            'parameter_unknown') unless /^[gl]te?\z/;
        unfit("created[$_]", 'Invalid integer', 'parameter_invalid_integer')
            unless $is->{created}{$_} =~ /^\d{1,12}\z/;
    }
}

# https://docs.stripe.com/api/checkout/sessions/list; there is no way to ask
# for what metadata or client_reference_id say.
sub sessions_of ($self, $c, $in, $live, $version, @) {
    known($in, qw(created ending_before limit starting_after status));
    my %is = %$in;
    $self->paged(\%is);
    unfit('status', 'Invalid status') if exists $is{status}
        && $is{status} !~ /^(?:open|complete|expired)\z/;

    my @all = sort {
        $b->{created} <=> $a->{created} || $b->{id} cmp $a->{id}
    } grep { !$_->{livemode} eq !$live } map { $self->find($_) }
        keys $self->sessions->%*;
    return Sandbox::StripeEvents::page('/v1/checkout/sessions', \%is, \@all,
        sub ($s) { !exists $is{status} || $s->{status} eq $is{status} },
        sub ($end) { $self->missing_resource('checkout.session', $is{$end},
            $end, 400) },
        sub ($s) { Sandbox::StripeShape::session($s, $version) });
}

sub listed ($self, $c, $in, $live, @) {
    known($in, qw(created delivery_success ending_before limit starting_after
        type types));
    my %is = map { $_ => $in->{$_} } keys %$in;

    $self->paged(\%is);
    if (exists $is{delivery_success}) {
        unfit('delivery_success', 'Invalid boolean')
            unless $is{delivery_success} =~ /^(?:true|false)\z/;
        $is{delivery_success} = $is{delivery_success} eq 'true';
    }
    unfit('type', 'You may only specify one of these parameters: type, '
        . 'types.') if exists $is{type} && exists $is{types};
    if (exists $is{types}) {
        unfit('types', 'Invalid array') unless ref $is{types}
            && keys $is{types}->%* <= 20;
        $is{types} = [values $is{types}->%*];
    }
    return $self->made->list(\%is, $live);
}

sub event ($self, $c, $in, $live, @) {
    known($in);
    my $id = $c->param('id');
    my $event = $self->made->find($id, $live)
        // $self->missing_resource('event', $id, 'id');
    return $self->made->shown($event,
        $self->now->{stripe_account_version});
}

# ---- what happens to a session ---------------------------------------------

sub tell ($self, $s, @what) {
    my $events = $self->made;
    return map { $events->make(@$_[0 .. 2], $s->{request}, $_->[3]) } @what;
}

sub over ($self, $s) {
    $s->{status} = 'expired';
    $self->made->deliver($self->tell($s,
        ['checkout.session.expired', session => $s]));
}

# Each of these returns the events, as they happened; nothing is sent yet.
sub pay ($self, $s, %who) {
    my $late = $who{late};
    my $now = int time;
    my $in = $s->{in};

    $s->{email} = $in->{customer_email} // $who{email}
        // 'visitor@example.com';
    $s->{name} = $who{name} // 'Ada Example';
    $s->{customer} //= $self->new_id('cus_', 14)
        if $in->{mode} eq 'subscription'
            || ($in->{customer_creation} // '') eq 'always';
    $s->{status} = 'complete';
    $s->{payment_status} = $s->{amount} == 0 ? 'no_payment_required'
        : $late ? 'unpaid' : 'paid';
    $s->{payment_intent} = $self->new_id('pi_3', 24) if $s->{amount};

    my @told;
    if ($in->{mode} eq 'subscription') {
        my $sub = $self->subscribe($s, $now);
        push @told, ['customer.subscription.created', subscription => $sub];
        push @told, $self->billed($sub, 'subscription_create', 1)
            unless $late;
        $s->{invoice} = $sub->{invoice};
    }
    $self->charge($s, ($in->{payment_intent_data} // {})->{metadata})
        unless $late || !$s->{amount};
    return $self->tell($s, @told,
        ['checkout.session.completed', session => $s]);
}

sub subscribe ($self, $s, $now) {
    my $id = $s->{subscription} = $self->new_id('sub_1', 24);
    return $self->subscriptions->{$id} = {
        $s->%{qw(currency customer email livemode name)}, id => $id,
        created => $now, start => $now, end => $now + 30 * 86400,
        items => [grep { $_->{price}{type} eq 'recurring' } $s->{items}->@*],
        once => [grep { $_->{price}{type} ne 'recurring' } $s->{items}->@*],
        metadata => ($s->{in}{subscription_data} // {})->{metadata} // {},
        session => $s->{id}, invoice => $self->new_id('in_1', 24),
        status => $s->{payment_status} eq 'unpaid' ? 'incomplete' : 'active',
    };
}

# What is told of one: an endpoint of an older version knows no payments.
sub billed ($self, $sub, $reason, $paid) {
    my $invoice = $self->bill($sub, $reason, $paid ? 'paid' : 'open');

    return ['invoice.payment_failed', invoice => $invoice] unless $paid;
    return (Sandbox::StripeShape::is_new($self->now->{stripe_webhook_version})
        ? ['invoice_payment.paid', invoice_payment => $invoice] : (),
        ['invoice.paid', invoice => $invoice]);
}

# The invoice of a period; what is bought once is on the first one.
sub bill ($self, $sub, $reason, $status) {
    my @items = ($sub->{items}->@*,
        $reason eq 'subscription_create' ? $sub->{once}->@* : ());
    my $amount = 0;
    $amount += $_->{price}{unit_amount} * $_->{quantity} for @items;
    my $payment = $self->sessions->{$sub->{session}}{payment_intent};
    return {
        $sub->%{qw(currency customer email livemode metadata name start end)},
        id => $sub->{invoice}, subscription => $sub->{id}, items => \@items,
        amount => $amount, created => int time, reason => $reason,
        status => $status, attempts => 1, payment_intent =>
            $reason eq 'subscription_create' ? $payment
                : $self->new_id('pi_3', 24),
    };
}

sub charge ($self, $s, $metadata) {
    my $id = $s->{charge} = $self->new_id('ch_3', 24);
    return $self->charges->{$id} = {
        $s->%{qw(amount currency customer email invoice livemode name
            payment_intent)},
        id => $id, created => int time, refunded => 0,
        metadata => $metadata // {}};
}

# A payment that came late, or did not.
sub settle ($self, $s, $paid) {
    my $sub = $self->subscriptions->{$s->{subscription} // ''};
    $s->{payment_status} = 'paid' if $paid;
    my @told;
    if ($sub) {
        my $was = {status => $sub->{status}};
        $sub->{status} = $paid ? 'active' : 'incomplete_expired';
        push @told, $self->billed($sub, 'subscription_create', $paid),
            ['customer.subscription.updated', subscription => $sub, $was];
    }
    $self->charge($s, ($s->{in}{payment_intent_data} // {})->{metadata})
        if $paid;
    return $self->tell($s, @told, ['checkout.session.async_payment_'
        . ($paid ? 'succeeded' : 'failed'), session => $s]);
}

sub refund ($self, $s, $amount) {
    my $charge = $self->charges->{$s->{charge}};
    my $was = {amount_refunded => $charge->{refunded}};
    $charge->{refunded} += $amount;
    return $self->tell({}, ['charge.refunded', charge => $charge, $was]);
}

sub dispute ($self, $s) {
    my $charge = $self->charges->{$s->{charge}};
    $charge->{disputed} = 1;
    return $self->tell({}, ['charge.dispute.created', dispute => {
        $charge->%{qw(amount currency livemode payment_intent)},
        id => $self->new_id('dp_1', 24), created => int time,
        charge => $charge->{id}}]);
}

sub renew ($self, $sub, $paid) {
    my $was = {status => $sub->{status}};
    $sub->{invoice} = $self->new_id('in_1', 24);
    @$sub{qw(start end)} = ($sub->{end}, $sub->{end} + 30 * 86400);
    $sub->{status} = $paid ? 'active' : 'past_due';
    return $self->tell({}, $self->billed($sub, 'subscription_cycle', $paid),
        ['customer.subscription.updated', subscription => $sub, $was]);
}

sub cancel ($self, $sub, $at_period_end) {
    $sub->{canceled_at} = int time;
    if ($at_period_end) {
        $sub->{at_period_end} = 1;
        return $self->tell({}, ['customer.subscription.updated',
            subscription => $sub, {cancel_at_period_end => \0}]);
    }
    @$sub{qw(status ended_at)} = ('canceled', int time);
    return $self->tell({}, ['customer.subscription.deleted',
        subscription => $sub]);
}

# ---- for tests -------------------------------------------------------------

# POST /_stripe: {do, session, …}; answered when all that follows is sent.
sub act ($self, $c) {
    my $in = $c->req->json;
    my ($why, @events) = $self->acted(ref $in eq 'HASH' ? $in : {});
    return $c->render(status => 400, json => {error => $why}) if defined $why;

    my $tx = $c->render_later->tx;
    my $sent = defined $in->{body} ? $self->made->post($in->{body})
        : $self->made->deliver(@events);
    $sent->then(sub (@) {
        $c->render(json => {events => [map { $_->{id} } @events]});
        undef $tx;
    });
}

# (why not) or (undef, events)
sub acted ($self, $in) {
    my $do = $in->{do} // '';

    if ($do eq 'send') {
        return 'no body, or nowhere to send it' unless defined $in->{body}
            && defined $self->now->{stripe_webhook_url};
        return undef;
    }
    if ($do eq 'deliver') {
        my ($event) = grep { $_->{id} eq ($in->{event} // '') }
            $self->made->events->@*;
        return defined $event ? (undef, $event) : 'unknown event';
    }

    my $s = $self->find($in->{session} // '') // return 'unknown session';
    my $sub = $self->subscriptions->{$s->{subscription} // ''};
    my $charge = $self->charges->{$s->{charge} // ''};
    my $open = $s->{status} eq 'open';
    my $owed = $s->{status} eq 'complete' && $s->{payment_status} eq 'unpaid';
    my $amount = $in->{amount}
        // ($charge ? $charge->{amount} - $charge->{refunded} : 0);
    my %do = (
        pay    => [$open, sub { $self->pay($s, %$in) }],
        late   => [$open, sub { $self->pay($s, %$in, late => 1) }],
        paid   => [$owed, sub { $self->settle($s, 1) }],
        unpaid => [$owed, sub { $self->settle($s, 0) }],
        refund => [$charge && $amount > 0
            && $amount <= $charge->{amount} - $charge->{refunded},
            sub { $self->refund($s, $amount) }],
        dispute => [$charge, sub { $self->dispute($s) }],
        renew  => [$sub, sub { $self->renew($sub, 1) }],
        fail   => [$sub, sub { $self->renew($sub, 0) }],
        cancel => [$sub, sub { $self->cancel($sub, $in->{at_period_end}) }],
    );
    my $what = $do{$do} // return "unknown: $do";
    return "not now: $do" unless $what->[0];
    return undef, $what->[1]->();
}

sub rows ($self) {
    return map {
        my $s = $self->sessions->{$_->{id}};
        +{
            $_->%{qw(received_at last_at times)},
            name => "checkout.session, $s->{in}{mode}",
            who  => $s->{email} // $s->{in}{customer_email}
                // $s->{in}{client_reference_id} // '',
            what => {id => $s->{id}, amount => $s->{amount},
                currency => $s->{currency}, metadata => $s->{in}{metadata},
                items => [map { "$_->{quantity} \x{d7} $_->{price}{id}" }
                    $s->{items}->@*]},
            note => "$s->{status}, $s->{payment_status}",
            link => "/c/pay/$s->{id}",
        };
    } $self->events;
}

sub report ($self, $ids = undef) {
    my $s = $self->state;
    my $unique = keys $s->{times}->%*;
    return {
        received => $s->{received}, unique => $unique,
        duplicates => $s->{received} - $unique, refused => $s->{refused},
        invalid => $s->{invalid}, $ids ? (ids => $s->{ids}) : (),
        sessions => [map { Sandbox::StripeShape::session($_,
            $self->now->{stripe_version}) } grep { defined }
            map { $self->sessions->{$_->{id}} } $self->events],
        events => [map { {$_->%{qw(id type state sent created)}} }
            reverse $self->made->events->@*],
    };
}

1;
