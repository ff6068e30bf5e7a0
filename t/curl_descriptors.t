#!/usr/bin/perl

# Two hundred creates leave no descriptor, no thread and no memory behind.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(measured())->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my ($worker) = $t->workers;
my $bytes = post_bytes('/api/tavus/create-conversation', '{}');

my $round = sub {
    my @sockets = map { $t->socket->send($bytes) } 1 .. 20;
    my %status = answers(@sockets);
    return $status{200};
};

# until what is kept is kept: an allocator takes its time
is $round->(), 20 for 1 .. 20;
is $t->create->code, 200;
my ($files, $tasks, $memory) = (open_files($worker), tasks($worker),
    rss($worker));

is $round->(), 20 for 1 .. 10;
# a kept connection more or less
wait_ok { open_files($worker) <= $files + 2 } 'descriptors'
    or diag open_files($worker) . " after $files";
is tasks($worker), $tasks, 'threads';
cmp_ok rss($worker) - $memory, '<', 1024 * 1024, 'memory';

done_testing;
