#!/usr/bin/perl

# A create whose answer never came, or whose worker died, is looked for at
# Tavus by its name and ended; so is one whose end failed.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(http => {tavus_api_timeout => '500ms',
    tavus_store_timeout => '200ms'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $events = sub ($type) { $t->db->selectcol_arrayref(q{SELECT
    coalesce(conversation_id, '-') FROM tavus.events WHERE event_type = ?}, {},
    $type) };
my $active = sub { $t->sandbox->conversations('active') };

# a live one, which is to stay
my $live = $t->create->json->{conversation_id};

# Tavus acts, and its answer is lost
$t->sandbox->fault(kind => 'hang', method => 'POST', path => '/v2/conversations', times => 1,
    after => 1);
is $t->create->code, 502, 'unknown';
is scalar($active->()), 2, 'it runs';

# the worker dies while it waits
$t->sandbox->fault(kind => 'hang', method => 'POST', path => '/v2/conversations', times => 1,
    after => 1);
my $s = $t->socket->send("POST /api/tavus/create-conversation HTTP/1.1\r\n"
    . "Host: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    . "\r\n{}");
wait_ok { $active->() == 3 } 'a third';
$t->kill_worker;
$s->close;

# its end succeeds at Tavus, which the answer does not tell; the callback does
$t->sandbox->fault(kind => 'status', status => 500, path => '/v2/conversations/',
    method => 'POST', after => 1, times => 1);

wait_ok { $active->() == 1 } 'the two are ended', 60;
is +($active->())[0]{conversation_id}, $live, 'the live one is not';
wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.intents
    WHERE closed AND due_at IS NULL}) == 2 } 'and settled', 60;
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.conversations
    WHERE ended}), 2, 'as the owner sees them';
is scalar($events->('conversation.ended')->@*), 1, 'ours';
is scalar(grep { $_->{method} eq 'POST' && $_->{path} eq '/v2/conversations' }
    $t->sandbox->calls), 3, 'nothing was created twice';

done_testing;
