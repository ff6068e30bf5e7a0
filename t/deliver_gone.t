#!/usr/bin/perl

# 410: nobody wants these webhooks any more, so that nothing is sent until
# somebody says so; what was stored meanwhile is not lost.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, crm => 'events *;', posthog => 'events *;');
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'the destinations are there';

$box->fault(path => $_, kind => 'status', status => 410, body => 'long gone')
    for qw(/hooks/crm /posthog);
$d->track('page_view', consent => 'granted', n => 3);

wait_ok { $d->destination('crm')->{state} eq 'stopped' } 'stopped';
my $shown = $d->destination('crm');
is $shown->{reason}, 'gone';
is $shown->{said}, '410 long gone';
is $shown->{dead} + $shown->{waiting}, 0, 'none has failed by itself';
is scalar(() = $t->grep_log(
    qr/nothing is delivered to "crm" any more: "410 long gone"/)), 1, 'said once';

# PostHog has no such answer: something else is there
wait_ok { $d->destination('posthog')->{state} eq 'paused' } 'PostHog: paused';

my $calls = $box->calls('/hooks');
$box->no_faults;
$d->track('page_view', consent => 'granted', n => 2);
wait_ok { $d->destination('crm')->{lag}{events} == 5 } 'all five wait';

is $d->retry(undef, destination => 'posthog')->code, 200;
wait_ok { $d->destination('posthog')->{delivered} == 5 } 'PostHog goes on';
is scalar $box->calls('/hooks'), $calls, 'nothing was sent';

is $d->retry(undef, destination => 'crm')->code, 200, 'it is wanted again';
wait_ok { $d->destination('crm')->{delivered} == 5 } 'all came';
is $d->destination('crm')->{state}, 'active';
is $box->received('hooks')->{received}, 5;
is $box->received('hooks')->{duplicates}, 0, 'once';

done_testing;
