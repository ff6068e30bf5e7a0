#!/usr/bin/perl

# Beside nginx's own access modules: satisfy any and all.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(b64_encode);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0);
my $file = $t->secret('users',
    'admin:' . crypt('pass', '$5$rounds=1000$x$') . "\n");
my $users = "tavus_admin_users $file; empty_gif;";
$t->{locations} = {
    '= /.problem' => 'internal; tavus_problem;',
    '= /any-yes' => "satisfy any; allow 127.0.0.1; deny all; $users",
    '= /any-no' => 'error_page 401 403 /.problem; '
        . "satisfy any; allow 192.0.2.1; deny all; $users",
    '= /all-yes' => "satisfy all; allow 127.0.0.1; deny all; $users",
    '= /all-no' => "satisfy all; allow 192.0.2.1; deny all; $users",
};
$t->start;

sub code {
    my ($path, $credentials) = @_;
    return $t->get($path, defined $credentials
        ? {Authorization => 'Basic ' . b64_encode($credentials, '')} : {});
}

is code('/any-yes')->code, 200, 'any: the address is enough';
is code('/any-yes', 'admin:wrong')->code, 200;
is code('/any-yes')->headers->www_authenticate, undef, 'with no challenge';
is code('/any-yes', 'admin:pass')->code, 200;

my $res = code('/any-no');
is $res->code, 401, 'any: the address is not';
like $res->headers->www_authenticate, qr/^Basic /;
is $res->json->{code}, 'unauthorized';
is code('/any-no', 'admin:wrong')->code, 401;
is code('/any-no', 'admin:pass')->code, 200, 'but a password is';

is code('/all-yes')->code, 401, 'all';
is code('/all-yes', 'admin:wrong')->code, 401;
is code('/all-yes', 'admin:pass')->code, 200;
is code('/all-no')->code, 401;
is code('/all-no', 'admin:wrong')->code, 401;
is code('/all-no', 'admin:pass')->code, 403;

done_testing;
