#!/usr/bin/perl

# tavus-check: what Tavus, Stripe and the destinations say amiss, one thing at a
# time.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Check;
use Tavus::Test::Process qw(free_port slurp);

use POSIX qw(strftime);

my $t = check_test();
my $box = $t->sandbox;

# one fault, with what it does to the check
sub with ($what, %fault) {
    $box->fault(%fault);
    my $c = check($t, '--no-store');
    $box->no_faults;
    return $c;
}

subtest 'Tavus refuses the key' => sub {
    $t->secret('api.key', 'another-key-than-that-of-tavus');
    my $c = check($t, '--no-store');
    says($c, 'Tavus', 'key', FAIL => qr/401: Invalid access token/,
        qr/reload nginx/);
    alone($c, 'Tavus', 'key');
    $t->secret('api.key', $box->api_key);
    done_testing;
};

subtest 'Tavus hangs' => sub {
    $box->fault(kind => 'hang', path => '/v2/');
    my $c = check($t, '--no-store', args => ['--timeout', 2]);
    $box->no_faults;
    says($c, 'Tavus', 'key', FAIL => qr/timed out/, qr/firewall/);
    alone($c, 'Tavus', 'key');
    done_testing;
};

subtest 'a persona, a replica' => sub {
    $box->config(missing_ids => ['p6c']);
    my $c = check($t, '--no-store');
    says($c, 'Tavus', 'vertical legal',
        FAIL => qr/no persona p6c: Invalid persona_id/, qr/persona_id/);
    alone($c, 'Tavus', 'vertical legal');
    $box->config(missing_ids => ['r67']);
    says(check($t, '--no-store'), 'Tavus', 'vertical general',
        FAIL => qr/no replica r67/, qr/replica_id/);
    $box->config(missing_ids => [], default_replica => undef);
    says(check($t, '--no-store'), 'Tavus', 'vertical legal', ok => qr/are there/);
    my $bare = other_conf($t, sub ($text) { $text =~ s/replica_id r6c;//r });
    says(check($t, '--no-store', conf => $bare), 'Tavus', 'vertical legal',
        FAIL => qr/has no replica of its own/, qr/replica_id/);
    $box->config(default_replica => 'r0123456789ab');
    my $c2 = with('training', kind => 'status', path => '/v2/replicas/r6c',
        status => 200, body => {replica_id => 'r6c', status => 'started'});
    says($c2, 'Tavus', 'vertical legal', FAIL => qr/"started"/, qr/completed/);
    done_testing;
};

subtest 'a clock that is wrong' => sub {
    my $date = sub ($off) { strftime('%a, %d %b %Y %H:%M:%S GMT',
        gmtime time + $off) };
    my %fault = (kind => 'status', path => '/v2/conversations', status => 200,
        body => {data => [], total_count => 0});
    my $c = with('ahead', %fault, headers => {Date => $date->(300)});
    says($c, 'Tavus', 'clock', FAIL => qr/Tavus is (?:29|30)\d s ahead/, qr/NTP/);
    alone($c, 'Tavus', 'clock');
    says(with('behind', %fault, headers => {Date => $date->(-15)}), 'Tavus',
        'clock', warn => qr/ s behind/, qr/NTP/);
    done_testing;
};

subtest 'Stripe refuses the key' => sub {
    $t->secret('stripe.key', 'sk_test_another0123456789');
    my $c = check($t, '--no-store');
    says($c, 'Stripe', 'key', FAIL => qr/Invalid API Key/, qr/reload nginx/);
    alone($c, 'Stripe', 'key');
    unlike $c->{out}, qr/sk_test_another/, 'it is not said';
    $t->secret('stripe.key', $box->stripe_key);
    done_testing;
};

subtest 'prices' => sub {
    my %price = (type => 'recurring', currency => 'usd', unit_amount => 19_900);
    my %all = (price_growth => {%price, unit_amount => 59_900},
        price_multilingual => {%price, unit_amount => 3900});
    for (
        ['changed', {%price, unit_amount => 24_900},
            qr/24900 USD, but the site shows 19900 USD/, qr/config\.json/],
        ['in another currency', {%price, currency => 'eur'},
            qr/19900 EUR, but the site shows 19900 USD/, qr/config\.json/],
        ['not active', {%price, active => 0}, qr/not active/, qr/activate/],
        ['of the other mode', {%price, livemode => 1},
            qr/no price price_starter/, qr/of the other mode/],
        ['paid once', {%price, type => 'one_time'}, qr/paid once/,
            qr/tavus_plan/],
        ['by the year', {%price, interval => 'year'}, qr/each year/,
            qr/tavus_plan/],
        ['gone', undef, qr/no price price_starter/, qr/deleted/],
    ) {
        my ($name, $is, $seen, $do) = @$_;
        $box->config(stripe_prices => {%all,
            defined $is ? (price_starter => $is) : ()});
        my $c = check($t, '--no-store');
        says($c, 'Stripe', 'plan starter', FAIL => $seen, $do)
            && alone($c, 'Stripe', 'plan starter') or diag $name;
    }
    $box->config(stripe_prices => {%all, price_starter => \%price});
    $t->file('config.json', '{"prices":{"plans":{"starter":{"amount":9900}}}}');
    says(check($t, '--no-store'), 'Stripe', 'plan starter',
        FAIL => qr/the site shows 9900/);
    $t->file('config.json', '{}');
    done_testing;
};

subtest 'a key without a plan' => sub {
    my $bare = other_conf($t, sub ($text) { $text }, http => {tavus_plan => undef,
        tavus_checkout => undef}, locations => {'= /api/stripe/checkout' => undef});
    my $c = check($t, '--no-store', conf => $bare);
    says($c, 'Stripe', 'key', ok => qr/takes it/);
    says($c, 'Stripe', 'prices', skip => qr/no tavus_plan/);
    $box->fault(kind => 'status', path => '/v1/events', status => 418, body => {});
    says(check($t, '--no-store', conf => $bare), 'Stripe', 'key', warn => qr/418/,
        qr/tavus_stripe_api_url/);
    $box->no_faults;
    done_testing;
};

subtest 'a price that is not shown' => sub {
    my $prices = slurp($t->dir . '/html/prices.json');
    $t->file('prices.json', '{"currency":"USD","plans":{"growth":{"amount":59900}}}');
    my $c = check($t, '--no-store');
    says($c, 'Stripe', 'plan starter', warn => qr/tells no price of it/,
        qr/config\.json/);
    $t->file('prices.json', '{}');
    says(check($t, '--no-store'), 'Stripe', 'plan starter', skip => qr/not known/);
    $t->file('prices.json', $prices);
    done_testing;
};

subtest 'SendGrid' => sub {
    $box->config(sendgrid_scopes => ['alerts.read']);
    my $c = check($t, '--no-store');
    says($c, 'destinations', 'sendgrid', FAIL => qr/mail\.send/, qr/Mail Send/);
    alone($c, 'destinations', 'sendgrid');
    $box->config(sendgrid_scopes => ['mail.send', 'api_keys.create']);
    says(check($t, '--no-store'), 'destinations', 'sendgrid',
        warn => qr/far more/, qr/alone/);
    $box->config(sendgrid_scopes => ['mail.send']);
    $t->secret('sendgrid.key', 'SG.another.0123456789');
    says(check($t, '--no-store'), 'destinations', 'sendgrid',
        FAIL => qr/401/, qr/reload nginx/);
    $t->secret('sendgrid.key', $box->sendgrid_key);
    done_testing;
};

subtest 'a webhook that is not reached' => sub {
    my $url = $t->secret('crm.url', 'http://127.0.0.1:' . free_port()
        . '/hooks/crm?key=of-the-webhook');
    my $c = check($t, '--no-store');
    says($c, 'destinations', 'crm', FAIL => qr/127\.0\.0\.1:\d+: .*onnect/,
        qr/firewall/);
    alone($c, 'destinations', 'crm');
    unlike $c->{out}, qr/of-the-webhook/, 'its address is not said';
    $t->secret('crm.url', $box->hook_url('crm'));
    done_testing;
};

subtest 'a key of another kind' => sub {
    $t->secret('posthog.key', 'phx_a_personal_key_01234');
    my $c = check($t, '--no-store');
    says($c, 'destinations', 'posthog', FAIL => qr/phc_/, qr/project/);
    alone($c, 'destinations', 'posthog');
    $t->secret('posthog.key', $box->posthog_key);
    done_testing;
};

done_testing;
