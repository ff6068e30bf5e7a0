#!/usr/bin/perl

# What happens in a room is relayed by who holds its end token, and changes
# nothing about the conversation.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my ($db, $path) = ($t->db, '/api/track');
my ($one, $other) = map { $t->create->json } 1, 2;
my ($id, $token) = $one->@{qw(conversation_id end_token)};

sub event { return {name => shift, properties => {session_id => 's1', @_}} }
sub relay { return {events => [event('conversation.utterance', text => 'hi')],
    @_} }

my $of = sub { $db->selectall_arrayref(
    'SELECT * FROM tavus.conversations ORDER BY id') };
my $before = $of->();

for my $name (qw(conversation.utterance conversation.perception_tool_call
    conversation.tool_call))
{
    my $res = $t->post($path, {events => [event($name, text => 'hello')]});
    is_deeply [$res->code, $res->json->@{qw(code field)}],
        [400, 'invalid_event', 'name'], "$name alone";
    $res = $t->post($path, {events => [event($name, text => 'hello')],
        conversation_id => $id, end_token => $token});
    is $res->code, 202, "$name with the token" or diag $res->to_string;
    is_deeply $db->selectall_arrayref(q{SELECT source, conversation_id
        FROM tavus.events WHERE event_type = ?}, {}, $name),
        [['browser', $id]], 'of that conversation';
}
is_deeply $of->(), $before, 'which is as it was';

is $t->post($path, {events => [event('any')], conversation_id => $id,
    end_token => $token})->code, 202, 'any event may be of it';

for my $case (['no token of its', $other->{conversation_id}, $token],
    ['another\'s token', $id, $other->{end_token}],
    ['cut', $id, substr $token, 0, -1], ['longer', $id, "${token}0"],
    ['empty', $id, ''], ['no key', $id, $token =~ s/^k1\.//r],
    ['another key', $id, $token =~ s/^k1/k2/r], ['no id', '', $token],
    ['long', $id x 500, $token])
{
    my ($name, $cid, $tok) = @$case;
    my $res = $t->post($path, relay(conversation_id => $cid,
        end_token => $tok));
    is_deeply [$res->code, $res->json->{code}], [401, 'invalid_end_token'],
        $name or diag $res->to_string;
}
for my $bad ({conversation_id => $id}, {end_token => $token},
    {conversation_id => 1, end_token => $token},
    {conversation_id => $id, end_token => undef})
{
    my $res = $t->post($path, relay(%$bad));
    is_deeply [$res->code, $res->json->{code}], [400, 'invalid_field'],
        join ' ', sort keys %$bad;
}
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.utterance'}), 1, 'none was stored';
like $t->error_log, qr/\[info\].*end token not verified: mismatch/;
unlike $t->error_log, qr/\Q$token\E/, 'nor its token logged';

# where no calls come in there are no tokens
$t->configure(locations => {'= /api/tavus/webhook' => undef,
    '= /api/tavus/create-conversation' => undef,
    '= /api/tavus/end-conversation' => undef})->reload(drained => 1);
wait_for { $t->get('/healthz')->code == 200 };
is $t->post($path, relay(conversation_id => $id, end_token => $token))->code,
    401, 'no webhook, no token';
is $t->post($path, {events => [event('plain')]})->code, 202, 'the rest goes on';

# and they may come in elsewhere
$t->configure(locations => {'= /hook' => 'tavus_webhook tavus; '
    . 'client_max_body_size 8m;', '= /api/track' => 'tavus_track; '
    . 'tavus_callback /hook;'})->reload(drained => 1);
wait_for { $t->get('/healthz')->code == 200 };
is $t->post($path, relay(conversation_id => $id, end_token => $token))->code,
    202, 'as tavus_callback says';

done_testing;
