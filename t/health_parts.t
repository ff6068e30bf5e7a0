#!/usr/bin/perl

# What the full health tells of database and journal: schema, months,
# replication, what waits.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(false true);

my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_journal => '%%DIR%%/journal',
        tavus_store_timeout => '200ms'},
    locations => {'= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
my $full = sub { $t->admin('/healthz?full')->json };

wait_ok { ($full->()->{database} // {})->{schema} } 'the database answers';
my $json = $full->();
is $json->{database}{answered}, true;
is $json->{database}{schema}, $t->db->selectrow_array(
    'SELECT max(version) FROM tavus.migrations');
is_deeply $json->{database}{missing_months}, [];
is $json->{database}{quarantined}, 0;
is $json->{database}{unsettled}, 0;
is $json->{database}{synchronous_replication}, false,
    'one machine holds the data';
is_deeply [$json->{journal}->@{qw(writable files records bytes damaged)}],
    [true, 0, 0, 0, 0];

# nobody is there to replicate to, so nothing may be committed meanwhile
$t->db->do(q{ALTER SYSTEM SET synchronous_standby_names = 'other'});
$t->db->do('SELECT pg_reload_conf()');
wait_ok { ($full->()->{database}{synchronous_replication} // 0) eq true }
    'replication is synchronous';
$t->db->do('SET synchronous_commit = local');
$t->db->do('ALTER SYSTEM RESET synchronous_standby_names');
$t->db->do('SELECT pg_reload_conf()');

$t->pg->freeze;
$json = $full->();
is $json->{database}{connected}, true, 'nothing was stored since';
is $json->{database}{answered}, false, 'but it does not answer';
is $json->{database}{synchronous_replication}, undef;
is $json->{database}{schema}, $json->{database}{schema_needed},
    'what a session was told is known';
$t->pg->thaw;
wait_ok { ($full->()->{database}{answered} // 0) eq true } 'thawed';

$t->pg->stop;
is $t->webhook(tavus_event('system.replica_joined', "c$_"))->code, 200
    for 1 .. 3;
my $res = $t->admin('/healthz?full');
is $res->code, 200, 'the node accepts without its database';
$json = $res->json;
is $json->{status}, 'ok';
is $json->{database}{connected}, false, 'which it says is away';
is $json->{journal}{records}, 3, 'what is in the journal';
is $json->{journal}{files}, 1;
cmp_ok $json->{journal}{bytes}, '>', 3 * 100;
wait_ok { $full->()->{journal}{age} >= 1 } 'and how old it is';

$t->pg->start;
wait_ok { $full->()->{journal}{files} == 0 } 'replayed', 20;
is $full->()->{journal}{records}, 0;
wait_ok { ($full->()->{database} // {})->{schema} } 'it answers again';

done_testing;
