#!/usr/bin/perl

# Retention takes a month of which a destination that is down has a part under
# way, and a part not yet read: it goes on with what is there, and is told how
# much it has missed.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $N = 5000;                   # more than can be under way
my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, crm => 'events *;');
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';
my $db = $t->db;

my $month = q{date_trunc('month', now() AT TIME ZONE 'UTC') - interval '4 months'};
$db->do('SET ROLE tavus_owner');
$db->do("SELECT tavus.add_partition($month)");
$db->do('RESET ROLE');
$box->fault(path => '/hooks', kind => 'status', status => 500);
$db->do(qq{SELECT tavus.record(
        array_agg(overlay(overlay(tavus.uuid_floor(
            (($month) AT TIME ZONE 'UTC') + i * interval '1 s')::text
            PLACING '7' FROM 15 FOR 1) PLACING lpad(to_hex(i), 12, '0') FROM 25)::uuid),
        array_agg(now()), array_agg(NULL::bytea), array_agg(0::smallint),
        array_agg('browser'::text), array_agg('a.b'::text), array_agg(NULL::text),
        array_agg(NULL::bytea), array_agg(NULL::text),
        array_agg('{"session_id":"s1","consent":"granted"}'::bytea),
        array_agg(NULL::text))
    FROM generate_series(1, $N) i GROUP BY i / 500});
$d->track('page_view', consent => 'granted', n => 5);

wait_ok { $d->destination('crm')->{failures} >= 2 } 'it is down', 40;
my $crm = $d->destination('crm');
cmp_ok $crm->{in_flight}, '>', 0, 'something is under way';
cmp_ok $db->selectrow_array(q{SELECT g.events FROM tavus.cursors c,
    tavus.cursor_lag(c.pos, c.ord) g WHERE c.name = 'deliver:crm'}), '>', 0,
    'something is not read yet';
is $crm->{missed}, 0, 'nothing is missed';

wait_ok { $db->do(q{SELECT tavus.drop_months('60 days')});
    0 == $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'a.b'}) } 'the month is gone', 20;
$box->no_faults;
$box->forget;
wait_ok { $d->retry(undef, destination => 'crm');
    $box->received('hooks')->{received} >= 5 } 'what is there goes', 40;
wait_ok { $d->idle } 'all is told of', 40;
$crm = $d->destination('crm');
is $crm->{missed}, $N, 'all of the month is missed, and counted';
is $crm->{delivered}, 5, 'the others are delivered';
is $box->received('hooks')->{unique}, 5, 'each';
is $crm->{state}, 'active', 'and it goes on';

$db->do(q{SELECT tavus.trim('log', '60 days', 100000)});
is $d->destination('crm')->{missed}, $N, 'once, when the log is trimmed as well';
is $db->selectrow_array('SELECT count(*) FROM tavus.flights'), 0, 'nothing is left';

done_testing;
