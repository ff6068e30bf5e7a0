#!/usr/bin/perl

# Before a proxy: an upstream's own CORS headers are replaced; its Vary is
# kept.

use lib 't/lib';
use Tavus::Test;

my $E = 'https://example.com';
my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    locations => {
        '= /open' => 'add_header Access-Control-Allow-Origin *; '
            . 'add_header access-control-expose-headers X-Theirs; '
            . 'add_header Vary Accept-Language; return 200 up;',
        '= /origin' => 'add_header Vary "Accept, origin"; return 200 up;',
        '= /star' => 'add_header Vary *; return 200 up;',
        map { ("= /p$_" => "tavus_cors_origin $E; "
            . "proxy_pass http://127.0.0.1:%%PORT%%/$_;") }
            qw(open origin star),
    })->start;

my $h = $t->get('/popen', {Origin => $E})->headers;
is_deeply $h->every_header('Access-Control-Allow-Origin'), [$E], 'replaced';
is scalar @{$h->every_header('Access-Control-Expose-Headers')}, 1;
unlike $h->header('Access-Control-Expose-Headers'), qr/Theirs/;
is_deeply $h->every_header('Vary'), ['Accept-Language, Origin'], 'one line';

$h = $t->get('/porigin', {Origin => $E})->headers;
is_deeply $h->every_header('Vary'), ['Accept, origin'], 'not twice';
$h = $t->get('/pstar', {Origin => $E})->headers;
is_deeply $h->every_header('Vary'), ['*'], 'that is Origin, too';

my $res = $t->get('/popen', {Origin => 'https://evil.com'});
is $res->code, 403, 'a foreign origin';
is $res->headers->access_control_allow_origin, undef,
    'gets nothing of an upstream that lets everybody in';

done_testing;
