#!/usr/bin/perl

# More keys than a zone can hold: who is limited stays so, new keys share one
# bucket, and the owner can see it.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    log_level => 'crit',
    http => {tavus_limit_zone => [
        '$arg_key zone=small:64k rate=1r/h capacity=3',
        '$arg_key zone=quick:64k rate=1000r/s capacity=100',
    ]},
    http_extra => 'access_log off; keepalive_requests 1000000;',
    locations => {
        '= /a' => 'tavus_limit zone=small; empty_gif;',
        '= /quick' => 'tavus_limit zone=quick; empty_gif;',
        '= /metrics' => 'tavus_metrics;',
    })->start;

sub codes {
    my ($key, $n) = @_;
    return join ' ', map { $t->get("/a?key=$key")->code } 1 .. $n;
}

sub overflow {
    my ($zone) = @_;
    my ($n) = $t->get('/metrics')->body
        =~ /^tavus_limit_overflow_total\{zone="$zone"\} (\d+)/m;
    return $n;
}

# one request of each key, pipelined; how many passed
sub flood {
    my ($path, @keys) = @_;
    my ($s, $passed) = ($t->socket, 0);
    while (my @some = splice @keys, 0, 50) {
        $s->send(join '', map {
            "GET $path?key=$_ HTTP/1.1\r\nHost: x\r\n\r\n" } @some);
        for (@some) {
            my $res = $s->response or die 'no response';
            $passed++ if $res->{status} == 200;
        }
    }
    return $passed;
}

is codes('offender', 4), '200 200 200 429', 'an offender';
is codes('half', 2), '200 200', 'a client with one token left';
is overflow('small'), 0, 'there is room';

# 32 bytes a key at most is the promise
my $slots = flood('/a', map { "flood$_" } 1 .. 2048 - 2);
is $slots, 2046, 'a zone of 64k takes 2,048 keys';
is overflow('small'), 0, 'without any sharing';

my $more = flood('/a', map { "more$_" } 1 .. 10_000);
cmp_ok $more, '<', 2600, 'and of 10,000 more but some';
my $shared = overflow('small');
is $shared, 10_000 - $more + 3, 'the others shared a bucket of three';

is codes('offender', 1), '429', 'the offender bought nothing by that';
is codes('half', 2), '200 429', 'nor lost the other one his token';
is codes('flood1', 3), '200 200 429', 'nor did whoever came before';
is codes('fresh', 1), '429', 'a new key finds the shared bucket spent';
is overflow('small'), $shared + 1, 'which is counted';

# Where buckets fill up quickly, their places are free again.
flood('/quick', map { "k$_" } 1 .. 20_000);
is overflow('quick'), 0, 'full buckets are forgotten first';

done_testing;
