#!/usr/bin/perl

# What a reload keeps and what it changes.

use lib 't/lib';
use Tavus::Test;

sub zone { return {tavus_limit_zone => [map {
    "\$arg_key zone=a:$_->[0] rate=1r/h capacity=$_->[1]" } [@_]]} }

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0, workers => 2,
    http => zone('64k', 3),
    locations => {'= /a' => 'tavus_limit zone=a; empty_gif;',
        '= /metrics' => 'tavus_metrics;'})->start;

sub codes {
    my ($key, $n) = @_;
    return join ' ', map { $t->get("/a?key=$key")->code } 1 .. $n;
}

is codes('one', 4), '200 200 200 429', 'spent';
is codes('two', 1), '200', 'one of three';

$t->reload(drained => 1);
is codes('one', 1), '429', 'the same configuration: still spent';
is codes('two', 3), '200 200 429', 'two of three are left';

$t->configure(http => zone('64k', 5))->reload(drained => 1);
is codes('one', 3), '200 200 429', 'two more with a capacity of five';
is $t->get('/a?key=x')->headers->header('X-RateLimit-Limit'), 5;

$t->configure(http => zone('64k', 2))->reload(drained => 1);
is codes('two', 1), '429', 'fewer with a capacity of two';
is codes('new', 3), '200 200 429';

# another size: what is spent stays spent, what was counted stays counted
my $passed = sub {
    $t->get('/metrics')->body
        =~ /^tavus_limit_requests_total\{zone="a",result="passed"\} (\d+)/m;
    return $1;
};
my $before = $passed->();
for my $size ('128k', '32k', '64k') {
    $t->configure(http => zone($size, 2))->reload(drained => 1);
    is codes('one', 1), '429', "spent in a zone of $size";
    is codes("key-$size", 3), '200 200 429';
    $before += 2;
    is $passed->(), $before, 'and counted';
}

# another key or mask: no value of it meets the bucket of another meaning
my $other = sub ($key, $more = '') {
    $t->configure(http => {tavus_limit_zone =>
        ["$key zone=a:64k rate=1r/h capacity=2 $more"]})
        ->reload(drained => 1);
    return join ' ', map { $t->get('/a?key=one&other=one')->code } 1 .. 3;
};
is $other->('$arg_other'), '200 200 429', 'another key with the same value';
is $other->('$arg_key'), '429 429 429', 'the former one';
is $other->('$binary_remote_addr'), '200 200 429', 'addresses';
is $other->('$binary_remote_addr', 'v4=31'), '200 200 429',
    'another mask';
is $other->('$binary_remote_addr', 'v6=64 v4=32'), '429 429 429',
    'the same mask';
$t->configure(http => zone('64k', 2))->reload(drained => 1);

# a broken configuration changes nothing
my ($exit) = $t->nginx_t(http => zone('64k', 0));
is $exit, 1;
is codes('one', 1), '429';

done_testing;
