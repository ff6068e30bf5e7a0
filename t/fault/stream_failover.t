#!/usr/bin/perl

# The primary dies and a standby is promoted: if it has all, who listens goes on
# as if nothing was.  If it has lost something, who has heard of that is told so,
# and who has not goes on; nobody misses what comes then.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::Tail;

for my $lost (0, 1) {
    my $pg = Tavus::Test::Pg->new;
    my $standby = Tavus::Test::Pg->new(from => $pg);
    my $t = Tavus::Test->new(db => $pg, sandbox => 0, workers => 1, http => {
        tavus_database => '"' . $pg->conninfo_of($standby) . '"',
        tavus_journal => '%%DIR%%/journal',
    })->start;
    wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';
    my $n = 0;
    my $event = sub {
        $n++;
        return $t->webhook(tavus_event('system.replica_joined', "c$n"))->code };
    my $seen = sub ($tail) {
        join ' ', map { $_->{event} // $_->{data}{conversationId} } $tail->events };

    my $tail = Tavus::Test::Tail->new($t);
    my $early = Tavus::Test::Tail->new($t);
    ok $_->wait_last, 'somebody listens' for $tail, $early;
    is $event->(), 200;
    ok $_->wait_for(1), 'and hears' for $tail, $early;
    $early->close;
    my $lsn = $pg->db->selectrow_array('SELECT pg_current_wal_flush_lsn()');
    wait_ok { $standby->db->selectrow_array(
        'SELECT pg_last_wal_replay_lsn() >= ?::pg_lsn', {}, $lsn) } 'it follows';

    if ($lost) {
        $standby->db->do("ALTER SYSTEM SET primary_conninfo = ''");
        $standby->db->do('SELECT pg_reload_conf()');
        wait_ok { !$standby->db->selectrow_array(
            'SELECT count(*) FROM pg_stat_wal_receiver') } 'and then does not';
        is $event->(), 200;
        ok $tail->wait_for(2), 'one is heard of that will be lost';
    }
    $pg->kill;
    $standby->promote;
    wait_ok { $event->() == 200 } 'it goes on';
    wait_ok { !(() = glob $t->dir . '/journal/*.journal') } 'there', 60;
    my $last = 'c' . $n;
    wait_ok { $seen->($tail->read) =~ /\b$last\z/ } 'the next are heard of', 60;
    my $stored = join ' ', $standby->db->selectcol_arrayref(q{
        SELECT e.conversation_id FROM tavus.log l,
               unnest(l.ids) WITH ORDINALITY u (id, o) JOIN tavus.events e ON e.id = u.id
         WHERE e.event_type <> 'admin.viewed' ORDER BY l.pos, u.o})->@*;
    is $seen->($tail), $lost ? 'c1 c2 reset ' . $stored =~ s/^c1 //r : $stored,
        $lost ? 'after a word that something was lost' : 'each once';

    my $back = $early->back;
    wait_ok { $seen->($back->read) =~ /\b$last\z/ } 'who comes back now', 60;
    is $seen->($back), $stored =~ s/^c1 //r, 'hears of no loss';
    $t->stop;
}

done_testing;
