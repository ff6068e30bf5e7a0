#!/usr/bin/perl

# Before a proxy: an upstream's own headers on limits are replaced, not
# doubled, and it hears nothing of what is refused.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http => {tavus_limit_zone => [
        'all zone=a:64k rate=1r/h capacity=3',
        'all zone=dry:64k rate=1r/h capacity=1',
    ]},
    locations => {
        '/up' => join(' ', map { "add_header $_ always;" }
            q('RateLimit' '"up";r=77;t=1'), q('ratelimit' '"low";r=78;t=1'),
            q('RateLimit-Policy' '"up";q=99;w=1'),
            q('X-RateLimit-Limit' 99), q('x-ratelimit-remaining' 77),
            q('X-RATELIMIT-RESET' 1), q('Retry-After' 55), q('X-Other' kept))
            . ' return 503 "$uri\n";',
        '= /proxy' => 'tavus_limit zone=a; proxy_pass %%UP%%/up;',
        '= /dry' => 'tavus_limit zone=dry dry_run; proxy_pass %%UP%%/up;',
        '= /page' => 'tavus_limit zone=a; error_page 429 = @page; empty_gif;',
        '@page' => 'proxy_pass %%UP%%;',
    });
s/%%UP%%/http:\/\/127.0.0.1:%%PORT%%/ for values $t->{locations}->%*;
$t->{locations}{'@page'} =~ s/proxy_pass/rewrite ^ \/up break; proxy_pass/;
$t->start;

my @names = qw(RateLimit RateLimit-Policy X-RateLimit-Limit
    X-RateLimit-Remaining X-RateLimit-Reset);

my $res = $t->get('/proxy');
is $res->code, 503;
is $res->body, "/up\n", "the upstream's answer";
is scalar @{$res->headers->every_header($_)}, 1, "$_ once" for @names;
like $res->headers->header('RateLimit'), qr/^"a";r=2;/;
is $res->headers->header('RateLimit-Policy'), '"a";q=3;w=10800';
is $res->headers->header('X-RateLimit-Limit'), 3;
is $res->headers->header('X-RateLimit-Remaining'), 2;
cmp_ok $res->headers->header('X-RateLimit-Reset'), '>', time;
is $res->headers->header('Retry-After'), 55,
    'when to come again is for the upstream to say, if it refuses';
is $res->headers->header('X-Other'), 'kept';

$res = $t->get('/dry');
is $res->headers->header('X-RateLimit-Limit'), 99,
    'a limit that is not told of leaves them alone';
is scalar @{$res->headers->every_header('RateLimit')}, 2;

$t->get('/proxy') for 1 .. 2;
$res = $t->get('/proxy');
is $res->code, 429;
is $res->headers->header('X-Other'), undef, 'the upstream was not asked';

$res = $t->get('/page');
is $res->headers->header('X-Other'), 'kept',
    'an upstream that makes the page for it';
is scalar @{$res->headers->every_header($_)}, 1, "$_ once"
    for @names, 'Retry-After';
cmp_ok $res->headers->header('Retry-After'), '>', 3000,
    'does not say when either';
like $res->headers->header('RateLimit'), qr/^"a";r=0;/;

done_testing;
