#!/usr/bin/perl

# Two nodes count one database: workers are killed in the middle of counting, and
# PostgreSQL is, too; each event is in the sums once.  A reader that is slow, or
# holds what it counts, keeps no webhook waiting.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Sandbox;

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my @nodes = map { Tavus::Test::Node->new($_, $pg, $box) } qw(a b);
for (@nodes) {
    $_->t->allow_alerts(qr/exited on signal 9/);
    $_->t->start;
}
for my $t (map { $_->t } @nodes) {
    wait_ok { $t->get('/healthz')->code == 200 } 'ready';
}

my ($n, $sent) = (0, 0);
my $tell = sub ($many) {
    for (1 .. $many) {
        my $node = $nodes[++$n % 2];
        $sent++ if $node->t->webhook(tavus_event('utterance', 'c' . $n % 7, {},
            timestamp => "2026-11-20T10:00:00.${n}Z"))->code == 200;
    }
};
my $sum = sub {
    my $stats = eval { $nodes[0]->t->admin('/api/admin/stats?from=2026-11-20T10:00:00Z'
        . '&to=2026-11-20T11:00:00Z')->json } // {};
    return {map { $_ => $stats->{total}{$_} // -1 } qw(events conversations)};
};
my $stored = sub { $pg->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'utterance'}) };

$tell->(20);
wait_ok { $sum->()->{events} == 20 } 'all are counted';

# ---- a worker dies in the middle: its sums are half written, and not seen
$pg->db->do(q{CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(1); RETURN NULL; END'});
$pg->db->do(q{CREATE TRIGGER slow AFTER INSERT OR UPDATE ON tavus.stats
    FOR EACH STATEMENT EXECUTE FUNCTION public.slow()});
my $counting = sub { $pg->db->selectrow_array(q{SELECT pid FROM pg_stat_activity
    WHERE wait_event = 'PgSleep' AND query ~ 'stats_roll'}) };

for my $round (1 .. 3) {
    $tell->(5);
    wait_ok { $counting->() } "somebody counts, round $round";
    is $nodes[0]->t->webhook(tavus_event('utterance', 'c1', {},
        timestamp => "2026-11-20T10:00:01.${round}Z"))->code, 200,
        'and holds no webhook up, of the same conversation';
    $sent++;
    $_->t->kill_worker('KILL') for @nodes;
    for my $t (map { $_->t } @nodes) {
        wait_ok { $t->get('/healthz')->code == 200 } 'there are others';
    }
}
$pg->db->do('DROP TRIGGER slow ON tavus.stats');
is $stored->(), $sent, 'all were stored';
wait_ok { $sum->()->{events} == $sent } 'each was counted once', 60;
is $sum->()->{conversations}, 7, 'and each conversation';

# ---- PostgreSQL dies in the middle
$pg->db->do(q{CREATE TRIGGER slow AFTER INSERT OR UPDATE ON tavus.stats
    FOR EACH STATEMENT EXECUTE FUNCTION public.slow()});
$tell->(5);
wait_ok { $counting->() } 'somebody counts';
$pg->kill;
$tell->(4);
$pg->start;
wait_ok { eval { $pg->db->do('DROP TRIGGER slow ON tavus.stats') } } 'it is back';
wait_ok { $stored->() == $sent } 'with what the journals have', 60;
wait_ok { $sum->()->{events} == $sent } 'and each was counted once', 60;
is $sum->()->{conversations}, 7, 'and each conversation';

# ---- somebody holds what is counted
my $other = $pg->connect;
$other->begin_work;
$other->do('SELECT FROM tavus.stats FOR UPDATE');
$tell->(3);
is $stored->(), $sent, 'a lock on the sums holds up nobody but them';
$other->rollback;
wait_ok { $sum->()->{events} == $sent } 'who go on afterwards', 60;

done_testing;
