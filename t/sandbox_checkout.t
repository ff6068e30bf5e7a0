#!/usr/bin/perl

# npm

# What happens to a session of the sandbox's Stripe: the page on which one
# pays, does not, or goes away; and the events of it, signed, in the shape of
# the version that was chosen, and lost or late by request.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json false true);
use Mojo::UserAgent;
use Mojo::Util qw(decode);

use Tavus::Test::Sandbox;
use Tavus::Test::Sender;

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);
my $library = Tavus::Test::Sender->new('stripe');
my %ONCE = (mode => 'payment', line_items =>
    [{price => 'price_replica', quantity => 1}]);
my @SUBSCRIBED = qw(customer.subscription.created invoice_payment.paid
    invoice.paid checkout.session.completed);

sub ask ($method, @args) {
    my $answer = $library->ask({host => '127.0.0.1', port => $s->port,
        key => $s->stripe_key, method => $method, args => \@args});
    die $answer->{error}{message} if $answer->{error};
    return $answer->{ok};
}

sub create (%more) {
    return ask('checkout.sessions.create', {
        mode => 'subscription', line_items => [
            {price => 'price_starter', quantity => 1},
            {price => 'price_minutes_1k', quantity => 2}],
        success_url => 'http://127.0.0.1/ok?id={CHECKOUT_SESSION_ID}#done',
        cancel_url => 'http://127.0.0.1/pricing', %more});
}

sub paid (%more) {
    my $id = create(%more)->{id};
    $s->stripe('pay', session => $id);
    return $id;
}

sub press ($session, $do, %more) {
    return $ua->post($session->{url}, form => {do => $do, %more})->result;
}

sub session ($id) { return ask('checkout.sessions.retrieve', $id) }

sub listed (%in) {
    return map { $_->{type} } reverse
        ask('events.list', {limit => 100, %in})->{data}->@*;
}

# The last event of that type.
sub event ($type, %more) {
    return ask('events.list', {type => $type, limit => 1, %more})->{data}[0];
}

# Anew, and webhooks go where they are kept.
sub anew (%config) {
    $s->reset;
    $s->fault(path => '/taken', kind => 'status', status => 200);
    $s->config(stripe_webhook_url => $s->url . '/taken', %config);
}

sub sent () { return map { $_->{body}{type} } $s->calls('/taken') }

