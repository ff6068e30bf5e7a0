#!/usr/bin/perl

# tavus-check: what can be amiss with the database, one thing at a time, is said
# by its name and with what to do.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Check;
use Tavus::Test::PgBouncer;
use Tavus::Test::Process qw(crew new_dir slurp spew);

my $PASSWORD = 'the-password-of-tavus_app';

my $t = check_test();
my ($pg, $db) = ($t->pg, $t->db);

# the role has a password, and needs it
$db->do("ALTER ROLE tavus_app PASSWORD '$PASSWORD'");
my $hba = "$pg->{data}/pg_hba.conf";
my $trust = slurp($hba);
sub ask_password ($how) {
    spew($hba, "local all tavus_app $how\n$trust", 0600);
    Tavus::Test::Pg::give($hba);
    $db->do('SELECT pg_reload_conf()');
    return;
}
ask_password('scram-sha-256');
my $file = $t->secret('db.password', $PASSWORD);
$t->configure(http => {tavus_database_password => "file:$file"})
    ->reload(drained => 1);

my $c = check($t);
is $c->{exit}, 0, 'with a password' or diag $c->{out}, $c->{err};

subtest 'another password' => sub {
    $t->secret('db.password', 'what-it-was-before-that');
    my $c = check($t);
    says($c, 'database', 'host', FAIL => qr/password authentication failed/,
        qr/\Qfile:$file\E.*\\password/);
    alone($c, 'database', 'host');
    unlike $c->{out} . $c->{err}, qr/what-it-was|\Q$PASSWORD/, 'it is not said';
    $t->secret('db.password', $PASSWORD);
    done_testing;
};

subtest 'no line in pg_hba.conf' => sub {
    ask_password('reject');
    my $c = check($t);
    says($c, 'database', 'host', FAIL => qr/pg_hba\.conf/, qr/pg_hba\.conf/);
    alone($c, 'database', 'host');
    ask_password('scram-sha-256');
    done_testing;
};

subtest 'a password in the connection string' => sub {
    my $c = check($t, conf => other_conf($t, sub ($text) {
        $text =~ s/ user=tavus_app/ user=tavus_app password=$PASSWORD/r }));
    says($c, 'configuration', 'nginx -t', FAIL => qr/"password" is not allowed/);
    says($c, 'database', 'host', FAIL => qr/has a password/,
        qr/tavus_database_password/);
    unlike $c->{out} . $c->{err}, qr/\Q$PASSWORD/, 'it is not said';
    done_testing;
};

subtest 'an older schema' => sub {
    my ($version) = $db->selectrow_array('SELECT tavus.schema_version()');
    my $row = $db->selectrow_hashref(
        'DELETE FROM tavus.migrations WHERE version = ? RETURNING *', undef,
        $version);
    my $c = check($t);
    says($c, 'database', 'schema', FAIL => qr/instead of $version/,
        qr/install\.sql/);
    alone($c, 'database', 'schema');
    my @names = sort keys %$row;
    $db->do('INSERT INTO tavus.migrations (' . join(', ', @names) . ') VALUES ('
        . join(', ', map { '?' } @names) . ')', undef, @$row{@names});
    done_testing;
};

subtest 'a role that may too much' => sub {
    $db->do('ALTER ROLE tavus_app SUPERUSER');
    my $c = check($t);
    says($c, 'database', 'role', FAIL => qr/is a superuser/, qr/log in as/);
    alone($c, 'database', 'role');
    $db->do('ALTER ROLE tavus_app NOSUPERUSER');

    $db->do('CREATE TABLE public.of_app (n int)');
    $db->do('ALTER TABLE public.of_app OWNER TO tavus_app');
    says(check($t), 'database', 'role', FAIL => qr/owns 1 objects/);
    $db->do('DROP TABLE public.of_app');
    done_testing;
};

subtest 'a function that may not be called' => sub {
    $db->do('REVOKE EXECUTE ON FUNCTION tavus.log_state() FROM tavus_app');
    my $c = check($t);
    says($c, 'database', 'functions', FAIL =>
        qr/may not be executed: log_state/, qr/install\.sql/);
    alone($c, 'database', 'functions');
    $db->do('GRANT EXECUTE ON FUNCTION tavus.log_state() TO tavus_app');
    done_testing;
};

subtest 'a month that is missing' => sub {
    my ($month, $part) = $db->selectrow_array(q{SELECT to_char(m, 'YYYY-MM'),
        to_char(m, '"events_p"YYYYMM') FROM (SELECT now() AT TIME ZONE 'UTC'
            + interval '2 months' AS m) x});
    $db->do("ALTER TABLE tavus.events DETACH PARTITION tavus.$part");
    my $c = check($t);
    says($c, 'database', 'months', FAIL => qr/no partition for $month/,
        qr/make_months/);
    alone($c, 'database', 'months');
    $db->do('SELECT tavus.make_months()');
    done_testing;
};

