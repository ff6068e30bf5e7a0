#!/usr/bin/perl

# memcheck

# The visitor ends the conversation, and nobody else.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json encode_json);

my $t = Tavus::Test->new(http => {tavus_api_timeout => '500ms',
    tavus_vertical => ['general { persona_id p01; visitor_memory on; }']})
    ->start;
my ($box, $db) = ($t->sandbox, $t->db);
my $path = '/api/tavus/end-conversation';

sub fresh { return $t->create->json->%{qw(conversation_id end_token)} }

sub ends {
    return map { $_->{path} } grep { $_->{path} =~ m{/end\z} }
        $box->calls('/v2/');
}

sub ended_ok {
    my ($res, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [$res->code, $res->json], [200, {status => 'ended'}], $name
        or diag $res->to_string;
}

my %c = fresh();
subtest 'as it should be' => sub {
    $box->forget;
    ended_ok($t->post($path, {%c}), 'ended');
    my @calls = $box->calls('/v2/');
    is scalar @calls, 1;
    is "$calls[0]{method} $calls[0]{path}",
        "POST /v2/conversations/$c{conversation_id}/end";
    is $calls[0]{headers}{'x-api-key'}, 'valid';
    is $calls[0]{body}, '', 'no body';
    wait_ok { $db->selectrow_array('SELECT ended FROM tavus.conversations
        WHERE id = ?', undef, $c{conversation_id}) } 'on record';
    my ($body, $kind) = $db->selectrow_array(q{
        SELECT convert_from(body, 'UTF8'), kind FROM tavus.events
         WHERE event_type = 'conversation.ended' AND source = 'server'});
    is_deeply decode_json($body // '{}'),
        {conversation_id => $c{conversation_id}, reason => 'visitor'};
    is $kind, 2, 'info';

    ended_ok($t->post($path, {%c}), 'a second time is fine');
    done_testing;
};

subtest 'navigator.sendBeacon' => sub {
    my %new = fresh();
    for my $type ('text/plain;charset=UTF-8', undef) {
        ended_ok($t->post($path, encode_json({%new}),
            {$type ? ('Content-Type' => $type) : ()}), $type // 'no type');
    }
    done_testing;
};

subtest 'not with anything else' => sub {
    my (%new, %other) = fresh();
    %other = fresh();
    my $cookie = $t->create->headers->set_cookie;
    $t->ua->cookie_jar->empty;
    my ($ticket) = ($cookie // 'none') =~ /^tavus_visitor=[0-9a-f]+\.([^;]+)/;
    $box->forget;

    my ($id, $token) = @new{qw(conversation_id end_token)};
    for my $case (
        ['another conversation\'s', $id, $other{end_token}],
        ['for another conversation', $other{conversation_id}, $token],
        ['a cookie\'s', $id, $ticket // 'k1.' . '0' x 64],
        ['none', $id, ''], ['cut', $id, substr $token, 0, -1],
        ['longer', $id, "${token}0"], ['upper case', $id, uc $token],
        ['another key', $id, $token =~ s/^k1/k2/r],
        ['no key', $id, substr $token, 3], ['blank', $id, " $token"],
        ['id with a tail', "$id/../$other{conversation_id}", $token],
        ['id with a query', "$id?x", $token], ['no id', '', $token],
        ['huge', $id, $token . 'x' x 8000], ['huge id', $id x 400, $token],
        ['zeros', $id, 'k1.' . '0' x 64],
    ) {
        my ($name, $cid, $tok) = @$case;
        my $res = $t->post($path,
            {conversation_id => $cid, end_token => $tok});
        is_deeply [$res->code, $res->json->{code}],
            [401, 'invalid_end_token'], $name or diag $res->to_string;
    }

    for my $bad ({}, {conversation_id => $id}, {end_token => $token},
        {conversation_id => $id, end_token => 1},
        {conversation_id => undef, end_token => $token},
        {conversation_id => [$id], end_token => $token},
        {conversation_id => $id, end_token => $token, force => 1})
    {
        my $res = $t->post($path, $bad);
        is_deeply [$res->code, $res->json->{code}], [400, 'invalid_field'],
            encode_json([sort keys %$bad]);
    }
    for my $bad ('', '[]', '{', 'x', "\xff", '"x"',
        qq({"conversation_id":"$id","end_token":"$token","end_token":"x"}),
        qq({"conversation_id":"$id","end_token":"$token"}x))
    {
        my $res = $t->post($path, $bad);
        is_deeply [$res->code, $res->json->{code}], [400, 'invalid_json'],
            substr $bad =~ s/[^ -~]/?/gr, 0, 20;
    }
    is $t->post($path, 'x' x 20000)->code, 413;
    my $res = $t->get("$path?conversation_id=$id&end_token=$token");
    is $res->code, 405, 'not by a link';
    is $res->headers->header('Allow'), 'POST';

    is scalar ends(), 0, 'Tavus was not asked';
    ok !$db->selectrow_array('SELECT bool_or(ended) FROM tavus.conversations
        WHERE id IN (?, ?)', undef, $id, $other{conversation_id}),
        'and both go on';
    ended_ok($t->post($path, {%new}), 'while the right one ends it');
    done_testing;
};

subtest 'Tavus in trouble' => sub {
    my @failed;
    for my $fault ({kind => 'status', status => 500}, {kind => 'hang'},
        {kind => 'status', status => 401},
        {kind => 'status', status => 400, body => {error => 'no'}},
        {kind => 'status', status => 404, body => '<html>'},
        {kind => 'status', status => 429})
    {
        my %new = fresh();
        $box->forget;
        $box->fault(%$fault, times => 1);
        my $res = $t->post($path, {%new});
        is_deeply [$res->code, $res->json->{code}], [502, 'upstream_error'],
            $fault->{status} ? "status $fault->{status}" : $fault->{kind};
        for (1, 2) {
            $res = $t->post($path, {%new});
            is_deeply [$res->code, $res->json], [202, {status => 'ending'}],
                'from here on the server sees to it';
        }
        is scalar ends(), 1, 'asked once';
        push @failed, $new{conversation_id};
    }
    for my $id (@failed) {
        wait_ok { $db->selectrow_array('SELECT ended FROM tavus.conversations
            WHERE id = ?', undef, $id) } 'which it does', 30;
    }
    my %active = map { $_->{conversation_id} => 1 } $box->conversations('active');
    is_deeply [grep { $active{$_} } @failed], [], 'none goes on';
    for my $type (qw(conversation.end_failed conversation.ended)) {
        is_deeply $db->selectcol_arrayref(q{SELECT count(*) FROM tavus.events
            WHERE event_type = ? AND conversation_id = ANY (?)
            GROUP BY conversation_id}, undef, $type, \@failed),
            [(1) x @failed], "$type, once each";
    }
    done_testing;
};

subtest 'without a database it still ends, as it costs money' => sub {
    my %new = fresh();
    $box->forget;
    undef $db;
    $t->pg->stop;
    ended_ok($t->post($path, {%new}), 'ended');
    is scalar ends(), 1;
    $t->pg->start;
    $db = $t->db;
    done_testing;
};

subtest 'the visitor leaves at once, as pages do' => sub {
    my %new;
    wait_ok { %new = eval { fresh() }; $new{end_token} } 'a conversation';
    $box->forget;
    my $body = encode_json({%new});
    my $s = $t->socket;
    $box->fault(kind => 'delay', ms => 200, times => 1);
    $s->send("POST $path HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
    wait_ok { ends() } 'Tavus is asked';
    $s->abort;
    wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'conversation.ended' AND conversation_id = ?},
        undef, $new{conversation_id}) } 'on record all the same';
    done_testing;
};

done_testing;
