#!/usr/bin/perl

# alone

# What the sample configuration has against slow clients: a header that comes
# a byte a second, a body that stops and an answer that nobody takes are cut,
# an address has only so many requests, and everybody else is served.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Process qw($ROOT background pause slurp stop_process);
use IO::Socket::INET;

my @names = qw(client_header_timeout client_body_timeout send_timeout
    reset_timedout_connection keepalive_timeout keepalive_requests
    large_client_header_buffers limit_conn_zone limit_conn
    limit_conn_log_level);
my $sample = join '', map { slurp("$ROOT/site/nginx/$_.conf") }
    qw(clients site_http);
my @lines = map { $sample =~ /^($_ [^;]+;)/m } @names;
is @lines, @names, 'the sample has them all';
my ($most) = join(' ', @lines) =~ /limit_conn\s+address (\d+)/;

my $t = Tavus::Test->new(sandbox => 0, http_extra => join "\n", @lines)->start;
$t->file('large.bin', 'x' x (64 * 1024 * 1024));
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $probe = Tavus::Test::Fault::Probe->new($t->port);

# an address of their own, which the limit counts apart
sub from {
    my $s = $t->socket;
    $s->{fh} = IO::Socket::INET->new(PeerAddr => '127.0.0.1:' . $t->port,
        LocalAddr => $_[0], Timeout => 5) or die "connect: $!";
    return $s;
}

# ---- each is cut -----------------------------------------------------------

my $head = "POST /api/tavus/webhook HTTP/1.1\r\nHost: x\r\n";
my $reader = from('127.0.0.2')->send("GET /large.bin HTTP/1.1\r\n"
    . "Host: x\r\n\r\n");
my $stopped = from('127.0.0.2')->send("${head}Content-Length: 1000\r\n\r\n{");

# it never pauses for longer than a second, so only the whole has a time
my $dribble = from('127.0.0.2')->send($head . 'X-Slow: ');
my $bytes = 0;
for (1 .. 30) {
    pause(1);
    $dribble->more(Time::HiRes::time + 0.01);
    last if $dribble->eof || !$dribble->send('x');
    $bytes++;
}
ok $dribble->eof || $bytes < 30, "the header is cut after $bytes bytes";

$stopped->read_until(qr/(?!)/, 10);
ok $stopped->eof, 'so is the body';
wait_ok { $t->access_log =~ m{"POST /api/tavus/webhook HTTP/1\.1" 408 } }
    'which is logged as 408';

# nginx has found out by itself: what is in the buffers is all there will be
wait_ok { $t->access_log =~ m{"GET /large\.bin HTTP/1\.1" 200 } }
    'the reader is given up', 30;
my $taken = length($reader->read_until(qr/(?!)/, 5));
cmp_ok $taken, '<', 64 * 1024 * 1024, "and has $taken bytes";

# ---- one address has only so many ------------------------------------------

my $post = "${head}Content-Length: 1000\r\n\r\n{";
my @waiting = map { from('127.0.0.3')->send($post) } 1 .. $most;
$_->send('"') for @waiting;
$t->settle;

my $over = from('127.0.0.3')->send($post)->response // {};
is $over->{status}, 503, 'one more is refused';
like $over->{body}, qr/"retry_after"|"code"/, 'as our own errors are';
my $other = from('127.0.0.4')->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
is +($other->response // {})->{status}, 200, 'another address is served';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200,
    'and Tavus';

$_->close for @waiting;
wait_ok {
    my $s = from('127.0.0.3')->send("GET / HTTP/1.1\r\nHost: x\r\n"
        . "Connection: close\r\n\r\n");
    ($s->response // {})->{status} == 200;
} 'gone, they count no more';

$probe->ok('everybody else was served');

done_testing;
