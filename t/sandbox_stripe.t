#!/usr/bin/perl

# npm

# The sandbox's Stripe takes what Stripe's own library sends, and refuses what
# Stripe would, naming the parameter; a key that is sent again does nothing
# twice.

use lib 't/lib';
use Tavus::Test;
use IO::Socket::INET;
use Mojo::JSON qw(false true);
use Mojo::Parameters;
use Mojo::UserAgent;

use Tavus::Test::Sandbox;
use Tavus::Test::Sender;

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);
my $library = Tavus::Test::Sender->new('stripe');
my $SESSIONS = '/v1/checkout/sessions';
my %LEAST = (mode => 'subscription', 'line_items[0][price]' => 'price_starter',
    'line_items[0][quantity]' => 1, success_url => 'http://127.0.0.1/ok');

sub ask ($method, @args) {
    return $library->ask({host => '127.0.0.1', port => $s->port,
        key => $s->stripe_key, method => $method, args => \@args});
}

sub call ($method, $path, $form = undef, %headers) {
    my $tx = $ua->build_tx($method => $s->url . $path, {
        Authorization => 'Bearer ' . $s->stripe_key,
        'Stripe-Version' => '2026-10-28.endive', %headers},
        defined $form ? ref $form ? (form => $form) : $form : ());
    return $ua->start($tx)->result;
}

sub create (%more) {
    my %form = (%LEAST, %more);
    return call(POST => $SESSIONS,
        {map { $_ => $form{$_} } grep { defined $form{$_} } keys %form});
}

subtest 'its own library' => sub {
    my $made = ask('checkout.sessions.create', {
        mode => 'subscription', line_items => [
            {price => 'price_starter', quantity => 1},
            {price => 'price_minutes_1k', quantity => 3}],
        success_url => 'http://127.0.0.1/ok?session_id={CHECKOUT_SESSION_ID}',
        cancel_url => 'http://127.0.0.1/pricing',
        client_reference_id => 'order-1', customer_email => 'ada@example.com',
        metadata => {plan => 'starter', 'utm source' => 'a & b [c]'},
        subscription_data => {metadata => {order => 'order-1'}},
    })->{ok};
    is $made->{object}, 'checkout.session', 'made';
    is $made->{amount_total}, 19_900 + 3 * 4000, 'by the prices that it has';
    is $made->{currency}, 'usd';
    is_deeply [$made->@{qw(status payment_status mode ui_mode)}],
        [qw(open unpaid subscription hosted_page)];
    is $made->{livemode}, false;
    like $made->{url}, qr{^\Q@{[$s->url]}\E/c/pay/cs_test_\w+\z};
    is_deeply $made->{metadata},
        {plan => 'starter', 'utm source' => 'a & b [c]'};

    my ($call) = $s->calls('/v1/');
    is $call->{headers}{authorization}, 'valid', 'the key is on no record';
    is $call->{form}{'line_items[1][quantity]'}, 3, 'but what was sent is';
    is_deeply ask('checkout.sessions.retrieve', $made->{id})->{ok}, $made,
        'and read again';
    is ask('checkout.sessions.retrieve', 'cs_test_x')->{error}{code},
        'resource_missing';

    my $price = ask('prices.retrieve', 'price_starter')->{ok};
    is $price->{type}, 'recurring', 'a price';
    is_deeply [$price->@{qw(currency unit_amount)}], ['usd', 19_900];
    is ask('prices.retrieve', 'price_replica')->{ok}{type}, 'one_time';
    is ask('prices.retrieve', 'price_x')->{error}{statusCode}, 404;

    my $bad = ask('checkout.sessions.create', {mode => 'payment',
        success_url => 'http://127.0.0.1/', line_items =>
            [{price => 'price_starter', quantity => 1}]})->{error};
    is $bad->{type}, 'StripeInvalidRequestError', 'what does not fit';
    is $bad->{param}, 'line_items[0][price]', 'with the parameter';

    my $over = ask('checkout.sessions.expire', $made->{id})->{ok};
    is $over->{status}, 'expired', 'ended by request';
    is $over->{url}, undef, 'and nowhere to pay';
    done_testing;
};

subtest 'who may ask' => sub {
    is call(GET => '/v1/prices/price_ivr')->code, 200;
    my $res = call(GET => '/v1/prices/price_ivr', undef,
        Authorization => 'Bearer sk_test_other');
    is $res->code, 401, 'another key';
    unlike $res->body, qr/sk_test_other/, 'is not said again';
    is call(GET => '/v1/prices/price_ivr', undef, Authorization => '')->code,
        401, 'no key';
    is call(GET => '/v1/prices/price_ivr', undef, Authorization => 'Basic '
        . Mojo::Util::b64_encode($s->stripe_key . ':', ''))->code, 200,
        'as a user';
    is call(GET => '/v1/prices/price_ivr', undef, 'Stripe-Version' => $_)
        ->code, 400, "version \"$_\"" for '', '2024-06-20', 'x';
    is call(GET => '/v1/prices')->code, 404, 'what is not there';

    my $test = create()->json->{id};
    $s->config(stripe_key => 'sk_live_0', stripe_prices => {
        price_live => {type => 'recurring', currency => 'usd',
            unit_amount => 100, livemode => 1},
        price_test => {type => 'recurring', currency => 'usd',
            unit_amount => 100, livemode => 0}});
    my %live = (Authorization => 'Bearer sk_live_0');
    is call(GET => "$SESSIONS/$test", undef, %live)->code, 404,
        'what is of test mode';
    is call(GET => '/v1/prices/price_test', undef, %live)->code, 404;
    my %form = (%LEAST, 'line_items[0][price]' => 'price_live');
    is call(POST => $SESSIONS, \%form, %live)->json->{error}{param},
        'success_url', 'not without TLS';
    $form{success_url} = 'https://example.com/';
    $res = call(POST => $SESSIONS, \%form, %live)->json;
    is $res->{livemode}, true, 'live';
    like $res->{id}, qr/^cs_live_/;
    $s->reset;
    done_testing;
};

