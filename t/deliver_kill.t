#!/usr/bin/perl

# kill -9 of the worker between the answer of the destination and the commit: the
# event goes again when the lease is over, with the same id, and is never lost.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Process qw(pause);

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, crm => 'events *;');
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';

# who tells waits for the row of the destination
my $other = $t->pg->connect;
my $lock = sub {
    $other->begin_work;
    $other->do('SELECT FROM tavus.destinations FOR UPDATE');
};
my $waits = sub { $t->db->selectrow_array(q{SELECT pid
    FROM pg_stat_activity WHERE wait_event_type = 'Lock'
     AND query LIKE '%tavus.deliver_settle%'}) };

$box->fault(path => '/hooks/crm', kind => 'delay', ms => 3000, after => 1,
    times => 1);
$d->track('page_view', consent => 'granted', n => 3);
wait_ok { $box->received('hooks')->{received} } 'one has gone';
$lock->();
my $backend;
wait_ok { $backend = $waits->() } 'all are answered, and none is told of';
is $box->received('hooks')->{unique}, 3;
$t->kill_worker;
$t->db->do('SELECT pg_terminate_backend(?)', undef, $backend);
wait_ok { !$waits->() } 'never will be';
$other->rollback;

wait_ok { $d->backend } 'another worker asks';
is_deeply $t->db->selectall_arrayref('SELECT tries, due_at > now()
    FROM tavus.flights'), [[1, 1]], 'the lease holds';
is $box->received('hooks')->{duplicates}, 0, 'until then nothing goes again';

$d->lease_over;
wait_ok { $d->idle } 'then all go, and are told of';
my $ids = $box->received('hooks', ids => 1)->{ids};
is_deeply [sort values %$ids], [2, 2, 2], 'with the same ids';
is $d->destination('crm')->{delivered}, 3, 'and count once';
is scalar $d->failed, 0, 'nothing has failed';

done_testing;
