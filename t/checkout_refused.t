#!/usr/bin/perl

# A browser names a plan, add-ons and quantities within what is configured, and
# never a price, an address or a mode: all else is refused, and neither the
# database nor Stripe hears of it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Checkout;
use Mojo::JSON qw(encode_json);

my $t = checkout_test();
my $path = '/api/stripe/checkout';

sub refused ($name, $code, $in, %more) {
    my $res = $t->post($path, $in, {'Content-Type' => 'application/json'});
    my $json = $res->json // {};
    is $res->code, 400, $name or diag $res->body;
    is $res->headers->content_type, 'application/problem+json';
    is $json->{code}, $code, "$name: $code" or diag $res->body;
    is_deeply $json->{$_}, $more{$_}, "$name: $_" for sort keys %more;
}

my @plans = qw(starter growth replica wrong gone);
refused('no plan', 'unknown_plan', {}, plans => \@plans);
refused('plan ' . encode_json([$_]), 'unknown_plan', {plan => $_},
    plans => \@plans)
    for 'none', 'Starter', ' starter', '', 'price_starter', 1, undef, [],
        ['starter'], {};

my @add_ons = qw(multilingual minutes_1k);
sub with_add_ons ($add_ons) {
    return {plan => 'starter', add_ons => $add_ons};
}
refused("add-on $_", 'unknown_add_on', with_add_ons({$_ => 1}),
    add_ons => \@add_ons)
    for 'hipaa', 'price_hipaa', 'Multilingual', '', 'starter', 'price_starter';
refused('an add-on of a plan that has none', 'unknown_add_on',
    {plan => 'growth', add_ons => {multilingual => 1}}, add_ons => []);
refused('minutes_1k: ' . encode_json([$_]), 'invalid_quantity',
    with_add_ons({minutes_1k => $_}), field => 'minutes_1k')
    for 11, 0, -1, 1.5, 1e300, 10.0000001, '1', '', undef, Mojo::JSON->true,
        [], {};
refused('one too many of one', 'invalid_quantity',
    with_add_ons({multilingual => 2}), field => 'multilingual');
refused('add_ons ' . encode_json([$_]), 'invalid_field', with_add_ons($_),
    field => 'add_ons') for [], ['multilingual'], 'multilingual', 1, undef;

refused("a $_", 'unknown_field', {plan => 'starter', $_ => 'x'})
    for qw(price mode quantity amount currency success_url cancel_url url
        line_items metadata customer Plan order_id coupon discounts
        client_reference_id end_token vertical);

refused("email $_", 'invalid_field', {plan => 'starter', email => $_},
    field => 'email')
    for 'ada', 'ada@', '@example.com', 'ada@example', "ada\@example.com\nx",
        'a b@example.com', '', '<ada@example.com>', 'ada@example.com, b@b.de',
        'x' x 65 . '@example.com', "\x{e4}da\@example.com", 'a@' . 'b' x 251 . '.de';
refused('email 1', 'invalid_field', {plan => 'starter', email => $_},
    field => 'email') for 1, [], undef, Mojo::JSON->true;
for my $field (qw(conversation_id session_id user_id utm_source utm_medium
    utm_campaign))
{
    my $most = $field =~ /^utm/ ? 200 : 128;
    refused("$field too long", 'invalid_field', {plan => 'starter',
        $field => 'x' x ($most + 1)}, field => $field);
    refused("$field, not a word", 'invalid_field', {plan => 'starter',
        $field => $_}, field => $field) for 1, [], {}, undef, "a\nb", "a\x7f";
}
refused('consent', 'invalid_field', {plan => 'starter', consent => $_},
    field => 'consent') for 'yes', '', Mojo::JSON->true, undef, 1;

# ---- no JSON, or not once
refused("body $_->[0]", 'invalid_json', $_->[0], reason => $_->[1])
    for ['', 'empty'], ['[]', 'not_an_object'], ['{"plan":"starter"', 'unexpected_end'],
        ['{"plan":"starter","plan":"growth"}', 'duplicate_name'],
        ['{"plan":"starter","add_ons":{"multilingual":1,"multilingual":1}}',
            'duplicate_name'];

sub as ($res) { return join ' ', $res->code, $res->json->{code} }

# the same of these, with the type that they have
is as($t->post($path, '{"plan":"starter"}',
    {'Content-Type' => 'text/plain'})), '415 unsupported_media_type', 'text';
is as($t->post($path, {plan => 'starter', utm_source => 'x' x 20000})),
    '413 body_too_large', 'large';

# ---- other methods
for (qw(PUT DELETE PATCH HEAD)) {
    my $res = $t->request($_ => $path);
    is $res->code, 405, $_;
    is $res->headers->header('Allow'), 'GET, POST', 'which there are';
}

# ---- who asks
my %foreign = (Origin => 'https://evil.example');
is as($t->post($path, {plan => 'starter'}, \%foreign)),
    '403 origin_not_allowed', 'a foreign page';
is as($t->post($path, {plan => 'starter'},
    {'Sec-Fetch-Site' => 'cross-site'})), '403 origin_not_allowed',
    'or one that does not say which';
is as($t->get("$path?session_id=cs_x", \%foreign)), '403 origin_not_allowed',
    'nor is one told anything';

is scalar(orders($t)), 0, 'no order';
is scalar(asked($t)), 0, 'and nothing asked of Stripe';

# ---- what is just within
is checkout($t, add_ons => {minutes_1k => 1}, email => 'a@b.de')->code, 200;
is checkout($t, map { $_ => 'x' x ($_ =~ /^utm/ ? 200 : 128) }
    qw(conversation_id session_id user_id utm_source utm_medium
        utm_campaign))->code, 200, 'long words';
is checkout($t, session_id => '')->code, 200, 'an empty word is none';
is order($t)->{session_id}, undef;
is $t->post($path, '{"plan":"starter","add_ons":{"minutes_1k":1e1}}',
    {'Content-Type' => 'application/json'})->code, 200, 'ten, as JSON may say';
is order($t)->{lines}[1]{quantity}, 10;
is $t->post($path, {plan => 'starter'}, {Origin => 'http://127.0.0.1:'
    . $t->port})->code, 200, 'a page of ours';

done_testing;
