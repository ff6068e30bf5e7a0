#!/usr/bin/perl

# What an endpoint needs, and what stands in its way.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;

my $t = conf_test();
my $secret = 'file:' . $t->secret('more', 'another-secret-0123456789');
my ($create, $end, $hook) = map { "= /api/tavus/$_" }
    qw(create-conversation end-conversation webhook);

sub http { return (http => {@_}) }
sub loc { return (locations => {@_}) }

accepted('the whole site');

# ---- tavus_conversation needs
for (qw(tavus_public_origin tavus_vertical tavus_api_key tavus_database)) {
    refused("a create without $_", qr/"$_" is missing/, qr/tavus_conversation;/,
        http($_ => undef), loc($end => undef, '/api/admin/' => undef,
            '= /api/track' => undef, '= /api/contact' => undef));
}
refused('a create without a webhook',
    qr{no location with "tavus_webhook tavus" at the path "/api/tavus/webhook"},
    qr/tavus_conversation;/, loc($hook => undef, $end => undef));
refused('an end without a webhook', qr/no location with "tavus_webhook tavus"/,
    qr/tavus_conversation_end;/, loc($hook => undef, $create => undef));
refused('an end without a key', qr/"tavus_api_key" is missing/,
    qr/tavus_conversation_end;/, http(tavus_api_key => undef),
    loc($create => undef));
refused('a webhook that is Stripe\'s', qr/no location with "tavus_webhook tavus"/,
    qr/tavus_conversation/, loc($hook => "tavus_webhook stripe; "
        . "tavus_webhook_secret $secret id=s1;"));
refused('a webhook elsewhere', qr{at the path "/api/tavus/webhook"},
    qr/tavus_conversation/, loc($hook => undef, '= /hook' => 'tavus_webhook tavus;'));
accepted('elsewhere, and told so', loc($hook => undef,
    '= /hook' => 'tavus_webhook tavus;',
    $create => 'tavus_conversation; tavus_callback /hook;',
    $end => 'tavus_conversation_end; tavus_callback /hook;'));
refused('told of another place', qr{at the path "/other"},
    qr/tavus_conversation;/,
    loc($create => 'tavus_conversation; tavus_callback /other;'));

# ---- tracking and the contact form
my %none = map { $_ => undef } '/api/admin/', $create, $end, $hook;
for (qw(track contact)) {
    my $other = $_ eq 'track' ? 'contact' : 'track';
    refused("$_ without a database", qr/"tavus_database" is missing/,
        qr/tavus_$_;/, http(tavus_database => undef),
        loc(%none, "= /api/$other" => undef));
    refused("$_ with a word", qr/number of arguments in "tavus_$_"/,
        qr/tavus_$_ on/, loc("= /api/$_" => "tavus_$_ on;"));
    refused("$_ of a server", qr/"tavus_$_" directive is not allowed here/,
        qr/tavus_$_/, server => "tavus_$_;");
}
accepted('without calls, a key or an origin', loc(%none),
    http(tavus_api_key => undef, tavus_public_origin => undef,
        tavus_webhook_secret => undef));
accepted('told of a place that is not there',
    loc('= /api/track' => 'tavus_track; tavus_callback /other;'));

# ---- webhooks
refused('an unknown scheme', qr/"github"|unknown|scheme/, qr/tavus_webhook github/,
    loc('= /x' => 'tavus_webhook github;'));
refused('no scheme', qr/number of arguments in "tavus_webhook"/,
    qr/tavus_webhook;/, loc('= /x' => 'tavus_webhook;'));
refused('no secret', qr/"tavus_webhook" has no "tavus_webhook_secret"/,
    qr/tavus_webhook tavus/, http(tavus_webhook_secret => undef));
refused('Stripe inherits none', qr/has no "tavus_webhook_secret"/,
    qr/tavus_webhook stripe/, loc('= /x' => 'tavus_webhook stripe;'));
accepted('a secret of its own', loc('= /x' =>
    "tavus_webhook stripe; tavus_webhook_secret $secret id=s1;"));
accepted('a tolerance with Stripe', loc('= /x' => "tavus_webhook stripe; "
    . "tavus_webhook_secret $secret id=s1; tavus_webhook_tolerance 10m;"));
refused('a tolerance with tavus',
    qr/"tavus_webhook_tolerance" has no effect.*signs no time/,
    qr/tavus_webhook tavus/,
    loc($hook => 'tavus_webhook tavus; tavus_webhook_tolerance 5m;'));
refused('a tolerance of 0', qr/"tavus_webhook_tolerance" must not be 0/,
    qr/tavus_webhook stripe/, loc('= /x' => "tavus_webhook stripe; "
        . "tavus_webhook_secret $secret id=s1; tavus_webhook_tolerance 0;"));