subtest 'too few connections' => sub {
    my $many = sub ($n) { other_conf($t, sub ($text) {
        $text =~ s/worker_processes \d+/worker_processes $n/r }) };
    my $c = check($t, conf => $many->(60));
    says($c, 'database', 'connections', FAIL => qr/need 242/,
        qr/max_connections = \d+/);
    alone($c, 'database', 'connections');
    says(check($t, conf => $many->(30)), 'database', 'connections',
        warn => qr/need 122/, qr/max_connections/);
    says(check($t, args => ['--nodes', 20]), 'database', 'connections',
        warn => qr/20 nodes × 1 workers need 120/, qr/max_connections/);
    done_testing;
};

subtest 'fsync is off' => sub {
    $db->do('ALTER SYSTEM SET fsync = off');
    $db->do('SELECT pg_reload_conf()');
    wait_for { $pg->connect->selectrow_array('SHOW fsync') eq 'off' };
    my $c = check($t);
    says($c, 'database', 'durability', FAIL => qr/fsync off/, qr/fsync = on/);
    alone($c, 'database', 'durability');
    $db->do('ALTER SYSTEM RESET fsync');
    $db->do('SELECT pg_reload_conf()');
    done_testing;
};

subtest 'a CA that the workers cannot read' => sub {
    plan skip_all => 'not root' if $> != 0;
    my $dir = new_dir();
    mkdir "$dir/closed", 0700;
    chmod 0755, $dir;
    my $ca = spew("$dir/closed/ca.pem", 'a CA');
    my $c = check($t, conf => other_conf($t, sub ($text) {
        $text =~ s/host=\S+ port=(\d+)/host=127.0.0.1 port=$1 sslmode=verify-full sslrootcert=$ca/r }));
    says($c, 'database', 'sslrootcert',
        FAIL => qr/may not enter \Q$dir\E\/closed/, qr/0700/);
    alone($c, 'database', 'sslrootcert');
    done_testing;
};

subtest 'one host of two' => sub {
    my $c = check($t, conf => other_conf($t, sub ($text) {
        $text =~ s{host=(\S+) port=(\d+)}{host=/run/none,$1 port=5432,$2}r }));
    says($c, 'database', 'host /run/none', FAIL => qr/No such file/,
        qr/start PostgreSQL/);
    says($c, 'database', 'primary', ok => qr/can be written to/);
    alone($c, 'database', 'host /run/none');
    done_testing;
};

subtest 'a pooler that shares sessions' => sub {
    ask_password('trust');
    my $pooler = Tavus::Test::PgBouncer->new($pg, pool_mode => 'transaction');
    my $to = $pooler->conninfo;
    my $conf = other_conf($t, sub ($text) {
        $text =~ s/host=[^"]+/$to/r }, http => {tavus_database_password => undef});
    my $c = check($t, conf => $conf);
    says($c, 'database', 'session', FAIL => qr/not ours alone/, qr/session mode/);
    alone($c, 'database', 'session');
    $pooler->change(pool_mode => 'session');
    says(check($t, conf => $conf), 'database', 'session', ok => qr/hold/);
    $pooler->stop;
    done_testing;
};

subtest 'the least a role or database may have' => sub {
    $db->do('ALTER ROLE tavus_app CONNECTION LIMIT 5');
    my $c = check($t);
    says($c, 'database', 'connections',
        warn => qr/role may have 5 connections; 1 node .*no more than the node seen/,
        qr/ALTER ROLE/);
    $db->do('ALTER ROLE tavus_app CONNECTION LIMIT -1');
    done_testing;
};

subtest 'a database that is frozen' => sub {
    ask_password('scram-sha-256');
    $pg->freeze;
    my $run = Tavus::Test::Check::check_running($t, args => ['--timeout', 2],
        env => {OF_THE_SERVICE => 'a-secret-of-another'});
    # while it waits: what all of the workers' user may read
    my $seen;
    wait_for { ($seen) = map { slurp("/proc/$_/environ") // () } grep {
        (slurp("/proc/$_/cmdline") // '') =~ m{/psql\0-XAtq\0} } crew($run->{pid}) }
        or diag 'no psql was seen';
    like $seen, qr/PGCLIENTENCODING/, 'the environment of psql';
    unlike $seen, qr/a-secret-of-another|\Q$PASSWORD/, 'has no secret';
    my $c = Tavus::Test::Check::finished($run);
    $pg->thaw;
    is $c->{exit}, 1, 'it comes to an end';
    says($c, 'database', 'host', FAIL => qr/timeout expired|in time/,
        qr/firewall/);
    done_testing;
};

subtest 'no database' => sub {
    $pg->stop;
    my $c = check($t);
    is $c->{exit}, 1;
    says($c, 'database', 'host', FAIL => qr/No such file|refused/,
        qr/start PostgreSQL/);
    says($c, 'nginx', 'health', ok => qr/200/);
    says($c, 'nginx', 'sessions', FAIL => qr/./, qr/error log/);
    $pg->start;
    done_testing;
};

done_testing;
