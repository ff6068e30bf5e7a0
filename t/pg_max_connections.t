#!/usr/bin/perl

# PostgreSQL has no connection left for us, and then has.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new(config => ['max_connections=6',
    'superuser_reserved_connections=2', 'max_wal_senders=0', 'max_worker_processes=0', 'autovacuum=off']);
# the harness's own takes one, too
my @others = map { $pg->connect(user => 'tavus_app') } 1 .. 3;

my $t = Tavus::Test->new(db => $pg, sandbox => 0)->start;
wait_ok { $t->grep_log(qr/\[error\].*database \(record\).*connection slots/) }
    'said';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 503;

$_->disconnect for @others;
wait_ok { $t->get('/healthz')->code == 200 } 'there is room again';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;

done_testing;
