#!/usr/bin/perl

# Memory does not grow with the number of events.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(measured(), sandbox => 0, log_level => 'warn')->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my ($worker) = $t->workers;

my $load = Tavus::Test::Fault::Load->new($t, clients => 6);
wait_ok { $load->acked > 3000 } 'warm', 30;
my @at = ([$load->acked, rss($worker)]);
for my $n (1 .. 4) {
    wait_ok { $load->acked > 3000 + $n * 4000 } 'more', 30;
    push @at, [$load->acked, rss($worker)];
}
$load->stop;

note join "\n", map { "$_->[0] events: $_->[1] bytes" } @at;
my $slope = ($at[-1][1] - $at[0][1]) / ($at[-1][0] - $at[0][0]);
cmp_ok $slope, '<', 20, 'bytes an event';

done_testing;
