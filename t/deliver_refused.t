#!/usr/bin/perl

# What a destination refuses for good is dead with what was said, alone: a
# batch is split until the culprit is found, and its neighbours arrive once.

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
my %status = (posthog => 400, ga4 => 413, crm => 422);

$box->fault(path => $path{$_}, holds => 'culprit', kind => 'status',
    status => $status{$_}, body => {error => "no such thing as this"})
    for keys %path;
$d->track('page_view', consent => 'granted', n => 9);
$d->track('page_view', consent => 'granted', utm_source => 'culprit');
$d->track('page_view', consent => 'granted', n => 9);

for my $name (sort keys %path) {
    wait_ok { $d->failed(destination => $name, state => 'dead') }
        "$name: one is dead";
    wait_ok { $box->received($kind{$name})->{received} >= 18 }
        "$name: its neighbours";
    wait_ok { $d->idle($name) } "$name: all is told";

    my @failed = $d->failed(destination => $name);
    is scalar @failed, 1, "$name: no other one failed";
    is $failed[0]{state}, 'dead';
    is $failed[0]{status}, $status{$name};
    like $failed[0]{reason}, qr/^$status{$name} .*no such thing as this/;
    is $failed[0]{event_type}, 'page_view';

    my $got = $box->received($kind{$name});
    is $got->{received}, 18, "$name: each neighbour";
    is $got->{duplicates}, 0, "$name: once";

    my $shown = $d->destination($name);
    is $shown->{state}, 'active', "$name: goes on";
    is $shown->{dead}, 1;
    is $shown->{delivered}, 18;
}

my ($id) = map { $_->{id} } $d->failed(destination => 'posthog');
my @calls = map { scalar $_->{body}{batch}->@* } $box->calls('/posthog');
cmp_ok scalar @calls, '<=', 2 * 5 + 3, 'found by halves: ' . join ' ', @calls;

$box->no_faults;
is $d->retry($id)->code, 200, 'sent again by hand';
wait_ok { !$d->failed(destination => 'posthog') } 'and delivered';
is $box->received('posthog')->{received}, 19;

done_testing;