subtest 'what is refused, and by which parameter' => sub {
    my $item = 'line_items[0]';
    for (
        ['mode' => mode => undef], ['mode' => mode => 'setup'],
        ['line_items' => "${item}[price]" => undef,
            "${item}[quantity]" => undef],
        ["${item}[price]" => "${item}[price]" => undef],
        ["${item}[price]" => "${item}[price]" => 'price_x'],
        ["${item}[price]" => mode => 'payment'],
        ["${item}[quantity]" => "${item}[quantity]" => undef],
        (map { ["${item}[quantity]" => "${item}[quantity]" => $_] }
            0, -1, '1.5', '01', 'x', 1_000_000),
        ["${item}[amount]" => "${item}[amount]" => 1],
        ['line_items' => 'line_items[2][price]' => 'price_ivr',
            'line_items[2][quantity]' => 1],
        ['line_items' => "${item}[price]" => 'price_replica'],
        ['success_url' => success_url => undef],
        (map { ['success_url' => success_url => $_] }
            '/ok', 'ok', 'javascript:x', 'http://a b/'),
        ['cancel_url' => cancel_url => ''],
        ['client_reference_id' => client_reference_id => 'x' x 201],
        ['customer_email' => customer_email => 'ada'],
        ['customer_email' => customer_email => 'a@b.example',
            customer => 'cus_1'],
        ['discounts' => 'discounts[0][coupon]' => 'c',
            allow_promotion_codes => 'true'],
        ['discounts' => 'discounts[0][coupon]' => 'c',
            'discounts[1][coupon]' => 'd'],
        ['allow_promotion_codes' => allow_promotion_codes => 1],
        (map { ['expires_at' => expires_at => time + $_] } 1200, 25 * 3600),
        ['expires_at' => expires_at => 'tomorrow'],
        ['payment_intent_data' => 'payment_intent_data[description]' => 'x'],
        ['customer_creation' => customer_creation => 'always'],
        ['payment_method_types' => 'payment_method_types[0]' => 'card'],
        ['ui_mode' => ui_mode => 'hosted'],
        ['metadata[k]' => 'metadata[k]' => 'x' x 501],
        ['metadata[' . 'k' x 41 . ']' => 'metadata[' . 'k' x 41 . ']' => 'x'],
        ['metadata' => map { ("metadata[k$_]" => 'x') } 0 .. 50],
        ['metadata' => metadata => 'x'],
        ['currency' => currency => 'eur'],
        ['subscription_data[plan]' => 'subscription_data[plan]' => 'x'],
        ['amount' => amount => 1], ['[x]' => '[x]' => 1],
        ['metadata[a' => 'metadata[a' => 1],
    ) {
        my ($param, @with) = @$_;
        my $res = create(@with);
        is $res->code, 400, "$param: refused";
        is $res->json->{error}{param}, $param, "$param: named";
        is $res->json->{error}{type}, 'invalid_request_error';
    }
    is create(unknown => 1)->json->{error}{code}, 'parameter_unknown';

    my %type = ('Content-Type' => 'application/x-www-form-urlencoded');
    is call(POST => $SESSIONS, 'mode=payment', 'Content-Type' => 'text/plain')
        ->code, 400, 'no form';
    is call(POST => $SESSIONS, $_, %type)->code, 400, $_
        for 'mode', 'mode=%', 'mode=%f', 'mode=%ff', 'mode=payment&',
            'mode=payment&mode=payment', 'mode=a b';
    is call(GET => "/v1/prices/price_ivr?x=1")->json->{error}{param}, 'x';
    is $s->received('stripe')->{unique}, 0, 'nothing of it is kept';

    my %most = (map { ("metadata[k$_]" => "\x{263a}" x 500) } 1 .. 50);
    is create(%most, expires_at => time + 1860)->code, 200, 'the most';
    done_testing;
};