subtest 'the page' => sub {
    anew();
    my $session = create(customer_email => q("a&b"@example.com));
    my $res = $ua->get($session->{url})->result;
    is $res->code, 200;
    like $res->headers->header('Content-Security-Policy'),
        qr/default-src 'none'; style-src 'self'/;
    my $dom = $res->dom;
    is $dom->at('h1')->text, 'Subscribe 279.00 USD', 'how much';
    is $dom->at('#email')->text, q("a&b"@example.com), 'who';
    is_deeply [$dom->find('tbody td:first-child')->map('all_text')
        ->map(sub { s/\s+/ /gr =~ s/ \z//r })->each],
        ['price_starter each month', 'price_minutes_1k'], 'for what';
    is_deeply [$dom->find('button')->map(attr => 'value')->each],
        [qw(pay late decline leave)];
    is $dom->find('script, [style], [onclick]')->size, 0, 'no script';

    $res = press($session, 'decline');
    is $res->code, 402;
    like $res->dom->at('[role=alert]')->text, qr/declined/, 'declined';
    $res = press($session, 'leave');
    is $res->headers->location, 'http://127.0.0.1/pricing', 'left';
    is session($session->{id})->{status}, 'open', 'neither changes it';
    is_deeply [sent()], [], 'or is told';

    $res = press($session, 'pay', name => 'Ada');
    is $res->code, 303, 'paid';
    is $res->headers->location,
        "http://127.0.0.1/ok?id=$session->{id}#done", 'and sent on';
    is_deeply [sent()], \@SUBSCRIBED, 'when all was told';
    my $now = session($session->{id});
    is_deeply [$now->@{qw(status payment_status url)}],
        ['complete', 'paid', undef];
    is $now->{customer_details}{name}, 'Ada';
    like $now->{subscription}, qr/^sub_/;
    is press($session, 'pay')->code, 409, 'once';
    is $ua->get($session->{url})->result->dom->find('button')->size, 0;
    is press($session, 'jump')->code, 409;
    is press(create(), 'jump')->code, 400, 'no such button';
    is $ua->get($s->url . '/c/pay/cs_test_x')->result->code, 404;
    is scalar(grep { $_->{path} =~ m{^/c/} } $s->calls), 0,
        'who looks is no caller';
    is $ua->get($s->url . '/checkout.css')->result->code, 200;
    done_testing;
};

subtest 'amounts' => sub {
    anew(stripe_prices => {
        yen => {type => 'one_time', currency => 'jpy', unit_amount => 500},
        dinar => {type => 'one_time', currency => 'kwd', unit_amount => 1500},
        nothing => {type => 'recurring', currency => 'eur',
            unit_amount => 0}});
    my %shown = (yen => '1000 JPY', dinar => '3.000 KWD');
    for (sort keys %shown) {
        my $session = create(mode => 'payment', line_items =>
            [{price => $_, quantity => 2}]);
        is $ua->get($session->{url})->result->dom->at('h1')->text,
            "Pay $shown{$_}", 'by the digits of the currency';
    }
    ok !eval { create(mode => 'payment', line_items =>
        [map { {price => $_, quantity => 1} } qw(yen dinar)]); 1 },
        'of one currency';
    my $id = paid(line_items => [{price => 'nothing', quantity => 1}]);
    is session($id)->{payment_status}, 'no_payment_required', 'nothing to pay';
    is event('customer.subscription.created')->{data}{object}{status},
        'active';
    done_testing;
};

subtest 'webhooks' => sub {
    anew();
    paid();
    for my $call ($s->calls('/taken')) {
        my %webhook = (body => decode('UTF-8', encode_json($call->{body})),
            header => $call->{headers}{'stripe-signature'});
        is $library->ask({%webhook, secret => $s->stripe_secret})->{ok}{id},
            $call->{body}{id}, "$call->{body}{type}: its library takes it";
        is $library->ask({%webhook, secret => 'whsec_other'})->{error}{type},
            'StripeSignatureVerificationError', 'but not with another secret';
    }

    my $t = Tavus::Test->new;
    $t->configure(locations => {'= /stripe' => 'tavus_webhook stripe; '
        . 'tavus_webhook_secret file:'
        . $t->secret(stripe => $s->stripe_secret) . ' id=k1;'});
    $t->start;
    $s->config(stripe_webhook_url => $t->url('/stripe'));
    my $id = paid();
    is_deeply [map { $_->{status} } grep { $_->{url} =~ m{/stripe\z} }
        $s->callbacks], [(200) x 4], 'and so does the module';
    is_deeply $t->db->selectcol_arrayref('SELECT event_type FROM tavus.events
        WHERE source = ? ORDER BY 1', {}, 'stripe'),
        [sort @SUBSCRIBED], 'as events';

    my $thin = {id => 'evt_thin_1', object => 'v2.core.event', type =>
        'v2.core.account.updated', created => '2026-11-29T01:00:00.000Z',
        livemode => false, related_object => undef};
    $s->stripe('send', body => $thin);
    is +($s->callbacks)[-1]{body}{id}, 'evt_thin_1', 'whatever it is';
    is +($s->callbacks)[-1]{status}, 200;
    done_testing;
};

subtest 'what else happens' => sub {
    anew();
    my $id = create(%ONCE, metadata => {order => 1}, payment_intent_data =>
        {metadata => {order => 1}})->{id};
    $s->stripe('late', session => $id);
    is session($id)->{payment_status}, 'unpaid', 'to be paid later';
    is event('checkout.session.completed')->{data}{object}{payment_status},
        'unpaid';
    $s->stripe('paid', session => $id);
    is event('checkout.session.async_payment_succeeded')
        ->{data}{object}{payment_status}, 'paid', 'was';
    is event('checkout.session.completed')->{data}{object}{payment_status},
        'unpaid', 'what was told stays as it was';
    ok !eval { $s->stripe('unpaid', session => $id); 1 }, 'not any more';

    $s->stripe('refund', session => $id, amount => 900);
    my $charge = event('charge.refunded');
    is_deeply [$charge->{data}{object}->@{qw(amount amount_refunded refunded)}],
        [19_900, 900, false], 'some of it goes back';
    is_deeply $charge->{data}{previous_attributes}, {amount_refunded => 0};
    is $charge->{data}{object}{metadata}{order}, 1;
    is $charge->{data}{object}{payment_intent}, session($id)->{payment_intent};
    ok !eval { $s->stripe('refund', session => $id, amount => 19_001); 1 },
        'no more than there is';
    $s->stripe('refund', session => $id);
    is event('charge.refunded')->{data}{object}{refunded}, true, 'all';
    $s->stripe('dispute', session => $id);
    is event('charge.dispute.created')->{data}{object}{charge},
        $charge->{data}{object}{id};

    $id = create()->{id};
    $s->stripe('late', session => $id);
    is event('customer.subscription.created')->{data}{object}{status},
        'incomplete', 'a subscription that is not paid yet';
    $s->stripe('unpaid', session => $id);
    is_deeply [(listed())[-3 .. -1]], [qw(invoice.payment_failed
        customer.subscription.updated checkout.session.async_payment_failed)],
        'and never';

    $id = paid(subscription_data => {metadata => {order => 2}});
    my $first = event('invoice.paid')->{data}{object};
    is $first->{amount_paid}, 27_900, 'the first invoice has all';
    $s->stripe('renew', session => $id);
    my $next = event('invoice.paid')->{data}{object};
    is $next->{amount_paid}, 19_900, 'the next one what comes again';
    isnt $next->{id}, $first->{id};
    is $next->{billing_reason}, 'subscription_cycle';
    $s->stripe('fail', session => $id);
    is event('invoice.payment_failed')->{data}{object}{status}, 'open';
    my $sub = event('customer.subscription.updated')->{data};
    is $sub->{object}{status}, 'past_due', 'the third is not paid';
    is_deeply $sub->{previous_attributes}, {status => 'active'};
    is $sub->{object}{metadata}{order}, 2;
    $s->stripe('cancel', session => $id, at_period_end => 1);
    is event('customer.subscription.updated')
        ->{data}{object}{cancel_at_period_end}, true;
    $s->stripe('cancel', session => $id);
    is event('customer.subscription.deleted')->{data}{object}{status},
        'canceled';

    $id = create()->{id};
    ask('checkout.sessions.expire', $id);
    wait_ok { (sent())[-1] eq 'checkout.session.expired' } 'and one expires';
    ok !eval { $s->stripe('pay', session => $id); 1 }, 'for good';
    done_testing;
};

subtest 'what is lost, late, doubled, or the other way round' => sub {
    anew(stripe_deliver => {'invoice.paid' => {lost => 1}});
    paid();
    is_deeply [sent()], [@SUBSCRIBED[0, 1, 3]], 'one is lost';
    is_deeply [listed(delivery_success => false)], ['invoice.paid'],
        'and known to be';
    is_deeply [listed(delivery_success => true)], [@SUBSCRIBED[0, 1, 3]];
    is event('invoice.paid')->{pending_webhooks}, 1;
    $s->config(stripe_deliver => {});
    $s->stripe('deliver', event => event('invoice.paid')->{id});
    is +(sent())[-1], 'invoice.paid', 'sent after all';
    is_deeply [listed(delivery_success => false)], [];

    anew(stripe_deliver => {'*' => {times => 2}});
    paid();
    is_deeply [sent()], [map { ($_) x 2 } @SUBSCRIBED], 'each twice';
    my ($one, $two) = $s->calls('/taken');
    is $one->{body}{id}, $two->{body}{id}, 'being the same';

    anew(stripe_order => 'reversed');
    paid();
    is_deeply [sent()], [reverse @SUBSCRIBED], 'the last one first';

    anew(stripe_order => 'random', seed => 1);
    paid();
    is_deeply [sort(sent())], [sort @SUBSCRIBED], 'anyhow';

    anew(stripe_deliver => {$SUBSCRIBED[0] => {delay_ms => 400}});
    paid();
    is_deeply [sent()], [@SUBSCRIBED[1 .. 3, 0]], 'one is overtaken';

    anew(stripe_deliver => {'*' => {delay_ms => 600}}, stripe_waits => 0);
    my $res = press(create(), 'pay');
    is $res->code, 303;
    is_deeply [sent()], [], 'the visitor is back before them';
    wait_ok { @{[sent()]} == 4 } 'they come';

    $s->reset;
    $s->config(stripe_webhook_url => $s->url . '/nobody',
        callback_attempts => 2, callback_retry_ms => 1);
    paid();
    is_deeply [map { $_->{attempts} } $s->callbacks], [(2) x 4],
        'refused: tried again';
    is_deeply [listed(delivery_success => false)], \@SUBSCRIBED, 'in vain';

    $s->reset;
    paid();
    is_deeply [listed(delivery_success => false)], [],
        'without an endpoint nothing fails';
    done_testing;
};

subtest 'pages of events' => sub {
    anew();
    paid() for 1 .. 3;
    my $page = ask('events.list', {limit => 5});
    my @all = map { $_->{id} } $page->{data}->@*;
    is $page->{has_more}, true, 'a page';
    $page = ask('events.list', {limit => 5, starting_after => $all[-1]});
    push @all, map { $_->{id} } $page->{data}->@*;
    $page = ask('events.list', {limit => 5, starting_after => $all[-1]});
    is $page->{has_more}, false, 'the last one';
    push @all, map { $_->{id} } $page->{data}->@*;
    is_deeply [reverse @all], [map { $_->{id} } $s->stripe_events],
        'and the next ones, the newest first';
    $page = ask('events.list', {limit => 2, ending_before => $all[4]});
    is_deeply [map { $_->{id} } $page->{data}->@*], [@all[2, 3]], 'backwards';
    is ask('events.retrieve', $all[3])->{id}, $all[3], 'one';

    is_deeply [listed(types => [@SUBSCRIBED[0, 1]])],
        [(@SUBSCRIBED[0, 1]) x 3], 'of some types';
    is_deeply [listed(created => {gt => time + 5})], [], 'of some time';
    is scalar(listed(created => {gte => time - 600, lt => time + 5})), 12;

    for ({limit => 0}, {limit => 101}, {delivery_success => 'maybe'},
        {created => {ne => 1}}, {starting_after => 'evt_x'}, {page => 2},
        {type => 'a', types => ['b']})
    {
        ok !eval { ask('events.list', $_); 1 }, 'refused: ' . encode_json($_);
    }
    done_testing;
};

subtest 'versions' => sub {
    anew(stripe_webhook_version => '2024-06-20');
    paid();
    my %old = map { $_->{body}{type} => $_->{body} } $s->calls('/taken');
    my %new = map { $_->{type} => $_ } ask('events.list', {})->{data}->@*;

    my ($was, $is) = map { $_->{'customer.subscription.created'} } \%old, \%new;
    is $was->{id}, $is->{id}, 'one event';
    is $was->{api_version}, '2024-06-20', 'as it was';
    is $is->{api_version}, '2026-10-28.endive', 'and as it is';
    ($was, $is) = map { $_->{data}{object} } $was, $is;
    ok $was->{current_period_end}, 'the period was the subscription\'s';
    ok !exists $was->{items}{data}[0]{current_period_end};
    is $is->{items}{data}[0]{current_period_end}, $was->{current_period_end},
        'and is its items\'';
    ok !exists $is->{current_period_end};

    ($was, $is) = map { $_->{'invoice.paid'}{data}{object} } \%old, \%new;
    like $was->{subscription}, qr/^sub_/, 'an invoice had a subscription';
    is $was->{paid}, true;
    is $is->{parent}{subscription_details}{subscription}, $was->{subscription},
        'and has it in "parent"';
    ok !exists $is->{$_}, "no $_" for qw(subscription paid payment_intent);
    is $is->{lines}{data}[0]{pricing}{price_details}{price},
        $was->{lines}{data}[0]{price}{id}, 'and so a price';

    is_deeply [map { $_->{'checkout.session.completed'}{data}{object}{ui_mode} }
        \%old, \%new], [qw(hosted hosted_page)];

    anew(stripe_webhook_version => '2026-09-30.endive');
    paid();
    is +($s->calls('/taken'))[0]{body}{api_version}, '2026-09-30.endive';
    done_testing;
};

subtest 'on the page of all' => sub {
    anew();
    paid(client_reference_id => '<i>order</i>');
    create(customer_email => 'a@example.com');
    my ($of) = grep { $_->at('h2')->text eq 'Stripe' }
        $ua->get($s->url . '/_received')->result->dom->find('section')->each;
    is_deeply [$of->find('small')->map('text')->each],
        ['open, unpaid', 'complete, paid'], 'how they stand';
    is $ua->get($s->url . $of->at('tbody a')->attr('href'))->result->dom
        ->find('button')->size, 4, 'where to pay';
    unlike $of->to_string, qr/@{[$s->stripe_key]}|@{[$s->stripe_secret]}/;
    done_testing;
};

is $library->close, 0;

done_testing;
