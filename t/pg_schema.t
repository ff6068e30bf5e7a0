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
my $why = qr/schema version could not be read: 3F000 schema "tavus"/;
wait_ok { $t->grep_log(qr/\[error\].*database \(record\): .*$why/) }
    'no schema: the log says so before an event comes';
wait_ok { $t->get('/healthz')->code == 503 } 'and health';
is $webhook->(), 503, 'refused';
is $t->admin('/healthz?full')->code, 503;
like $t->admin('/healthz?full')->json->{database}{error}, $why;
my $res = $t->admin('/api/admin/events');
is $res->code, 503;
is $res->json->{code}, 'storage_unavailable';
wait_ok { $t->grep_log(qr/\[error\].*database \(query\): .*$why/) }
    'the log says so';

is system(@psql, '-f', "$ROOT/sql/install.sql"), 0, 'installed';
wait_ok { $t->get('/healthz')->code == 200 } 'healthy without an event';
wait_ok { $t->grep_log(qr/connected to database host .*\(record\)/) }
    'the log says so';
is $webhook->(), 200, 'stored';
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'asked';

# an older one than the module's, and a newer one
sub again () {
    $pg->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = 'tavus_app'});
}
my ($newest, $before) = map { m{/0*(\d+)_[^/]+\z} }
    reverse sort glob "$ROOT/sql/[0-9]*";
my $wrong = "schema version is $before instead of $newest";
$pg->db->do("DELETE FROM tavus.migrations WHERE version = $newest");
again();
wait_ok { $t->grep_log(qr/\[error\].*\(record\): .*$wrong/) } 'older: why';
wait_ok { $t->get('/healthz')->code == 503 } 'older: not used';
my $database = $t->admin('/healthz?full')->json->{database};
like $database->{error}, qr/$wrong/;
is_deeply [$database->@{qw(schema schema_needed schema_is)}],
    [$before, $newest, 'older'], 'which is needed';
$pg->db->do('INSERT INTO tavus.migrations (version) VALUES (?)', undef, $_)
    for $newest, $newest + 1;
my $newer = qr/schema version @{[$newest + 1]} is newer than $newest/;
wait_ok { $t->get('/healthz')->code == 200 } 'newer: used';
wait_ok { $t->grep_log($newer) } 'and said';
wait_ok { ($t->admin('/healthz?full')->json->{database}{answered} // 0) == 1 }
    'asked';
is_deeply [$t->admin('/healthz?full')->json->{database}
    ->@{qw(schema schema_needed schema_is)}],
    [$newest + 1, $newest, 'newer'], 'health says so';
again();
is $webhook->(), 200, 'connected again';
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'the other one too';
is scalar(() = $t->error_log =~ /$newer/g), 1, 'it is said once';

# of another hundred
my $foreign = ($newest - $newest % 100) + 100;
$pg->db->do("INSERT INTO tavus.migrations (version) VALUES ($foreign)");
again();
$wrong = "schema version is $foreign, with which a module of $newest cannot";
wait_ok { $t->grep_log(qr/\[error\].*\(record\): .*$wrong/) } 'too new: why';
wait_ok { $t->get('/healthz')->code == 503 } 'too new: not used';
is $t->admin('/healthz?full')->json->{database}{schema_is}, 'newer';
$pg->db->do("DELETE FROM tavus.migrations WHERE version > $newest");
wait_ok { $t->get('/healthz')->code == 200 } 'as it was';
is $t->admin('/healthz?full')->json->{database}{schema_is}, undef,
    'and nothing more is said';

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
