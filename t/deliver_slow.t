#!/usr/bin/perl

# 429 with Retry-After: not one request before, though others are under way,
# answered well and stored meanwhile; nothing is lost, and nothing comes twice.

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
my $AFTER = 2;

$box->fault(path => $path{$_}, kind => 'status', status => 429, times => 1,
    headers => {'Retry-After' => $AFTER}) for keys %path;
$d->track('page_view', consent => 'granted');
wait_ok { $d->destination($_)->{state} eq 'paused' } "$_: paused"
    for sort keys %path;
$d->track('page_view', consent => 'granted', n => 4);

for my $name (sort keys %path) {
    wait_ok { $box->received($kind{$name})->{received} >= 5 } "$name: all came";
    wait_ok { $d->idle($name) } "$name: all is told";
    my $got = $box->received($kind{$name});
    is $got->{received}, 5, "$name: each";
    is $got->{duplicates}, 0, "$name: once";

    my ($first, $next) = $box->calls($path{$name});
    cmp_ok $next->{time} - $first->{time}, '>=', $AFTER - 0.05,
        "$name: not one request before";
    is scalar $d->failed(destination => $name), 0;
}

# A flight that is answered well does not take back what another one was told.
$box->forget;
$box->fault(path => '/hooks', holds => 'burst', kind => 'status', status => 429,
    times => 1, headers => {'Retry-After' => $AFTER});
$box->fault(path => '/hooks', holds => 'steady', kind => 'delay', ms => 700,
    times => 4);
$d->track('page_view', consent => 'granted', path => 'steady', n => 4);
wait_ok { $box->calls('/hooks') >= 4 } 'under way';
$d->track('page_view', consent => 'granted', path => 'burst');
wait_ok { $box->received('hooks')->{received} >= 10 } 'all came';
wait_ok { $d->idle('crm') } 'all is told';
my @burst = grep { $_->{body}{data}{body}{path} eq 'burst' }
    $box->calls('/hooks');
is scalar @burst, 2, 'the same again';
cmp_ok $burst[1]{time} - $burst[0]{time}, '>=', $AFTER - 0.05,
    'not before, though the others were answered well meanwhile';
is $box->received('hooks')->{duplicates}, 0;

done_testing;
