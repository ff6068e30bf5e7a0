#!/usr/bin/perl

# Two nodes of two workers take events, others store them in transactions that
# commit late or never; who listens is broken off at random and comes back to
# any node.  Each hears of each event once, and all in the order of the log.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Log qw(event_id store);
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(alive background);
use Tavus::Test::Tail;
use Time::HiRes qw(sleep);

my $pg = Tavus::Test::Pg->new(config => ['max_prepared_transactions=20']);
# who makes a node keeps it: its way to the database goes with it
my @nodes = map { Tavus::Test::Node->new($_, $pg, 0, workers => 2) } qw(a b);
my @t = map { $_->t->start } @nodes;
for my $t (@t) { wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready' }
$pg->db->disconnect;
delete $pg->{db};

my @tails = map { Tavus::Test::Tail->new($t[$_ % 2]) } 0 .. 7;
wait_ok { 8 == grep { defined $_->read->last } @tails } 'eight listen';
my @heard = map { [] } @tails;

sub writer {
    srand $$;
    my $db = $pg->connect;
    for (1 .. 80) {
        my @ids = map { event_id() } 1 .. 1 + rand 3;
        $db->begin_work;
        store($db, @ids);
        my $dice = rand;
        if ($dice < 0.2) {
            my $gid = "p$$." . int rand 1e9;
            $db->do("PREPARE TRANSACTION '$gid'");
            sleep rand 0.05;
            $db->do((rand() < 0.5 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid'");
            next;
        }
        sleep rand 0.05;
        $dice < 0.3 ? $db->rollback : $db->commit;
    }
}

sub sender ($t) {
    srand $$;
    my $s = $t->socket;
    for (1 .. 80) {
        $s->send(webhook_bytes($t, tavus_event('system.replica_joined', "c$$.$_")));
        ($s->response // {status => 0})->{status} == 200 or die 'not taken';
        sleep rand 0.1;
    }
}

my @pids = map { background(\&writer) } 1 .. 3;
push @pids, map { my $t = $_; map { background(sub { sender($t) }) } 1, 2 } @t;
my $broken = 0;

sub hear ($i) {
    $tails[$i]->read;
    push $heard[$i]->@*, map { $_->{data}{id} // $_->{event} } splice $tails[$i]{events}->@*;
}
while (grep { alive($_) } @pids) {
    for my $i (0 .. 7) {
        hear($i);
        next if rand() > 0.2 && $tails[$i]->open;
        rand() < 0.5 ? $tails[$i]->socket->abort : $tails[$i]->close;
        $tails[$i] = $tails[$i]->back(t => $t[rand 2]);
        $broken++;
    }
    sleep 0.02;
}
my $stored = $pg->connect->selectcol_arrayref(q{SELECT u.id FROM tavus.log l,
    unnest(l.ids) WITH ORDINALITY u (id, o) JOIN tavus.events e ON e.id = u.id
    WHERE e.event_type <> 'admin.viewed' ORDER BY l.pos, u.o});
cmp_ok scalar @$stored, '>', 400, @$stored . ' events';
cmp_ok $broken, '>', 20, "$broken times somebody came back";
wait_ok { hear($_) for 0 .. 7; 8 == grep { @$_ >= @$stored } @heard } 'all are heard of';

for my $i (0 .. 7) {
    my %times;
    $times{$_}++ for $heard[$i]->@*;
    is scalar(grep { $_ > 1 } values %times), 0, 'none twice';
    is join(' ', $heard[$i]->@*), "@$stored", 'in the order of the log';
}

done_testing;
