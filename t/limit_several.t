#!/usr/bin/perl

# memcheck

# Several limits in one place: denied if any is spent, and then none is
# charged; the answer tells of the tightest.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http => {tavus_limit_zone => [
        '$arg_a zone=a:64k rate=1r/h capacity=3',
        '$arg_b zone=b:64k rate=2r/h capacity=2',
        'all zone=c:64k rate=1r/h capacity=100',
    ]},
    locations => {
        '= /a' => 'tavus_limit zone=a; empty_gif;',
        '= /ab' => 'tavus_limit zone=a; tavus_limit zone=b; empty_gif;',
        # the order in which they are written is of no account
        '= /cba' => 'tavus_limit zone=c; tavus_limit zone=b; '
            . 'tavus_limit zone=a; empty_gif;',
    })->start;

sub limit {
    my ($path) = @_;
    my $res = $t->get($path);
    return $res->code . ' ' . $res->headers->header('RateLimit') =~ s/;t=.*//r;
}

is limit('/ab?a=1&b=1'), '200 "b";r=1', 'b has fewer left';
is limit('/ab?a=1&b=1'), '200 "b";r=0';
my $res = $t->get('/ab?a=1&b=1');
is $res->code, 429, 'b is spent';
like $res->headers->header('RateLimit'), qr/^"b";r=0;/;
is $res->headers->header('RateLimit-Policy'), '"b";q=2;w=3600';
is $res->headers->header('X-RateLimit-Limit'), 2;
my $retry = $res->headers->header('Retry-After');
ok $retry > 1700 && $retry <= 1800, "as long as b takes: $retry";

limit('/ab?a=1&b=1') for 1 .. 5;
is limit('/a?a=1'), '200 "a";r=0', 'and a was not charged by any of them';
is limit('/a?a=1'), '429 "a";r=0';

is limit('/ab?a=1&b=2'), '429 "a";r=0', 'a is spent';
is limit('/ab?a=2&b=2'), '200 "b";r=1', 'and b was not charged';

$res = $t->get('/ab?a=1&b=1');
is $res->code, 429, 'both are spent';
is $res->headers->header('RateLimit-Policy'), '"a";q=3;w=10800',
    'the one that takes longer';
ok $res->headers->header('Retry-After') > 3500;

is limit('/cba?a=3&b=3'), '200 "b";r=1', 'three';
limit('/cba?a=3&b=3') for 1 .. 5;
is limit('/ab?a=3&b=4'), '200 "a";r=0', 'a was charged twice of six';
is limit('/cba?a=1&b=5'), '429 "a";r=0', 'a is spent';
is limit('/cba?a=4&b=5'), '200 "b";r=1', 'whatever stands before it';

done_testing;
