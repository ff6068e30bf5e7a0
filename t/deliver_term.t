#!/usr/bin/perl

# nginx is ended with TERM while a destination has not answered, and while the
# database has not: it goes at once, and what was under way goes after its lease.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Process qw(suspend);

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t);
my $box = $t->sandbox;
my @all = qw(posthog ga4 hooks);
my $ends = sub { $t->signal('TERM');
    wait_ok { !$t->all_workers } 'it ends', 10;
    $t->stop };

$t->start;
wait_ok { $d->ready } 'ready';
$box->fault(path => "/$_", kind => 'hang') for @all;
$d->track('page_view', consent => 'granted', n => 40);
wait_ok { 3 == grep { $box->calls("/$_") } @all } 'all are under way';
$ends->();

$box->no_faults;
$t->start;
wait_ok { $d->ready && $d->backend } 'another begins';
$d->lease_over;
wait_ok { wait_for { $d->idle } 5 or do { $d->lease_over; 0 } } 'all go', 60;
is $box->received($_)->{unique}, 40, "$_: all" for @all;

suspend($d->backend);
$d->track('page_view', consent => 'granted', n => 40);
$t->settle;
$ends->();
$t->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE query LIKE '%tavus.deliver_%' AND pid <> pg_backend_pid()});
kill CONT => map { $_->[0] } $t->db->selectall_arrayref(q{SELECT pid
    FROM pg_stat_activity WHERE pid <> pg_backend_pid()
    AND backend_type = 'client backend'})->@*;
$t->start;
wait_ok { $d->ready } 'another begins';
wait_ok { wait_for { $d->idle } 5 or do { $d->lease_over; 0 } } 'all go', 60;
is $box->received($_)->{unique}, 80, "$_: all" for @all;
is scalar $d->failed, 0, 'nothing has failed';

done_testing;
