#!/usr/bin/perl

# A browser that asks first is answered here, and it costs nothing.

use lib 't/lib';
use Tavus::Test;

my $E = 'https://example.com';
my $t = Tavus::Test->new(
    http => {tavus_limit_zone => [
        'all zone=create:64k rate=1r/h capacity=2',
        'all zone=site:64k rate=1r/h capacity=2',
    ]},
    locations => {
        '= /a' => "tavus_cors_origin $E; tavus_limit zone=create; empty_gif;",
        '= /health' => "tavus_cors_origin $E; tavus_health;",
    })->start;

my $own = 'http://127.0.0.1:' . $t->port;

sub preflight {
    my ($path, $origin, %more) = @_;
    return $t->options($path, undef, {Origin => $origin,
        'Access-Control-Request-Method' => 'POST',
        'Access-Control-Request-Headers' => 'content-type', %more});
}

for my $case (['/a', $E, 'GET, HEAD, POST'],
    ['/api/tavus/create-conversation', $own, 'POST'],
    ['/api/tavus/end-conversation', $own, 'POST'],
    ['/health', $E, 'GET, HEAD'])
{
    my ($path, $origin, $methods) = @$case;
    for (1 .. 5) {
        my $res = preflight($path, $origin);
        my $h = $res->headers;
        is $res->code, 204, $path;
        is $res->body, '';
        is $h->access_control_allow_origin, $origin;
        is $h->header('Access-Control-Allow-Methods'), $methods;
        is $h->header('Access-Control-Allow-Headers'), 'Content-Type';
        is $h->header('Access-Control-Max-Age'), 7200;
        is $h->vary, 'Origin';
        is $h->header('RateLimit'), undef, 'no limit was asked';
        like $h->header('X-Request-Id'), qr/^[0-9a-f]{32}\z/;
    }

    for my $foreign ('https://evil.com', 'null', "$origin.evil") {
        my $res = preflight($path, $foreign);
        is $res->code, 403, "$path, $foreign";
        is $res->headers->header($_), undef, $_
            for map { "Access-Control-Allow-$_" } qw(Origin Methods Headers);
    }
}

my $res = $t->get('/a', {Origin => $E});
is $res->code, 200;
is $res->headers->header('X-RateLimit-Remaining'), 1, 'the first token';

# on one connection, with a body that nobody wants
my $s = $t->socket;
my $ask = "OPTIONS /a HTTP/1.1\r\nHost: x\r\nOrigin: $E\r\n"
    . "Access-Control-Request-Method: POST\r\n";
$s->send("${ask}Content-Length: 4\r\n\r\nbody", "$ask\r\n");
is $s->response->{status}, 204, 'a body';
is $s->response->{status}, 204, 'and the next one';

# OPTIONS alone is a request like any other
is $t->options('/a', undef, {Origin => $E})->code, 405;
is $t->options('/api/tavus/create-conversation')->code, 429, 'it costs a token';
is $t->options('/api/tavus/end-conversation')->code, 405;
is preflight('/', $E)->code, 405, 'not where no origins are';

done_testing;
