#!/usr/bin/perl

# What is kept for less than all else goes from a running server, what is kept
# longer stays, and health tells how far it is; a second configuration of the
# same database goes on where the first one was.

use lib 't/lib';
use Tavus::Test;

my %keep = (tavus_retention =>
    'events=100d browser=10d contacts=20d transcripts=30d trail=40d');
my $t = Tavus::Test->new(http => {%keep}, locations => {'= /metrics' => 'tavus_metrics;', '= /healthz' =>
    'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
my $db = $t->db;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
wait_ok { $t->grep_log(qr/maintained: budget/) } 'a first round';

sub put {
    my ($days, $source, $type, $kind, $call) = @_;
    $db->do(q{SELECT tavus.record(ARRAY[overlay(overlay(
        tavus.uuid_floor(now() - $1 * interval '1 day')::text PLACING '7' FROM 15 FOR 1)
        PLACING substr(md5(random()::text), 1, 12) FROM 25)::uuid], ARRAY[now()],
        '{NULL}', ARRAY[$2::int2], ARRAY[$3], ARRAY[$4], ARRAY[$5], '{NULL}', '{NULL}',
        ARRAY[convert_to('{"name":"A","email":"a@b.example","message":"x"}', 'UTF8')],
        '{NULL}')}, undef, $days, $kind, $source, $type, $call);
}
for my $days (5, 15, 25, 35, 45) {
    put($days, 'browser', 'page_view', 2);
    put($days, 'browser', 'contact.submitted', 3);
    put($days, 'tavus', 'application.transcription_ready', 0, "c$days");
    put($days, 'server', 'admin.viewed', 2);
    put($days, 'tavus', 'system.shutdown', 0, "c$days");
}
$db->do(q{INSERT INTO tavus.quarantine (digest, id, received_at, source, body, reason)
    SELECT sha256(e.id::text::bytea), e.id, now(), 'tavus', '', 'old'
      FROM tavus.events e WHERE event_type = 'system.shutdown'});
$db->do(q{INSERT INTO tavus.stats_seen (what, id, at, vertical, utm, counts)
    SELECT 'v', d, now() - d * interval '1 day', '', '', '{"visits":1}'
      FROM unnest('{5,15}'::int[]) d});
# what is not read on would be left for a week
wait_ok { $db->selectrow_array(q{SELECT NOT tavus.log_unread(
    tavus.uuid_floor(now() - interval '1 day'))}) } 'read on', 30;
$t->stop;
# as if a day had passed: what is put in the past comes before where it ended
$db->do(q{UPDATE tavus.retention SET whole_at = NULL});

sub ages {
    return join ' ', $db->selectcol_arrayref(q{SELECT round(extract(epoch FROM
        now() - tavus.uuid_time(id)) / 86400) FROM tavus.events
        WHERE event_type = ? ORDER BY id DESC}, undef, shift)->@*;
}
my $round = $db->selectrow_array('SELECT now()');
$t->start;
wait_ok { $db->selectrow_array(q{SELECT count(*) = 6 FROM tavus.retention WHERE kind
    IN ('browser', 'contacts', 'transcripts', 'trail', 'quarantine', 'stats')
    AND done_at > ?}, undef, $round) } 'a round', 30;
is ages('page_view'), '5', 'browsers: ten days';
is ages('contact.submitted'), '5 15', 'what was written: twenty';
is ages('application.transcription_ready'), '5 15 25', 'what was said: thirty';
is ages('admin.viewed'), '5 15 25 35', 'the trail: forty';
is ages('system.shutdown'), '5 15 25 35 45', 'all else stays';
is $db->selectrow_array(q{SELECT string_agg(id, ' ') FROM tavus.stats_seen
    WHERE what = 'v' AND counts = '{"visits":1}' AND length(id) < 3}), '5',
    'whose visits were counted: as browsers';
is $db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 1,
    'quarantine: the shortest';

my $kinds;
wait_ok { $kinds = $t->admin('/healthz?full')->json->{database}{retention} }
    'health has it' or diag $t->admin('/healthz?full')->to_string;
my %kind = map { $_->{kind} => $_ } @$kinds;
is_deeply {map { $_ => $kind{$_}{days} + 0 } qw(events browser contacts transcripts
    trail quarantine)}, {events => 100, browser => 10, contacts => 20,
    transcripts => 30, trail => 40, quarantine => 10}, 'health: how long';
is_deeply {map { $_ => $kind{$_}{removed} } qw(browser contacts transcripts trail
    quarantine)}, {browser => 4, contacts => 3, transcripts => 2, trail => 1,
    quarantine => 4}, 'how many';
my $metrics = $t->get('/metrics')->body;
like $metrics, qr/^tavus_retention_removed_total\{kind="$_->[0]"\} $_->[1]$/m,
    "metrics: $_->[0]" for ['browser', 4], ['contacts', 3], ['transcripts', 2],
    ['trail', 1], ['quarantine', 4];
is_deeply [grep { $kind{$_}{behind} } sort keys %kind], [], 'nothing is behind';

done_testing;
