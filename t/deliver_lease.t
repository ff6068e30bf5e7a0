#!/usr/bin/perl

# A destination that takes longer than the lease: somebody else sends the same
# again, with the same id, and what the first tells in the end does not count.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, crm => 'events *;');
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';

# the first is late, and says that it must never come again
$box->fault(path => '/hooks/crm', kind => 'hang', times => 1);
$d->configured(crm => 'events *; timeout 8s;');
$t->reload(drained => 1);
$d->track('page_view', consent => 'granted');
wait_ok { $box->calls('/hooks/crm') } 'it has begun';
$d->lease_over;
wait_ok { $box->received('hooks')->{received} } 'it goes again';
wait_ok { $d->idle } 'and is told of';
is $d->destination('crm')->{delivered}, 1, 'as delivered';

wait_ok { $t->grep_log(
    qr/1 events to "crm" took longer than their lease/) } 'the first is late';
my $crm = $d->destination('crm');
is $crm->{delivered}, 1, 'what it tells changes nothing';
is $crm->{failures}, 0, 'nor that it has failed';
is scalar $d->failed, 0, 'nor does it leave a row';
is $box->received('hooks')->{unique}, 1, 'one event';

done_testing;
