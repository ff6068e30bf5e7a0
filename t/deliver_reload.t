#!/usr/bin/perl

# A reload while something is under way, with other rules: the old worker
# finishes what it has claimed, nothing waits for a lease, nothing goes twice.  A
# destination that is taken away keeps its place, shows that it is absent, and
# goes on there when its name is back.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Process qw(suspend);

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, crm => 'events page_view;',
    other => 'events page_view;');
my $box = $t->sandbox;
my $flights = sub { $t->db->selectrow_array(
    'SELECT count(*) FROM tavus.flights') };
my $got = sub ($hook) { scalar $box->hook_messages($hook) };
$t->start;
wait_ok { $d->ready } 'ready';

subtest 'one that is asked' => sub {
    $box->fault(path => '/hooks/crm', kind => 'delay', ms => 4000, times => 1);
    $d->track('page_view', consent => 'granted');
    wait_ok { $box->calls('/hooks/crm') } 'a request is under way';
    $d->configured(crm => 'events contact.submitted;',
        other => 'events page_view;');
    my ($worker) = $t->workers;
    $t->reload;
    ok kill(0, $worker), 'its worker stays';
    wait_ok { !$flights->() } 'it is told of';
    is $got->('crm'), 1, 'and went';
    is $box->received('hooks')->{duplicates}, 0, 'once';
    wait_ok { !kill 0, $worker } 'then the worker goes';
};

subtest 'the database is asked' => sub {
    $d->configured(other => 'events page_view;');
    $t->reload(drained => 1);
    my $backend;
    wait_ok { $backend = $d->backend } 'asked by the new worker';
    suspend($backend);
    $d->track('page_view', consent => 'granted', n => 40);
    wait_ok { $t->db->selectrow_array(q{SELECT true FROM pg_stat_activity
        WHERE pid <> ? AND query LIKE '%tavus.record%'}, undef, $backend) }
        'stored';
    $t->reload;
    kill CONT => $backend;
    wait_ok { $got->('other') == 41 } 'all go';
    wait_ok { $d->destination('other')->{in_flight} == 0
        && $d->destination('other')->{lag}{events} == 0 } 'and are told of';
    is $box->received('hooks')->{duplicates}, 0, 'each once';
};

subtest 'a destination goes and comes' => sub {
    $d->track('page_view', consent => 'granted', n => 5);
    wait_ok { $got->('other') == 46 } 'before';
    $t->db->do(q{UPDATE tavus.destinations
        SET seen_at = now() - interval '6 minutes' WHERE name = 'crm'});
    my $crm = $d->destination('crm');
    is $crm->{state}, 'absent', 'that it is not there is shown';
    cmp_ok $crm->{lag}{events}, '>=', 45, 'and what is pending';

    $d->configured(crm => 'events page_view;', other => 'events page_view;');
    $t->reload(drained => 1);
    wait_ok { $got->('crm') == 46 } 'when it is back it gets all of it';
    wait_ok { $d->idle } 'to the end';
    is $d->destination('crm')->{state}, 'active', 'and is there';
    is $box->received('hooks')->{duplicates}, 0, 'each went once';
};

done_testing;
