#!/usr/bin/perl

# What a reload keeps and what it changes.

use lib 't/lib';
use Tavus::Test;

sub zone { return {tavus_limit_zone => [map {
    "\$arg_key zone=a:$_->[0] rate=1r/h capacity=$_->[1]" } [@_]]} }

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0, workers => 2,
    http => zone('64k', 3),
    locations => {'= /a' => 'tavus_limit zone=a; empty_gif;'})->start;

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

$t->configure(http => zone('128k', 2))->reload(drained => 1);
is codes('one', 3), '200 200 429', 'another size is another table';

# a broken configuration changes nothing
my ($exit) = $t->nginx_t(http => zone('64k', 0));
is $exit, 1;
is codes('one', 1), '429';

done_testing;
