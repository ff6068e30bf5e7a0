#!/usr/bin/perl

# A webhook that fails by itself goes again by the schedule of Standard
# Webhooks, and is dead after ten attempts in three days; somebody may have it
# sent again, and then it begins anew.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, crm => 'events *;');
my ($box, $db) = ($t->sandbox, $t->db);
$t->start;
wait_ok { $d->ready } 'the destinations are there';

# its neighbour is delivered, so that it is no matter of the destination
my $fails = sub {
    $box->fault(path => '/hooks', holds => 'culprit', kind => 'status',
        status => 500, body => 'not this one');
};
$fails->();
$t->post('/api/track', {consent => 'granted', events => [map +{
    name => 'page_view', properties => {session_id => 's', path => $_}},
    qw(culprit neighbour)]});

my @DELAY = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400);
my $one = sub { ($d->failed)[0] // {} };

# told of, not under way
my $tried = sub { $db->selectrow_array(
    'SELECT tries FROM tavus.deliveries WHERE token IS NULL') // 0 };

for my $tries (1 .. 9) {
    wait_ok { $tried->() == $tries } "attempt $tries";
    my $row = $one->();
    is $row->{state}, 'waiting';
    is $row->{status}, 500;
    is $row->{reason}, '500 not this one';
    my ($delay) = $db->selectrow_array('SELECT extract(epoch FROM '
        . 'due_at - changed_at) FROM tavus.deliveries');
    my $due = $DELAY[$tries - 1];
    ok $delay >= $due - 0.01 && $delay <= $due * 1.1 + 0.01,
        "it waits $due s, and up to a tenth: $delay";

    # that the destination is throttled is no attempt, and over by itself
    if ($tries == 2) {
        $box->no_faults;
        $box->fault(path => '/hooks', kind => 'status', status => 429, times => 1);
        $fails->();
    }
    $d->hurry('crm');
}

wait_ok { ($one->()->{state} // '') eq 'dead' } 'dead after the tenth';
my $row = $one->();
is $row->{tries}, 10;
is $row->{due_at}, undef;
is scalar(grep { $_->{body}{data}{body}{path} eq 'culprit' }
    $box->calls('/hooks')), 11, 'ten attempts, and one that is none';
my %times = map { $_->{headers}{'webhook-id'} => 1 }
    grep { $_->{body}{data}{body}{path} eq 'culprit' } $box->calls('/hooks');
is scalar keys %times, 1, 'of one id';

is $d->retry($row->{id})->code, 200, 'by hand';
wait_ok { $tried->() == 1 } 'it begins anew';
is $one->()->{state}, 'waiting';
$box->no_faults;
$d->hurry('crm');
wait_ok { !$d->failed } 'delivered at last';
is $box->received('hooks')->{received}, 2;
is $box->received('hooks')->{duplicates}, 0;

# What is no fault of its own counts as no attempt, however often: one
# that comes to it then is not the last one.
$box->fault(path => '/hooks', kind => 'status', status => 429, times => 10);
$box->fault(path => '/hooks', kind => 'status', status => 500, times => 1);
$d->track('page_view', consent => 'granted');
for my $n (1 .. 11) {
    wait_ok { $d->destination('crm')->{failures} >= $n } "refused $n";
    is scalar $d->failed, 0, 'which is no fault of its own';
    $d->retry(undef, destination => 'crm');
}
wait_ok { $box->received('hooks')->{received} == 3 } 'it came';

done_testing;
