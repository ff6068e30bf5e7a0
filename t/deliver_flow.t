#!/usr/bin/perl

# What is stored goes on to each destination, once when nothing fails, and
# nothing of a visitor who said no or nothing.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t);
my $box = $t->sandbox;
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
wait_ok { 3 == $d->shown->{destinations}->@* } 'the destinations are there';

$d->track('page_view', session => 'nothing', path => '/a');
$d->track('page_view', session => 'no', path => '/b', consent => 'denied');
$d->track('page_view', session => 'yes', path => '/c', consent => 'granted');

wait_ok { $box->received('posthog')->{received} } 'PostHog has something';
wait_ok { $box->received('ga4')->{received} } 'GA4 has something';
wait_ok { $box->received('hooks')->{received} } 'the webhook has something';
wait_ok { $d->idle } 'all is told';

for my $kind (qw(posthog ga4 hooks)) {
    my $got = $box->received($kind);
    is $got->{received}, 1, "$kind: one event";
    is $got->{duplicates}, 0, "$kind: once";
    is $got->{refused}, 0, "$kind: none refused";
}

my ($p) = $box->posthog_events;
is $p->{distinct_id}, 'user-of-yes', 'PostHog: who';
my ($hook) = $box->hook_messages('crm');
is $hook->{body}{type}, 'page_view', 'webhook: what';

done_testing;
