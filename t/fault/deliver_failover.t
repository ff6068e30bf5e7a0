#!/usr/bin/perl

# The primary dies and a standby is promoted while events come and go: each
# destination gets all that was acknowledged, and goes on where the standby says.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(pause);

my $pg = Tavus::Test::Pg->new;
my $standby = Tavus::Test::Pg->new(from => $pg);
my $t = Tavus::Test->new(db => $pg, http => {
    tavus_database => '"' . $pg->conninfo_of($standby) . '"',
    tavus_journal => '%%DIR%%/journal',
});
my $d = Tavus::Test::Deliver->new($t);
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';
$pg->synchronous;

my $n = 0;
my $more = sub { $d->track('page_view', consent => 'granted', n => 20);
    $n += 20 };

$box->fault(path => $_, kind => 'delay', ms => 500, after => 1,
    times => 10) for qw(/posthog /ga4 /hooks);
for (1 .. 5) { $more->(); pause(0.05) }
$pg->kill;
for (1 .. 3) { $more->(); pause(0.05) }
$standby->promote;
$t->{pg} = $standby;
$standby->db->do('ALTER SYSTEM RESET synchronous_standby_names');
$standby->db->do('SELECT pg_reload_conf()');
$more->();

wait_ok { !(() = glob $t->dir . '/journal/*.journal') }
    'the journal is replayed', 60;
wait_ok { wait_for { $d->idle } 5 or do { $d->lease_over; 0 } }
    'all is told of', 90;
for (qw(posthog ga4 hooks)) {
    my $got = $box->received($_);
    is $got->{unique}, $n, "$_: all $n";
    note "$_: $got->{duplicates} went twice";
}
is scalar $d->failed, 0, 'nothing has failed';
is $d->destination($_)->{delivered}, $n, "$_: each counts once"
    for qw(posthog ga4 crm);

done_testing;
