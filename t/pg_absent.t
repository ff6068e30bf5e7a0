#!/usr/bin/perl

# PostgreSQL is not there when nginx starts, and comes later.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new;
$pg->stop;

my $t = Tavus::Test->new(db => $pg, sandbox => 0, log_level => 'debug')->start;

my $event = tavus_event('system.replica_joined', 'c1');
my $res = $t->webhook($event);
is $res->code, 503, 'not acknowledged';
is $res->json->{code}, 'storage_unavailable';
ok $res->headers->header('Retry-After'), 'try again';
is $t->get('/')->code, 200;
is $t->get('/healthz')->code, 503;

wait_ok { $t->grep_log(qr/tavus pg record connect to/) >= 5 } 'several attempts';
my @lines = $t->grep_log(qr/\[error\].*database \(record\)/);
is scalar @lines, 1, 'a lasting failure is said once';
like $lines[0], qr/No such file or directory/;
unlike $lines[0], qr/[\x00-\x08\x0b-\x1f]/;

$pg->start;
wait_ok { $t->get('/healthz')->code == 200 } 'healthy';
is $t->webhook($event)->code, 200, 'the redelivery';
is $t->db->selectrow_array('SELECT count(*) FROM tavus.events'), 1;
wait_ok { $t->grep_log(qr/\[notice\].*connected to database host/) == 3 }
    'all connections say that they are back';

done_testing;
