#!/usr/bin/perl

# A destination that fails and is well again: all of it arrives, and once where
# no answer was lost; a Retry-After of 503 counts.

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

$box->fault(path => $path{$_}, kind => 'status', status => 500,
    times => $_ eq 'posthog' ? 2 : 10) for keys %path;
$d->track('page_view', consent => 'granted', n => 10);

for my $name (sort keys %path) {
    wait_ok { $box->received($kind{$name})->{received} >= 10 } "$name: all came";
    wait_ok { $d->idle($name) } "$name: all is told";
    my $got = $box->received($kind{$name});
    is $got->{received}, 10, "$name: each";
    is $got->{duplicates}, 0, "$name: once";

    my $shown = $d->destination($name);
    is $shown->{failures}, 0;
    like $shown->{said}, qr/^500 /, "$name: what it said";
    is $shown->{reason}, undef, "$name: which is over";
    is $shown->{waiting} + $shown->{dead}, 0, "$name: none failed by itself";
    is scalar(() = $t->grep_log(qr/"$name" takes nothing/)), 1,
        "$name: said once";
}

$box->forget;
$box->fault(path => '/posthog', kind => 'status', status => 503, times => 1,
    headers => {'Retry-After' => 2});
$d->track('page_view', consent => 'granted');
wait_ok { $box->received('posthog')->{received} >= 11 } '503: it came';
my ($first, $next) = $box->calls('/posthog');
cmp_ok $next->{time} - $first->{time}, '>=', 1.95, 'not before';

done_testing;
