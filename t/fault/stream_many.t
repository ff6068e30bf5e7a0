#!/usr/bin/perl

# A hundred tails and five exports are there while PostgreSQL stands still, is
# restarted, dies and has a successor: each tail hears of each event once, in the
# order of the log, each export is whole, and events are taken all the time.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Export;
use Tavus::Test::Pg;
use Tavus::Test::Tail;

my $pg = Tavus::Test::Pg->new;
my $standby = Tavus::Test::Pg->new(from => $pg);
my $t = Tavus::Test->new(db => $pg, sandbox => 0, workers => 2, http => {
    tavus_database => '"' . $pg->conninfo_of($standby) . '"',
    tavus_journal => '%%DIR%%/journal', tavus_store_timeout => '2s',
})->start;
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';

fill($t, 15_000);
my @ids = $t->db->selectcol_arrayref(q{SELECT id FROM tavus.events WHERE source = 'tavus'
    ORDER BY id DESC})->@*;

my @tails = map { Tavus::Test::Tail->new($t) } 1 .. 100;
is grep({ defined $_->wait_last } @tails), 100, 'a hundred listen';
my @exports = map { export($t, '?source=tavus&format=' . ($_ % 2 ? 'csv' : 'ndjson'),
    receive => 4096) } 1 .. 5;
is grep({ $_->take(300_000) } @exports), 5, 'five exports are under way';

my (@sent, @refused);
sub sent {
    for (1 .. 5) {
        push @sent, 'of-' . @sent;
        $t->webhook(tavus_event('system.replica_joined', $sent[-1]))->code == 200
            or push @refused, $sent[-1];
    }
}
sub all_hear {
    my ($what) = @_;
    wait_ok { @tails == grep { @sent <= $_->read->events } @tails } "$what: all are heard of", 60;
}

sent();
all_hear('before');

$pg->freeze;
sent();
$_->more(0.01) for @exports;
$pg->thaw;
sent();
all_hear('frozen');

$pg->stop('QUIT');
sent();
$_->more(0.01) for @exports;
$pg->start;
sent();
all_hear('restarted');

wait_ok { !(() = glob $t->dir . '/journal/*.journal') } 'the journal is replayed', 60;
my $lsn = $pg->db->selectrow_array('SELECT pg_current_wal_flush_lsn()');
wait_ok { $standby->db->selectrow_array('SELECT pg_last_wal_replay_lsn() >= ?::pg_lsn', {},
    $lsn) } 'the standby has all';
$pg->kill;
sent();
$_->more(0.01) for @exports;
$standby->promote;
sent();
all_hear('failed over');

is "@refused", '', 'all were taken';
my $stored = join ' ', $standby->db->selectcol_arrayref(q{
    SELECT e.conversation_id FROM tavus.log l,
           unnest(l.ids) WITH ORDINALITY u (id, o) JOIN tavus.events e ON e.id = u.id
     WHERE e.conversation_id LIKE 'of-%' ORDER BY l.pos, u.o})->@*;
is grep({ $stored eq join ' ', grep { /^(?:of-|reset)/ } map { $_->{event} // $_->{data}{conversationId}
    // '' } $_->events } @tails), 100, 'each tail heard of each once, in the order of the log';
is grep({ $_->open } @tails), 100, 'and was never closed';
is_deeply [map { $_->rest(120) } @exports], [('whole') x 5], 'the exports end';
is grep({ join(' ', $_->ids) eq join ' ', @ids } @exports), 5, 'each event once, in order';

done_testing;
