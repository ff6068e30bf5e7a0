#!/usr/bin/perl

# Intent, request, record, answer: each before the next.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);

my $t = Tavus::Test->new->start;
my $db = $t->db;

sub events {
    return map { $_->[0] } $db->selectall_arrayref(
        'SELECT event_type FROM tavus.events ORDER BY id')->@*;
}

sub ask {
    my $s = $t->socket;
    my $body = '{"vertical":"legal"}';
    $s->send("POST /api/tavus/create-conversation HTTP/1.1\r\nHost: x\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body");
    return $s;
}

# The sandbox has the request and sits on it: what is on record by now?
$t->sandbox->fault(kind => 'delay', ms => 2000, times => 1);
my $s = ask();
wait_ok { $t->sandbox->calls('/v2/') } 'Tavus is asked';
my ($call) = $t->sandbox->calls('/v2/');
my ($nonce) = $call->{body}{conversation_name} =~ /^legal ([0-9a-f]{32})\z/;
ok $nonce;

my ($body) = $db->selectrow_array(q{SELECT convert_from(body, 'UTF8')
    FROM tavus.events WHERE event_type = 'conversation.requested'});
is decode_json($body // '{}')->{nonce}, $nonce, 'the intent is on record';
is_deeply $db->selectall_arrayref(
    q{SELECT encode(nonce, 'hex'), conversation_id, vertical
        FROM tavus.intents}), [[$nonce, undef, 'legal']];
is_deeply [events()], ['conversation.requested'], 'and nothing else';
is $s->read_until(qr/./, 0), '', 'the visitor waits';

my $res = $s->response;
is $res->{status}, 200;
my $id = decode_json($res->{body})->{conversation_id};
is_deeply [events()], ['conversation.requested', 'conversation.created'];
is $db->selectrow_array(q{SELECT conversation_id FROM tavus.intents}), $id,
    'bound to its nonce';

# The record cannot be made: the visitor gets no answer until it can.
$db->begin_work;
$db->do('LOCK TABLE tavus.conversations IN ACCESS EXCLUSIVE MODE');
$t->sandbox->forget;
$s = ask();
# the intent's statement reads the locked table, so it waits there
is $s->read_until(qr/./, 0.2), '';
is scalar $t->sandbox->calls('/v2/'), 0, 'Tavus is not asked before';
$db->commit;
is $s->response->{status}, 200;
is scalar $t->sandbox->calls('/v2/'), 1;

# The same between Tavus's answer and ours.
$t->sandbox->forget;
$t->sandbox->fault(kind => 'delay', ms => 2000, times => 1, after => 1);
$s = ask();
wait_ok { $t->sandbox->calls('/v2/') } 'Tavus is asked';
$db->begin_work;
$db->do('LOCK TABLE tavus.conversations IN ACCESS EXCLUSIVE MODE');
wait_ok {
    $t->pg->connect->selectrow_array(q{SELECT count(*) FROM pg_locks l
        JOIN pg_stat_activity a USING (pid)
        WHERE NOT l.granted AND a.usename = 'tavus_app'})
} 'the record waits';
is $s->read_until(qr/./, 0), '', 'and so does the visitor';
$db->commit;
is $s->response->{status}, 200;
is $db->selectrow_array(q{SELECT count(*) FROM tavus.conversations}), 3;

done_testing;
