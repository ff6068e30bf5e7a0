#!/usr/bin/perl

# An event on which a receiver stumbles each time holds up nobody: others flow,
# beside it and behind it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t);
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'the destinations are there';

my %path = (posthog => '/posthog', ga4 => '/ga4', crm => '/hooks/crm');
my %kind = (posthog => 'posthog', ga4 => 'ga4', crm => 'hooks');

$box->fault(path => $_, holds => 'poison', kind => 'status', status => 500)
    for values %path;

# alone at first: as if the destination had failed
$d->track('page_view', consent => 'granted', utm_source => 'poison');
wait_ok { $d->destination($_)->{failures} } "$_: stumbles" for sort keys %path;
my $n = 0;
for my $round (1 .. 3) {
    $d->track('page_view', consent => 'granted', n => 4);
    $n += 4;
    for my $name (sort keys %path) {
        wait_ok { $box->received($kind{$name})->{received} >= $n }
            "$name, $round: others flow";
    }
}

for my $name (sort keys %path) {
    wait_ok { 1 == $d->failed(destination => $name) } "$name: one waits";
    my ($row) = $d->failed(destination => $name);
    is $row->{state}, 'waiting', "$name: alone";
    is $row->{status}, 500;
    my $got = $box->received($kind{$name});
    is $got->{received}, $n;
    is $got->{duplicates}, 0, "$name: the others once";
    is $d->destination($name)->{state}, 'active', "$name: goes on";
}

# it is due, and fails again, and again others flow
$d->hurry($_) for keys %path;
$d->track('page_view', consent => 'granted', n => 4);
for my $name (sort keys %path) {
    wait_ok { $box->received($kind{$name})->{received} >= $n + 4 }
        "$name: beside it, too";
    wait_ok { (map { $_->{tries} } $d->failed(destination => $name))[0] >= 2 }
        "$name: it was tried";
    is $d->destination($name)->{state}, 'active';
}

done_testing;
