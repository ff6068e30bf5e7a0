#!/usr/bin/perl

# A hundred listen while PostgreSQL is frozen, killed and started again, while a
# prepared transaction of intake holds the log, and one of another database does
# not: all stay, and hear of each event once, in one order.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Log qw(event_id store);
use Tavus::Test::Pg;
use Tavus::Test::Process qw(pause);
use Tavus::Test::Tail;

my $pg = Tavus::Test::Pg->new(config => ['max_prepared_transactions=5']);
my $t = Tavus::Test->new(db => $pg, sandbox => 0, workers => 2,
    http => {tavus_journal => '%%DIR%%/journal'},
    locations => {'= /metrics' => 'tavus_metrics;'})->start;
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';

my ($n, @stored) = (0);
my $event = sub {
    $n++;
    return $t->webhook(tavus_event('system.replica_joined', "c$n"))->code;
};
my @tails = map { Tavus::Test::Tail->new($t) } 1 .. 100;
wait_ok { 100 == grep { defined $_->read->last } @tails } 'a hundred listen';

sub all_hear ($what) {
    wait_ok { 100 == grep { $_->read->events >= $n } @tails } "$what: all hear", 60;
    my $ids = $pg->db->selectcol_arrayref(q{SELECT u.id FROM tavus.log l,
        unnest(l.ids) WITH ORDINALITY u (id, o) JOIN tavus.events e ON e.id = u.id
        WHERE e.event_type <> 'admin.viewed' ORDER BY l.pos, u.o});
    is scalar(grep { join(' ', $_->ids) ne "@$ids" } @tails), 0,
        'of each once, in the order of the log';
}

$event->() for 1 .. 5;
all_hear('at first');

$pg->freeze;
$event->() for 1 .. 3;          # journaled
pause(6);                       # a query is given up, and its session
is scalar(grep { !$_->open } @tails), 0, 'frozen: all stay';
$pg->thaw;
wait_ok { !(() = glob $t->dir . '/journal/*.journal') } 'the journal is replayed';
$event->();
all_hear('thawed');

for my $how (qw(kill restart)) {
    $how eq 'kill' ? do { $pg->kill; $pg->start } : $pg->restart;
    wait_ok { $event->() == 200 } "$how: events are taken";
    wait_ok { !(() = glob $t->dir . '/journal/*.journal') } 'of the database', 60;
    all_hear($how);
}
is scalar(grep { $_->{data}{id} ? () : 1 } map { $_->events } @tails), 0,
    'nobody was told of a loss';

# a transaction of intake that does not end
my $db = $pg->connect;
$db->begin_work;
store($db, event_id());
$db->do(q{PREPARE TRANSACTION 'left behind'});
$n++;
$event->();
pause(0.5);
is scalar(grep { $_->read->events >= $n - 1 } @tails), 0, 'held: nobody hears';
$db->do(q{COMMIT PREPARED 'left behind'});
all_hear('then');

# of anybody else
$pg->db->do('CREATE DATABASE other');
my $other = $pg->connect(db => 'other', user => 'postgres');
$other->begin_work;
$other->selectrow_array('SELECT pg_current_xact_id(), pg_advisory_xact_lock_shared(4611686018427387904)');
$event->();
all_hear('held elsewhere');
$other->rollback;

done_testing;
