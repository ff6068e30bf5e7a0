#!/usr/bin/perl

# A 2xx means stored: without the database, and when the buffer is full, events
# of the site are refused with 503, and nothing of the inside shows.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json);

my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_store_timeout => '300ms'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my %body = (
    '/api/track' => {events => [map { {name => "e$_",
        event_id => "id$_", properties => {session_id => 's'}} } 1 .. 3]},
    '/api/contact' => {name => 'Ann Example', email => 'ann@example.com',
        message => 'I would like to know more.'},
);

sub unavailable ($name) {
    for my $path (sort keys %body) {
        my $res = $t->post($path, $body{$path});
        is_deeply [$res->code, $res->json->@{qw(code retry_after)}],
            [503, 'storage_unavailable', 5], "$path, $name"
            or diag $res->to_string;
        is $res->headers->header('Retry-After'), 5;
        unlike $res->body, qr/postgres|connect|sock/i;
    }
}

$t->pg->stop;
unavailable('stopped');
$t->pg->start;
wait_ok { $t->post('/api/track', $body{'/api/track'})->code == 202 } 'back', 15;
is $t->post('/api/contact', $body{'/api/contact'})->code, 200;

$t->pg->freeze;
unavailable('frozen');
$t->pg->thaw;
wait_ok { $t->post('/api/track', $body{'/api/track'})->code == 202 } 'thawed',
    15;
is_deeply $t->db->selectall_arrayref(q{SELECT event_type, count(*)
    FROM tavus.events WHERE event_type LIKE 'e_' GROUP BY 1 ORDER BY 1}),
    [['e1', 1], ['e2', 1], ['e3', 1]],
    'what was sent again with its id is there once';

subtest 'a full buffer' => sub {
    $t->configure(http => {tavus_store_buffer => '40k',
        tavus_store_timeout => '20s'})->reload(drained => 1);
    wait_for { $t->get('/healthz')->code == 200 };
    $t->pg->freeze;
    my $res = $t->post('/api/track', {events => [map { {name => 'large',
        properties => {session_id => 's', n => $_, x => 'x' x 15000}} } 1 .. 4]});
    is $res->code, 503, 'not all of it fits';
    $t->pg->thaw;
    wait_ok { $t->post('/api/track', $body{'/api/track'})->code == 202 }
        'room again', 15;
    done_testing;
};

subtest 'a browser that is gone' => sub {
    my $lock = $t->pg->connect(AutoCommit => 0);
    $lock->do('LOCK TABLE tavus.events IN EXCLUSIVE MODE');
    my $bytes = encode_json({events => [map { {name => 'gone',
        properties => {session_id => 's', n => $_}} } 1 .. 5]});
    my $s = $t->socket->send("POST /api/track HTTP/1.1\r\nHost: x\r\n"
        . 'Content-Length: ' . length($bytes) . "\r\n\r\n$bytes");
    wait_ok { $t->pg->connect->selectrow_array(
        q{SELECT count(*) FROM pg_locks WHERE NOT granted}) } 'in flight';
    $s->abort;
    wait_ok { $t->access_log =~ / 499 / } 'it leaves';
    $lock->rollback;
    wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'gone'}) == 5 } 'its events are stored';
    done_testing;
};

done_testing;
