#!/usr/bin/perl

# A client that closes its sending half after a whole request is answered by
# every endpoint, whatever the request waits for; a create alone takes that
# for a page that was closed.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Tls;
use Tavus::Test::Process qw(free_port);
use IO::Socket::SSL;
use Mojo::JSON qw(encode_json);
use Mojo::Util qw(b64_encode);

my $ca = Tavus::Test::Tls->new;
my ($crt, $key) = $ca->cert(name => '127.0.0.1');
my ($tls, $h2) = (free_port(), free_port());

my $t = Tavus::Test->new(
    http => {tavus_store_timeout => '10s'},
    server => "listen 127.0.0.1:$tls ssl; ssl_certificate $crt; "
        . "ssl_certificate_key $key; listen 127.0.0.1:$h2 http2;",
    locations => {'= /healthz' => 'tavus_health; tavus_admin_users '
        . '%%DIR%%/secrets/admin.htpasswd;'},
)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $room = $t->create->json;
my %json = ('Content-Type' => 'application/json');
my %admin = (Authorization => 'Basic '
    . b64_encode('admin:' . $t->admin_password, ''));
my $n = 0;

sub bytes ($method, $path, $body = '', %headers) {
    return "$method $path HTTP/1.1\r\nHost: x\r\n"
        . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers)
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

sub webhook {
    my $body = tavus_event('system.shutdown', 'c-half-' . ++$n);
    return bytes(POST => '/api/tavus/webhook', $body,
        sign_header($t->webhook_secret, $body));
}

my %track = (name => 'x', properties => {session_id => 's'});
my %request = (
    'webhook'         => [\&webhook, 200],
    'forged webhook'  => [sub { bytes(POST => '/api/tavus/webhook', '{}') },
        401],
    'track'           => [sub { bytes(POST => '/api/track',
        encode_json({events => [\%track]}), %json) }, 202],
    'contact'         => [sub { bytes(POST => '/api/contact',
        encode_json({name => 'A B', email => 'a@example.com',
            message => 'A long message.'}), %json) }, 200],
    'end'             => [sub { bytes(POST => '/api/tavus/end-conversation',
        encode_json({map { $_ => $room->{$_} }
            qw(conversation_id end_token)}), %json) }, 200],
    'refused create'  => [sub { bytes(POST =>
        '/api/tavus/create-conversation', '[]', %json) }, 400],
    'admin'           => [sub { bytes(GET => '/api/admin/events', '',
        %admin) }, 200],
    'wrong password'  => [sub { bytes(GET => '/api/admin/events', '',
        Authorization => 'Basic ' . b64_encode('admin:' . rand, '')) }, 401],
    'health'          => [sub { bytes(GET => '/healthz?full', '', %admin) },
        200],
);

sub status ($s) { return ($s->response // {})->{status} // 'no answer' }

for my $name (sort keys %request) {
    my ($make, $status) = $request{$name}->@*;

    # the FIN is there before nginx looks, and while it waits
    my $at_once = $t->socket->send($make->())->half_close;
    is status($at_once), $status, "$name, at once";

    my $s = $t->socket->send($make->());
    $t->settle;
    is status($s->half_close), $status, "$name, then";

    my $two = $t->socket->send($make->() . $make->())->half_close;
    is join(' ', map { status($two) } 1, 2), "$status $status",
        "$name, two in a row";
}

# a stored event may wait for long, and the FIN comes meanwhile
$t->pg->freeze;
my @waiting = map { $t->socket->send(webhook()) } 1 .. 4;
$t->settle;
$_->half_close for @waiting;
$t->settle;
$waiting[0]->abort;
wait_ok { $t->grep_log(qr/client prematurely closed connection/) == 1 }
    'a reset after the FIN is seen';
$t->pg->thaw;
is status($_), 200, 'answered when it is stored' for @waiting[1 .. 3];

# over TLS, with and without close_notify
for my $notify (0, 1) {
    my $s = IO::Socket::SSL->new(PeerAddr => "127.0.0.1:$tls", Timeout => 5,
        SSL_verify_mode => 0) or die IO::Socket::SSL::errstr();
    $t->pg->freeze;
    print $s webhook();
    $t->settle;
    Net::SSLeay::shutdown($s->_get_ssl_object) if $notify;
    shutdown $s, 1;
    $t->settle;
    $t->pg->thaw;
    is substr(join('', <$s> // ()), 0, 12), 'HTTP/1.1 200',
        $notify ? 'TLS' : 'TLS without a close_notify';
}

# A create: the intent is on record, and nothing is asked for or it is ended.
my $calls = sub { scalar $t->sandbox->calls('/v2/') };
my $before = $calls->();
$t->sandbox->fault(kind => 'delay', ms => 2000, times => 1);
my $s = $t->socket->send(bytes(POST => '/api/tavus/create-conversation',
    '{}', %json));
wait_ok { $calls->() > $before } 'Tavus is asked';
$s->half_close;
wait_ok { grep { $_->{path} =~ m{/end\z} }
    ($t->sandbox->calls('/v2/'))[$before .. $calls->() - 1] }
    'a create: ended at Tavus';

# In HTTP/2 a stream is half closed by each request; its reset is an end.
sub frame ($type, $flags, $stream, $payload = '') {
    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}

my $headers = join '', "\x83\x86", map { pack 'C C/a C/a', 0, @$_ }
    [':path', '/api/tavus/create-conversation'], [':authority', 'x'],
    ['content-type', 'application/json'], ['content-length', '2'];
$before = $calls->();
$t->sandbox->fault(kind => 'delay', ms => 2000, times => 1);
$s = Tavus::Test::Socket->new($h2)->send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    . frame(4, 0, 0) . frame(1, 4, 1, $headers) . frame(0, 1, 1, '{}'));
wait_ok { $calls->() > $before } 'HTTP/2: Tavus is asked';
$s->send(frame(3, 0, 1, pack 'N', 8));
wait_ok { grep { $_->{path} =~ m{/end\z} }
    ($t->sandbox->calls('/v2/'))[$before .. $calls->() - 1] }
    'HTTP/2: a stream that is reset: ended at Tavus';
$s->close;

done_testing;
