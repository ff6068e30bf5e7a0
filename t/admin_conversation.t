#!/usr/bin/perl

# /conversations/{id}: what happened, and what was said.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(encode url_escape);
use POSIX qw(strftime);

my $t = Tavus::Test->new->start;

sub conversation {
    my ($id) = @_;
    my $res = $t->admin('/api/admin/conversations/'
        . url_escape(encode('UTF-8', $id)));
    is $res->code, 200, $id or diag $res->to_string;
    return $res->json;
}

my $new = $t->create(vertical => 'healthcare')->json;
my $id = $new->{conversation_id};
my $got = conversation($id);
is $got->{status}, 'active';
is $got->{transcript}, undef, 'nothing was said yet';
is_deeply [map { $_->{event_type} } $got->{events}->@*],
    ['conversation.created'];
unlike $t->admin("/api/admin/conversations/$id")->body,
    qr/\Q$new->{end_token}\E/, 'no end token';

my $token = $t->sandbox->token;
my $joined = time + 10;
my @said = (
    {role => 'system', content => 'SYSTEM PROMPT: you are discreet'},
    {role => 'assistant', content => 'Grüß Gott', timestamp => 1767225600.5},
    {role => 'user', content => 'a "quote" \\ </script> ' . "\x{1F600}",
        timestamp => '2026-01-01T00:00:07Z'},
    {role => 'system', content => 'SYSTEM PROMPT again'},
    {role => 'assistant', content => '', tool_calls => [{id => 't1'}]},
    {role => 'tool', content => '{"ok":true}', tool_call_id => 't1'},
    {role => 'replica', content => 'Bitte', seconds_from_start => 9.5},
    {content => 'without a role'},
);
# not in the order of their times, and one twice
my @events = (
    tavus_event('application.transcription_ready', $id,
        {transcript => \@said}, timestamp => now_iso(30)),
    tavus_event('system.shutdown', $id, {shutdown_reason => 'done'},
        timestamp => now_iso(20)),
    tavus_event('system.replica_joined', $id, {replica_id => 'r1'},
        timestamp => "${joined}.0"),
);
is $t->webhook($_, token => $token)->code, 200 for @events, $events[1];

$got = conversation($id);
is_deeply [map { $_->{event_type} } $got->{events}->@*],
    [qw(conversation.created system.replica_joined system.shutdown
        application.transcription_ready)], 'the timeline, oldest first';
is_deeply [map { [$_->@{qw(n role content)}] } $got->{transcript}->@*],
    [[1, 'assistant', $said[1]{content}], [2, 'user', $said[2]{content}],
     [6, 'assistant', 'Bitte']], 'what people said, without the prompt';
is_deeply [map { $_->{n} } $got->{transcript_other}->@*], [0, 3, 4, 5, 7],
    'all else is apart';
is_deeply $got->{transcript_other}[2], {$said[4]->%*, n => 4},
    'as Tavus sent it';
is $got->{transcript}[0]{timestamp}, 1767225600.5, 'a time as well';
is_deeply [map { $_->{at} } $got->{transcript}->@*],
    ['2026-01-01T00:00:00.500Z', '2026-01-01T00:00:07.000Z',
     strftime('%Y-%m-%dT%H:%M:%S', gmtime $joined + 9) . '.500Z'],
    'and as it is to be read';
is_deeply [$got->@{qw(id status vertical shutdown_reason)}],
    [$id, 'ended', 'healthcare', 'done'];
is $got->{transcript_event_id}, $got->{events}[3]{id};

# ---- what became of it
is_deeply [$got->@{qw(outcome first_question)}],
    ['talked', $said[2]{content}], 'as people mean it';
cmp_ok $got->{length}, '>=', 10, 'from when the agent came';
cmp_ok $got->{minutes}, '>', 0, 'minutes';
my ($listed) = grep { $_->{id} eq $id }
    $t->admin('/api/admin/conversations')->json->{conversations}->@*;
is_deeply [$listed->@{qw(outcome length minutes first_question)}],
    [$got->@{qw(outcome length minutes first_question)}], 'in the list as well';

