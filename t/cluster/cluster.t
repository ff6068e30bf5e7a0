#!/usr/bin/perl

# Many nodes: two nginx behind HAProxy and three PostgreSQL of Patroni, as
# docs/operate/nodes-and-poolers.md has them, while machines die, are cut off from
# each other, and etcd has no majority.  Senders repeat what is not acknowledged,
# visitors begin and end calls under a budget, all through the balancer.
#
# In the end what was acknowledged is stored, once; no call was ended that a visitor
# was in; there were never more calls than the budget has; nothing is left in a
# journal or without an outcome.  How long it took is told, and asserted of nothing:
# only that it comes about.  TAVUS_CLUSTER_SHORT=1: two of the faults.

use lib 't/lib';
use Tavus::Test::Root ();       # runs this file again, in namespaces of its own
use Tavus::Test;
use List::Util qw(max);
use Tavus::Test::Cluster;
use Tavus::Test::Process qw(pause);
use Time::HiRes qw(time);

my $SHORT = $ENV{TAVUS_CLUSTER_SHORT};
my $ACTIVE = 3;
my $RATE = 20;
my $PATIENCE = 180;             # seconds that anything may take

local $SIG{INT} = local $SIG{TERM} = sub { exit 1 };    # so that all of it ends

my $began = time;
my $c = Tavus::Test::Cluster->new(active => $ACTIVE);
$c->begin;
note sprintf 'the cluster is there after %.0f s', time - $began;

my $senders = Tavus::Test::Cluster::Senders->new($c, rate => $RATE);
my $visitors = Tavus::Test::Cluster::Visitors->new($c, visitors => 6);
my ($node1, $node2) = $c->nodes;
my @dbs = $c->dbs;
my ($broken, $emptied, @times);

# ---- what is waited for --------------------------------------------------------

sub wait_so ($what, $condition) {
    return if $broken;
    $broken = 1 unless wait_ok {
        pause(0.2);
        $emptied = time if $c->journals;
        $condition->();
    } $what, $PATIENCE;
    return;
}

# Who acknowledges goes on: three seconds of it.
sub goes_on ($what) {
    my $had = () = $senders->acked;
    return wait_so("events are acknowledged: $what",
        sub { $had + 3 * $RATE <= (() = $senders->acked) });
}

