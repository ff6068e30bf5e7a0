#!/usr/bin/perl

# A refused password is in the log once, and is not itself in it; it works
# when it is mended.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(spew);

my $pg = Tavus::Test::Pg->new(tcp => 1);
$pg->db->do("ALTER ROLE tavus_app PASSWORD 'right-0123456789'");
spew($pg->dir . '/data/pg_hba.conf', "local all postgres trust\n"
    . "host all all 127.0.0.1/32 scram-sha-256\n");
system 'chown', 'postgres:', $pg->dir . '/data/pg_hba.conf' if $> == 0;
$pg->db->do('SELECT pg_reload_conf()');

my $t = Tavus::Test->new(db => $pg, sandbox => 0, log_level => 'debug');
$t->configure(http => {
    tavus_database => '"host=127.0.0.1 port=%%PGPORT%% dbname=tavus '
        . 'user=tavus_app sslmode=disable"',
    tavus_database_password =>
        'file:' . $t->secret('db.password', "wrong-0123456789\n"),
})->start;

wait_ok { $t->grep_log(qr/tavus pg record connect to/) >= 4 }
    'several attempts';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 503;
is scalar $t->grep_log(qr/\[error\].*\(record\).*password authentication failed/),
    1, 'said once';
unlike $t->error_log, qr/wrong-0123/, 'but not what it was';

$t->secret('db.password', 'right-0123456789');
$t->reload(drained => 1);
wait_ok { $t->get('/healthz')->code == 200 } 'mended';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;
unlike $t->error_log, qr/right-0123/;

# while a server changes it, what is connected goes on
$pg->db->do("ALTER ROLE tavus_app PASSWORD 'other-0123456789'");
is $t->webhook(tavus_event('system.replica_joined', 'c2'))->code, 200;

done_testing;
