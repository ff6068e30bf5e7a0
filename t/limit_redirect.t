#!/usr/bin/perl

# Once per request, however many internal redirects it takes to answer, and
# with the headers on whatever comes out.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http => {tavus_limit_zone => [
        '$arg_key zone=a:64k rate=1r/h capacity=4',
        '$arg_key zone=b:64k rate=1r/h capacity=2',
        '$arg_key zone=c:64k rate=1r/h capacity=1',
    ]},
    server => "tavus_limit zone=a; root %%HTML%%; index index.html;\n"
        . 'error_page 404 /404.html; error_page 418 = @named;',
    locations => {
        '/' => '',
        '= /404.html' => 'internal;',
        '= /tried' => 'try_files /none /nor-this /index.html;',
        '= /named' => 'try_files /none @named;',
        '@named' => 'empty_gif;',
        '= /rewritten' => 'rewrite ^ /index.html last;',
        '= /missing' => 'error_page 404 = /other; try_files /none =404;',
        '= /other' => 'tavus_limit zone=b; empty_gif;',
        '= /down' => 'error_page 502 /index.html; '
            . 'proxy_pass http://127.0.0.1:1;',
        '= /denied' => 'deny all;',
        '= /refused' => 'tavus_limit zone=b; error_page 429 /index.html; '
            . 'empty_gif;',
        '= /limited-page' => 'tavus_limit zone=b; error_page 429 /404.html; '
            . 'empty_gif;',
        '= /to-endpoint' => 'try_files /none /endpoint$is_args$args;',
        '= /endpoint' => 'tavus_limit zone=b; tavus_metrics;',
        '= /twice' => 'tavus_limit zone=b; try_files /none /endpoint$is_args$args;',
        '= /through-three' => 'error_page 418 = @middle; return 418;',
        '@middle' => 'tavus_limit zone=b; try_files /none @last;',
        '@last' => 'tavus_limit zone=a; tavus_limit zone=b; tavus_metrics;',
        '= /dry' => 'tavus_limit zone=c dry_run; try_files /none @dry;',
        '@dry' => 'tavus_limit zone=c; tavus_metrics;',
        '= /parts' => 'tavus_limit zone=b; ssi on; ssi_types text/plain; '
            . 'try_files /parts.txt =404;',
    });
$t->file('404.html', "not here\n");
$t->file('parts.txt', join '', map {
    '<!--# include virtual="/other?key=parts" -->' } 1 .. 5);
$t->start;

my $i = 0;

sub left {
    my ($path, $key) = (@_, 'key' . $i++);
    my $res = $t->get("$path?key=$key");
    return $res->code . ' ' . ($res->headers->header('RateLimit') // '-')
        =~ s/;t=.*//r;
}

is left('/index.html'), '200 "a";r=3', 'a file';
is left('/'), '200 "a";r=3', "a folder's index";
is left('/no-such-file'), '404 "a";r=3', 'a page for an error';
is left('/tried'), '200 "a";r=3', 'try_files';
is left('/named'), '200 "a";r=3', 'a named location';
is left('/rewritten'), '200 "a";r=3', 'a rewrite';
is left('/down'), '502 "a";r=3', 'an upstream that is down';
is left('/denied'), '403 "a";r=3', 'a refusal by another module';

# the first location that a request comes to decides
is left('/missing'), '200 "a";r=3', 'not that of the redirect';

is left('/refused', 'x'), '200 "b";r=1';
is left('/refused', 'x'), '200 "b";r=0';
is left('/refused', 'x'), '429 "b";r=0', 'a refusal with a page';
my $res = $t->get('/limited-page?key=x');
is $res->code, 429;
is $res->body, "not here\n", 'of its own';
ok $res->headers->header('Retry-After') > 3000;
is scalar @{$res->headers->every_header($_)}, 1, "$_ once"
    for qw(Retry-After RateLimit RateLimit-Policy X-RateLimit-Limit);

# what stands at an endpoint counts on any way there, and once
is left('/to-endpoint'), '200 "b";r=1', 'an endpoint: the tightest of two';
is left('/to-endpoint', 'e'), '200 "b";r=1';
is left('/index.html', 'e'), '200 "a";r=2', 'both were charged';
is left('/twice', 't'), '200 "b";r=1', 'on the way through two';
is left('/endpoint', 't'), '200 "b";r=0', 'a bucket is charged once';
is left('/twice', 't'), '429 "b";r=0', 'and the next is refused';
is left('/through-three', 'u'), '200 "b";r=1', 'three locations';
is left('/index.html', 'u'), '200 "a";r=2', 'the first was charged once, too';
is left('/dry', 'd'), '200 -', 'a bucket that was only watched';
is left('/dry', 'd'), '429 "c";r=0', 'is meant at the endpoint';

$res = $t->get('/parts?key=parts');
is length $res->body, 5 * 43, 'five subrequests';
like $res->headers->header('RateLimit'), qr/^"b";r=1;/, 'cost nothing';
like $t->get('/other?key=parts')->headers->header('RateLimit'), qr/^"b";r=0;/;

# a file that a client has already
my $etag = $t->get('/index.html?key=cache')->headers->etag;
$res = $t->get('/index.html?key=cache', {'If-None-Match' => $etag});
is $res->code, 304;
like $res->headers->header('RateLimit'), qr/^"a";r=2;/, 'counts as well';
$res = $t->get('/index.html?key=cache', {Range => 'bytes=1000-'});
is $res->code, 416;
is scalar @{$res->headers->every_header('RateLimit')}, 1,
    'a header that is made twice';
$res = $t->get('/index.html?key=cache', {'If-Match' => '"x"'});
is $res->code, 412;
is scalar @{$res->headers->every_header('RateLimit')}, 1;

done_testing;