subtest 'sent again' => sub {
    $s->reset;
    my %key = ('Idempotency-Key' => 'order-1');
    my $first = call(POST => $SESSIONS, \%LEAST, %key);
    my $again = call(POST => $SESSIONS, \%LEAST, %key);
    is $again->json->{id}, $first->json->{id}, 'is the same';
    is $again->headers->header('Idempotent-Replayed'), 'true', 'and says so';
    is $again->headers->header('Original-Request'),
        $first->headers->header('Request-Id');
    is $s->received('stripe')->{unique}, 1;
    is $s->received('stripe')->{duplicates}, 1, 'but counted';
    isnt create()->json->{id}, create()->json->{id}, 'without a key two';

    my $res = call(POST => $SESSIONS, {%LEAST, mode => 'payment'}, %key);
    is $res->code, 400, 'with other parameters';
    is $res->json->{error}{type}, 'idempotency_error';
    is call(POST => $SESSIONS, \%LEAST, 'Idempotency-Key' => 'x' x 256)->code,
        400, 'too long';

    %key = ('Idempotency-Key' => 'order-2');
    is call(POST => $SESSIONS, {%LEAST, x => 1}, %key)->code, 400;
    is call(POST => $SESSIONS, \%LEAST, %key)->code, 200,
        'what never began is not kept';

    %key = ('Idempotency-Key' => 'order-3');
    my $known = () = $s->stripe_sessions;
    $s->fault(path => '/v1/', kind => 'hang', after => true, times => 1);
    my $form = Mojo::Parameters->new(%LEAST)->to_string;
    my $slow = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $s->port);
    print {$slow} join "\r\n", "POST $SESSIONS HTTP/1.1", 'Host: sandbox',
        'Authorization: Bearer ' . $s->stripe_key,
        'Stripe-Version: 2026-10-28.endive', 'Idempotency-Key: order-3',
        'Content-Type: application/x-www-form-urlencoded',
        'Content-Length: ' . length $form, '', $form;
    $slow->flush;
    wait_ok { (() = $s->stripe_sessions) > $known } 'one is under way';
    $res = call(POST => $SESSIONS, \%LEAST, %key);
    is $res->code, 409, 'and another one meanwhile';
    is $res->json->{error}{code}, 'idempotency_key_in_use';
    close $slow;
    wait_ok { call(POST => $SESSIONS, \%LEAST, %key)->headers
        ->header('Idempotent-Replayed') } 'later it has what that one had';
    done_testing;
};

subtest 'sessions are listed' => sub {
    $s->reset;
    my $list = sub (%of) { ask('checkout.sessions.list', \%of) };
    my @made = map { create('metadata[order_id]' => "o$_")->json->{id} } 1 .. 3;
    my $page = $list->(limit => 2)->{ok};
    is $page->{has_more}, true, 'a page';
    my @all = map { $_->{id} } $page->{data}->@*;
    $page = $list->(limit => 2, starting_after => $all[-1])->{ok};
    is $page->{has_more}, false, 'and the last one';
    push @all, map { $_->{id} } $page->{data}->@*;
    is_deeply [sort @all], [sort @made], 'all of them';
    like $page->{data}[0]{metadata}{order_id}, qr/^o[123]\z/, 'as they are';

    call(POST => "$SESSIONS/$made[0]/expire");
    is_deeply [map { $_->{id} } $list->(status => 'expired')->{ok}{data}->@*],
        [$made[0]], 'of a status';
    is_deeply $list->(created => {gt => time + 5})->{ok}{data}, [], 'of a time';
    for ({metadata => {order_id => 'o1'}}, {client_reference_id => 'x'},
        {limit => 101}, {starting_after => 'cs_x'}, {status => 'paid'})
    {
        ok $list->(%$_)->{error}, 'refused: ' . join ' ', keys %$_;
    }
    done_testing;
};

subtest 'faults' => sub {
    $s->reset;
    my $n = 0;
    my $lost = sub (%fault) {
        my %key = ('Idempotency-Key' => 'fault-' . ++$n);
        $s->fault(path => '/v1/', times => 1, %fault);
        my $first = eval { call(POST => $SESSIONS, \%LEAST, %key) };
        return $first, call(POST => $SESSIONS, \%LEAST, %key);
    };
    for my $status (402, 429, 500, 503) {
        my ($first, $second) = $lost->(kind => 'status', status => $status,
            body => {error => {type => 'x', param => 'p'}},
            headers => {'Retry-After' => 1});
        is $first->code, $status, "status $status";
        is $first->json->{error}{param}, 'p', 'as it was asked for';
        is $second->code, 200, 'once';
        is $second->headers->header('Idempotent-Replayed'), undef,
            'and nothing came of it';
    }
    for my $kind (qw(reset cut)) {
        my ($first, $second) = $lost->(kind => $kind, after => true);
        ok !$first || $first->error || !eval { $first->json->{id} },
            "$kind: no answer";
        is $second->headers->header('Idempotent-Replayed'), 'true',
            'but a session';
    }

    $s->config(stripe_keeps_500 => 1);
    my ($first, $second) = $lost->(kind => 'status', status => 500,
        after => true);
    is $second->code, 500, 'an error of its own is kept';
    is $second->json->{error}{type}, 'api_error';
    $s->config(stripe_url => 0);
    my $json = create()->json;
    ok $json->{id} && !exists $json->{url}, 'an answer without a URL';
    done_testing;
};

is $library->close, 0;

done_testing;
