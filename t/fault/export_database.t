#!/usr/bin/perl

# PostgreSQL is restarted, frozen and then refuses, under five exports: each goes on
# where it was, or is cut so that the client can tell, and goes on from there.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Export;

my $t = Tavus::Test->new(sandbox => 0, http => {tavus_journal => '%%DIR%%/journal'})->start;
my ($pg, $db) = ($t->pg, $t->db);
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'ready';

fill($t, 15_000);
my @ids = $db->selectcol_arrayref(q{SELECT id FROM tavus.events WHERE source = 'tavus'
    ORDER BY id DESC})->@*;
my $half = 300_000;

sub five {
    my @e = map { export($t, '?source=tavus&format=' . ($_ % 2 ? 'csv' : 'ndjson'),
        receive => 4096) } 1 .. 5;
    is grep({ $_->take($half) } @e), 5, 'five are under way';
    return @e;
}
sub whole {
    my ($what, @e) = @_;
    is_deeply [map { $_->rest } @e], [('whole') x @e], "$what: all end";
    is grep({ join(' ', $_->ids) ne join ' ', @ids } @e), 0, 'each event once, in order';
}

# ---- stopped for a while: three clients read all the time, two do not
my @e = five();
$pg->stop('QUIT');
is_deeply [map { $_->rest(1) } @e[0 .. 2]], [('open') x 3], 'they wait';
$pg->start;
whole('stopped', @e);

# ---- frozen: after a while white space goes out; one of nothing needs many pages
@e = five();
$db = $t->db;
my $looks = $db->selectrow_array(q{SELECT pg_get_functiondef('tavus.looks'::regproc)});
$db->do(q{CREATE OR REPLACE FUNCTION tavus.looks(source text, event_type text) RETURNS boolean
    LANGUAGE sql VOLATILE AS 'SELECT pg_sleep(0.0005) IS NULL'});
my $none = export($t, '?q=nothing+like+it&format=ndjson');
wait_ok { $none->more(0.1); $none->head } 'of nothing: begun';
$pg->freeze;
is $none->body, '', 'of nothing: not a byte';
is_deeply [map { $_->rest(4) } @e], [('open') x 5], 'frozen: they wait';
wait_ok { $_->more(0.1) for @e, $none; 6 == grep { $_->body =~ / +\z/ } @e, $none }
    'and say so', 30;
$pg->thaw;
$db->do($looks);
is $none->rest, 'whole', 'of nothing: ends';
like $none->body, qr/\A +\n\z/, 'in an empty line';
whole('frozen', @e);
like $_->body, qr/[^\n] +"?\r?\n/, 'where it means nothing' for @e[0, 1];

# ---- refused: cut, which the client can tell
@e = five();
$db = $t->db;
$db->do('ALTER FUNCTION tavus.admin_export RENAME TO admin_export_not');
is_deeply [map { $_->rest } @e], [('cut') x 5], 'refused: cut';
wait_ok { 5 == (() = $t->error_log =~ /export was cut after \d+ events: /g) } 'the log says why';
like $_->body, qr/\n\z/, 'after a whole row' for @e;
my $res = $t->admin('/api/admin/events/export');
is $res->code, 503;
is $res->json->{code}, 'storage_unusable', 'another one is not even begun';
$db->do('ALTER FUNCTION tavus.admin_export_not RENAME TO admin_export');
is $t->webhook(tavus_event('system.shutdown', 'c1', {}, timestamp => now_iso(-30)))->code, 200;
my $on = 0;
for (@e[0, 1]) {
    my $rest = export($t, '?source=tavus&format=' . ($_->body =~ /^id,/ ? 'csv' : 'ndjson')
        . '&cursor=' . $_->last_id . '&until=' . $_->until);
    is $rest->rest, 'whole', 'goes on';
    $on++ if join(' ', $_->ids, $rest->ids) eq join ' ', @ids;
}
is $on, 2, 'from its last row, bounded as before';

done_testing;
