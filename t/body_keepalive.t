#!/usr/bin/perl

# A connection goes on after an error, unless the rest of a body that nobody
# wants would have to be read for it.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(
    http => {tavus_limit_zone => [
        'all zone=create:64k rate=1r/h capacity=4',
        'all zone=site:64k rate=1r/h capacity=100',
    ]},
    locations => {
        '= /limited' => 'tavus_limit zone=site; '
            . 'tavus_cors_origin https://example.com; tavus_metrics;',
        '/api/' => 'error_page 404 /.problem; return 404;',
    })->start;

my $create = '/api/tavus/create-conversation';

sub request {
    my ($method, $path, $body, @headers) = @_;
    return join "\r\n", "$method $path HTTP/1.1", 'Host: x', @headers,
        'Content-Length: ' . length $body, '', $body;
}

my @refused = (
    [405, request(PUT => $create, '{"a":1}')],
    [403, request(POST => $create, '{"a":1}', 'Origin: https://evil.com')],
    [401, request(POST => '/api/tavus/webhook', '{"a":1}')],
    [401, request(GET => '/api/admin/events', '')],
    [401, request(POST => '/api/admin/events', 'x' x 3000)],
    [404, request(POST => '/api/none', 'x' x 3000)],
    [405, request(POST => '/limited', 'x' x 3000)],
    [403, request(GET => '/limited', 'x' x 10, 'Origin: null')],
    [400, request(POST => '/api/tavus/end-conversation', '{"a"')],
);

# one after the other
my $s = $t->socket;
for (@refused) {
    my ($status, $bytes) = @$_;
    my ($line) = $bytes =~ /^(\S+ \S+)/;
    $s->send($bytes);
    my $res = $s->response;
    is $res->{status}, $status, "$line: $status";
    is $res->{headers}{connection}, 'keep-alive';
}
$s->send(request(GET => '/', ''));
is $s->response->{status}, 200, 'the same connection still serves';

# all at once
$s = $t->socket;
$s->send(join '', map({ $_->[1] } @refused), request(GET => '/', ''));
is_deeply [map { ($s->response // {})->{status} } 1 .. @refused + 1],
    [map({ $_->[0] } @refused), 200], 'in one packet';

# the body comes after the answer
$s = $t->socket;
for (@refused) {
    my ($status, $bytes) = @$_;
    next if $status == 400;
    my ($head, $body) = $bytes =~ /^(.*\r\n\r\n)(.*)/s;
    next if $head =~ m{/webhook};
    $s->send($head);
    my $res = $s->response;
    is $res->{status}, $status, 'before the body';
    $s->send($body);
}
$s->send(request(GET => '/', ''));
is $s->response->{status}, 200, 'which is thrown away';

# the limit, with a body; three tokens went for wrong methods
is $t->create(vertical => 'legal')->code, 200;
$s = $t->socket;
for (1 .. 3) {
    $s->send(request(POST => $create, '{"vertical":"legal"}',
        'Content-Type: application/json'));
    my $res = $s->response;
    is $res->{status}, 429, 'limited';
    is $res->{headers}{connection}, 'keep-alive';
}

# too large a body is cheaper to lose with its connection
for my $n (20_000, 5_000_000) {
    $s = $t->socket;
    $s->send("POST /api/tavus/end-conversation HTTP/1.1\r\nHost: x\r\n"
        . "Content-Length: $n\r\n\r\n");
    my $res = $s->response;
    is $res->{status}, 413, "$n bytes";
    is $res->{headers}{connection}, 'close', 'what is too large';
    $s->close;
}

# nobody is asked for a body that is of no use
$s = $t->socket;
$s->send("PUT $create HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
    . "Content-Length: 5\r\n\r\n");
like $s->read_until(qr/\r\n\r\n/), qr{^HTTP/1\.1 [45]};
$s->close;

done_testing;
