#!/usr/bin/perl

# memcheck

# Who is on the list gets the headers, with errors too; who is not gets 403.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http => {tavus_limit_zone => 'all zone=a:64k rate=1r/h capacity=2'},
    locations => {
        '= /.problem' => 'internal; tavus_problem;',
        '= /a' => 'error_page 403 /.problem; tavus_cors_origin '
            . 'https://example.com https://partner.example:8443; empty_gif;',
        '= /list' => 'tavus_cors_origin https://example.com; '
            . 'tavus_cors_origin http://localhost:3000; empty_gif;',
        '= /limited' => 'tavus_cors_origin https://example.com; '
            . 'tavus_limit zone=a; empty_gif;',
        '/deep/' => 'tavus_cors_origin https://example.com; '
            . 'location = /deep/own { tavus_cors_origin https://own.example; '
            . 'empty_gif; } location = /deep/same { empty_gif; }',
        '= /metrics' => 'tavus_cors_origin https://example.com; tavus_metrics;',
        '= /dead' => 'tavus_cors_origin https://example.com; '
            . 'proxy_pass http://127.0.0.1:1;',
        '= /free' => 'empty_gif;',
    })->start;

my $E = 'https://example.com';

sub from {
    my ($path, $origin, %more) = @_;
    return $t->get($path, {Origin => $origin, %more});
}

sub allowed {
    my ($res, $code, $name) = @_;
    my $h = $res->headers;
    is $res->code, $code, $name;
    is_deeply $h->every_header('Access-Control-Allow-Origin'), [$E], 'echoed';
    is_deeply $h->every_header('Vary'), ['Origin'], 'not for other origins';
    is_deeply $h->every_header('Access-Control-Expose-Headers'),
        ['Retry-After, RateLimit, RateLimit-Policy, X-RateLimit-Limit, '
        . 'X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id'],
        'what a script may read';
    is $h->header('Access-Control-Allow-Credentials'), undef;
}

allowed(from('/a', $E), 200, 'an allowed origin');
is from('/a', 'https://partner.example:8443')->headers
    ->access_control_allow_origin, 'https://partner.example:8443',
    'each is told only of itself';
is from('/list', $_)->code, 200, "$_, of a list in two lines"
    for $E, 'http://localhost:3000';

for my $origin ('null', '', 'https://example.com.evil',
    'https://example.com:443', 'https://example.com:444', 'http://example.com',
    'https://EXAMPLE.com',
    'HTTPS://example.com', 'https://example.com/', 'https://example.co',
    'https://xexample.com', 'https://example.com ,https://example.com',
    'https://evil.com/https://example.com', 'https://example.com@evil.com',
    'https://www.example.com', 'https://example.com.',
    'https://partner.example', 'example.com', '*', 'x' x 4000)
{
    my $name = length $origin > 50 ? 'a long one' : "'$origin'";
    my $res = from('/a', $origin);
    is $res->code, 403, "foreign: $name";
    is $res->json->{code}, 'origin_not_allowed';
    is $res->headers->access_control_allow_origin, undef;
    is $res->headers->vary, 'Origin', 'a cache keeps it apart';
}

# header fields that stand twice
for my $second ($E, 'https://evil.com', 'null', '') {
    my $s = $t->socket;
    $s->send("GET /a HTTP/1.1\r\nHost: x\r\nOrigin: $E\r\n"
        . "Origin: $second\r\n\r\n");
    is $s->response->{status}, 403, "two: '$second'";
}

# no Origin: no browser's script from elsewhere
my $res = $t->get('/a');
is $res->code, 200, 'none';
is $res->headers->access_control_allow_origin, undef;
is $res->headers->vary, 'Origin', 'a cache must know that others may differ';

# a browser that keeps its Origin to itself says at least this
my %cross = ('Sec-Fetch-Site' => 'cross-site');
is $t->get('/a', {%cross})->code, 403, 'cross-site without Origin';
is $t->get('/a', {'Sec-Fetch-Site' => $_})->code, 200, $_
    for qw(same-origin same-site none);
is $t->get('/a', {%cross, 'Sec-Fetch-Mode' => 'navigate'})->code, 200,
    'a link to a page';
is $t->post('/a', '', {%cross, 'Sec-Fetch-Mode' => 'navigate'})->code, 403,
    'a form that is sent from elsewhere';
is $t->get('/metrics', {%cross, 'Sec-Fetch-Mode' => 'navigate'})->code, 403,
    'an endpoint is no page';
is $t->get('/a', {%cross, Origin => $E})->code, 200,
    'an allowed origin is, of course, cross-site';

# errors
allowed(from('/dead', $E), 502, 'an upstream that is down');
is $t->post('/a', 'x', {Origin => $E})->code, 405;
allowed($t->post('/a', 'x', {Origin => $E}), 405, 'a wrong method');
allowed(from('/metrics', $E), 200, 'a location of ours');
allowed($t->put('/metrics', 'x', {Origin => $E}), 405, 'and its errors');
allowed(from('/limited', $E), 200, 'one') for 1 .. 2;
allowed(from('/limited', $E), 429, 'a limit');

# an origin that is refused pays no token, as it gets nothing either
is from('/limited', 'https://evil.com')->code, 403;

allowed(from('/deep/same', $E), 200, 'inherited');
is from('/deep/own', $E)->code, 403, 'or replaced';
is from('/deep/own', 'https://own.example')->code, 200;

$res = from('/free', 'https://evil.com');
is $res->code, 200, 'where nothing is configured nobody asks';
is $res->headers->vary, undef;

is scalar $t->grep_log(qr/\[info\].*request from a foreign origin/),
    scalar $t->grep_log(qr/foreign origin/), 'it is the client that is wrong';

done_testing;
