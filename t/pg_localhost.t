#!/usr/bin/perl

# Without a resolver a host name is looked up when the configuration is read:
# each of its addresses is tried.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Dns;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new(tcp => 1);
my $t = Tavus::Test->new(db => $pg, sandbox => 0, http => {
    tavus_database => '"host=localhost port=%%PGPORT%% dbname=tavus '
        . 'user=tavus_app sslmode=disable"',
})->start;

wait_ok { $t->get('/healthz')->code == 200 } 'connected';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;
ok $pg->db->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
    WHERE usename = 'tavus_app' AND client_addr = '127.0.0.1'}), 'over TCP';

# a name server has no say in it: what it names would get no TLS
my $dns = Tavus::Test::Dns->new(localhost => 'hang', 'other.test' => 'hang');
$t->configure(http => {
    resolver => '127.0.0.1:' . $dns->port,
    tavus_database => '"host=localhost port=%%PGPORT%% dbname=tavus '
        . 'user=tavus_app"',
})->reload(drained => 1);
wait_ok { $t->get('/healthz')->code == 200 } 'connected';
is scalar $dns->queries, 0, 'not asked';
$t->configure(http => {resolver => undef})->reload(drained => 1);

my ($exit, $out) = $t->nginx_t(http => {
    tavus_database => '"host=no-such-host.invalid dbname=tavus user=x"'});
is $exit, 1, 'a name that is not there';
like $out, qr/host not found in "no-such-host.invalid" of "tavus_database"/;

done_testing;
