#!/usr/bin/perl

# memcheck

# POST /api/admin/conversations/{id}/end: an admin ends a conversation at Tavus.
# Who did it is on the trail before Tavus is asked, and what came of it after;
# none is said to have ended of which Tavus has not said so.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json false true);

my $t = Tavus::Test->new(http => {tavus_api_timeout => '1s'})->start;
my ($box, $db) = ($t->sandbox, $t->db);
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json');

sub end {
    my ($id, $body, %headers) = @_;
    return $t->post("/api/admin/conversations/$id/end", $body // '',
        {%json, %headers});
}
sub calls { return map { $_->{path} } grep { $_->{path} =~ m{/end\z} }
    $box->calls('/v2/') }
sub ended { return !!$db->selectrow_array(
    'SELECT ended FROM tavus.conversations WHERE id = ?', undef, @_) }

# what is on the trail since the last time
my %seen;
sub trail {
    return map { my $d = decode_json $_->[2];
            [$_->[1] =~ s/^admin\.conversation_//r, $d->@{qw(outcome user)},
                $d->{object}{conversation_id}] }
        grep { !$seen{$_->[0]}++ } $db->selectall_arrayref(q{
            SELECT id, event_type, convert_from(body, 'UTF8') FROM tavus.events
             WHERE event_type LIKE 'admin.conversation%'
             ORDER BY received_at, id})->@*;
}
sub told {
    my ($type, $id) = @_;
    return $db->selectall_arrayref(q{SELECT kind, convert_from(body, 'UTF8')
        FROM tavus.events WHERE source = 'server' AND event_type = ?
        AND conversation_id = ? ORDER BY id}, undef, $type, $id)->@*;
}
sub ended_ok {
    my ($res, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [$res->code, $res->json], [200, {status => 'ended'}], $name
        or diag $res->to_string;
}

# ---- as it should be
my $id = $t->create->json->{conversation_id};
ended_ok(end($id), 'ended');
is_deeply [calls()], ["/v2/conversations/$id/end"], 'Tavus was asked, once';
is_deeply [trail()], [['end_asked', 'asked', 'admin', $id],
    ['ended', 'done', 'admin', $id]], 'on the trail, before and after';
is_deeply [map { [$_->[0], decode_json $_->[1]] }
    told('conversation.ended', $id)], [[2, {conversation_id => $id,
    reason => 'admin'}]], 'and an event of the conversation';
my $got = $t->admin("/api/admin/conversations/$id")->json;
is_deeply [$got->@{qw(status outcome)}], ['ended', 'ended_by_owner'],
    'which has ended, as the answer says';

ended_ok(end($id, {}), 'a second time, too');
is scalar calls(), 1, 'of which Tavus hears nothing';
is_deeply [trail()], [['ended', 'done', 'admin', $id]], 'but the trail does';

# ---- one that is known by its callbacks alone
my $made = $t->ua->post($box->url . '/v2/conversations', {'x-api-key' =>
    $box->api_key}, json => {persona_id => 'p5d', replica_id => 'r79', callback_url => $box->sink})
    ->result->json;
my $foreign = $made->{conversation_id};
is $t->webhook(tavus_event('system.replica_joined', $foreign))->code, 200;
ended_ok(end($foreign), 'one that was created elsewhere');
ok ended($foreign), 'has ended';
is $db->selectrow_array('SELECT count(*) FROM tavus.intents
    WHERE conversation_id = ?', undef, $foreign), 0, 'and is bound to no wish';
trail();

# one whose end Tavus knows, and we do not yet
$id = $t->create->json->{conversation_id};
$t->ua->post($box->url . "/v2/conversations/$id/end", {'x-api-key' =>
    $box->api_key})->result;
ended_ok(end($id), 'one that is over at Tavus') unless ended($id);
wait_ok { ended($id) } 'is over';
trail();

# ---- what there is not
$box->forget;
for my $none ('c-none', "$id%20", '%ff', "it's", 'x' x 65, '..', '*') {
    my $res = end($none);
    is $res->code, 404, "no $none" or diag $res->to_string;
}
for my $method (qw(GET PUT PATCH DELETE)) {
    my $res = $t->request($method => "/api/admin/conversations/$id/end", '',
        {%json});
    is_deeply [$res->code, $res->headers->header('Allow')], [405, 'POST'],
        $method;
}
is_deeply [calls()], [], 'Tavus is not asked';
is_deeply [map { $_->[1] } trail()], ['not_found'], 'who looked for an id is told of';

# ---- who may
$id = $t->create->json->{conversation_id};
$box->forget;
my @refused = (
    [401, 'unauthorized', '', Authorization => 'Basic eDp5'],
    [403, 'origin_not_allowed', '', Origin => 'https://evil.example'],
    [403, 'origin_not_allowed', '', 'Sec-Fetch-Site' => 'cross-site'],
    [415, 'unsupported_media_type', '', 'Content-Type' => 'text/plain'],
    [415, 'unsupported_media_type', '', 'Content-Type' =>
        'application/x-www-form-urlencoded'],
    [400, 'invalid_json', '{'], [400, 'invalid_json', '[]'],
    [400, 'unknown_field', '{"force":true}'], [413, 'body_too_large', ' ' x 1025],
);
for (@refused) {
    my ($status, $code, $body, %headers) = @$_;
    my $res = end($id, $body, %headers);
    is_deeply [$res->code, $res->json->{code}], [$status, $code],
        "$code: $body @{[%headers]}" or diag $res->to_string;
}
is $t->post("/api/admin/conversations/$id/end?force=1", '', {%json})
    ->json->{code}, 'unknown_parameter', 'no parameter';
is_deeply [calls()], [], 'none of them asks Tavus';
is_deeply [trail()], [], 'nor is told of';
ok !ended($id), 'it goes on';

# ---- Tavus does not end it: nobody is told that it has
sub status {
    my ($status, $body) = @_;
    return {kind => 'status', status => $status, body => $body // {error => 'x'}};
}
my @faults = (
    ['400', status(400), 'upstream_error', 'failed'],
    ['404', status(404), 'upstream_error', 'failed'],
    ['429', status(429), 'upstream_error', 'failed'],
    ['401', status(401), 'api_key_refused', 'failed'],
    ['unknown to Tavus', status(400, {error => 'Invalid conversation_id'}),
        'unknown_to_tavus', 'failed'],
    ['500', status(500), 'outcome_unknown', 'unknown'],
    ['302', status(302), 'outcome_unknown', 'unknown'],
    ['408', status(408), 'outcome_unknown', 'unknown'],
    ['hang', {kind => 'hang'}, 'outcome_unknown', 'unknown'],
    ['reset', {kind => 'reset'}, 'outcome_unknown', 'unknown'],
);
for (@faults) {
    my ($name, $fault, $code, $outcome) = @$_;
    # known by callbacks, so that nobody goes on trying beside this test
    my $c = 'f-' . $name =~ s/\W/-/gr;
    is $t->webhook(tavus_event('system.replica_joined', $c))->code, 200;
    # a request without a body may be sent again where a connection was lost
    $box->fault(path => "/v2/conversations/$c/end", times => 5, %$fault);
    my $res = end($c);
    is_deeply [$res->code, $res->json->@{qw(code outcome recorded)}],
        [502, $code, $outcome eq 'unknown' ? ('unknown', true) : (undef, undef)],
        "$name: $code" or diag $res->to_string;
    unlike $res->body, qr/"x"|Invalid conv/, 'not in the words of Tavus';
    is_deeply [trail()], [['end_asked', 'asked', 'admin', $c],
        ['ended', $outcome, 'admin', $c]], 'the trail has it';
    is_deeply [map { $_->[0] } told('conversation.end_failed', $c)], [1],
        'and an error';
    ok !ended($c), 'it has not ended';
    $box->no_faults;
}

# one of ours goes on being tried, as a visitor's wish does
$box->fault(path => "/v2/conversations/$id/end", times => 1, status(503)->%*);
is end($id)->json->{code}, 'outcome_unknown';
trail();
wait_ok { ended($id) } 'it is ended by and by';

# "already ended" is an end
is $t->webhook(tavus_event('system.replica_joined', 'f-over'))->code, 200;
$box->fault(path => '/v2/conversations/f-over/end', times => 1,
    status(400, {error => 'Conversation has already ended'})->%*);
ended_ok(end('f-over'), 'already over');
trail();

# ---- the key is said nowhere, and counted it is
unlike $t->error_log, qr/\Q@{[$box->api_key]}\E/, 'no key in the log';
like $t->error_log, qr/conversation "f-500" could not be ended: status 500/;

# ---- the client is gone: it is ended and recorded all the same
for my $how (qw(close abort)) {
    my $c = $t->create->json->{conversation_id};
    $box->forget;
    $box->fault(path => "/v2/conversations/$c/end", kind => 'delay', ms => 500,
        times => 1);
    my $s = $t->socket;
    $s->send("POST /api/admin/conversations/$c/end HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: $json{Authorization}\r\nContent-Length: 2\r\n"
        . "Content-Type: application/json\r\n\r\n{}");
    wait_ok { calls() } 'Tavus is asked';
    $s->$how;
    my @trail;
    wait_ok { push @trail, trail(); @trail >= 2 } "and it goes on after an $how";
    is_deeply [map { [@$_[0, 1]] } @trail],
        [['end_asked', 'asked'], ['ended', 'done']];
    ok ended($c), 'it has ended';
}

# ---- the old worker answers after a reload
my $c = $t->create->json->{conversation_id};
$box->forget;
$box->fault(path => "/v2/conversations/$c/end", kind => 'delay', ms => 800,
    times => 1);
my $s = $t->socket;
$s->send("POST /api/admin/conversations/$c/end HTTP/1.1\r\nHost: x\r\n"
    . "Authorization: $json{Authorization}\r\nContent-Length: 2\r\n"
    . "Content-Type: application/json\r\n\r\n{}");
wait_ok { calls() } 'asked of the old worker';
$t->reload;
my $answer = $s->response;
is_deeply [$answer->{status}, decode_json $answer->{body}],
    [200, {status => 'ended'}], 'which answers';
is_deeply [map { [@$_[0, 1]] } trail()],
    [['end_asked', 'asked'], ['ended', 'done']], 'once all is on record';

# ---- an end that is nowhere recorded is none that is told of
$db->do($_) for q{CREATE FUNCTION tavus.picky() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE 'no' USING ERRCODE = '22P02'; END $$},
    q{CREATE TRIGGER picky BEFORE INSERT ON tavus.events FOR EACH ROW
        WHEN (NEW.event_type = 'conversation.ended') EXECUTE FUNCTION tavus.picky()};
is $t->webhook(tavus_event('system.replica_joined', 'f-untold'))->code, 200;
$box->fault(path => '/v2/conversations/f-untold/end', times => 2,
    status(400, {error => 'Conversation has already ended'})->%*);
my $untold = end('f-untold');
is_deeply [$untold->code, $untold->json->@{qw(code outcome recorded)}],
    [502, 'outcome_unknown', 'unknown', false], 'refused by the database' or diag $untold->to_string;
$db->do('DROP TRIGGER picky ON tavus.events');
ended_ok(end('f-untold'), 'asked again');

# ---- without a database nobody knows what there is
$t->pg->stop;
my $res = end($c);
is_deeply [$res->code, $res->json->{code}], [503, 'storage_unavailable'],
    'no database' or diag $res->to_string;

done_testing;
