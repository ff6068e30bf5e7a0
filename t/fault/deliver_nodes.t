#!/usr/bin/perl

# Two nodes on one database: both claim, and each event goes once.  One of them
# dies in the middle: what it had goes when its lease is over.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Sandbox;

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my @nodes = map { Tavus::Test::Node->new($_, $pg, $box,
    locations => {'= /metrics' => 'tavus_metrics;'}) } qw(a b);
my @d = map { Tavus::Test::Deliver->new($_->t) } @nodes;
$_->t->start for @nodes;
wait_ok { $_->ready } 'ready' for @d;

my $n = 0;
sub track ($times) {
    for (1 .. $times) {
        $_->track('page_view', consent => 'granted', n => 20) for @d;
        $n += 40;
    }
    return;
}
# what a node has sent, as it counts it
my $sent = sub ($d) { my ($m) = $d->{t}->get('/metrics')->body
    =~ /^tavus_deliveries_total\{[^}]*posthog[^}]*delivered[^}]*\} (\d+)/m;
    $m // 0 };

$box->fault(path => $_, kind => 'delay', ms => 50) for qw(/posthog /ga4 /hooks);
wait_ok { track(1); !grep { !$sent->($_) } @d } 'both nodes send';
wait_ok { $d[0]->idle } 'all is told of', 60;
for (qw(posthog ga4 hooks)) {
    is $box->received($_)->{unique}, $n, "$_: all $n";
    is $box->received($_)->{duplicates}, 0, "$_: each once";
}
is $sent->($d[0]) + $sent->($d[1]), $n, 'all of it';

$box->no_faults;
$box->fault(path => $_, kind => 'delay', ms => 3000, times => 3)
    for qw(/posthog /ga4 /hooks);
$box->forget;
track(1);
wait_ok { 3 == grep { $box->calls($_) } qw(/posthog /ga4 /hooks) }
    'something is under way';
$nodes[0]->t->allow_alerts(qr/./);
$nodes[0]->t->crash;
$d[1]->track('page_view', consent => 'granted', n => 20);
$n += 20;
wait_ok { wait_for { $d[1]->idle } 5 or do { $d[1]->lease_over; 0 } }
    'one dies, and all is told of', 60;
is $box->received($_)->{unique}, $n, "$_: all $n" for qw(posthog ga4 hooks);
is $d[1]->destination($_)->{delivered}, $n, "$_: each counts once"
    for qw(posthog ga4 crm);
is scalar $d[1]->failed, 0, 'nothing has failed';

done_testing;
