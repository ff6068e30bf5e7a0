#!/usr/bin/perl

# The answer is repeated to the same ticket, until the visitor's page has told
# of the conversation; and what nobody comes for is ended after a minute.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;

my $t = line_test(budget => 'active=1 line=20', hold => '2s', http => {
    tavus_vertical => ['general { persona_id p01; }',
        'legal { persona_id p02; require_auth on; }']});
my ($box, $db) = ($t->sandbox, $t->db);

sub ended {
    my ($id) = @_;
    return scalar grep { $_->{path} eq "/v2/conversations/$id/end" }
        $box->calls('/v2/');
}

# Comes to the head of the line, asks, and is away while Tavus works.
sub lost {
    my ($n, %wish) = @_;
    my $talking = talks($t, 1);
    my $ticket = wait_in_line($t, $n, %wish);
    $box->forget;
    $box->fault(kind => 'delay', ms => 2000, times => 1,
        holds => 'conversation_name');
    is leave($t, $talking)->code, 200, 'a place is free';
    my $body = qq({"ticket":"$ticket"});
    my $s;
    wait_ok {
        $s = $t->socket->send("POST /api/tavus/queue HTTP/1.1\r\nHost: x\r\n"
            . 'X-Real-IP: ' . address($n) . "\r\n"
            . "Content-Type: application/json\r\nContent-Length: "
            . length($body) . "\r\n\r\n$body");
        wait_for { grep { $_->{path} eq '/v2/conversations' }
            $box->calls('/v2/') } 1;
    } 'the turn has come';
    $s->abort;
    my $id;
    wait_ok { ($id) = $db->selectrow_array(q{SELECT conversation_id
        FROM tavus.events WHERE event_type = 'conversation.created'
        ORDER BY id DESC LIMIT 1}); ($id // '') ne $talking->{conversation_id} }
        'the conversation is made';
    return ($ticket, $id);
}

subtest 'the connection was lost' => sub {
    my ($ticket, $id) = lost(2);
    my $json = served($t, 2, $ticket)->json;
    is $json->{conversation_id}, $id, 'asked again: that conversation';
    is $json->{conversation_url}, $box->url . "/room/$id";
    is $json->{status}, 'active';
    my $again = served($t, 2, $ticket)->json;
    is $again->{conversation_id}, $id, 'and again';
    is ended($id), 0, 'it goes on';

    is $t->post('/api/track', {
        events => [{name => 'conversation.utterance',
            properties => {session_id => 's1', text => 'hello'}}],
        conversation_id => $id, end_token => $again->{end_token},
    })->code, 202, 'the page tells of it';
    my $res = served($t, 2, $ticket);
    is $res->code, 410, 'so it has it, and nobody else gets it';
    is $res->json->{code}, 'ticket_expired';
    is leave($t, $json)->code, 200, 'the first token is good, too';
    $box->forget;
    done_testing;
};

subtest 'a private room is for who is there' => sub {
    my ($ticket, $id) = lost(3, vertical => 'legal');
    wait_ok { ended($id) } 'nobody can enter it any more: ended at once';
    is served($t, 3, $ticket)->code, 410, 'and the place is lost';
    done_testing;
};

subtest 'after a minute' => sub {
    my ($ticket, $id) = lost(4);
    $db->do(q{UPDATE tavus.line SET granted_at = granted_at - interval '10 minutes'
        WHERE ticket IN (SELECT ticket FROM tavus.places)});
    is served($t, 4, $ticket)->code, 410, 'it is not repeated';
    done_testing;
};

subtest 'nobody comes' => sub {
    my $other = Tavus::Test->new(line_options(budget => 'active=1 line=20',
        hold => '2s', db => $t->pg, sandbox => $box))->start;
    $db->do('DELETE FROM tavus.places');
    my ($elsewhere, $kept) = lost(7);
    is served($other, 7, $elsewhere)->json->{conversation_id}, $kept,
        'one comes to another node';

    $db->do('DELETE FROM tavus.places');
    my ($ticket, $id) = lost(5);
    wait_ok { ended($id) } 'ended at Tavus', 90;
    is ended($kept), 0, 'but not whom the other node has told';
    wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'conversation.ended' AND conversation_id = ?
          AND convert_from(body, 'UTF8') ~ 'abandoned'}, undef, $id) }
        'and on record';
    wait_ok { come($t, 6)->code == 200 } 'its place is free';
    done_testing;
};

done_testing;
