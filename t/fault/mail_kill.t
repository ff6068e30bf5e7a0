#!/usr/bin/perl

# kill -9 of the worker after SendGrid has taken mails and before the database is told:
# those that were leased go twice, eight at most, all others once, and none never.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Mail;

my $t = Tavus::Test->new;
my $m = Tavus::Test::Mail->new($t);
my $box = $t->sandbox;
$t->start;
wait_ok { $m->ready } 'ready';

# who tells waits for the row of the destination
my $other = $t->pg->connect;
my $waits = sub { $t->db->selectrow_array(q{SELECT pid
    FROM pg_stat_activity WHERE wait_event_type = 'Lock'
     AND query LIKE '%tavus.deliver_settle%'}) };
my %times = ();
my $count = sub {
    %times = ();
    $times{$_->{mail}{subject}} += $_->{times} for $box->mails;
    return scalar keys %times;
};

my $n = 40;
$box->fault(path => '/v3/mail/send', kind => 'delay', ms => 1000, times => $n);
$m->lead(name => "Lead $_") for 1 .. $n;
wait_ok { $count->() } 'some have gone';
$other->begin_work;
$other->do('SELECT FROM tavus.destinations FOR UPDATE');
my $backend;
wait_ok { $backend = $waits->() } 'all of some are answered, and none is told of';
$t->kill_worker;
$t->db->do('SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE query LIKE ? AND pid <> pg_backend_pid()', undef, '%tavus.deliver_settle%');
wait_ok { !$waits->() } 'never will be';
$other->rollback;

wait_ok { wait_for { $count->() == $n && $m->idle
        && !$t->db->selectrow_array('SELECT count(*) FROM tavus.deliveries') } 5
    or do { $m->lease_over; 0 } } 'all go in the end', 60;
is $count->(), $n, 'each lead';
my @twice = grep { $times{$_} > 1 } sort keys %times;
cmp_ok scalar @twice, '>=', 1, 'some twice: ' . join ', ', @twice;
cmp_ok scalar @twice, '<=', 8 * 4, 'but not all';
is scalar(grep { $times{$_} > 2 } keys %times), 0, 'none three times';
is scalar(() = $m->failed), 0, 'nothing has failed';

done_testing;
