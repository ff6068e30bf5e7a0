#!/usr/bin/perl

# PostgreSQL neither answers nor goes away (SIGSTOP): 503, nothing else waits,
# and what commits late is there once.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Time::HiRes qw(time);

my $t = Tavus::Test->new(sandbox => 0)->start;

wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->webhook(tavus_event('system.replica_joined', 'c0'))->code, 200;

my $probe = Tavus::Test::Fault::Probe->new($t->port);
$t->pg->freeze;
my $from = time;

my @events = map { tavus_event('system.replica_joined', "c$_") } 1 .. 20;
my (%status, @sockets);
# what is no look, or it would be what is in flight
my $admin = $t->socket->send("GET /api/admin/alerts HTTP/1.1\r\nHost: x\r\n"
    . "Authorization: " . $t->admin_headers->{Authorization} . "\r\n\r\n");
my $first = $t->socket->send(webhook_bytes($t, $events[0]));
is $first->response->{status}, 503, 'in flight';
@sockets = map { $t->socket->send(webhook_bytes($t, $_)) } @events;
$status{$_->response->{status}}++ for @sockets;
is_deeply \%status, {503 => 20}, 'waiting';
wait_for { time > $from + 3 } 5;

is $t->grep_log(qr/\[error\].*events are refused, as no journal takes them/),
    1, 'the log says so, once';

$t->pg->thaw;
$probe->ok;

# the late commit
wait_ok { $t->db->selectrow_array(
    q{SELECT count(*) FROM tavus.events WHERE conversation_id = 'c1'}) }
    'what was in flight commits';
is $t->webhook($events[0])->code, 200, 'redelivered';
is $t->webhook($_)->code, 200 for @events[1, 2];
is $t->db->selectrow_array(
    q{SELECT count(*) FROM tavus.events WHERE conversation_id = 'c1'}), 1, 'once';
isnt $admin->response->{status}, 500, 'the admin API, too';
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'the admin API is back';

done_testing;
