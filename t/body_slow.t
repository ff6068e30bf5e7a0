#!/usr/bin/perl

# Bodies that come byte by byte, or not at all, are read whole and hold nobody
# up.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(pause);
use Time::HiRes qw(time);

my $errors = 'error_page 400 408 413 /.problem;';
my $t = Tavus::Test->new(
    locations => {'= /impatient' => "$errors client_body_timeout 400ms; "
        . 'tavus_webhook tavus;'},
)->start;

my $body = tavus_event('system.replica_joined', 'c1', {note => 'byte by byte'});
my %signed = sign_header($t->webhook_secret, $body);
my $signed = join '', map { "$_: $signed{$_}\r\n" } sort keys %signed;

sub events { return scalar $t->db->selectrow_array(
    'SELECT count(*) FROM tavus.events') }

# ---- byte by byte, head and all --------------------------------------------

my $s = $t->socket;
ok $s->dribble("POST /api/tavus/webhook HTTP/1.1\r\nHost: x\r\n$signed"
    . 'Content-Length: ' . length($body) . "\r\n\r\n$body", pause => 0.0005);
my $res = $s->response;
is $res->{status}, 200, 'byte by byte';
is events(), 1, 'stored';

# each byte a chunk, and each chunk in two packets
$s = $t->socket;
$s->send("POST /api/tavus/webhook HTTP/1.1\r\nHost: x\r\n$signed"
    . "Transfer-Encoding: chunked\r\n\r\n");
for my $byte (split //, $body) {
    $s->send('1');
    $s->send("\r\n$byte\r\n");
}
$s->send("0\r\n", "\r\n");
is $s->response->{status}, 200, 'two packets a byte';
is events(), 1, 'the same event';

# on the same connection, and into a temporary file
my $large = tavus_event('application.transcription_ready', 'c2',
    {transcript => [map { {role => 'user', content => 'x' x 1000} } 1 .. 300]});
%signed = sign_header($t->webhook_secret, $large);
$s->send("POST /api/tavus/webhook HTTP/1.1\r\nHost: x\r\n"
    . join('', map { "$_: $signed{$_}\r\n" } sort keys %signed)
    . 'Content-Length: ' . length($large) . "\r\n\r\n");
$s->dribble($large, size => 4999, pause => 0.001);
is $s->response->{status}, 200, length($large) . ' bytes in pieces';
is events(), 2;

# one changed byte is seen wherever the pieces end
my $bad = $body =~ s/byte by byte/byte by bytf/r;
$s = $t->socket;
$s->send("POST /api/tavus/webhook HTTP/1.1\r\nHost: x\r\n$signed"
    . 'Content-Length: ' . length($bad) . "\r\n\r\n");
$s->dribble($bad, size => 7, pause => 0.001);
is $s->response->{status}, 401, 'one byte is wrong';

# ---- those that do not come on ---------------------------------------------

my @waiting = map {
    my $w = $t->socket;
    $w->send("POST /api/tavus/webhook HTTP/1.1\r\nHost: x\r\n$signed"
        . "Content-Length: 100000\r\n\r\n{");
    $w;
} 1 .. 200;

my $worst = 0;
for (1 .. 50) {
    my $start = time;
    $_->send('x') for @waiting;
    is $t->get('/')->code, 200 if $_ % 10 == 0;
    my $took = time - $start;
    $worst = $took if $took > $worst;
}
cmp_ok $worst, '<', 0.5, '200 that dribble hold nobody up';
is $t->webhook($body)->code, 200, 'nor another webhook';
$_->close for @waiting;
wait_ok { 200 == (() = $t->access_log =~ m{/webhook HTTP/1\.1" 4(?:00|99) }g) }
    'they are gone';

$s = $t->socket;
$s->send("POST /impatient HTTP/1.1\r\nHost: x\r\n$signed"
    . "Content-Length: 1000\r\n\r\n{");
$s->read_until(qr/(?!)/);
ok $s->eof, 'who is too slow loses the connection';
wait_ok { $t->access_log =~ /POST \/impatient HTTP\/1\.1" 408 / } 'logged';

# and who is gone in the middle leaves nothing behind
my $gone = 200;
for my $how (qw(abort close half_close)) {
    $s = $t->socket;
    $s->send("POST /api/tavus/webhook HTTP/1.1\r\nHost: x\r\n$signed"
        . 'Content-Length: ' . (length($body) + 1) . "\r\n\r\n$body");
    $s->$how;
    $gone++;
    wait_ok {
        $gone == (() = $t->access_log =~ m{/webhook HTTP/1\.1" 4(?:00|99) }g);
    } $how;
    $s->close if $how eq 'half_close';
}
is events(), 2, 'nothing more was stored';

done_testing;