sub commits ($from, @nodes) {
    my %last;
    $last{$_->[1]} = $_->[0] for $c->stored('pg');
    return !grep { ($last{$_->name} // 0) < $from } @nodes;
}

# Another one than that leads, and the nodes have found it.
sub led_by_another ($before) {
    my $from;
    return wait_so('another PostgreSQL is written to', sub {
        my $leader = $c->leader // return 0;
        return 0 if $leader == $before;
        $from //= time;
        return commits($from, $c->nodes);
    });
}

# ---- a fault, what it shows, and its end ---------------------------------------

# The longest time in which nothing of a kind came.
sub gap ($from, $to, @when) {
    my ($last, $longest) = ($from, 0);
    for (sort { $a <=> $b } grep { $_ > $from && $_ < $to } @when) {
        $longest = max($longest, $_ - $last);
        $last = $_;
    }
    return max($longest, $to - $last);
}

sub fault ($name, $begin, $end) {
    return if $broken;
    my $from = $emptied = time;
    note sprintf '%5.0f s: %s', $from - $began, $name;
    $begin->();
    return if $broken;

    my $mended = time;
    $end->();
    wait_so("$name: all is well again", sub {
        return 0 if time - $emptied < 1 || !commits($mended, $c->nodes);
        return 0 unless grep { $_->[0] > $mended } $visitors->created;
        return $c->whole;
    });
    return if $broken;

    my $to = time;
    push @times, [$name, map({ gap($from, $to, @$_) }
        [map { $_->[0] } $senders->acked], [map { $_->[0] } $c->stored('pg')],
        [map { $_->[0] } $visitors->created]),
        $emptied - $from, $to - $mended];
    return;
}

# ---- the faults ----------------------------------------------------------------

goes_on('all is well');
wait_so('visitors have begun calls', sub { 6 < (() = $visitors->created) });
my $met = $c->met;
is_deeply [grep { !/^203\.0\.113\./ || 1 < keys $met->{$_}->%* }
    sort keys %$met], [], 'each visitor has an address, and meets one node';

fault('a node is killed', sub {
    $node1->kill;
    goes_on('by the other node');
}, sub { $node1->start });

unless ($SHORT) {
    fault('a node is cut off from the databases', sub {
        $node2->cut(map { $_->address } @dbs);
        wait_so('it journals', sub { grep { $_ == $node2 } $c->journals });
        goes_on('by a journal');
    }, sub { $node2->mend });

    fault('a node is cut off from all', sub {
        $node1->cut;
        goes_on('by the other node');
    }, sub { $node1->mend });
}

my $leader;
fault('the leader is killed', sub {
    $leader = $c->leader;
    $leader->kill;
    led_by_another($leader);
}, sub { $leader->start });

unless ($SHORT) {
    fault('the leader is cut off', sub {
        $leader = $c->leader;
        $leader->cut;
        led_by_another($leader);
    }, sub { $leader->mend });

    # it takes sessions of nodes as before, and can commit nothing any more
    fault('the leader sees nodes, but no database', sub {
        $leader = $c->leader;
        $leader->cut(map { $_->address } grep { $_ != $leader } @dbs);
        led_by_another($leader);
    }, sub { $leader->mend });

    my @without;
    fault('etcd has no majority', sub {
        $leader = $c->leader;
        @without = grep { $_ != $leader } @dbs;
        $_->kill('etcd') for @without;
        wait_so('nobody leads', sub { !$c->leader });
        wait_so('both nodes journal', sub { 2 == (() = $c->journals) });
        goes_on('by journals');
    }, sub { $_->start('etcd') for @without });

    fault('all machines restart', sub {
        $_->kill for $c->machines;
    }, sub { $_->start for $c->machines });
}

# ---- the end -------------------------------------------------------------------

my $did = $visitors->stop;
ok $senders->stop, 'every event is acknowledged in the end';
my $box = $c->sandbox;
my %shut;
wait_ok {
    %shut = map { $_->{conversation_id} => $_->{status} // 0 }
        grep { $_->{event_type} eq 'system.shutdown' } $box->callbacks;
    !grep { $_ ne 200 } values %shut;
} 'and so is every callback', 30;
wait_ok { !$c->journals } 'the journals are empty', 60;

# Nobody creates any more: who is due some time is due now, and what was not found
# at Tavus is looked for once more.
my $db = $c->db;
wait_ok {
    pause(0.5);
    $db->do(q{UPDATE tavus.intents SET due_at = now(), tries = greatest(tries, 7)
        WHERE due_at BETWEEN now() + interval '1 second'
                         AND now() + interval '59 minutes 50 seconds'});
    !$db->selectrow_array('SELECT count(*) FROM tavus.intents
        WHERE due_at IS NOT NULL') && !$box->conversations('active');
} 'nothing is unsettled, and nothing runs at Tavus', 120;

# ---- the ledgers ---------------------------------------------------------------

my %stored = map { ("$_->[0] $_->[1]" => $_->[2]) } $db->selectall_arrayref(
    q{SELECT conversation_id, event_type, count(*) FROM tavus.events
       WHERE source = 'tavus' GROUP BY 1, 2})->@*;
my @acked = ((map { "@$_[1, 2]" } $senders->acked),
    map { "$_ system.shutdown" } grep { $shut{$_} == 200 } sort keys %shut);
my %acked = map { $_ => 1 } @acked;
cmp_ok scalar @acked, '>', 100, 'many events were acknowledged: ' . @acked;
is_deeply [grep { !$stored{$_} } @acked], [], 'each of them is stored';
is_deeply [grep { $stored{$_} > 1 } sort keys %stored], [], 'once';
is_deeply [grep { !$acked{$_} } sort keys %stored], [], 'and nothing else is';
is_deeply [$senders->odd], [], 'senders had no other answer than 200, 502 to 504';
is $db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0,
    'nothing is in quarantine';

my ($told, $left) = $did->@{qw(told left)};
cmp_ok scalar keys %$told, '>', 10, 'visitors were in calls: ' . keys %$told;
is_deeply [map { sprintf('%s, %.1f s too early', $_->{path},
            ($left->{$_->{of}} // time) - $_->{time}) }
    grep { $told->{$_->{of}} && $_->{time} < ($left->{$_->{of}} // time) }
    map { $_->{path} =~ m{^/v2/conversations/([^/]+)/end\z}
        ? {%$_, of => $1} : () } $box->calls('/v2/conversations/')], [],
    'none was ended while a visitor was in it';
is_deeply [grep { !$db->selectrow_array('SELECT count(*) FROM
    tavus.conversations WHERE id = ? AND url IS NOT NULL AND ended', {}, $_) }
    sort keys %$told], [], 'each is recorded, and that it has ended';
is_deeply $did->{odd}, [], 'visitors had no other answer either';

# Of two things at one time the end was first.
my ($running, $most) = (0, 0);
for (sort { $a->[0] cmp $b->[0] || $a->[1] <=> $b->[1] } map {
    [$_->{created_at}, 1], [$_->{updated_at}, -1] } $box->conversations('ended'))
{
    $running += $_->[1];
    $most = max($most, $running);
}
is $most, $ACTIVE, 'as many calls at once as the budget has, and never more';
$db->do(q{SELECT tavus.trim('budget', '60 days', 1000)});
is $db->selectrow_array('SELECT count(*) FROM tavus.places'), 0,
    'no place is left over';
is $db->selectrow_array('SELECT sum(calls) FROM tavus.budget_days'),
    $db->selectrow_array(q{SELECT count(*) FROM tavus.intents i
        WHERE i.requested_id IS NOT NULL
          AND NOT coalesce(i.outcome = 'failed' AND NOT i.announced
                           AND i.conversation_id IS NULL, false)}),
    'the ledger of the budget is that of the intents';

for my $m ($c->nodes) {
    is join("\n", grep { /\[(?:alert|emerg)\]/ } split /\n/, $c->error_log($m)),
        '', $m->name . ' has logged no alert';
}

# ---- what it took --------------------------------------------------------------

note join ', ', map { "$_: $did->{count}{$_}" } sort keys $did->{count}->%*;
note sprintf '%-40s %s', 'seconds', 'without an   without a  without    until       until all';
note sprintf '%-40s %s', '', 'acknowledged  commit     a new      journals    is well after';
note sprintf '%-40s %s', '', 'event                    call       are empty   the end of it';
note sprintf '%-40s %-13.1f %-10.1f %-10.1f %-11.1f %.1f', @$_ for @times;
note sprintf 'in all %.0f s', time - $began;

unless (Test::More->builder->is_passing) {
    for my $m ($c->machines) {
        my %said = $m->logs;
        diag "$_:\n$said{$_}" for sort keys %said;
        diag $m->name . ":\n" . join "\n", grep { defined }
            (grep { !/\[info\]/ } split /\n/, $c->error_log($m))[-30 .. -1];
    }
}
done_testing;
