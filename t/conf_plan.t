#!/usr/bin/perl

# Plans that nginx -t takes, and what a checkout needs; the words of what is
# refused are in conf_messages.t.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;

my $t = conf_test();
my %key = map { $_ => 'file:' . $t->secret($_,
    secret("sk_${_}_0123456789abcdef")) } qw(live test);
my %shop = (tavus_stripe_key => $key{test},
    tavus_stripe_api_url => 'https://127.0.0.1',
    tavus_plan => 'starter { price price_1; }');
my $hook = 'tavus_webhook stripe; tavus_webhook_secret file:'
    . $t->secret('whsec', secret('whsec_0123456789abcdef')) . ' id=s;';
my %at = ('= /buy' => 'tavus_checkout;', '= /stripe' => $hook);

sub with ($name, @plans) {
    return accepted($name, http => {%shop, tavus_plan => \@plans},
        locations => \%at);
}

with('a plan', 'starter { price price_1; }');
with('all that there is', 'a-b_9 { mode payment; price price_1; '
    . 'add_on x price_2; add_on y price_3 max=1; add_on z price_4 max=999; }');
with('in any order', 'a { add_on x price_2; price price_1; mode subscription; }');
with('several', map { "p$_ { price price_1; add_on x price_2; }" } 1 .. 40);
with('a name of 32', ('x' x 32) . ' { price price_1; }');
with('a price as long as ids are',
    'a { price price_' . ('x' x 249) . '; }');
with('19 add-ons', 'a { price price_0; '
    . join('', map { "add_on x$_ price_$_;" } 1 .. 19) . ' }');
$t->file('add_ons.conf', 'add_on x price_2;');
with('an include', 'a { price price_1; include '
    . $t->dir . '/html/add_ons.conf; }');

refused("$_->[0]", $_->[1], qr/^\s*tavus_plan /, http => {%shop,
    tavus_plan => $_->[2]})
    for ['a name of 33', qr/invalid plan/, ('x' x 33) . ' { price price_1; }'],
        ['a name with a dot', qr/invalid plan/, 'a.b { price price_1; }'],
        ['no name', qr/invalid plan ""/, '"" { price price_1; }'],
        ['no block', qr/has no opening/, 'a'],
        ['two names', qr/invalid number of arguments/, 'a b { }'],
        (map { ["price \"$_\"", qr/invalid price/, "a { price \"$_\"; }"] }
            '', 'price_', 'PRICE_1', 'prod_1', 'plan_1', 'price_1-2',
            'price_1 2', 'price_$x', '/price_1', 'price_' . 'x' x 250),
        (map { ["max \"$_\"", qr/invalid "add_on"/,
            "a { add_on x price_1 $_; }"] } 'max=0', 'max=', 'max=-1',
            'max=1000', 'max=1.5', 'max=99999999999999999999', 'min=1', '10'),
        ['an add-on twice', qr/duplicate/,
            'a { add_on x price_1; add_on x price_2; }'],
        ['a price of two add-ons', qr/stands twice/,
            'a { add_on x price_1; add_on y price_1; }'],
        ['a price of add-on and plan', qr/stands twice/,
            'a { add_on x price_1; price price_1; }'],
        ['an amount', qr/unknown directive "amount"/, 'a { amount 100; }'];

# ---- what a checkout needs
refused("without $_", qr/"$_" is missing, which this location needs/,
    qr/tavus_checkout;/, http => {%shop, $_ => undef}, locations => {%at,
        map { $_ => undef } '/api/admin/', '= /api/track', '= /api/contact',
        map { "= /api/tavus/$_" } qw(create-conversation end-conversation
            webhook)})
    for qw(tavus_plan tavus_stripe_key tavus_public_origin tavus_database);
refused('a plain origin with a live key', qr/live mode.*must be https/,
    qr/tavus_checkout;/, http => {%shop, tavus_stripe_key => $key{live}},
    locations => \%at);
accepted('https with a live key', http => {%shop,
    tavus_stripe_key => $key{live},
    tavus_public_origin => 'https://example.com'}, locations => \%at);
warned('without webhooks', qr/nobody is told that an order is paid/,
    qr/tavus_checkout;/, http => \%shop,
    locations => {'= /buy' => 'tavus_checkout;'});
silent('with webhooks', qr/nobody is told/, http => \%shop,
    locations => \%at);
accepted('plans without a checkout', http => \%shop);
accepted('a checkout without Tavus', http => {%shop, tavus_api_key => undef,
    tavus_vertical => undef}, locations => {%at,
    map { $_ => undef } map { "= /api/tavus/$_" }
        qw(create-conversation end-conversation)});

refused("a checkout $_->[0]", $_->[1], qr/tavus_checkout/, http => \%shop,
    $_->[2]->@*)
    for ['with a word', qr/number of arguments in "tavus_checkout"/,
            [locations => {'= /buy' => 'tavus_checkout on;'}]],
        ['of a server', qr/directive is not allowed here/,
            [server => 'tavus_checkout;']];
for my $path (qw(tavus_checkout_success tavus_checkout_cancel)) {
    accepted("$path $_", http => \%shop, locations => {%at,
        '= /buy' => "tavus_checkout; $path $_;"})
        for '/', '/a/b', '/%C3%A4', '//x';
    refused("$path $_", qr/must be a literal path/, qr/$path/,
        http => \%shop, locations => {%at,
        '= /buy' => "tavus_checkout; $path $_;"})
        for 'x', '""', 'https://x', '/a?b', '/a#b', '"/a b"', '/$uri',
            "/\x{e4}";
}

# ---- what pages are told
is(($t->nginx_t(http => \%shop, locations => {%at,
    '= /said' => 'return 200 $tavus_has_checkout;'}))[0], 0, 'a variable');

done_testing;
