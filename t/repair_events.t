#!/usr/bin/perl

# What callbacks did not bring is fetched from Tavus, and is the same event as
# the callback would have made; one that comes late is a duplicate.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Metrics;
use Tavus::Test::Repair;
use Mojo::JSON qw(decode_json encode_json false true);

my $t = repair_test(locations => {'= /metrics' => 'tavus_metrics;'});
my ($box, $db) = ($t->sandbox, $t->db);

my @lost = talk($t, lost => 1);
my $id = $lost[0]{conversation_id};
my $token = $box->token;
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE source = 'tavus'}), 0, 'nothing came';
my $at = $db->selectrow_array('SELECT extract(epoch FROM repair_at
    - tavus.uuid_time(created_id))::int FROM tavus.conversations');
ok $at >= 600 + 900 && $at < 600 + 960,
    'it is asked about when its time is over' or diag $at;

due($t);
wait_ok { whole($t, $id) } 'all is there', 30;
wait_ok { metrics($t)->('tavus_repaired_events_total') == @lost } 'counted';
is scalar fetched($t, $id), 1, 'asked for once';
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE verification = '{"method":"repair"}' AND source = 'tavus'}),
    scalar @lost, 'by repair, of the source that tells';
like join("\n", $t->grep_log(qr/was repaired/)),
    qr/"$id" was repaired: ${\scalar @lost} events had not come/, 'and told';

my $c = $t->admin("/api/admin/conversations/$id")->json;
is $c->{status}, 'ended';
is $c->{shutdown_reason}, 'participant_left_timeout';
ok $c->{transcript}->@*, 'with its transcript';
is_deeply [map { $_->{repaired} } grep { $_->{source} eq 'tavus' }
    $c->{events}->@*], [(true) x @lost], 'the timeline says repaired';
is_deeply [grep { $_->{repaired} } grep { $_->{source} ne 'tavus' }
    $c->{events}->@*], [], 'of nothing else';
my ($event) = grep { $_->{source} eq 'tavus' } $c->{events}->@*;
is $t->admin("/api/admin/events/$event->{id}")->json->{verification}{method},
    'repair';
my $list = $t->admin("/api/admin/events?conversation_id=$id")->json->{events};
is scalar(grep { $_->{repaired} } @$list), scalar @lost, 'as does the list';

# the callbacks themselves, late
my $before = events($t);
is $t->webhook(encode_json($_), token => $token)->code, 200 for @lost;
is_deeply events($t), $before, 'what comes late changes nothing';
is $db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0,
    'and is no conflict';

# one of which the API says less than the callbacks
$box->config(verbose => 'example');
my @less = talk($t, lost => 1);
due($t);
wait_ok { whole($t, $less[0]{conversation_id}) } 'little is enough', 30;
$box->config(verbose => 'replayed');
$before = events($t);
is $t->webhook(encode_json($_), token => $box->token)->code, 200 for @less;
is_deeply events($t), $before, 'late ones are duplicates';
is $db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0,
    'and no conflict';

# one without a loss is not asked for, whatever happens
my @whole = talk($t);
$id = $whole[0]{conversation_id};
wait_ok { whole($t, $id) } 'another, all of which came';
is $db->selectrow_array('SELECT count(*) FROM tavus.conversations
    WHERE repair_at IS NOT NULL'), 0, 'nothing is left to be asked';

# a callback that says another thing than was fetched
my ($other) = grep { $_->{event_type} eq 'application.transcription_ready' }
    @lost;
$other = decode_json(encode_json($other));
$other->{properties}{transcript} = [{role => 'user', content => 'other'}];
is $t->webhook(encode_json($other), token => $token)->code, 200;
is_deeply $db->selectcol_arrayref('SELECT reason FROM tavus.quarantine'),
    ['conflict'], 'is kept, and never put in its place';
is_deeply [grep { /^$lost[0]{conversation_id}/ } events($t)->@*],
    [grep { /^$lost[0]{conversation_id}/ } @$before];

# the other way round: the copy is the conflict, and is released into its conversation
@lost = talk($t, lost => 1);
($id, $token) = ($lost[0]{conversation_id}, $box->token);
($other) = grep { $_->{event_type} eq 'application.transcription_ready' } @lost;
$other = decode_json(encode_json($other));
$other->{properties}{transcript} = [{role => 'user', content => 'other'}];
is $t->webhook(encode_json($other), token => $token)->code, 200;
due($t);
my $kept;
wait_ok { ($kept) = $db->selectrow_array(q{SELECT seq FROM tavus.quarantine WHERE
    verification = '{"method":"repair"}' AND conversation_id = ?}, {}, $id) } 'a copy is kept', 30;
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json');
my $res = $t->post("/api/admin/quarantine/$kept/release", '{"unproven":true}', {%json});
is_deeply [$res->code, $res->json->{released}], [200, true], 'which is released'
    or diag $res->body;
is_deeply [$db->selectrow_array('SELECT event_type, conversation_id FROM tavus.events
    WHERE id = ?', {}, $res->json->{id})], [$other->{event_type}, $id], 'as what it is';
like $t->request(DELETE => "/api/admin/conversations/$id", undef, {%json})->code, qr/^20[02]\z/;
wait_ok { !$db->selectrow_array('SELECT count(*) FROM tavus.events WHERE id = ?', {},
    $res->json->{id}) } 'and is erased with it';

# and off
$t->configure(http => {tavus_repair => 'off'})->reload(drained => 1);
@lost = talk($t, lost => 1);
due($t);
my $turns = sub ($operation) { metrics($t)->('tavus_upkeep_total',
    operation => $operation, result => 'ok') // 0 };
my ($repairs, $sweeps) = map { $turns->($_) } qw(repair sweep);
wait_ok { $turns->('sweep') >= $sweeps + 3 } 'upkeep goes on', 60;
is $turns->('repair'), $repairs, 'off: nothing is claimed';
is $db->selectrow_array('SELECT count(*) FROM tavus.conversations
    WHERE repair_at <= now()'), 1, 'and waits for who does';

done_testing;
