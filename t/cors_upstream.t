#!/usr/bin/perl

# Before a proxy: of an upstream's own CORS headers none is passed on, whoever
# asks; its Vary is kept.

use lib 't/lib';
use Tavus::Test;

my $E = 'https://example.com';
my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    locations => {
        '= /open' => 'add_header Access-Control-Allow-Origin *; '
            . 'add_header access-control-expose-headers X-Theirs; '
            . 'add_header ACCESS-CONTROL-ALLOW-CREDENTIALS true; '
            . 'add_header Access-Control-Allow-Methods PUT; '
            . 'add_header Access-Control-Allow-Headers *; '
            . 'add_header Access-Control-Max-Age 86400; '
            . 'add_header Access-Control-Allow-Private-Network true; '
            . 'add_header X-Access-Control-Other kept; '
            . 'add_header Vary Accept-Language; return 200 up;',
        '= /origin' => 'add_header Vary "Accept, origin"; return 200 up;',
        '= /star' => 'add_header Vary *; return 200 up;',
        '= /page' => "tavus_cors_origin $E; error_page 403 = \@page; "
            . 'empty_gif;',
        '@page' => 'rewrite ^ /open break; '
            . 'proxy_pass http://127.0.0.1:%%PORT%%;',
        '= /plain' => 'proxy_pass http://127.0.0.1:%%PORT%%/open;',
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

# what of who may read it is said, and to whom
sub said ($res) {
    return join ', ', sort map { lc } grep { /^access-control/i }
        $res->headers->names->@*;
}
my $ours = 'access-control-allow-origin, access-control-expose-headers';
is said($t->get('/plain')) =~ tr/,//, 6, 'an upstream says much';
is said($t->get('/popen', {Origin => $E})), $ours, 'ours, and no more';
for my $case (['no origin', {}], ['same origin', {'Sec-Fetch-Site' =>
    'same-origin'}], ['a navigation', {'Sec-Fetch-Site' => 'cross-site',
    'Sec-Fetch-Mode' => 'navigate'}])
{
    my $res = $t->get('/popen', $case->[1]);
    is_deeply [$res->code, $res->body, said($res)], [200, 'up', ''],
        "$case->[0]: none";
    is $res->headers->header('X-Access-Control-Other'), 'kept';
    is $res->headers->vary, 'Accept-Language, Origin';
}
is said($t->options('/popen')), '', 'nor to OPTIONS without an origin';
is said($t->options('/popen', undef, {Origin => $E})), $ours,
    'nor more of it to one with';
is said($t->get('/page', {Origin => 'https://evil.com'})), '',
    'a foreign origin whose page an upstream makes';

my $res = $t->get('/popen', {Origin => 'https://evil.com'});
is $res->code, 403, 'a foreign origin';
is $res->headers->access_control_allow_origin, undef,
    'gets nothing of an upstream that lets everybody in';

done_testing;
