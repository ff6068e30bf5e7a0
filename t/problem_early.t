#!/usr/bin/perl

# memcheck

# What nginx itself refuses before it knows a location, or in one of ours, has
# the form of our own errors.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);

my $errors = 'error_page 400 408 413 414 500 502 503 504 /.problem; '
    . 'error_page 494 =431 /.problem;';
my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    server => $errors,
    http_extra => "large_client_header_buffers 2 4k;\n"
        . q{log_format id '$status $request_id'; }
        . 'access_log %%DIR%%/id.log id;',
    locations => {
        '= /.problem' => 'internal; tavus_problem;',
        '/' => 'root %%HTML%%;',
        '/api/' => "$errors error_page 404 /.problem; return 404;",
        '= /small' => 'client_max_body_size 10; tavus_metrics;',
        '= /read' => 'client_max_body_size 10; proxy_pass http://127.0.0.1:1;',
        '= /slow' => 'client_body_timeout 300ms; '
            . 'proxy_pass http://127.0.0.1:1;',
    })->start;

# One answer to these bytes; further headers must hold as well.
sub problem {
    my ($name, $bytes, $status, $code, $title) = @_;
    my $s = $t->socket;
    $s->send($bytes);
    my $res = $s->response;
    $s->close;
    is $res->{status}, $status, $name;
    my $h = $res->{headers};
    is $h->{'content-type'}, 'application/problem+json';
    is $h->{'cache-control'}, 'no-store';
    my $json = eval { decode_json($res->{body}) } // {};
    my $id = delete $json->{request_id};
    like $id, qr/^[0-9a-f]{32}\z/;
    is $id, $h->{'x-request-id'}, 'the same as in the header';
    like delete $json->{detail}, qr/^[A-Z].*\.\z/, 'a sentence';
    is_deeply $json, {type => 'about:blank', title => $title,
        status => $status, code => $code};
    wait_ok {
        grep { /^$status $id$/ } split /\n/,
            Tavus::Test::Process::slurp($t->dir . '/id.log');
    } 'and in the log';
    return $res;
}

my $end = "HTTP/1.1\r\nHost: x\r\n\r\n";
my @bad = (400, 'bad_request', 'Bad Request');

problem('no Host', "GET / HTTP/1.1\r\n\r\n", @bad);
problem('two Hosts', "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", @bad);
problem('no request line', "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    @bad);
problem('a path that leaves', "GET /../../etc/passwd $end", @bad);
problem('no such escape', "GET /%zz $end", @bad);
problem('a zero', "GET /%00 $end", @bad);
problem('a method in small letters', "get / $end", @bad);
problem('a header line of blanks', "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", @bad);
problem('a length that is none',
    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", @bad);
problem('two lengths', "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    . "Content-Length: 2\r\n\r\n", @bad);
problem('a length and chunks', "POST / HTTP/1.1\r\nHost: x\r\n"
    . "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", @bad);
problem('chunks that are none', "POST /read HTTP/1.1\r\nHost: x\r\n"
    . "Transfer-Encoding: chunked\r\n\r\nzz\r\n", @bad);

problem('a long address', 'GET /' . 'a' x 5000 . " $end",
    414, 'uri_too_long', 'URI Too Long');
problem('a long query', 'GET /?' . 'a' x 5000 . " $end",
    414, 'uri_too_long', 'URI Too Long');
my @header = (431, 'headers_too_large', 'Request Header Fields Too Large');
problem('a long header',
    "GET / HTTP/1.1\r\nHost: x\r\nX-Long: " . 'a' x 5000 . "\r\n\r\n", @header);
problem('many headers', "GET / HTTP/1.1\r\nHost: x\r\n" . join('',
    map { "X-$_: " . 'a' x 1000 . "\r\n" } 1 .. 20) . "\r\n", @header);

my @large = (413, 'body_too_large', 'Content Too Large');
for my $path ('/small', '/read', '/none') {
    my $n = $path eq '/none' ? 2_000_000 : 11;
    problem("$path, a body of $n bytes that does not come",
        "POST $path HTTP/1.1\r\nHost: x\r\nContent-Length: $n\r\n\r\n", @large);
}
problem('chunks of too much', "POST /read HTTP/1.1\r\nHost: x\r\n"
    . "Transfer-Encoding: chunked\r\n\r\nb\r\nabcdefghijk\r\n0\r\n\r\n",
    @large);
my $res = problem('one that asks first', "POST /small HTTP/1.1\r\nHost: x\r\n"
    . "Content-Length: 11\r\nExpect: 100-continue\r\n\r\n", @large);

problem('nothing there', "GET /api/none $end",
    404, 'not_found', 'Not Found');
problem('nothing there for a POST',
    "POST /api/none HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
    404, 'not_found', 'Not Found');
problem('no upstream', "GET /read $end",
    502, 'upstream_error', 'Bad Gateway');
problem('a wrong method', "PUT /small $end",
    405, 'method_not_allowed', 'Method Not Allowed');

is $t->get('/none')->code, 404, 'where no error_page is';
like $t->get('/none')->headers->content_type, qr{^text/html}, "nginx's own";

# A client that is too slow gets no answer at all, which is nginx's way, but
# the log has it.
my $s = $t->socket;
$s->send("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
is $s->read_until(qr/(?!)/), '', 'too slow a body';
ok $s->eof, 'the connection is closed';
wait_ok {
    Tavus::Test::Process::slurp($t->dir . '/id.log') =~ /^408 [0-9a-f]{32}$/m;
} 'logged as 408';

done_testing;
