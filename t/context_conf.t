#!/usr/bin/perl

# What a configuration cannot say without being refused, and what a location
# takes from the one around it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;
use Tavus::Test::Process qw($ROOT slurp);
use Tavus::Test::Source qw(directives);

my $t = conf_test();
my $secret = 'file:' . $t->secret('more', 'another-secret-0123456789');
my $stripe = "tavus_webhook stripe; tavus_webhook_secret $secret id=s;";
my $users = 'tavus_admin_users %%SECRETS%%/admin.htpasswd;';

sub loc { return (locations => {@_}) }

# ---- no directive of ours in a block that nginx makes no location of
my @directives = map { [$_->[0], $_->[1] =~ /NOARGS/ ? ''
    : $_->[1] =~ /TAKE2/ ? ' a b' : ' a'] } grep { $_->[1] =~ /LOC_CONF/ }
    directives();
cmp_ok scalar(@directives), '>=', 17, 'directives of locations';

for (@directives) {
    my ($name, $args) = @$_;
    my $not = qr/"$name" directive is not allowed here/;
    refused("$name in an if", $not, qr/$name/, loc('/x' =>
        "tavus_health;\nif (\$args) {\n$name$args;\n}"));
    refused("$name in limit_except", $not, qr/$name/, loc('/x' =>
        "tavus_health;\nlimit_except GET {\n$name$args;\n}"));
    refused("$name in a server's if", $not, qr/$name/,
        server => "if (\$args) {\n$name$args;\n}");
}
refused("$_->[0] in $_->[1]", qr/"$_->[0]" directive is not allowed here/,
    qr/$_->[0]/, loc('/x' => "tavus_health;\n$_->[1] {\n$_->[0] $_->[2] { }\n}"))
    for map { my $in = $_; ['if', $in, '($args)'], ['location', $in, '/x/y'],
        ['limit_except', $in, 'GET'] } 'limit_except GET', 'if ($args)';

# ---- admin reads what follows the location's name
my %admin = ('/api/admin/' => undef);
my $prefix = qr/"tavus_admin" needs a prefix location/;
refused("admin: $_", $prefix, qr/tavus_admin;/,
    loc(%admin, $_ => "\n$users\ntavus_admin;"))
    for '= /api/admin/', '~ ^/api/admin/', '~* ^/api/admin/', '@admin';
refused("admin: $_ inside", $prefix, qr/tavus_admin;/,
    loc(%admin, '/api' => "\nlocation $_ {\n$users\ntavus_admin;\n}"))
    for '= /api/admin', '~ admin';
accepted("admin: $_", loc(%admin, $_ => "$users tavus_admin;"))
    for '/api/admin', '/api/admin/', '^~ /api/admin/';
accepted('admin: inside', loc(%admin,
    '/api' => "location /api/admin/ { $users tavus_admin; }"));

# ---- one handler a location, in any order
my $pass = 'http://127.0.0.1:1';
for my $other ('empty_gif', "proxy_pass $pass", 'fastcgi_pass 127.0.0.1:1',
    'scgi_pass 127.0.0.1:1', 'uwsgi_pass 127.0.0.1:1',
    'memcached_pass 127.0.0.1:1', 'stub_status')
{
    refused("after it: $other", qr/"tavus_contact": a later directive of the /,
        qr/tavus_contact;/, loc('= /x' => "\ntavus_contact;\n$other;"));
    refused("before it: $other", qr/location has a handler already/,
        qr/tavus_contact;/, loc('= /x' => "\n$other;\ntavus_contact;"));
    next if $other =~ /^(?:empty|stub)/;
    accepted("in an if: $other", loc('= /x' => 'set $memcached_key a; '
        . "tavus_contact; if (\$args) { $other; }"));
}

# ---- callbacks come from outside
refused('a callback to a name', qr/no location with "tavus_webhook tavus"/,
    qr/tavus_conversation;/, loc('@hook' => 'tavus_webhook tavus;',
    '= /c' => "\ntavus_conversation;\ntavus_callback \@hook;"));
accepted('to a nested location', loc(
    '/in' => 'location = /in/hook { tavus_webhook tavus; }',
    '= /c' => 'tavus_conversation; tavus_callback /in/hook;'));

# ---- a Stripe secret belongs to its location alone
refused('a tavus webhook in a Stripe one',
    qr/"tavus_webhook" has no "tavus_webhook_secret"/,
    qr/tavus_webhook tavus;/, loc('/x' =>
        "$stripe\nlocation /x/y {\ntavus_webhook tavus;\n}"));
refused('a Stripe one in a tavus webhook',
    qr/"tavus_webhook" has no "tavus_webhook_secret"/,
    qr/tavus_webhook stripe;/, loc('/x' => "tavus_webhook tavus; "
        . "tavus_webhook_secret $secret id=s;\n"
        . "location /x/y {\ntavus_webhook stripe;\n}"));

# ---- what a scheme has no use for is not inherited by it
accepted('schemes within each other', loc('/x' => 'tavus_webhook tavus; '
    . 'tavus_webhook_verify both; tavus_webhook_signature_header X-Own; '
    . "location /x/stripe { $stripe tavus_webhook_tolerance 9s; "
    . 'location /x/stripe/tavus { tavus_webhook tavus; '
    . "tavus_webhook_secret $secret id=t; } }"));
refused('but its own is refused', qr/"tavus_webhook_verify" is for/,
    qr/tavus_webhook stripe/, loc('/x' => "tavus_webhook tavus;\n"
        . "location /x/y {\n$stripe tavus_webhook_verify any;\n}"));

done_testing;
