#!/usr/bin/perl

# The address of a service may end with a slash.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, posthog => 'events *;',
    ga4 => 'events *;');
my $box = $t->sandbox;
$t->{http}{tavus_deliver} = [$d->directives(sub ($url) { "$url/" })];
$t->start;
wait_ok { $d->ready } 'the destinations are there';

$d->track('page_view', consent => 'granted');
for my $kind (qw(posthog ga4)) {
    wait_ok { $box->received($kind)->{received} } "$kind has it";
}

done_testing;
