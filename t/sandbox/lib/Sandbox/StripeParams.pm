package Sandbox::StripeParams;

# What POST /v1/checkout/sessions takes; names are those of the types in
# Stripe's own library, esm/resources/Checkout/Sessions.d.ts.
#
# https://docs.stripe.com/api/checkout/sessions/create

use v5.36;

use Exporter qw(import);
use Mojo::URL;

our @EXPORT_OK = qw(checked names unfit);

use constant {EARLIEST => 30 * 60, LATEST => 24 * 3600, SLACK => 60};

# A check takes a value and its name, and returns what it is; or dies of an
# error as Stripe answers it.
sub unfit ($param, $message, $code = undef) {
    die {type => 'invalid_request_error', message => $message,
        defined $param ? (param => $param) : (),
        defined $code ? (code => $code, doc_url =>
            'https://stripe.com/docs/error-codes/' . $code =~ tr/_/-/r) : ()};
}

sub missing ($name) {
    unfit($name, "Missing required param: $name.", 'parameter_missing');
}

sub unknown ($name) {
    unfit($name, "Received unknown parameter: $name", 'parameter_unknown');
}

sub text ($most = 5000) {
    return sub ($v, $at) {
        unfit($at, "Invalid string: $at") if ref $v;
        unfit($at, "You passed an empty string for '$at'. We assume empty "
            . 'values are an attempt to unset a parameter; however '
            . "'$at' cannot be unset.", 'parameter_invalid_empty')
            unless length $v;
        unfit($at, "Invalid string: $at must be at most $most characters")
            if length $v > $most;
        return $v;
    };
}

sub whole ($from, $to) {
    return sub ($v, $at) {
        unfit($at, 'Invalid integer: ' . (ref $v ? $at : $v),
            'parameter_invalid_integer')
            unless !ref $v && $v =~ /^-?(?:0|[1-9]\d{0,14})\z/;
        unfit($at, "Invalid integer: $at must be from $from to $to")
            if $v < $from || $v > $to;
        return 0 + $v;
    };
}

sub truth ($v, $at) {
    unfit($at, "Invalid boolean: $at")
        unless !ref $v && $v =~ /^(?:true|false)\z/;
    return $v eq 'true';
}

sub among (@words) {
    return sub ($v, $at) {
        unfit($at, "Invalid $at: must be one of " . join ', ', @words)
            unless !ref $v && grep { $v eq $_ } @words;
        return $v;
    };
}

sub list ($check, $most = 100) {
    return sub ($v, $at) {
        return $check->(undef, undef) if !defined $v;
        my $n = ref $v ? keys %$v : 0;
        unfit($at, 'Invalid array') unless $n;
        unfit($at, "$at: no more than $most") if $n > $most;
        return [map { $check->($v->{$_} // unfit($at, 'Invalid array'),
            "${at}[$_]") } 0 .. $n - 1];
    };
}

# The names of its fields are asked for, too.
sub object ($fields, @required) {
    return sub ($v, $at) {
        return $fields if !defined $v;
        unfit($at, 'Invalid object') unless ref $v;
        my $in = sub ($name) { defined $at ? "${at}[$name]" : $name };
        for (sort keys %$v) { $fields->{$_} or unknown($in->($_)) }
        for (@required) { exists $v->{$_} or missing($in->($_)) }
        return {map { $_ => $fields->{$_}->($v->{$_}, $in->($_)) } keys %$v};
    };
}

# https://docs.stripe.com/api/metadata
sub metadata ($v, $at) {
    unfit($at, 'Invalid object') unless ref $v;
    unfit($at, 'You can specify up to 50 metadata keys') if keys %$v > 50;
    for (sort keys %$v) {
        unfit("${at}[$_]", 'Metadata keys have at most 40 characters')
            if length > 40;
        unfit("${at}[$_]", 'Metadata values have at most 500 characters')
            if ref $v->{$_} || length $v->{$_} > 500;
    }
    # an empty one unsets it
    return {map { $_ => $v->{$_} } grep { length $v->{$_} } keys %$v};
}

