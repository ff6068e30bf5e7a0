#!/usr/bin/perl

# Two nodes fetch what Stripe could not deliver, and look for orders, while
# their workers are killed, their configuration is reloaded, the database is cut
# off or started again, and Stripe fails: in the end each event is there once,
# each order is known, and no page was asked for more often than it was leased.
# TAVUS_SEED: what happens when.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(pause);
use Tavus::Test::Sandbox;
use Tavus::Test::Stripe;
use Time::HiRes qw(time);

my $seed = $ENV{TAVUS_SEED} // int rand 1e6;
srand $seed;
note "TAVUS_SEED=$seed";

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my @nodes = map { Tavus::Test::Node->new($_, $pg, $box, workers => 2,
    http => {tavus_store_timeout => '500ms'}) } qw(a b);
for my $node (@nodes) {
    my %our = stripe_http($node->t, $box);
    $node->t->configure(%our)->start;
}
my $A = $nodes[0]->t;
my $db = $pg->db;
wait_ok { $_->t->get('/healthz')->code == 200 } 'ready' for @nodes;
wait_ok { value($A, 'SELECT done_at FROM tavus.stripe_repairs') } 'read once';
$box->config(stripe_webhook_url => $A->url('/stripe'), callback_attempts => 1);

# each lease is written down
$db->do('CREATE TABLE public.leases (kind text)');
$db->do(q{CREATE FUNCTION public.lease() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER AS 'BEGIN INSERT INTO public.leases VALUES (TG_ARGV[0]);
    RETURN NULL; END'});
$db->do(q{CREATE TRIGGER lease AFTER UPDATE ON tavus.stripe_repairs
    FOR EACH ROW WHEN (NEW.token <> OLD.token AND NEW.token <> 0)
    EXECUTE FUNCTION public.lease('page')});
$db->do(q{CREATE TRIGGER lease AFTER UPDATE ON tavus.orders
    FOR EACH ROW WHEN (NEW.tries > OLD.tries)
    EXECUTE FUNCTION public.lease('order')});
$box->forget;

# nothing comes: events, and orders of which nobody heard
my (@bought, @lost, %made);
my $sell = sub ($sold, $asked) {
    lose($A, 1);
    push @bought, map { (paid($A, mode => 'subscription'))[0] } 1 .. $sold;
    lose($A, 0);
    for (1 .. $asked) {
        my ($id, $session) = ordered($A);
        push @lost, $id;
        $made{$id} = $session;
    }
};
$sell->(50, 5);

my @page = (method => 'GET', path => '/v1/', times => 1);
my %count;
my %chaos = (
    kill    => sub ($n) { $n->t->kill_worker },
    reload  => sub ($n) { $n->t->signal('HUP') },
    cut     => sub ($n) { $n->cut; pause(0.5); $n->mend },
    hang    => sub ($n) { $box->fault(kind => 'hang', @page) },
    reset   => sub ($n) { $box->fault(kind => 'reset', @page) },
    broken  => sub ($n) { $box->fault(kind => 'status', status => 500, @page) },
    busy    => sub ($n) { $box->fault(kind => 'status', status => 429, @page) },
    slow    => sub ($n) { $box->fault(kind => 'delay', ms => 1000, @page) },
);
my @often = (qw(kill reload) x 2, sort keys %chaos);

# whoever had a page is not waited for so long, and no pause lasts
my $again = sub {
    $db->do(q{UPDATE tavus.stripe_repairs SET orders_at = now(),
        due_at = CASE WHEN token = 0 OR due_at < now() + interval '110 s'
                      THEN now() ELSE due_at END});
    $db->do(q{UPDATE tavus.orders SET due_at = least(due_at, now())
        WHERE id = ANY (?) AND due_at < now() + interval '50 s'
           OR tries = 0 AND id = ANY (?)}, undef, \@lost, \@lost);
};

for (my $end = time + 20; time < $end; pause(rand 2)) {
    my $what = $often[rand @often];
    $count{$what}++;
    $chaos{$what}->($nodes[rand @nodes]);
    $again->();
    $sell->(5, 1);
}
note join ', ', map { "$_: $count{$_}" } sort keys %count;

$_->mend for @nodes;
$box->no_faults;
my @events;
wait_ok { @events = $box->stripe_events; !grep { $_->{state} eq 'pending' } @events } 'all have been tried';
@events = grep { $_->{state} eq 'failed' } @events;
cmp_ok scalar @events, '>', 100, 'events that did not come';
my $ids = q{SELECT count(DISTINCT tavus.body_jsonb(body) ->> 'id')
    FROM tavus.events WHERE source = 'stripe'};
wait_ok { $again->(); value($A, $ids) >= @events
    && !value($A, q{SELECT count(*) FROM tavus.orders WHERE id = ANY (?)
        AND stripe_session IS NULL}, \@lost) } 'all is there', 180;
wait_ok { !(() = map { glob $_->t->dir . '/journal/*.journal' } @nodes) }
    'the journals are replayed', 60;

is value($A, q{SELECT count(*) FROM tavus.events WHERE source = 'stripe'}),
    value($A, $ids), 'each once';
is value($A, 'SELECT count(*) FROM tavus.quarantine'), 0, 'and no conflict';
wait_ok { $again->(); value($A, q{SELECT count(*) FROM tavus.orders WHERE id = ANY (?)
    AND state = 'paid'}, \@bought) == @bought } 'what was bought is paid'
    or diag $db->selectrow_array(q{SELECT concat(
        (SELECT string_agg(concat_ws(' ', o.id, o.state, o.told_state, o.stripe_session, o.tries, o.due_at,
            (SELECT count(*) FROM tavus.events e WHERE e.source = 'stripe'
                AND strpos(convert_from(e.body, 'UTF8'), o.stripe_session) > 0), 'events'), E'\n')
           FROM tavus.orders o WHERE o.id = ANY (?) AND o.state <> 'paid'), E'\n',
        (SELECT string_agg(c::text, E'\n') FROM tavus.cursors c), E'\n', tavus.log_state(), E'\n',
        (SELECT max(pos) FROM tavus.log))}, undef, \@bought);
is_deeply [map { value($A, 'SELECT stripe_session FROM tavus.orders
    WHERE id = ?', $_) } @lost], [@made{@lost}], 'what was lost is found';
my %status = map { $_->{id} => $_->{status} } $box->stripe_sessions;
is_deeply [grep { $status{$made{$_}} ne 'expired' } @lost], [],
    'and closed at Stripe';

my %leased = map { @$_ } $db->selectall_arrayref('SELECT kind, count(*)
    FROM public.leases GROUP BY kind')->@*;
note "$leased{page} pages, $leased{order} looks";
# curl sends a GET again, once, if a connection that it had kept is reset
cmp_ok scalar listed($A), '<=', $leased{page} + ($count{reset} // 0),
    'no page was asked for more often than leased';

# ---- another run of the server may be another server: all is read
$db->do(q{DELETE FROM tavus.events WHERE source = 'stripe'});
$db->do('DELETE FROM tavus.digests');
$db->do('DELETE FROM tavus.digests_before');
my ($more, $session) = paid($A);
wait_ok { value($A, 'SELECT state FROM tavus.orders WHERE id = ?', $more)
    eq 'paid' } 'one that was delivered';
$db->do(q{DELETE FROM tavus.events WHERE source = 'stripe'});
$db->do('DELETE FROM tavus.digests');
$box->forget;
$pg->restart;
wait_ok { $_->t->get('/healthz')->code == 200 } 'the database is back'
    for @nodes;
$db = $pg->db;
wait_ok {
    $A->db->do('UPDATE tavus.stripe_repairs SET due_at = now()
        WHERE token = 0');
    grep { $_->{query} =~ /types/ } listed($A);
} 'the whole list is read', 60;
wait_ok { value($A, q{SELECT count(*) FROM tavus.events WHERE source = 'stripe'
    AND tavus.body_jsonb(body) #>> '{data,object,id}' = ?}, $session) }
    'and what was delivered is there again', 60;

done_testing;
