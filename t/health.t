#!/usr/bin/perl

# 200 while this node can store, 503 while it cannot.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(http => {tavus_store_timeout => '300ms'})->start;

sub health { return $t->get('/healthz') }

wait_ok { health()->code == 200 } 'up';
my $res = health();
is_deeply $res->json, {status => 'ok'};
is $res->headers->cache_control, 'no-store', 'no proxy keeps it';
is $t->request(HEAD => '/healthz')->code, 200, 'HEAD';
is $t->request(HEAD => '/healthz')->body, '';
for my $method (qw(POST PUT DELETE)) {
    $res = $t->request($method, '/healthz', '');
    is $res->code, 405, $method;
    is $res->headers->header('Allow'), 'GET, HEAD';
}
is $t->get('/healthz?x=1')->code, 200, 'arguments are of no interest';
is $t->get("/healthz$_")->code, 404, "not \"$_\"" for '/', '/full', 'x';

$t->pg->stop;
wait_ok { health()->code == 503 } 'down';
$res = health();
is $res->json->{code}, 'storage_unavailable';
ok $res->headers->header('Retry-After'), 'Retry-After';
unlike $res->body, qr/sql|postgres|socket|tmp|server closed/i,
    'not a word of why';
is $t->request(HEAD => '/healthz')->code, 503;
is $t->get('/')->code, 200, 'files are served all the same';

$t->pg->start;
wait_ok { health()->code == 200 } 'up again';

$t->pg->kill;
wait_ok { health()->code == 503 } 'killed';
$t->pg->start;
wait_ok { health()->code == 200 } 'up again';

# connected, but of no use: known as soon as something is to be stored
$t->pg->freeze;
is $t->webhook(tavus_event('system.shutdown', 'c1'))->code, 503, 'frozen';
is health()->code, 503, 'and health knows';
$t->pg->thaw;
wait_ok { health()->code == 200 } 'thawed';
is $t->webhook(tavus_event('system.shutdown', 'c1'))->code, 200;

# a database without our schema
$t->db->do('ALTER SCHEMA tavus RENAME TO gone');
is $t->webhook(tavus_event('system.shutdown', 'c2'))->code, 503,
    'without a schema nothing is acknowledged';
$t->db->do('ALTER SCHEMA gone RENAME TO tavus');
wait_ok { $t->webhook(tavus_event('system.shutdown', 'c3'))->code == 200 }
    'and back';

# ?full without configured users is only the short answer
$res = $t->get('/healthz?full');
is_deeply $res->json, {status => 'ok'}, 'no users, no details';
is_deeply $t->get('/healthz?full', $t->admin_headers)->json, {status => 'ok'};

done_testing;