for my $scheme (qw(stripe standard)) {
    my $with = $scheme eq 'standard' ? 'file:' . $t->secret('std',
        'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') : $secret;
    accepted($scheme, loc('= /x' => "tavus_webhook $scheme; "
        . "tavus_webhook_secret $with id=s1;"));
    refused("verify with $scheme", qr/"tavus_webhook_verify" is for/,
        qr/tavus_webhook $scheme/, loc('= /x' => "tavus_webhook $scheme; "
            . "tavus_webhook_secret $with id=s1; tavus_webhook_verify any;"));
    refused("a header's name with $scheme",
        qr/"tavus_webhook_signature_header" is for/,
        qr/tavus_webhook $scheme/, loc('= /x' => "tavus_webhook $scheme; "
            . "tavus_webhook_secret $with id=s1; "
            . 'tavus_webhook_signature_header X-Sig;'));
}
refused('a secret that is not base64', qr/secret "s1": /,
    qr/tavus_webhook_secret/, loc('= /x' => 'tavus_webhook standard; '
        . "tavus_webhook_secret $secret id=s1;"));
refused("verify $_", qr/invalid value "\Q$_\E"/, qr/tavus_webhook_verify/,
    loc($hook => "tavus_webhook tavus; tavus_webhook_verify $_;"))
    for qw(none off both+any);
accepted("verify $_",
    loc($hook => "tavus_webhook tavus; tavus_webhook_verify $_;"))
    for qw(any token signature both);
refused('a header with a blank', qr/invalid header name/,
    qr/signature_header/, loc($hook => 'tavus_webhook tavus; '
        . 'tavus_webhook_signature_header "X Sig";'));

# ---- admin
refused('admin without users', qr/"tavus_admin_users" is missing/,
    qr/tavus_admin;/, loc('/api/admin/' => 'tavus_admin;'));
refused('admin without a database', qr/"tavus_database" is missing/,
    qr/tavus_(?:admin|conversation|webhook)/, http(tavus_database => undef));
my $users = $t->secret('users', "a:\$6\$x\$" . 'x' x 86 . "\n");
accepted('users of the server', server => "tavus_admin_users $users;",
    loc('/api/admin/' => 'tavus_admin;'));
refused('users in a file that is not there', qr/No such file/,
    qr/tavus_admin_users/, loc('/api/admin/' =>
        "tavus_admin; tavus_admin_users $users.none;"));

# ---- one endpoint a location
my @endpoints = ('tavus_conversation', 'tavus_conversation_end',
    'tavus_webhook tavus', 'tavus_track', 'tavus_contact', 'tavus_health',
    'tavus_metrics', 'tavus_problem');
for my $i (0 .. $#endpoints) {
    my ($one, $two) = @endpoints[$i, ($i + 1) % @endpoints];
    my ($word) = $two =~ /^(\w+)/;
    refused("$one and $two", qr/"$word": the location has a handler already/,
        qr/\Q$two\E;/, loc('= /x' => "$one; $two;"));
}
refused('the same twice', qr/handler already/, qr/tavus_health/,
    loc('= /x' => 'tavus_health; tavus_health;'));
refused('after a proxy', qr/"tavus_health": the location has a handler/,
    qr/tavus_health/,
    loc('= /x' => 'proxy_pass http://127.0.0.1:1; tavus_health;'));
refused('of a server', qr/"tavus_health" directive is not allowed here/,
    qr/tavus_health/, server => 'tavus_health;');
refused('with a word', qr/number of arguments in "tavus_health"/,
    qr/tavus_health/, loc('= /x' => 'tavus_health on;'));

# ---- the origin
for my $origin (qw(https://example.com http://127.0.0.1:8080
    https://example.com:8443 https://[::1]:8443))
{
    accepted($origin, http(tavus_public_origin => $origin));
}
refused("origin $_", qr/invalid origin "\Q$_\E": \w+/, qr/tavus_public_origin/,
    http(tavus_public_origin => $_))
    for qw(https://$host https://example.com/ https://example.com/path
        example.com //example.com ftp://example.com https:// https://a@b.example
        https://example.com?x https://*.example.com null * javascript:x
        https://example.com: https://example.com:99999), 'https://$host:1',
        'https://exam$ple.com';
refused('origin, empty', qr/invalid origin/, qr/tavus_public_origin/,
    http(tavus_public_origin => '""'));
refused('two origins', qr/"tavus_public_origin" directive is duplicate/,
    qr/tavus_public_origin/,
    http(tavus_public_origin => ['https://a.example', 'https://b.example']));

# ---- times
refused("tavus_api_timeout $_", qr/tavus_api_timeout/, qr/tavus_api_timeout/,
    http(tavus_api_timeout => $_)) for qw(0 50ms 1h x);
refused("tavus_api_call_limit $_", qr/tavus_api_call_limit/,
    qr/tavus_api_call_limit/, http(tavus_api_call_limit => $_))
    for qw(0 29s 25h x), '""', '"1 h x"';

# ---- names of Tavus
accepted("tavus_api_names $_", http(tavus_api_names => $_))
    for qw(current legacy);
refused("tavus_api_names $_", qr/invalid value "$_"/, qr/tavus_api_names/,
    http(tavus_api_names => $_)) for qw(old on pal_id);
refused("$_ in a location", qr/"$_" directive is not allowed here/, qr/$_/,
    locations => {'= /x' => "$_ 1;"}) for
    qw(tavus_api_names tavus_api_call_limit);

done_testing;
