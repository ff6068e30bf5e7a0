#!/usr/bin/perl

# What /api/track does not take, and says why; of a request with one bad event
# nothing is stored.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json);

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $path = '/api/track';

sub refused {
    my ($body, $name, %want) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = $t->post($path, $body, {'Content-Type' => 'application/json'});
    my $json = $res->json // {};
    is_deeply [$res->code, {map { $_ => $json->{$_} } keys %want}],
        [400, \%want], $name or diag $res->to_string;
}

my $good = {name => 'good', properties => {session_id => 's'}};
sub with { return {events => [$good, {%$good, @_}]} }
sub properties { return with(properties => {session_id => 's', @_}) }

refused($_->[1], "not JSON: $_->[0]", code => 'invalid_json', field => undef)
    for ['empty', ''], ['a list', '[]'], ['a string', '"x"'], ['open', '{'],
        ['trailing', encode_json({events => [$good]}) . 'x'],
        ['not UTF-8', qq({"events":[{"name":"\xff"}]})],
        ['NUL', '{"events":[{"name":"a\u0000","properties":{"session_id":"s"}}]}'],
        ['half a pair',
            '{"events":[{"name":"\ud800","properties":{"session_id":"s"}}]}'],
        ['a name twice', '{"events":[],"events":[]}'],
        ['a name twice, deep', '{"events":[{"name":"a","properties":'
            . '{"session_id":"s","session_id":"t"}}]}'],
        ['deep', '{"events":' . '[' x 100 . ']' x 100 . '}'];

refused({events => [$good], x => 1}, 'a field', code => 'unknown_field');
refused({events => $_->[1]}, "events: $_->[0]", code => 'invalid_field',
    field => 'events') for ['none', []], ['null', undef], ['an object', {}],
    ['text', 'x'];
refused({}, 'no events', code => 'invalid_field', field => 'events');

my %event = (code => 'invalid_event', index => 1);
refused({events => [$good, $_]}, 'event: ' . encode_json([$_]), %event)
    for undef, 1, 'x', [], [$good];
refused(with(time => 1), 'a field of an event', %event);
refused(with(name => $_->[1]), "name: $_->[0]", %event, field => 'name')
    for ['none', undef], ['empty', ''], ['a number', 1],
        ['of 201 bytes', 'x' x 201], ['of 101 letters', 'é' x 101],
        ['of the server', 'system.shutdown'],
        ['of a conversation', 'conversation.utterance'];
refused(with(properties => $_), 'properties: ' . encode_json([$_]), %event,
    field => 'properties.session_id') for undef, 'x', [], ['session_id'], {};
refused(properties(session_id => $_->[1]), "session: $_->[0]", %event,
    field => 'properties.session_id') for ['empty', ''], ['null', undef],
    ['a number', 1], ['of 129 bytes', 'x' x 129];
refused(with(event_id => $_->[1]), "event_id: $_->[0]", %event,
    field => 'event_id') for ['empty', ''], ['null', undef], ['a number', 1],
    ['of 129 bytes', 'x' x 129];
refused(properties(user_id => $_->[1]), "user: $_->[0]", %event,
    field => 'properties.user_id') for ['empty', ''], ['null', undef],
    ['a number', 1], ['of 129 bytes', 'x' x 129];
refused({events => [$good], consent => $_->[1]}, "consent: $_->[0]",
    code => 'invalid_field', field => 'consent') for ['null', undef],
    ['true', Mojo::JSON->true], ['empty', ''], ['another word', 'yes'],
    ['in capitals', 'GRANTED'], ['a list', ['granted']];
refused(properties(consent => 'granted'), 'consent as a property', %event,
    field => 'properties.consent');
refused({properties(consent => 'granted')->%*, consent => 'granted'},
    'twice', %event, field => 'properties.consent');
refused(with(name => 'consent'), 'a decision that is none', %event,
    field => 'name');
refused(properties(x => 'x' x 16400), 'over 16 KiB', %event,
    field => 'properties');
refused('{"events":[' . encode_json($good) . ',{"name":"a","properties":'
    . '{"session_id":"s","n":[1e400]}}]}', 'out of range', %event,
    field => 'properties');

# the limit is that of the body, 64 KiB
my $fill = sub ($n) {
    my $json = encode_json({events => [map { {%$good, name => 'fill',
        properties => {session_id => 's', x => 'x' x 15000}} } 1 .. 4]});
    return $json . ' ' x ($n - length $json);
};
is $t->post($path, $fill->(65536))->code, 202, '64 KiB';
my $res = $t->post($path, $fill->(65537));
is_deeply [$res->code, $res->json->{code}], [413, 'body_too_large'], 'and one';
my $s = $t->socket->send("POST $path HTTP/1.1\r\nHost: x\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n");
$s->chunked($fill->(65537));
is $s->response->{status}, 413, 'in chunks';

$res = $t->get($path);
is $res->code, 405, 'GET';
is $res->headers->header('Allow'), 'POST';

is_deeply $t->db->selectcol_arrayref(
    q{SELECT DISTINCT event_type FROM tavus.events}), ['fill'],
    'nothing of it was stored';
is $t->post($path, {events => [$good]})->code, 202, 'while the good one is';

done_testing;
