#!/usr/bin/perl

# Two nodes repair while their workers are killed, their configuration is
# reloaded, the database is cut off and Tavus fails: in the end each event is
# there once, and no conversation was asked for more often than it was leased.
# TAVUS_SEED: what happens when.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(pause);
use Tavus::Test::Repair;
use Tavus::Test::Sandbox;
use Time::HiRes qw(time);

my $seed = $ENV{TAVUS_SEED} // int rand 1e6;
srand $seed;
note "TAVUS_SEED=$seed";

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my @nodes = map { Tavus::Test::Node->new($_, $pg, $box, workers => 2, http => {
    tavus_api_timeout => '2s', tavus_store_timeout => '500ms',
    tavus_repair => 'rate=1r/s'}) } qw(a b);
my ($A, $B) = @nodes;
my $db = $pg->db;
$_->t->start for @nodes;
wait_ok { $_->t->get('/healthz')->code == 200 } 'ready' for @nodes;

# no callback comes, and each lease is written down
$box->config(callback_drop => 1, story => 'plain', twins => 1);
$db->do('CREATE TABLE public.leases (id text)');
$db->do(q{CREATE FUNCTION public.lease() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER AS 'BEGIN INSERT INTO public.leases VALUES (NEW.id);
    RETURN NULL; END'});
$db->do('CREATE TRIGGER lease AFTER UPDATE ON tavus.conversations FOR EACH ROW
    WHEN (NEW.repair_tries > OLD.repair_tries)
    EXECUTE FUNCTION public.lease()');

my @id = map {
    my $id = $A->t->create->json->{conversation_id};
    $box->play(conversation_id => $id, story => 'plain');
    $id;
} 1 .. 40;
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE source = 'tavus'}), 0, 'nothing came';

my @get = (method => 'GET', path => '/v2/conversations/', times => 1);
my %count;
my %chaos = (
    kill   => sub ($n) { $n->t->kill_worker },
    reload => sub ($n) { $n->t->signal('HUP') },
    cut    => sub ($n) { $n->cut; pause(0.5); $n->mend },
    hang   => sub ($n) { $box->fault(kind => 'hang', @get) },
    reset  => sub ($n) { $box->fault(kind => 'reset', @get) },
    broken => sub ($n) { $box->fault(kind => 'status', status => 500, @get) },
    busy   => sub ($n) { $box->fault(kind => 'status', status => 429, @get) },
    slow   => sub ($n) { $box->fault(kind => 'delay', ms => 1000, @get) },
);
my @often = (qw(kill reload) x 2, sort keys %chaos);
my $left = sub { $db->selectrow_array('SELECT count(*)
    FROM tavus.conversations WHERE repair_at IS NOT NULL') };
my $again = sub {
    due($A->t);
    $db->do('UPDATE tavus.repair_pace SET paused_until = now()');
};

for (my $end = time + 30; time < $end && $left->(); pause(1 + rand 2)) {
    my $what = $often[rand @often];
    $count{$what}++;
    $chaos{$what}->($nodes[rand @nodes]);
    $again->();
}
note join ', ', map { "$_: $count{$_}" } sort keys %count;
note 'left: ' . $left->();

$_->mend for @nodes;
$box->no_faults;
wait_ok { $again->(); !$left->() } 'all is repaired', 120;
wait_ok { !(() = map { glob $_->t->dir . '/journal/*.journal' } @nodes) }
    'the journals are replayed', 60;

is $db->selectrow_array('SELECT count(*) FROM tavus.conversations WHERE ended
    AND num_nonnulls(started_id, shutdown_id, transcript_id, perception_id)
        = 4'), scalar @id, 'whole';
is_deeply $db->selectcol_arrayref(q{SELECT DISTINCT n FROM (SELECT count(*) AS n
    FROM tavus.events WHERE source = 'tavus' GROUP BY conversation_id) c}), [4],
    'each with all of its events, once';
is $db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0,
    'and no conflict';

my %leased = map { @$_ } $db->selectall_arrayref('SELECT id, count(*)
    FROM public.leases GROUP BY id')->@*;
# curl sends a GET again, once, if a connection that it had kept is reset
my $more = 0;
for my $id (@id) {
    my $over = fetched($A->t, $id) - ($leased{$id} // 0);
    $more += $over if $over > 0;
}
cmp_ok $more, '<=', $count{reset} // 0,
    'none was asked for more often than leased';
my ($most) = sort { $b <=> $a } map { scalar fetched($A->t, $_) } @id;
note "asked for at most $most times";

done_testing;
