#!/usr/bin/perl

# What a visitor may not ask for, each with its code; none of it reaches the
# database or Tavus.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json);

my $t = Tavus::Test->new(http => {tavus_vertical => [
    'general { persona_id p01; replica_id r01; document_tags kb-a kb-b; '
        . 'memory_stores shared; visitor_memory on; }',
    'legal { persona_id p02; }',
    'ecommerce { replica_id r03; }',
]})->start;
my $path = '/api/tavus/create-conversation';
my %json = ('Content-Type' => 'application/json');
my @pids = $t->workers;

sub refused {
    my ($body, $status, $code, $name, $headers) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $body = encode_json($body) if ref $body;
    $name //= substr $body =~ s/[^ -~]/?/gr, 0, 70;
    my $res = $t->post($path, $body, $headers // {%json});
    my $got = $res->json // {};
    is_deeply [$res->code, $res->headers->content_type, $got->@{
            qw(code status type)}],
        [$status, 'application/problem+json', $code, $status, 'about:blank'],
        "$code: $name" or diag $res->to_string;
    is $got->{request_id}, $res->headers->header('X-Request-Id'),
        'with the id of the request';
    return $got;
}

# ---- verticals and what is theirs
for my $v ('hospital', '', 'General', 'general ', "gen\x{e9}ral", 1, undef,
    ['general'], {}, 'x' x 5000)
{
    my $got = refused({vertical => $v}, 400, 'unknown_vertical',
        'vertical ' . substr(encode_json([$v]), 0, 30));
    is_deeply $got->{verticals}, [qw(general legal ecommerce)], 'the list';
}

for my $case (
    [persona_id => 'foreign_persona', 'p02', 'P01', '', 1, undef, ['p01'],
        'p01 ', 'p' x 300],
    [replica_id => 'foreign_replica', 'r02', '', 1, undef, {}, 'r' x 300],
    [document_tags => 'foreign_document_tag', ['kb-c'], ['kb-a', 'kb-c'],
        ['kb-a', 'kb-b', 'kb-a'], [''], [1], [['kb-a']], 'kb-a', undef, {},
        ['kb-b', 'kb-b'], ['kb-a '], [undef]],
    [memory_stores => 'foreign_memory_store', ['visitor_1_general'], ['other'],
        ['shared', 'other'], ['shared', 'shared'], 'shared', undef, ['']],
) {
    my ($field, $code, @values) = @$case;
    for (@values) {
        my $got = refused({$field => $_}, 400, $code,
            "$field " . substr encode_json([$_]), 0, 40);
        is $got->{field}, $field;
    }
}

refused({vertical => 'legal', persona_id => 'p01'}, 400, 'foreign_persona');
refused({vertical => 'legal', replica_id => $_}, 400, 'foreign_replica')
    for 'r01', '';
refused({vertical => 'ecommerce', persona_id => $_}, 400, 'foreign_persona')
    for 'p01', '';
refused({vertical => 'legal', document_tags => ['kb-a']}, 400,
    'foreign_document_tag');
refused({vertical => 'legal', memory_stores => ['shared']}, 400,
    'foreign_memory_store');

# ---- the server's own, and the unknown
for (qw(callback_url max_call_duration conversation_name custom_greeting
    conversational_context test_mode audio_only document_ids require_auth
    max_participants metadata Vertical conversation_id
    document_retrieval_strategy), '', ' vertical', "\x{0434}")
{
    refused({$_ => 'x'}, 400, 'unknown_field');
}
for (qw(max_call_duration participant_left_timeout participant_absent_timeout
    enable_recording enable_closed_captions apply_greenscreen require_auth
    recording_storage Language), '')
{
    refused({properties => {$_ => 1}}, 400, 'unknown_field');
}

# ---- wrong types
for my $field (qw(session_id utm_source utm_medium utm_campaign)) {
    my $got;
    $got = refused({$field => $_}, 400, 'invalid_field', "$field "
        . substr encode_json([$_]), 0, 30)
        for 1, undef, [], {}, 'x' x 201, "\x{fc}" x 101;
    is $got->{field}, $field;
}
is refused({user_id => $_}, 400, 'invalid_field')->{field}, 'user_id'
    for 1, undef, [], 'x' x 129;
is refused({consent => $_}, 400, 'invalid_field')->{field}, 'consent'
    for 1, undef, Mojo::JSON->true, '', 'yes', 'Granted', ['granted'];
refused({properties => $_}, 400, 'invalid_field') for 1, 'x', [], undef;
refused({properties => {enable_transcription => $_}}, 400, 'invalid_field')
    for 1, 'true', undef, [];
refused({properties => {language => $_}}, 400, 'unknown_language')
    for 1, undef, ['en'], '', 'xx';

# ---- no JSON, or not an object
refused($_, 400, 'invalid_json') for
    '', ' ', '{', '}', '{}}', '{}{}', '{} x', '[]', '[{}]', '"x"', '1', 'null',
    'true', '{"vertical":"legal",}', '{vertical:"legal"}', "{'vertical':1}",
    '{"vertical" "legal"}', '{"vertical":01}', '{"vertical":+1}',
    '{"vertical":.5}', '{"vertical":NaN}', '{"session_id":"a' . "\n" . '"}',
    '{"session_id":"a' . "\t" . '"}', '{"session_id":"\x41"}',
    "{\"session_id\":\"\xff\"}", "{\"session_id\":\"\xc0\x80\"}",
    "{\"session_id\":\"\xed\xa0\x80\"}", "{\"session_id\":\"\xf4\x90\x80\x80\"}",
    '{"session_id":"\u0000"}', '{"session_id":"\ud800"}',
    '{"session_id":"\udc00\ud800"}', '{"session_id":"\u12"}',
    "\xef\xbb\xbf{}", "{}\0", "\0", '{"session_id":"a"', '// {}', '{}//',
    '/**/{}', '{"a":1e999999}', "\xff\xfe{\0}\0",
    '{"a":' . '1' x 5000 . '}',
    '{"session_id":' . '[' x 64 . ']' x 64 . '}',
    '[' x 8000, '{"a":' x 2000;

# as deep as it may be, it is only unknown
refused('{"a":' . '[' x 63 . ']' x 63 . '}', 400, 'unknown_field');

refused($_, 400, 'invalid_json') for
    '{"vertical":"legal","vertical":"legal"}',
    '{"vertical":"legal","\u0076ertical":"general"}',
    '{"properties":{"language":"en","language":"de"}}';

# ---- forms
refused('{}', 415, 'unsupported_media_type', 'type ' . ($_ // 'none'),
    {defined ? ('Content-Type' => $_) : ()})
    for undef, '', 'text/plain', 'application/x-www-form-urlencoded',
        'application/jsonp', 'application/json-seq', 'text/json',
        'multipart/form-data; boundary=x', 'application/ld+json',
        'application/', 'x application/json';
refused('{"session_id":"' . 'x' x 16384 . '"}', 413, 'body_too_large', '16k');
refused(' ' x (1024 * 1024 + 1), 413, 'body_too_large', 'over nginx\'s limit');

subtest 'too large, in chunks' => sub {
    my $s = $t->socket;
    $s->send("POST $path HTTP/1.1\r\nHost: x\r\nContent-Type: "
        . "application/json\r\nTransfer-Encoding: chunked\r\n\r\n");
    $s->chunked(('x' x 1000) x 40);
    my $res = $s->response;
    is $res->{status}, 413;
    like $res->{body}, qr/"code":"body_too_large"/;
    done_testing;
};

for my $method (qw(GET PUT DELETE PATCH HEAD OPTIONS TRACE)) {
    my $res = $t->request($method, $path, $method =~ /^P/ ? '{}' : undef,
        {%json});
    my $want = $method eq 'OPTIONS' ? qr/^(?:204|403|405)\z/ : qr/^405\z/;
    like $res->code, $want, $method;
    next if $res->code != 405 || $method eq 'TRACE';
    is $res->headers->header('Allow'), 'POST', "$method: Allow";
    is $res->json->{code}, 'method_not_allowed' if $method ne 'HEAD';
}
is $t->get("$path/")->code, 404, 'not below it';

# ---- nothing of it has left a trace
is scalar $t->sandbox->calls, 0, 'Tavus was not asked';
is $t->db->selectrow_array("SELECT count(*) FROM tavus.$_"), 0, "no $_"
    for qw(events intents conversations quarantine);
is_deeply [$t->workers], \@pids, 'and the workers are the same';
is $t->create->code, 200, 'while what is right is served';

done_testing;
