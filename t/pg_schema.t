#!/usr/bin/perl

# The schema is missing, comes, goes and changes: no connection is stuck with
# what it knew.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::Process qw($ROOT);

my $pg = Tavus::Test::Pg->new;
my $t = Tavus::Test->new(db => $pg, sandbox => 0, locations => {'= /healthz' =>
    'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'});
my $n = 0;
my $webhook = sub {
    $t->webhook(tavus_event('system.replica_joined', 'c' . ++$n))->code;
};
my @psql = ('psql', '-XAtq', '-h', $pg->socket_dir, '-p', $pg->port,
    '-U', 'postgres', '-d', 'tavus');

$pg->db->do('DROP SCHEMA tavus CASCADE');
$t->start;
wait_ok { $t->get('/healthz')->code != 404 } 'up';
wait_ok { $t->grep_log(qr/database is not usable: 3F000 schema "tavus"/) }
    'no schema: the log says so before an event comes';
wait_ok { $t->get('/healthz')->code == 503 } 'and health';
is $webhook->(), 503, 'refused';
is $t->admin('/healthz?full')->code, 503;
like $t->admin('/healthz?full')->json->{database}{error}, qr/schema "tavus"/;
my $res = $t->admin('/api/admin/events');
is $res->code, 503;
is $res->json->{code}, 'storage_unusable';
ok $t->grep_log(qr/database refused a query: 3F000 schema "tavus"/);

is system(@psql, '-f', "$ROOT/sql/install.sql"), 0, 'installed';
wait_ok { $t->get('/healthz')->code == 200 } 'healthy without an event';
ok $t->grep_log(qr/database takes events again/);
is $webhook->(), 200, 'stored';
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'asked';

# dropped and made again while it is prepared
my ($record) = $pg->db->selectrow_array(
    q{SELECT pg_get_functiondef(oid) FROM pg_proc
      WHERE proname = 'record' AND pronamespace = 'tavus'::regnamespace});
$pg->db->do(q{ALTER FUNCTION tavus.record RENAME TO away});
is $webhook->(), 503, 'no function';
is $webhook->(), 503, 'again';
$pg->db->do(q{ALTER FUNCTION tavus.away RENAME TO record});
is $webhook->(), 200, 'back';
$pg->db->do(q{DROP FUNCTION tavus.record});
is $webhook->(), 503, 'dropped';
$pg->db->do($record);
$pg->db->do(q{GRANT EXECUTE ON FUNCTION tavus.record TO tavus_app});
is $webhook->(), 200, 'made again';

# of another type: a session that knows the former one can never call it
my ($events) = $pg->db->selectrow_array(
    q{SELECT pg_get_functiondef(oid) FROM pg_proc
      WHERE proname = 'admin_events' AND pronamespace = 'tavus'::regnamespace});
my $other = $events;
$other =~ s/RETURNS text/RETURNS varchar/;
isnt $other, $events;
$pg->db->do(q{DROP FUNCTION tavus.admin_events});
$pg->db->do($other);
$pg->db->do(q{GRANT EXECUTE ON FUNCTION tavus.admin_events TO tavus_admin});
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'another type';

done_testing;
