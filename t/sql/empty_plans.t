#!/usr/bin/perl

# Plans that were made when all tables were empty, and known to be, find one row by its key and do not look
# through all of them: sessions keep their plans, and a table grows.  And what is called often is planned once.
# Wants DATABASE_URL (or PG* variables), as a superuser.

use strict;
use warnings;

use Cwd qw( abs_path );
use DBI;
use File::Basename qw( dirname );
use Test::More;

my $here = dirname(abs_path(__FILE__));
my $url = $ENV{DATABASE_URL} || '';
my $root = DBI->connect("dbi:Pg:$url", undef, undef, { RaiseError => 1, PrintError => 0 });
my $name = "tavus_plans_$$";
my $own = $url eq '' ? "dbname=$name" : $url;

$own =~ s{^(postgres(?:ql)?://[^/?]*)(?:/[^?]*)?}{$1/$name} or $own .= " dbname=$name" if $url ne '';
$root->do("CREATE DATABASE $name TEMPLATE template0 ENCODING 'UTF8'");
is(system('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', $own, '-f',
          "$here/../../sql/install.sql"), 0, 'a database of its own');
my $db = DBI->connect("dbi:Pg:$own", undef, undef, { RaiseError => 1, PrintError => 0, PrintWarn => 0 });

$db->do(q{SET track_functions = 'all'});

# nobody makes them anew meanwhile
for my $table ($db->selectcol_arrayref(q{SELECT oid::regclass FROM pg_class
    WHERE relnamespace = 'tavus'::regnamespace AND relkind = 'r'})->@*)
{
    $db->do("ALTER TABLE $table SET (autovacuum_enabled = off)");
}
$db->do('VACUUM ANALYZE');

my @types = qw( system.replica_joined conversation.utterance conversation.utterance conversation.utterance
    system.shutdown application.transcription_ready application.perception_analysis );
my $from = (time - 7200) * 1000;
my $n = 0;

sub row {
    my ($conversation, $source, $type, $body, $nonce) = @_;
    my $h = sprintf '%012x', $from + $n;

    return { id => substr($h, 0, 8) . '-' . substr($h, 8) . sprintf('-7%03x-8000-%012x', $n % 4096, $n++),
             conversation => $conversation, source => $source, type => $type, body => $body, nonce => $nonce };
}

sub record {
    my (@r) = @_;

    return $db->selectrow_array('SELECT tavus.record(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', undef,
        [ map { $_->{id} } @r ], [ map { undef } @r ], [ map { undef } @r ], [ map { 0 } @r ],
        [ map { $_->{source} } @r ], [ map { $_->{type} } @r ], [ map { $_->{conversation} } @r ],
        [ map { $_->{nonce} } @r ], [ map { '{}' } @r ],
        [ map { '\x' . unpack 'H*', $_->{body} } @r ], [ map { undef } @r ]);
}

# a conversation with all that there may be of one, and its visitor
sub conversation {
    my ($i) = @_;
    my $nonce = sprintf '\x%032x', $i;
    my $who = qq("session_id":"s$i","user_id":"u$i","conversation_id":"c$i");

    return (row(undef, 'browser', 'page_view', qq({$who,"utm_source":"news"})),
            row(undef, 'browser', 'consent', qq({$who,"consent":"granted"})),
            row("c$i", 'server', 'conversation.created', '{"status":"active","vertical":"legal"}', $nonce),
            (map { row("c$i", 'tavus', $_, qq({"conversation_id":"c$i","properties":{"transcript":[{"role":"user","content":"hello w$i"}]}}), $nonce) } @types),
            row(undef, 'browser', 'contact.submitted', qq({$who,"email":"v$i\@example.com","name":"N","message":"hello"})));
}

sub rolled {
    my ($most) = @_;

    for my $f ("leads_roll($most)", "orders_roll($most, false)", "traces_roll($most)", "stats_roll($most)", "words_roll($most)") {
        for (1 .. 100) {
            my ($told) = $db->selectrow_array("SELECT tavus.$f");
            my ($events) = $told =~ /"events" ?: ?(\d+)/;

            last if !$events && $told !~ /"more" ?: ?true/;
        }
    }
}

# the first ones find the tables empty
record(conversation(0));
rolled(100);

for my $i (1 .. 400) {
    my @r = conversation($i);

    record(splice @r, 0, 4) while @r;
    rolled(1000) if $i % 40 == 0;
}
is($db->selectrow_array('SELECT count(*) FROM tavus.conversations'), 401, 'conversations');
is($db->selectrow_array(q{SELECT count(*) FROM tavus.stats_seen WHERE what = 'c'}), 401, 'are counted');
is($db->selectrow_array('SELECT count(*) FROM tavus.leads'), 401, 'and leads');

# this session's counts are told when it ends
$db->disconnect;
$db = DBI->connect("dbi:Pg:$own", undef, undef, { RaiseError => 1, PrintError => 0 });
$db->do('SELECT pg_stat_clear_snapshot()');
is_deeply($db->selectcol_arrayref(q{
    SELECT format('%s: %s entries for %s scans', i.indexrelname, i.idx_tup_read, i.idx_scan)
      FROM pg_stat_user_indexes i
     -- along which readers go
     WHERE i.schemaname = 'tavus' AND i.indexrelname <> 'log_pkey' AND i.idx_scan > 100 AND i.idx_tup_read > 30 * i.idx_scan
     ORDER BY i.idx_tup_read DESC}), [], 'no look through an index for one row');
is_deeply($db->selectcol_arrayref(q{
    SELECT format('%s: %s rows in %s scans', t.relname, t.seq_tup_read, t.seq_scan)
      FROM pg_stat_user_tables t
     WHERE t.schemaname = 'tavus' AND t.seq_scan > 300 AND t.seq_tup_read > 30 * t.seq_scan
     ORDER BY t.seq_tup_read DESC}), [], 'nor through a table');

# one in SQL that the planner cannot put in its place is planned by each statement that calls it
is_deeply($db->selectcol_arrayref(q{
    SELECT format('%s: %s calls', f.funcname, f.calls)
      FROM pg_stat_user_functions f JOIN pg_proc p ON p.oid = f.funcid JOIN pg_language l ON l.oid = p.prolang
     WHERE f.schemaname = 'tavus' AND l.lanname = 'sql' AND f.calls > 200
     ORDER BY f.calls DESC}), [], 'no function in SQL is called as such, again and again');
cmp_ok($db->selectrow_array(q{SELECT calls FROM pg_stat_user_functions WHERE funcname = 'record'}), '>', 200, 'calls are counted');

$db->disconnect;
$root->do("DROP DATABASE $name WITH (FORCE)");

done_testing();
