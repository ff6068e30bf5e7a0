#!/usr/bin/perl

# Buckets that count the bytes of bodies: by Content-Length before anything is
# read, by what was read where that is not known, never one too many.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json);

my $t = Tavus::Test->new(sandbox => 0, workers => 4,
    http => {tavus_limit_zone => [
        'all zone=site:64k rate=1r/h capacity=50',
        map { my ($name, $size) = split /=/;
            "all zone=$name:64k rate=1k/h capacity=$size" }
            qw(track=8k chunks=8k file=8k big=8k both=8k dry=1k race=40k)
    ]},
    locations => {
        '= /api/tavus/create-conversation' => undef,
        '= /api/track' => 'tavus_limit zone=track; tavus_track;',
        '= /chunks' => 'tavus_limit zone=chunks; tavus_track;',
        '= /file' => 'root %%HTML%%; tavus_limit zone=file; '
            . 'error_page 405 =200 /index.html;',
        '= /big' => 'tavus_limit zone=big; tavus_track;',
        '= /both' => 'tavus_limit zone=site; tavus_limit zone=both; '
            . 'tavus_track;',
        '= /dry' => 'tavus_limit zone=dry dry_run; tavus_track;',
        '= /race' => 'tavus_limit zone=race; tavus_track;',
    })->start;
$t->file('file', 'x');
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

# a good request of so many bytes
sub events ($n) {
    my $json = encode_json({events => [{name => 'x',
        properties => {session_id => 's'}}]});
    return $json . ' ' x ($n - length $json);
}

sub chunked ($path, $n) {
    my $s = $t->socket->send("POST $path HTTP/1.1\r\nHost: x\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n");
    return $s->chunked(unpack '(a1000)*', events($n))->response;
}

sub stored { return $t->db->selectrow_array('SELECT count(*) FROM tavus.events') }

my @all = map { $t->post('/api/track', events(4096)) } 1 .. 3;
is join(' ', map { $_->code } @all), '202 202 429', 'twice 4 KiB of 8';
is $all[1]->headers->header('X-RateLimit-Remaining'), 0;
is $all[0]->headers->header('X-RateLimit-Remaining'), 4096;
is $all[0]->headers->header('X-RateLimit-Limit'), 8192;
is $all[0]->headers->header('RateLimit-Policy'),
    '"track";q=8192;qu="content-bytes";w=28800', 'in bytes';
is $all[0]->headers->header('RateLimit'), '"track";r=4096;t=14400';
is $all[2]->json->{code}, 'rate_limited';
cmp_ok $all[2]->headers->header('Retry-After'), '>', 4 * 3600 - 60,
    'until there is room for all of it';
is $t->post('/api/track', '{}')->code, 429, 'a small one costs a KiB';
is $t->get('/api/track')->code, 405, 'and none nothing';

is join(' ', map { chunked('/chunks', 4096)->{status} } 1 .. 3),
    '202 202 429', 'of unknown length: when it is read';
is chunked('/chunks', 200)->{status}, 429;
is stored(), 4, 'what is refused is not stored';

is $t->post('/file', 'x' x 8000)->code, 200, 'a location of another kind';
is $t->post('/file', 'x')->code, 429;
is chunked('/file', 200)->{status}, 411, 'where nobody reads: a length, please';

is $t->post('/big', events(9000))->code, 202,
    'more than the bucket holds takes all';
is $t->post('/big', events(100))->code, 429;

is join(' ', map { $t->post('/both', events(3000))->code } 1 .. 4),
    '202 202 429 429', 'beside a bucket of requests';
is $t->get('/both')->headers->header('X-RateLimit-Remaining'), 47,
    'which pays nothing for what the other refuses';

is join(' ', map { $t->post('/dry', events(1024))->code } 1 .. 3),
    '202 202 202', 'dry_run';
is chunked('/dry', 1024)->{status}, 202;

# over workers, both ways at once: 40 KiB in pieces of one
my @sockets = map { my $n = $_; map { $n % 2
    ? $t->socket->send("POST /race HTTP/1.1\r\nHost: x\r\n"
        . "Content-Length: 1000\r\n\r\n" . events(1000))
    : $t->socket->send("POST /race HTTP/1.1\r\nHost: x\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n")->chunked(events(1000))
    } 1 .. 10 } 1 .. 10;
my %code;
$code{$_->response->{status}}++ for @sockets;
is_deeply \%code, {202 => 40, 429 => 60}, 'not one too many';

done_testing;
