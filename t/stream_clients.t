#!/usr/bin/perl

# Who listens slowly, not at all, through a window of 100 bytes, or with a half
# closed connection costs a few buffers, and misses nothing of what it reads;
# others hear at once meanwhile.  A worker has so many, and says so to one more.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::H2;
use Tavus::Test::Process qw(free_port slurp spew);
use Tavus::Test::Tail;

my ($h2, $narrow) = (free_port(), free_port());
my $t = Tavus::Test->new(measured(), sandbox => 0, workers => 1,
    server => "listen 127.0.0.1:$h2 http2; listen 127.0.0.1:$narrow sndbuf=16k; "
        . 'send_timeout 10s;',
    locations => {'= /metrics' => 'tavus_metrics;'})->start;
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';
my $metric = sub ($name) {
    ($t->get('/metrics')->body =~ /^tavus_\Q$name\E (\d+)$/m)[0] };
# the most memory it had, in bytes; since now, if that is to be forgotten
sub peak ($pid, $anew = 0) {
    spew("/proc/$pid/clear_refs", "5\n") if $anew;
    return 1024 * (slurp("/proc/$pid/status") =~ /^VmHWM:\s+(\d+)/m)[0];
}
my $n = 0;
my $event = sub ($size) {
    $n++;
    return $t->webhook(tavus_event('system.replica_joined', "c$n",
        {x => 'x' x $size}))->code };

my ($fast, $slow, $half) = map { Tavus::Test::Tail->new($t) } 1 .. 3;
my @stopped = map { Tavus::Test::Tail->new($t, port => $narrow) } 1 .. 30;
ok $_->wait_last, 'they listen' for $fast, $slow, $half;
wait_ok { 30 == grep { defined $_->read->last } @stopped } 'and more';
$half->socket->half_close;

# HTTP/2: a window of 100 bytes, which is opened by as many
my $two = Tavus::Test::H2->new($h2, window => 100);
$two->get('/api/admin/events/stream',
    authorization => $t->admin_headers->{Authorization});
my $take = sub {
    $two->more(0.02);
    $two->grant(100) if $two->left < 100;
    return $two->body;
};
wait_ok { $take->() =~ /id: / } 'one over HTTP/2';

# far more than may wait for somebody, at once
my $worker = ($t->workers)[0];
my $before = peak($worker, 1);
for (1 .. 30) { $event->(50000); $_->read for $fast, $half; $take->() }
is $t->db->selectrow_array(q{SELECT tavus.record(array_agg(overlay(gen_random_uuid()::text
        PLACING left(tavus.uuid_floor(now() + (i - 500) * interval '1 ms')::text, 13)
        || '-7' FROM 1)::uuid ORDER BY i),
        array_agg(now()), array_agg(NULL::bytea), array_agg(0::smallint),
        array_agg('tavus'::text), array_agg('some.type'::text),
        array_agg('c' || i ORDER BY i), array_agg(NULL::bytea), array_agg(NULL::text),
        array_agg(convert_to('{"x":"' || repeat('x', 60000) || '"}', 'UTF8')),
        array_agg(NULL::text)) FROM generate_series(31, 430) i}), 's' x 400, 'many';
wait_ok { $take->(); $half->read; $fast->read->events == 430 } 'who reads hears of all', 60;
is join(' ', map { $_->{data}{conversationId} } $fast->events),
    join(' ', map { "c$_" } 1 .. 430), 'in order';
my $more_than = peak($worker) - $before;
cmp_ok $more_than, '<', 12 << 20, 'the others cost little of 24 MiB: '
    . ($more_than >> 20) . ' MiB';
wait_ok { $take->(); $half->read->events == 430 } 'so does who sends no more', 60
    or diag scalar($half->events), ' events, ', $half->open ? 'open' : 'closed', ', slow: ',
        $metric->('tails_closed_total{reason="slow"}') // 0;

# a byte a while keeps it, and then it reads on
sysread $slow->socket->{fh}, my $byte, 1;
$slow->{socket}{in} .= $byte;
wait_ok { $take->(); ($metric->('tails_closed_total{reason="slow"}') // 0) >= 30 }
    'who takes nothing is closed in the end', 60;

# HTTP/2 goes on in steps of 100 bytes
wait_ok { length $take->() > 3000 } 'a window of 100 bytes', 60;
like $two->body, qr/data: \{"id":"[^\n]*"conversationId":"c1"/, 'carries the events';
$two->abort;
$_->close for @stopped, $slow, $half;

# one whose connection is reset
$fast->socket->abort;
wait_ok { $metric->('tails') == 0 } 'all are gone', 30;

# as many as there may be
my @many = map { Tavus::Test::Tail->new($t) } 1 .. 128;
wait_ok { 128 == grep { $_->read->status == 200 } @many } 'as many as may be';
my $more = Tavus::Test::Tail->new($t);
is $more->status, 503, 'one more is not';
is $more->headers->{'retry-after'}, 10, 'for now';
$_->close for @many;

done_testing;
