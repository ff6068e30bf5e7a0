#!/usr/bin/perl

# A bucket of five, filled at five a minute: what passes, what does not, and
# what both are told.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http => {tavus_limit_zone => [
        'all zone=five:64k rate=5r/m capacity=5',
        'all zone=fast:64k rate=2r/s capacity=1',
        '$arg_key zone=keys:64k rate=1r/h capacity=1',
    ]},
    locations => {
        '= /.problem' => 'internal; tavus_problem;',
        '= /five' => 'error_page 429 /.problem; tavus_limit zone=five; '
            . 'empty_gif;',
        '= /plain' => 'tavus_limit zone=five; empty_gif;',
        '= /health' => 'tavus_limit zone=five; tavus_health;',
        '= /fast' => 'tavus_limit zone=fast; empty_gif;',
        '= /key' => 'tavus_limit zone=keys; empty_gif;',
        '= /return' => 'tavus_limit zone=five; return 200 "r\n";',
    })->start;

# the moment at which the bucket is full again
sub reset_is_near {
    my ($res, $seconds) = @_;
    my $reset = $res->headers->header('X-RateLimit-Reset');
    return abs($reset - time - $seconds) <= 2;
}

for my $left (reverse 0 .. 4) {
    my $res = $t->get('/five');
    my $h = $res->headers;
    my $reset = 12 * (5 - $left);
    is $res->code, 200, "one of five, $left left";
    is $h->header('RateLimit-Policy'), '"five";q=5;w=60';
    like $h->header('RateLimit'), qr/^"five";r=$left;t=\d+\z/;
    my ($at) = $h->header('RateLimit') =~ /t=(\d+)/;
    ok $at <= $reset && $at > $reset - 8, "full in $at s";
    is $h->header('X-RateLimit-Limit'), 5;
    is $h->header('X-RateLimit-Remaining'), $left;
    ok reset_is_near($res, $at), 'a time of day for the older clients';
    is $h->header('Retry-After'), undef, 'nothing to wait for';
}

my $res = $t->get('/five');
my $h = $res->headers;
is $res->code, 429, 'the sixth';
is $h->content_type, 'application/problem+json';
my $retry = $h->header('Retry-After');
ok $retry >= 5 && $retry <= 12, "again in $retry s";
is $h->header('RateLimit-Policy'), '"five";q=5;w=60';
like $h->header('RateLimit'), qr/^"five";r=0;t=\d+\z/;
is $h->header('X-RateLimit-Limit'), 5;
is $h->header('X-RateLimit-Remaining'), 0;
is_deeply $res->json, {
    type => 'about:blank', title => 'Too Many Requests', status => 429,
    detail => 'Too many requests, please try again later.',
    code => 'rate_limited', retry_after => $retry, reason => 'shared',
    request_id => $h->header('X-Request-Id'),
};
like $h->header('X-Request-Id'), qr/^[0-9a-f]{32}\z/;
is scalar @{$h->every_header($_)}, 1, "$_ once"
    for qw(Retry-After RateLimit RateLimit-Policy X-RateLimit-Limit
        X-RateLimit-Remaining X-RateLimit-Reset);

$res = $t->get('/plain');
is $res->code, 429, 'without an error_page';
like $res->headers->content_type, qr{^text/html}, "nginx's own page";
ok $res->headers->header('Retry-After') >= 5, 'with the headers';

$res = $t->get('/health');
is $res->code, 429, 'a location of ours';
is $res->json->{code}, 'rate_limited', 'needs no error_page';

is $t->get('/return')->code, 200,
    'return answers before limits are asked, as the documentation says';

# a token comes back in its time, and only one
is $t->get('/fast')->code, 200;
my $denied = $t->get('/fast');
if ($denied->code == 429) {
    is $denied->headers->header('Retry-After'), 1, 'half a second, rounded up';
}
my %codes;
wait_ok { ++$codes{$t->get('/fast')->code} && $codes{200} } 'filled again', 5;

# an empty key is a key like any other
is $t->get('/key?key=a')->code, 200;
is $t->get('/key')->code, 200, 'none';
is $t->get('/key?key=')->code, 429, 'and an empty one share a bucket';
is $t->get('/key?key=b')->code, 200, 'others have their own';
is $t->get('/key?key=A')->code, 200, 'to the letter';
is $t->get('/key?key=a')->code, 429;

done_testing;