# ---- the timeline in pages, both ways
sub page {
    my ($query) = @_;
    my $res = $t->admin("/api/admin/conversations/$id?$query");
    is $res->code, 200, $query or diag $res->to_string;
    return $res->json;
}
sub types { return join ' ', map { $_->{event_type} =~ s/.*\.//r } @_ }
my @ids = map { $_->{id} } $got->{events}->@*;
my $page = page('limit=2');
is types($page->{events}->@*), 'created replica_joined', 'the oldest';
is_deeply [$page->@{qw(events_before events_after)}], [undef, $ids[1]];
is types($page->{events_beyond}->@*), 'shutdown transcription_ready',
    'what is beyond it';
ok exists $page->{transcript}, 'with the transcript';
$page = page("limit=2&after=$page->{events_after}");
is types($page->{events}->@*), 'shutdown transcription_ready', 'and on';
is_deeply [$page->@{qw(events_before events_after)}], [$ids[2], undef];
ok !exists $page->{$_}, "no $_" for qw(transcript transcript_other events_beyond);
is types(page("limit=2&before=$page->{events_before}")->{events}->@*),
    'created replica_joined', 'and back';
is types(page('order=desc&limit=1')->{events}->@*), 'transcription_ready',
    'the newest';
is types(page("after=$ids[0]&before=$ids[3]&order=desc")->{events}->@*),
    'shutdown replica_joined', 'what lies between';
is_deeply [map { $_->{n} } page("after=$ids[0]&transcript_from=3")
    ->{transcript}->@*], [6], 'a part of the transcript';
for my $odd (qw(order=up order=ASC before=x after=1 limit=0 limit=201
    transcript_from=-1 transcript_from=x transcript_from=999999999))
{
    my $res = $t->admin("/api/admin/conversations/$id?$odd");
    is_deeply [$res->code, $res->json->@{qw(code parameter)}],
        [400, 'invalid_parameter', $odd =~ s/=.*//r], $odd
        or diag $res->to_string;
}
is $t->admin("/api/admin/conversations/$id?cursor=$ids[0]")->json->{code},
    'unknown_parameter', 'no such';
is_deeply $t->db->selectcol_arrayref(q{SELECT convert_from(body, 'UTF8')::jsonb
    ->> 'object' FROM tavus.events WHERE event_type = 'admin.viewed'
    AND convert_from(body, 'UTF8')::jsonb #>> '{object,id}' = $1},
    undef, $id), [qq({"id": "$id"})], 'all pages are one look';

# no transcripts
for my $odd ({}, {transcript => {}}, {transcript => 'x'},
    {transcript => undef})
{
    my $c = 'odd-' . ++(state $n);
    is $t->webhook(tavus_event('application.transcription_ready', $c, $odd))
        ->code, 200;
    $got = conversation($c);
    is $got->{transcript}, undef;
    ok !exists $got->{transcript_other};
}
is $t->webhook(tavus_event('application.transcription_ready', 'mixed',
    {transcript => [1, 'x', undef, [], {role => 'user', content => 'y'}]}))
    ->code, 200;
is_deeply conversation('mixed')->{transcript},
    [{n => 4, role => 'user', content => 'y'}], 'what is no row is left out';

# ids that stand for themselves
my $res;
for my $c ("it's", 'a/b', 'a b', 'a%2fb', "\x{e4}", 'a?b', 'a#b', '"', 'x' x 200,
    "'; SELECT 1 --", 'a;b', '$1')
{
    is $t->webhook(tavus_event('system.odd', $c, {x => 1}))->code, 200;
    is conversation($c)->{id}, $c;
}

for my $none ('c-none', 'x' x 201, 'x' x 3000, '%ff', 'c%c3', "$id%20", "$id/",
    "$id/events", '%ed%a0%80', '*', '%25')
{
    $res = $t->admin("/api/admin/conversations/$none");
    is $res->code, 404, 'no ' . substr $none, 0, 40 or diag $res->to_string;
    is $res->json->{code}, 'not_found';
}
unlike $t->error_log, qr/database refused/, 'none of it is an error of ours';

done_testing;
