#!/usr/bin/perl

# PostgreSQL neither answers nor goes away (SIGSTOP) while something is under
# way: nothing else waits, and in the end all went, and is told of.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Fault;
use Time::HiRes qw(time);

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t);
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';

my %all;
for my $seconds (2, 7) {
    subtest "$seconds seconds" => sub {
        $box->fault(path => $_, kind => 'delay', ms => 1000, after => 1,
            times => 1) for qw(/posthog /ga4 /hooks);
        $d->track('page_view', consent => 'granted', n => 20);
        wait_ok { 3 == grep { $box->received($_)->{received} > 20 * %all }
            qw(posthog ga4 hooks) } 'all have something';
        my $probe = Tavus::Test::Fault::Probe->new($t->port);
        $t->pg->freeze;
        my $from = time;
        wait_for { time > $from + $seconds } $seconds + 5;
        $t->pg->thaw;
        $probe->ok;
        $all{$seconds} = 1;
        wait_ok { $d->idle } 'all is told of', 60;
        is $box->received($_)->{unique}, 20 * %all, "$_: all events"
            for qw(posthog ga4 hooks);
        is $box->received($_)->{duplicates}, 0, "$_: once"
            for qw(posthog ga4 hooks);
    };
}
is scalar $d->failed, 0, 'nothing has failed';

done_testing;