sub url ($v, $at) {
    text()->($v, $at);
    my $url = Mojo::URL->new($v =~ s/\{CHECKOUT_SESSION_ID\}/x/gr);
    unfit($at, 'Not a valid URL', 'url_invalid')
        unless ($url->scheme // '') =~ /^https?\z/ && length($url->host // '')
            && $v !~ /[\s\x00-\x1f]/;
    return $v;
}

sub email ($v, $at) {
    text(800)->($v, $at);
    unfit($at, "Invalid email address: $v", 'email_invalid')
        unless $v =~ /^[^\s@<>,;]+@[^\s@<>,;]+\.[^\s@<>,;]+\z/;
    return $v;
}

# It is there, but nothing of it is played.
sub else_where ($v, $at) { return $v }

my $price_data = object({
    currency => text(3), product => text(), tax_behavior => text(),
    unit_amount => whole(0, 99_999_999), unit_amount_decimal => text(),
    recurring => object({interval => among(qw(day week month year)),
        interval_count => whole(1, 1095)}, 'interval'),
    product_data => object({name => text(), description => text(),
        images => list(\&url, 8), metadata => \&metadata,
        tax_code => text(), tax_details => \&else_where,
        unit_label => text()}, 'name'),
}, 'currency');

my $SESSION = object({
    (map { $_ => \&else_where } qw(adaptive_pricing after_expiration
        allowed_payment_method_types branding_settings consent_collection
        custom_fields custom_text customer_account customer_update
        excluded_payment_method_types integration_identifier invoice_creation
        managed_payments name_collection optional_items origin_context
        payment_method_configuration payment_method_data
        payment_method_options permissions redirect_on_completion return_url
        saved_payment_method_options setup_intent_data
        shipping_address_collection shipping_options wallet_options)),
    allow_promotion_codes => \&truth,
    automatic_tax => object({enabled => \&truth, liability => \&else_where},
        'enabled'),
    billing_address_collection => among(qw(auto required)),
    cancel_url => \&url, success_url => \&url,
    client_reference_id => text(200),
    currency => text(3),
    customer => text(), customer_email => \&email,
    customer_creation => among(qw(always if_required)),
    discounts => list(object({coupon => text(), promotion_code => text()}), 1),
    expand => list(among(), 1),
    expires_at => whole(0, 9_999_999_999),
    line_items => list(object({
        adjustable_quantity => object({enabled => \&truth,
            minimum => whole(0, 999_999), maximum => whole(1, 999_999)},
            'enabled'),
        metadata => \&metadata, price => text(), price_data => $price_data,
        quantity => whole(1, 999_999), tax_rates => list(text()),
    })),
    locale => text(10),
    metadata => \&metadata,
    mode => among(qw(payment subscription)),
    payment_intent_data => object({
        (map { $_ => \&else_where } qw(application_fee_amount capture_method
            on_behalf_of setup_future_usage shipping transfer_data
            transfer_group)),
        description => text(1000), metadata => \&metadata,
        receipt_email => \&email, statement_descriptor => text(22),
        statement_descriptor_suffix => text(22)}),
    payment_method_collection => among(qw(always if_required)),
    phone_number_collection => object({enabled => \&truth}, 'enabled'),
    submit_type => among(qw(auto book donate pay subscribe)),
    subscription_data => object({
        (map { $_ => \&else_where } qw(application_fee_percent
            billing_cycle_anchor billing_cycle_anchor_config billing_mode
            default_tax_rates invoice_settings on_behalf_of
            pending_invoice_item_interval proration_behavior transfer_data
            trial_end trial_period_days trial_settings)),
        description => text(500), metadata => \&metadata}),
    tax_id_collection => object({enabled => \&truth,
        required => among(qw(if_supported never))}, 'enabled'),
    ui_mode => among('hosted_page'),
}, qw(mode line_items success_url));

# What there is, and how it fits together.
sub checked ($in, $now, $live) {
    my $s = $SESSION->($in, undef);

    my ($payment) = grep { exists $s->{$_->[0]} && $s->{mode} ne $_->[1] }
        [payment_intent_data => 'payment'],
        [subscription_data => 'subscription'], [submit_type => 'payment'];
    unfit($payment->[0], "You can not pass `$payment->[0]` in "
        . "`$s->{mode}` mode.") if $payment;
    unfit('payment_method_collection', 'You can only set '
        . '`payment_method_collection` if there are recurring prices.')
        if exists $s->{payment_method_collection}
            && $s->{mode} ne 'subscription';
    unfit('customer_creation', '`customer_creation` can only be used in '
        . '`payment` mode.')
        if exists $s->{customer_creation} && $s->{mode} ne 'payment';
    unfit('customer_email', 'You may only specify one of these parameters: '
        . 'customer, customer_email.')
        if exists $s->{customer} && exists $s->{customer_email};
    unfit('discounts', 'You may only specify one of these parameters: '
        . 'allow_promotion_codes, discounts.')
        if exists $s->{allow_promotion_codes} && exists $s->{discounts};

    unfit('expires_at', 'The `expires_at` timestamp must be at least 30 '
        . 'minutes from Checkout Session creation.')
        if exists $s->{expires_at}
            && $s->{expires_at} < $now + EARLIEST - SLACK;
    unfit('expires_at', 'The `expires_at` timestamp must be less than 24 '
        . 'hours from Checkout Session creation.')
        if exists $s->{expires_at} && $s->{expires_at} > $now + LATEST + SLACK;

    for (qw(success_url cancel_url)) {
        unfit($_, 'Invalid URL: Livemode requests must always be redirected '
            . 'via HTTPS.', 'url_invalid')
            if $live && ($s->{$_} // 'https:') !~ /^https:/;
    }

    for my $at (0 .. $s->{line_items}->$#*) {
        my $item = $s->{line_items}[$at];
        my $name = "line_items[$at]";
        missing("${name}[price]")
            if !exists $item->{price} && !exists $item->{price_data};
        unfit("${name}[price]", 'You may only specify one of these '
            . 'parameters: price, price_data.')
            if exists $item->{price} && exists $item->{price_data};
        missing("${name}[quantity]") unless exists $item->{quantity};
    }

    return $s;
}

# The names that are known, below a path of names; "[]" of a list's are not.
sub names (@path) {
    my $fields = $SESSION->(undef, undef);
    for (@path) { $fields = $fields->{$_}->(undef, undef) }
    return sort keys %$fields;
}

1;
