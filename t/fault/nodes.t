#!/usr/bin/perl

# Two nodes, cut off from their database at random moments while visitors
# create conversations, with workers killed and stopped: none that a visitor was
# told of is ended, none that nobody knows goes on, and what belongs to a node
# that is gone for good is settled.  TAVUS_NODES: so many seconds instead of 5;
# over a minute the patience of a create passes by itself, too.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(background new_dir pause slurp stop_process suspend);
use Tavus::Test::Sandbox;
use Tavus::Test::Socket;
use Mojo::JSON qw(decode_json);
use Time::HiRes qw(time);

my $seconds = $ENV{TAVUS_NODES} || 5;
my $short = $seconds <= 60;
my $seed = $ENV{TAVUS_SEED} || int rand 1e6;
srand $seed;
note "TAVUS_SEED=$seed";

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my @nodes = map { Tavus::Test::Node->new($_, $pg, $box, workers => 2, http => {
    tavus_api_timeout => '1s', tavus_store_timeout => '300ms'}) } qw(a b);
my ($A, $B) = @nodes;
my $db = $pg->db;
$_->t->start for @nodes;
wait_ok { $_->t->get('/healthz')->code == 200 } 'ready' for @nodes;
$_->beats(0) for @nodes;

# Visitors, as processes; each writes down what it was told.
my $dir = new_dir();
sub visit ($port, $ledger) {
    my $s = eval { Tavus::Test::Socket->new($port) } or return pause(0.05);
    $s->send(post_bytes('/api/tavus/create-conversation', '{}',
        Connection => 'close'));
    my $res = $s->response(60) || {status => 'none'};
    my $json = eval { decode_json($res->{body}) } || {};
    print $ledger "$res->{status} ", $json->{conversation_id} // '-', "\n";
    $s->close;
    return;
}
sub visitors ($node, $n, $once = 0) {
    return map {
        my $name = join '-', $node->t->port, $_, time;
        background(sub {
            my $stop = 0;
            local $SIG{TERM} = sub { $stop = 1 };
            open my $ledger, '>>', "$dir/$name" or die;
            $ledger->autoflush(1);
            do {
                visit($node->t->port, $ledger);
                pause(0.1);
            } until $stop || $once;
        });
    } 1 .. $n;
}
my $ledger = sub { map { [split / /] } map { split /\n/, slurp($_) // '' }
    glob "$dir/*" };
my %told;
my $tell = sub { %told = map { $_->[1] => 1 } grep { $_->[0] eq '200' }
    $ledger->() };
# What Tavus was asked; it is forgotten there, as reading it takes its time.
my ($asked, @ended) = 0;
my $calls = sub {
    for ($box->calls('/v2/')) {
        $asked++ if "$_->{method} $_->{path}" eq 'POST /v2/conversations';
        push @ended, $1 if $_->{path} =~ m{/([^/]+)/end\z};
    }
    $box->forget;
};
my $orphans = sub { $tell->(); grep { !$told{$_} }
    map { $_->{conversation_id} } $box->conversations('active') };

my %count;
my %chaos = (
    cut => sub ($n) { $n->cut },
    mend => sub ($n) { $n->mend },
    kill => sub ($n) { $n->t->kill_worker },
    late => sub ($n) { $box->fault(kind => 'delay', ms => 200 + int rand 1200,
        after => 1, times => 2, method => 'POST', path => '/v2/conversations') },
    lost => sub ($n) { $box->fault(kind => 'hang', after => 1, times => 1,
        method => 'POST', path => '/v2/conversations') },
    never => sub ($n) { $box->fault(kind => 'reset', times => 1,
        method => 'POST', path => '/v2/conversations') },
    unended => sub ($n) { $box->fault(kind => 'status', status => 500,
        times => 1, method => 'POST', path => '/v2/conversations/') },
    reload => sub ($n) { $n->t->signal('HUP') },
);
my @often = (qw(cut mend) x 3, qw(kill late late lost never unended),
    $short ? () : 'reload');

my @pids = map { visitors($_, 3) } @nodes;
for (my $end = time + $seconds; time < $end; pause(0.1 + rand 0.5)) {
    my $what = $often[rand @often];
    $count{$what}++;
    $chaos{$what}->($nodes[rand @nodes]);
}
stop_process($_, TERM => 90) for @pids;
$_->mend for @nodes;
$box->no_faults;
wait_ok { $_->t->get('/healthz')->code == 200 } 'ready again' for @nodes;

# What is in a journal is not told yet: only time makes that overdue, not this.
wait_ok { !(() = map { glob $_->t->dir . '/journal/*.journal' } @nodes) }
    'the journals are replayed', 60;
my $overdue = sub { $short and $db->do(q{UPDATE tavus.intents
    SET due_at = now() - interval '1 hour'
    WHERE due_at IS NOT NULL AND tries = 0}) };
$overdue->();
wait_ok { !$orphans->() } 'what nobody knows is ended', 60 + $seconds;

# A worker that stands still until its wish may be judged, and a node that
# loses the database, and then its machine.
my ($C) = Tavus::Test::Node->new('c', $pg, $box, http => {
    tavus_api_timeout => '7s', tavus_store_timeout => '2s'});
$C->t->start;
$C->beats(0);
$calls->();
$box->fault(kind => 'delay', ms => 3000, after => 1, times => 2,
    method => 'POST', path => '/v2/conversations');
$box->fault(kind => 'hang', after => 1, times => 1, method => 'POST',
    path => '/v2/conversations');
@pids = visitors($C, 3, 1);
wait_ok { 3 == grep { $_->{method} eq 'POST'
    && $_->{path} eq '/v2/conversations' } $box->calls('/v2/') } 'three begin';
my $of_c = sub ($when) { $db->selectrow_array("SELECT count(*)
    FROM tavus.intents WHERE due_at $when now() AND node LIKE ?", undef,
    $C->id . '.%') };
is $of_c->('>'), 3, 'their wishes are committed';
$C->cut;
wait_ok { 2 == grep { /^200/ } map { slurp($_) =~ /^(.*)/ }
    glob "$dir/@{[$C->t->port]}-*" } 'two are told', 20;
$C->t->allow_alerts(qr/./);
$C->t->crash;

if ($short) {
    stop_process($_, TERM => 60) for @pids;
    $overdue->();
} else {
    push @pids, visitors($A, 2, 1);
    my @workers = $A->t->workers;
    $box->fault(kind => 'delay', ms => 800, after => 1, times => 2,
        method => 'POST', path => '/v2/conversations');
    pause(0.5);
    suspend(@workers);
    my $from = time;
    wait_for { time - $from > 20 } 30;
    kill CONT => @workers;
    stop_process($_, TERM => 60) for @pids;
}

wait_ok { 1 >= $orphans->() } 'but for that of the node that is away', 60;
wait_ok { $of_c->('<') == 3 } 'whose time is up', 30;
$B->beats(1);
my $long = q{now() - interval '181 minutes'};
$db->do("UPDATE tavus.nodes SET beat_at = $long WHERE id = ?", undef, $C->id);
$db->do("UPDATE tavus.intents SET seen_at = $long WHERE node LIKE ?", undef,
    $C->id . '.%');
$tell->();
$calls->();
is_deeply [grep { $told{$_} } @ended], [],
    'none that a visitor was told of was ended';
my $told = keys %told;

# C is gone for good, and its calls are over.  Those that end by themselves
# meanwhile disturb the last look, which is then taken again.
wait_ok {
    $db->do(q{UPDATE tavus.intents SET due_at = now(), tries = 7
        WHERE due_at IS NOT NULL AND tries < 7});
    !$orphans->();
} 'no orphan is left', 40;
wait_ok {
    $db->do(q{UPDATE tavus.intents SET due_at = now(), tries = 7
        WHERE due_at BETWEEN now() + interval '1 second'
                         AND now() + interval '59 minutes 50 seconds'});
    !$db->selectrow_array('SELECT count(*) FROM tavus.intents
        WHERE due_at IS NOT NULL');
} 'all is settled', 60 + $seconds;
is $db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0;

my %status;
$status{$_->[0]}++ for $ledger->();
note join ', ', map { "$_: $count{$_}" } sort keys %count;
note join ', ', map { "$_: $status{$_}" } sort keys %status;
note "told $told, asked for $asked, ended "
    . @ended . ', sweeps ' . (map { $_->t->grep_log(qr/looking after/) } @nodes);

done_testing;
