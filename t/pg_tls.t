#!/usr/bin/perl

# The database over TLS: encrypted when told to, its certificate and name
# verified when told to, and nothing of a large answer stays in OpenSSL.  What
# never leaves the machine is not encrypted unless it is asked for.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(slurp spew);
use Tavus::Test::Tls;

my $ca = Tavus::Test::Tls->new;
my ($cert, $key) = $ca->cert(name => 'localhost');
chmod 0644, $ca->file;

my $pg = Tavus::Test::Pg->new(tcp => 1);
for (['server.crt', $cert], ['server.key', $key]) {
    my $file = $pg->dir . "/data/$_->[0]";
    spew($file, slurp($_->[1]), 0600);
    Tavus::Test::Pg::give($file);
}
$pg->db->do("ALTER SYSTEM SET ssl = 'on'");
$pg->restart;

my $conninfo = 'port=%%PGPORT%% dbname=tavus user=tavus_app';
my $t = Tavus::Test->new(db => $pg, sandbox => 0,
    http => {tavus_database => qq{"host=localhost sslmode=require $conninfo"},
        tavus_store_timeout => '20s'})
    ->start;
my $n = 0;
my $works = sub ($name) {
    wait_ok { $t->get('/healthz')->code == 200 } $name;
    is $t->webhook(tavus_event('system.replica_joined', 'c' . ++$n))->code, 200;
};
my $use = sub ($text) {
    $t->configure(http => {tavus_database => qq{"$text $conninfo"}})
        ->reload(drained => 1);
};

my $encrypted = sub {
    return scalar $pg->db->selectrow_array(q{SELECT bool_and(ssl)
        FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE usename = 'tavus_app'});
};

$works->('required');
is $encrypted->(), 1, 'encrypted';

$use->('host=localhost');
$works->('not asked for');
is $encrypted->(), 0, 'this machine alone sees it';
$use->('host=localhost sslmode=require');

# a body that takes many records each way
my $big = tavus_event('application.transcription_ready', 'big',
    {transcript => 'x' x 4_000_000});
is $t->webhook($big)->code, 200, 'large in';
my ($id) = $t->db->selectrow_array(
    q{SELECT id FROM tavus.events WHERE conversation_id = 'big'});
for (1 .. 3) {
    my $res = $t->admin_large("/api/admin/events/$id");
    is $res->code, 200, 'large out';
    ok length $res->body > 4_000_000;
}

my $root = 'sslrootcert=' . $ca->file;
$use->("host=localhost sslmode=verify-full $root");
$works->('verified');
is $t->admin('/api/admin/events')->code, 200;

$use->("host=localhost hostaddr=127.0.0.1 sslmode=verify-full $root");
$works->('verified by name, reached by address');

$use->("host=127.0.0.1 sslmode=verify-full $root");
wait_ok { $t->grep_log(qr/server certificate for "localhost" .*does not match/) }
    'another name';
is $t->webhook(tavus_event('system.replica_joined', 'x'))->code, 503;

my $other = Tavus::Test::Tls->new;
chmod 0644, $other->file;
$use->('host=localhost sslmode=verify-full sslrootcert=' . $other->file);
wait_ok { $t->grep_log(qr/certificate verify failed/) } 'another CA';
is $t->webhook(tavus_event('system.replica_joined', 'x'))->code, 503;

# a folder that the workers' user may not enter: libpq would say that there is
# no such file, or do without a list of what is revoked
if ($> == 0) {
    my $hidden = $t->dir . '/hidden';
    mkdir $hidden, 0700;
    spew("$hidden/ca.pem", slurp($ca->file), 0644);
    for ('sslmode=verify-full sslrootcert', 'sslmode=require sslrootcert',
        "sslmode=verify-full $root sslcrl")
    {
        my ($word) = /(\w+)\z/;
        my $why = qr{$word "$hidden/ca.pem" is not readable for user id }
            . '[1-9]\d* \(13: Permission denied\)';
        my $before = $t->grep_log($why);
        $use->("host=localhost $_=$hidden/ca.pem");
        wait_ok { $t->grep_log($why) > $before } "$_: why not";
        wait_ok { $t->get('/healthz')->code == 503 } 'not used';
    }
}

$pg->db->do("ALTER SYSTEM SET ssl = 'off'");
$pg->db->do('SELECT pg_reload_conf()');
# once a new session knows
wait_ok { $pg->connect->selectrow_array('SHOW ssl') eq 'off' } 'TLS is off';
$use->('host=localhost sslmode=require');
wait_ok { $t->grep_log(qr/server does not support SSL, but SSL was required/) }
    'no TLS there: no connection';
is $t->webhook(tavus_event('system.replica_joined', 'x'))->code, 503;

done_testing;
