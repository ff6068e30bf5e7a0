#!/usr/bin/perl

# memcheck

# The parts of a node's health are the owner's to see.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(false true);

my $t = Tavus::Test->new(locations => {'= /healthz' =>
    'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;

wait_ok { $t->get('/healthz')->code == 200 } 'short: for everybody';
for my $headers ({}, {Authorization => 'Basic eDp5'}) {
    my $res = $t->get('/healthz?full', $headers);
    is $res->code, 401;
    like $res->headers->www_authenticate, qr/^Basic/;
    unlike $res->body, qr/database|connected/;
}

my $res = $t->admin('/healthz?full');
is $res->code, 200;
my $json = $res->json;
is $json->{status}, 'ok';
is $json->{sandbox}, true, 'a sandbox does not pass for production';
is $json->{database}{connected}, true;
ok !exists $json->{database}{error};
is_deeply [map { ref } $json->@{qw(database store)}], ['HASH', 'HASH'];
wait_ok { $t->admin('/healthz?full')->json->{store}{waiting} == 0 }
    'nothing waits: the event of the failed login is stored';
unlike $res->body, qr/\Q$_\E/, 'no secret' for $t->api_key,
    $t->webhook_secret, $t->admin_password;
is_deeply $t->admin('/healthz')->json, {status => 'ok'},
    'short, unless asked';

$t->pg->stop;
wait_ok { $t->get('/healthz')->code == 503 } 'down';
$res = $t->admin('/healthz?full');
is $res->code, 503;
is $res->json->{status}, 'unavailable';
is $res->json->{database}{connected}, false;
ok length($res->json->{database}{error} // ''), 'with the reason'
    or diag $res->body;
is $t->get('/healthz?full')->code, 401, 'the reason is not for everybody';
$t->pg->start;
wait_ok { $t->admin('/healthz?full')->code == 200 } 'up';
ok !exists $t->admin('/healthz?full')->json->{database}{error};

# a database that answers, but not this

$t->db->do('REVOKE EXECUTE ON FUNCTION tavus.health() FROM tavus_admin');
my $refused;
wait_ok { ($refused = $t->admin('/healthz?full')->json->{database})->{refused} }
    'a refused query is named';
like $refused->{refused}, qr/^42501 permission denied for function health/;
is $refused->{answered}, false;

done_testing;
