package Sandbox::StripeShape;

# Stripe's objects as a version of its API shows them: 2024-06-20, or one since
# 2025-03-31.basil, in which the period of a subscription is its items', and
# an invoice tells what it is of in "parent".
#
# The types of Stripe's own library, and openapi/fixtures3.json of
# stripe/openapi

use v5.36;

use Mojo::JSON qw(false true);

sub nulls (@names) { return map { $_ => undef } @names }
sub bool ($v) { return $v ? true : false }
sub is_new ($version) { return $version ge '2025-03-31' }

sub among ($url, @data) {
    return {object => 'list', data => \@data, has_more => false,
        url => $url};
}

sub price ($p) {
    return {
        id => $p->{id}, object => 'price', active => bool($p->{active} // 1),
        billing_scheme => 'per_unit', created => $p->{created} // 1_700_000_000,
        currency => $p->{currency}, livemode => bool($p->{livemode}),
        metadata => {}, product => $p->{product} // "prod_$p->{id}",
        recurring => $p->{type} eq 'recurring' ? {
            interval => $p->{interval} // 'month',
            interval_count => 1, meter => undef, trial_period_days => undef,
            usage_type => 'licensed'} : undef,
        tax_behavior => 'unspecified', type => $p->{type},
        unit_amount => $p->{unit_amount},
        unit_amount_decimal => "$p->{unit_amount}",
        nulls(qw(custom_unit_amount lookup_key nickname tiers_mode
            transform_quantity)),
    };
}

sub plan ($p) {
    return {
        id => $p->{id}, object => 'plan', active => true,
        amount => $p->{unit_amount}, amount_decimal => "$p->{unit_amount}",
        billing_scheme => 'per_unit', created => $p->{created} // 1_700_000_000,
        currency => $p->{currency}, interval => $p->{interval} // 'month',
        interval_count => 1, livemode => bool($p->{livemode}), metadata => {},
        product => $p->{product} // "prod_$p->{id}", usage_type => 'licensed',
        nulls(qw(meter nickname tiers_mode transform_usage
            trial_period_days)),
    };
}

sub session ($s, $version) {
    my $in = $s->{in};
    my $new = is_new($version);
    my $payment = $in->{mode} eq 'payment';

    return {
        id => $s->{id}, object => 'checkout.session',
        amount_subtotal => $s->{amount}, amount_total => $s->{amount},
        allow_promotion_codes => exists $in->{allow_promotion_codes}
            ? bool($in->{allow_promotion_codes}) : undef,
        automatic_tax => {enabled => false,
            nulls(qw(liability provider status))},
        cancel_url => $in->{cancel_url},
        client_reference_id => $in->{client_reference_id},
        created => $s->{created}, currency => $s->{currency},
        custom_fields => [], custom_text => {nulls(qw(after_submit
            shipping_address submit terms_of_service_acceptance))},
        customer => $s->{customer},
        customer_creation => $payment
            ? $in->{customer_creation} // 'if_required' : 'always',
        customer_details => $s->{email} ? {
            email => $s->{email}, name => $s->{name}, tax_exempt => 'none',
            tax_ids => [], address => {country => 'US',
                nulls(qw(city line1 line2 postal_code state))},
            nulls('phone', $new ? qw(business_name individual_name) : ())}
            : undef,
        customer_email => $in->{customer_email},
        expires_at => $s->{expires_at}, invoice => $s->{invoice},
        invoice_creation => $payment ? {enabled => false, invoice_data => {
            metadata => {}, nulls(qw(account_tax_ids custom_fields description
                footer issuer rendering_options))}} : undef,
        livemode => bool($s->{livemode}), locale => $in->{locale},
        metadata => $in->{metadata} // {}, mode => $in->{mode},
        payment_intent => $payment ? $s->{payment_intent} : undef,
        payment_method_collection => $payment ? 'if_required' : 'always',
        payment_method_options => {}, payment_method_types => ['card'],
        payment_status => $s->{payment_status},
        phone_number_collection => {enabled => false}, shipping_options => [],
        status => $s->{status}, submit_type => $in->{submit_type},
        subscription => $s->{subscription}, success_url => $in->{success_url},
        total_details => {amount_discount => 0, amount_shipping => 0,
            amount_tax => 0},
        ui_mode => $new ? 'hosted_page' : 'hosted',
        url => $s->{status} eq 'open' ? $s->{url} : undef,
        nulls(qw(after_expiration billing_address_collection client_secret
            consent consent_collection currency_conversion
            payment_link payment_method_configuration_details recovered_from
            saved_payment_method_options setup_intent
            shipping_address_collection shipping_cost)),
        $new ? (adaptive_pricing => {enabled => false}, discounts => [],
            nulls(qw(allowed_payment_method_types collected_information
                customer_account integration_identifier managed_payments
                origin_context permissions wallet_options))) : (),
    };
}

sub subscription ($sub, $version) {
    my $new = is_new($version);
    my %period = (current_period_start => $sub->{start},
        current_period_end => $sub->{end});

    return {
        id => $sub->{id}, object => 'subscription',
        automatic_tax => {enabled => false, nulls('liability',
            $new ? 'disabled_reason' : ())},
        billing_cycle_anchor => $sub->{created},
        cancel_at => $sub->{at_period_end} ? $sub->{end} : undef,
        cancel_at_period_end => bool($sub->{at_period_end}),
        canceled_at => $sub->{canceled_at},
        cancellation_details => {nulls(qw(comment feedback)),
            reason => $sub->{canceled_at} ? 'cancellation_requested' : undef},
        collection_method => 'charge_automatically',
        created => $sub->{created}, currency => $sub->{currency},
        customer => $sub->{customer}, default_tax_rates => [],
        discounts => [], ended_at => $sub->{ended_at},
        invoice_settings => {account_tax_ids => undef,
            issuer => {type => 'self'}},
        items => among("/v1/subscription_items?subscription=$sub->{id}",
            map { +{
                id => $_->{id}, object => 'subscription_item',
                billing_thresholds => undef, created => $sub->{created},
                discounts => [], metadata => {}, plan => plan($_->{price}),
                price => price($_->{price}), quantity => $_->{quantity},
                subscription => $sub->{id}, tax_rates => [],
                $new ? (%period, current_trial => undef) : (),
            } } $sub->{items}->@*),
        latest_invoice => $sub->{invoice}, livemode => bool($sub->{livemode}),
        metadata => $sub->{metadata},
        payment_settings => {payment_method_options => undef,
            payment_method_types => undef,
            save_default_payment_method => 'off'},
        start_date => $sub->{created}, status => $sub->{status},
        trial_settings => {end_behavior =>
            {missing_payment_method => 'create_invoice'}},
        nulls(qw(application application_fee_percent
            billing_cycle_anchor_config billing_thresholds days_until_due
            default_payment_method default_source description
            next_pending_invoice_item_invoice on_behalf_of pause_collection
            pending_invoice_item_interval pending_setup_intent pending_update
            schedule test_clock transfer_data trial_end trial_start)),
        $new ? (billing_mode => {type => 'flexible',
                flexible => {proration_discounts => 'included'}},
            billing_schedules => [], nulls(qw(customer_account
                managed_payments)))
            : (%period, discount => undef,
                plan => plan($sub->{items}[0]{price}),
                quantity => $sub->{items}[0]{quantity}),
    };
}

sub invoice_line ($of, $item, $version) {
    my $p = $item->{price};

    return {
        id => "il_$item->{id}", object => 'line_item',
        amount => $p->{unit_amount} * $item->{quantity},
        currency => $p->{currency},
        description => "$item->{quantity} \x{d7} $p->{id}",
        discount_amounts => [], discountable => true, discounts => [],
        invoice => $of->{id}, livemode => bool($of->{livemode}),
        metadata => $of->{metadata}, quantity => $item->{quantity},
        period => {start => $of->{start}, end => $of->{end}},
        is_new($version) ? (
            parent => {type => 'subscription_item_details',
                invoice_item_details => undef, subscription_item_details => {
                    invoice_item => undef, proration => false,
                    proration_details => {credited_items => undef},
                    subscription => $of->{subscription},
                    subscription_item => $item->{id}}},
            pretax_credit_amounts => [], quantity_decimal =>
                "$item->{quantity}", taxes => [],
            pricing => {type => 'price_details', price_details => {
                price => $p->{id}, product => $p->{product}
                    // "prod_$p->{id}"},
                unit_amount_decimal => "$p->{unit_amount}"},
            subscription => $of->{subscription},
            subtotal => $p->{unit_amount} * $item->{quantity},
        ) : (
            amount_excluding_tax => $p->{unit_amount} * $item->{quantity},
            plan => plan($p), price => price($p), proration => false,
            proration_details => {credited_items => undef},
            subscription => $of->{subscription},
            subscription_item => $item->{id}, tax_amounts => [],
            tax_rates => [], type => 'subscription',
            unit_amount_excluding_tax => "$p->{unit_amount}",
        ),
    };
}

sub invoice ($of, $version) {
    my $new = is_new($version);
    my $paid = $of->{status} eq 'paid';
    my %details = (subscription_details => {metadata => $of->{metadata},
        $new ? (subscription => $of->{subscription}) : ()});

    return {
        id => $of->{id}, object => 'invoice', account_country => 'US',
        amount_due => $of->{amount}, amount_paid => $paid ? $of->{amount} : 0,
        amount_remaining => $paid ? 0 : $of->{amount}, amount_shipping => 0,
        attempt_count => $of->{attempts}, attempted => true,
        auto_advance => false, automatic_tax => {enabled => false,
            nulls(qw(liability status),
                $new ? qw(disabled_reason provider) : ())},
        billing_reason => $of->{reason},
        collection_method => 'charge_automatically',
        created => $of->{created}, currency => $of->{currency},
        customer => $of->{customer}, customer_email => $of->{email},
        customer_name => $of->{name}, customer_tax_exempt => 'none',
        customer_tax_ids => [], default_tax_rates => [], discounts => [],
        effective_at => $of->{created}, ending_balance => 0,
        hosted_invoice_url => "https://invoice.stripe.com/i/$of->{id}",
        invoice_pdf => "https://pay.stripe.com/invoice/$of->{id}/pdf",
        issuer => {type => 'self'},
        lines => among("/v1/invoices/$of->{id}/lines",
            map { invoice_line($of, $_, $version) } $of->{items}->@*),
        livemode => bool($of->{livemode}), metadata => {},
        next_payment_attempt => $paid ? undef : $of->{created} + 3 * 86400,
        number => uc substr($of->{id}, -8) . '-0001',
        payment_settings => {nulls(qw(default_mandate payment_method_options
            payment_method_types))},
        period_start => $of->{created}, period_end => $of->{created},
        post_payment_credit_notes_amount => 0,
        pre_payment_credit_notes_amount => 0, starting_balance => 0,
        status => $of->{status},
        status_transitions => {finalized_at => $of->{created},
            paid_at => $paid ? $of->{created} : undef,
            nulls(qw(marked_uncollectible_at voided_at))},
        subtotal => $of->{amount}, subtotal_excluding_tax => $of->{amount},
        total => $of->{amount}, total_discount_amounts => [],
        total_excluding_tax => $of->{amount}, webhooks_delivered_at =>
            $of->{created},
        nulls(qw(account_name account_tax_ids application
            automatically_finalizes_at custom_fields customer_address
            customer_phone customer_shipping default_payment_method
            default_source description due_date footer from_invoice
            last_finalization_error latest_revision on_behalf_of
            receipt_number rendering shipping_cost shipping_details
            statement_descriptor test_clock)),
        $new ? (amount_overpaid => 0, customer_account => undef,
            parent => {type => 'subscription_details',
                quote_details => undef, %details},
            total_pretax_credit_amounts => [], total_taxes => [],
        ) : (%details, application_fee_amount => undef, discount => undef,
            charge => $of->{charge}, paid => bool($paid),
            paid_out_of_band => false, payment_intent =>
                $of->{payment_intent}, quote => undef,
            subscription => $of->{subscription}, tax => undef,
            total_tax_amounts => [], transfer_data => undef),
    };
}

# What was paid of an invoice, which newer ones do not say themselves.
sub invoice_payment ($of, $version) {
    return {
        id => $of->{id} =~ s/^in_/inpay_/r, object => 'invoice_payment',
        amount_paid => $of->{amount}, amount_requested => $of->{amount},
        created => $of->{created}, currency => $of->{currency},
        invoice => $of->{id}, is_default => true,
        livemode => bool($of->{livemode}),
        payment => {type => 'payment_intent',
            payment_intent => $of->{payment_intent}},
        status => 'paid', status_transitions => {canceled_at => undef,
            paid_at => $of->{created}},
    };
}

sub charge ($of, $version) {
    return {
        id => $of->{id}, object => 'charge', amount => $of->{amount},
        amount_captured => $of->{amount}, amount_refunded => $of->{refunded},
        balance_transaction => "txn_$of->{id}",
        billing_details => {email => $of->{email}, name => $of->{name},
            address => {country => 'US',
                nulls(qw(city line1 line2 postal_code state))},
            nulls('phone', is_new($version) ? 'tax_id' : ())},
        calculated_statement_descriptor => 'SANDBOX', captured => true,
        created => $of->{created}, currency => $of->{currency},
        customer => $of->{customer}, disputed => bool($of->{disputed}),
        fraud_details => {}, livemode => bool($of->{livemode}),
        metadata => $of->{metadata},
        outcome => {network_status => 'approved_by_network', risk_level =>
            'normal', seller_message => 'Payment complete.',
            type => 'authorized', nulls('reason', is_new($version)
                ? qw(advice_code network_advice_code network_decline_code)
                : ())},
        paid => true, payment_intent => $of->{payment_intent},
        payment_method => "pm_$of->{id}",
        payment_method_details => {type => 'card', card => {brand => 'visa',
            country => 'US', exp_month => 8, exp_year => 2030,
            funding => 'credit', last4 => '4242', network => 'visa'}},
        receipt_url => "https://pay.stripe.com/receipts/$of->{id}",
        refunded => bool($of->{refunded} == $of->{amount}),
        status => 'succeeded',
        nulls(qw(application application_fee application_fee_amount
            description failure_balance_transaction failure_code
            failure_message on_behalf_of receipt_email receipt_number review
            shipping source source_transfer statement_descriptor
            statement_descriptor_suffix transfer_data transfer_group)),
        is_new($version) ? () : (invoice => $of->{invoice},
            destination => undef, dispute => undef, order => undef),
    };
}

sub dispute ($of, $version) {
    return {
        id => $of->{id}, object => 'dispute', amount => $of->{amount},
        balance_transactions => [], charge => $of->{charge},
        created => $of->{created}, currency => $of->{currency},
        evidence => {}, evidence_details => {due_by => $of->{created}
            + 7 * 86400, has_evidence => false, past_due => false,
            submission_count => 0},
        is_charge_refundable => false, livemode => bool($of->{livemode}),
        metadata => {}, payment_intent => $of->{payment_intent},
        reason => 'fraudulent', status => 'needs_response',
        is_new($version) ? (enhanced_eligibility_types => [],
            intended_submission_method => undef) : (),
    };
}

1;
