#!/usr/bin/perl

# PostgreSQL is stopped and started, or killed, while events come and go: each
# destination gets all that was acknowledged.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Process qw(pause);

my $t = Tavus::Test->new(http => {tavus_journal => '%%DIR%%/journal'});
my $d = Tavus::Test::Deliver->new($t);
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';

my $n = 0;
my $more = sub { $d->track('page_view', consent => 'granted', n => 20);
    $n += 20 };

for my $how (qw(restart kill)) {
    subtest $how => sub {
        $box->fault(path => $_, kind => 'delay', ms => 300, after => 1,
            times => 10) for qw(/posthog /ga4 /hooks);
        for (1 .. 5) { $more->(); pause(0.05) }
        $how eq 'kill' ? $t->pg->kill->start : $t->pg->restart;
        for (1 .. 5) { $more->(); pause(0.05) }

        wait_ok { !(() = glob $t->dir . '/journal/*.journal') }
            'the journal is replayed', 60;
        # what was claimed, and nobody heard of it, or what the server forgot when it
        # died, waits for its lease; four of these leave no room for more
        wait_ok { wait_for { $d->ready && !$t->db->selectrow_array('SELECT count(*)
            FROM tavus.cursors c, tavus.cursor_lag(c.pos, c.ord) l
            WHERE l.events > 0') } 5 or do { $d->lease_over; 0 } } 'all is claimed', 60;
        wait_ok { wait_for { $d->idle } 5 or do { $d->lease_over; 0 } } 'and told of',
            60;
        is $box->received($_)->{unique}, $n, "$_: all $n" for
            qw(posthog ga4 hooks);
        note "$_: " . $box->received($_)->{duplicates} . ' went twice' for
            qw(posthog ga4 hooks);
    };
}
is scalar $d->failed, 0, 'nothing has failed';
is $d->destination($_)->{delivered}, $n, "$_: each counts once"
    for qw(posthog ga4 crm);

done_testing;
