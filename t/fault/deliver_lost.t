#!/usr/bin/perl

# PostgreSQL commits a claim when the one who asked has long given up: what it
# has leased goes at once, and not when two minutes are over.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Process qw(suspend);

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, crm => 'events *;');
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';
my $db = $t->pg->connect;

# what is stored meanwhile is not claimed
$db->begin_work;
$db->do(q{SELECT FROM tavus.destinations WHERE name = 'crm' FOR UPDATE});
my $backend;
wait_ok { $backend = $d->backend } 'a claim waits';
suspend($backend);
$d->track('page_view', consent => 'granted', n => 3);
wait_ok { ($d->backend // $backend) != $backend } 'another connection', 60;
is $box->received('hooks')->{received}, 0, 'nothing went';
$db->commit;
kill CONT => $backend;
wait_ok { $db->selectrow_array(
    'SELECT count(*) FROM tavus.flights WHERE token > 0')
    || $box->received('hooks')->{received} } 'it is leased';
wait_ok { $box->received('hooks')->{received} == 3 } 'and goes', 30;
wait_ok { $d->idle } 'all is told of';
is $box->received('hooks')->{duplicates}, 0, 'once';
is $d->destination('crm')->{delivered}, 3;

done_testing;
