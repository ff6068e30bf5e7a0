#!/usr/bin/perl

# The sandbox is as strict as Tavus's documents, or stricter.

use lib 't/lib';
use Tavus::Test;
use Mojo::IOLoop;
use Mojo::JSON qw(false true);
use Mojo::UserAgent;
use Time::HiRes ();

use Tavus::Test::SandboxCalls;
use Tavus::Test::Socket;

my ($s, $call, $create) = sandbox_calls();

sub call (@args)     { return $call->(@args) }
sub create (%fields) { return $create->(%fields) }

subtest 'the key' => sub {
    for (undef, 'wrong') {
        my $res = call(POST => '/v2/conversations', {pal_id => 'p01'},
            defined ? {'x-api-key' => $_} : {});
        is $res->code, 401;
        is_deeply $res->json, {message => 'Invalid access token'};
    }
    my @calls = $s->calls;
    is $calls[0]{headers}{'x-api-key'}, undef, 'no key is seen';
    is $calls[1]{headers}{'x-api-key'}, 'invalid', 'nor is a wrong one shown';
    done_testing;
};

subtest 'a conversation' => sub {
    my $res = create(
        conversation_name => 'legal-1', memory_stores => ['v_1'],
        callback_url => 'http://127.0.0.1:9/hook?token=a.b.1.c',
        document_tags => ['kb-legal'], document_retrieval_strategy => 'speed',
        custom_greeting => 'Hi', conversational_context => 'x',
        properties => {max_call_duration => 900, language => 'spanish',
            participant_left_timeout => 0, participant_absent_timeout => 120,
            enable_closed_captions => true},
    );
    is $res->code, 200;
    my $c = $res->json;
    is_deeply [sort keys %$c], [sort qw(conversation_id conversation_name
        conversation_url status callback_url created_at)];
    is $c->{status}, 'active';
    is $c->{conversation_url}, $s->url . "/room/$c->{conversation_id}";
    like $c->{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\z/;

    is $s->callback_url, 'http://127.0.0.1:9/hook?token=a.b.1.c';
    is $s->token, 'a.b.1.c';

    my $get = call(GET => "/v2/conversations/$c->{conversation_id}")->json;
    is $get->{persona_id}, 'p01';
    is $get->{replica_id}, 'r01';
    ok exists $get->{updated_at};
    ok !exists $get->{events};

    my $list = call(GET => '/v2/conversations?limit=1&status=active')->json;
    is $list->{total_count}, 1;
    is $list->{data}[0]{conversation_id}, $c->{conversation_id};

    is call(POST => "/v2/conversations/$c->{conversation_id}/end")->code, 200;
    is call(POST => "/v2/conversations/$c->{conversation_id}/end")->code, 400;

    my $verbose = call(
        GET => "/v2/conversations/$c->{conversation_id}?verbose=true")->json;
    is $verbose->{status}, 'ended';
    is $verbose->{events}[0]{event_type}, 'system.shutdown';
    is $verbose->{events}[0]{properties}{reason},
        'end_conversation_endpoint_hit', 'the cause has its other name';

    is call(DELETE => "/v2/conversations/$c->{conversation_id}")->code, 204;
    my $gone = call(GET => "/v2/conversations/$c->{conversation_id}");
    is $gone->code, 400;
    is_deeply $gone->json, {error => 'Invalid conversation_id'};
    done_testing;
};

subtest 'the list' => sub {
    $s->reset;
    my @id = map { create()->json->{conversation_id} } 1 .. 12;
    call(POST => "/v2/conversations/$id[0]/end");

    my $list = call(GET => '/v2/conversations')->json;
    is_deeply [map { $_->{conversation_id} } $list->{data}->@*],
        [reverse @id[2 .. 11]], 'ten, newest first';
    is $list->{total_count}, 12, 'of all';
    $list = call(GET => '/v2/conversations?page=2')->json;
    is_deeply [map { $_->{conversation_id} } $list->{data}->@*],
        [@id[1, 0]], 'the rest';
    is_deeply call(GET => '/v2/conversations?page=3')->json->{data}, [],
        'and no more';
    $list = call(GET => '/v2/conversations?status=ended')->json;
    is_deeply [map { $_->{conversation_id} } $list->{data}->@*], [$id[0]];

    is call(GET => "/v2/conversations?$_")->code, 400, $_
        for qw(limit=0 limit=x page=0 page=-1 status=gone sort=name);
    is call(GET => "/v2/conversations/$id[1]?$_")->code, 400, $_
        for qw(verbose=1 verbose=yes full=true);
    is call(DELETE => "/v2/conversations/$id[1]?hard=1")->code, 400, 'hard=1';
    is call(DELETE => "/v2/conversations/$id[1]?hard=true")->code, 204;
    is call(POST => "/v2/conversations/$id[2]/end", {})->code, 400,
        'an end with a body';
    is call(GET => '/v2/conversations/nothing')->code, 400;
    is call(GET => '/v2/nothing')->code, 404;
    done_testing;
};

subtest 'names' => sub {
    $s->reset;
    my %made = (
        old => create()->json->{conversation_id},
        new => call(POST => '/v2/conversations',
            {pal_id => 'p01', face_id => 'r01'})->json->{conversation_id},
    );
    my %NAMES = (
        old => [qw(persona_id replica_id)], new => [qw(face_id pal_id)],
        mixed => [qw(pal_id replica_id)],
    );

    for my $of (qw(old new)) {
        my $one = call(GET => "/v2/conversations/$made{$of}")->json;
        is_deeply [sort grep { /^(?:pal|persona|face|replica)_id$/ }
            keys %$one], $NAMES{$of}, "as it was asked: $of";
    }
    for my $set (qw(old new mixed)) {
        $s->config(names => $set);
        for my $of (qw(old new)) {
            my $one = call(GET => "/v2/conversations/$made{$of}")->json;
            is_deeply [sort grep { /^(?:pal|persona|face|replica)_id$/ }
                keys %$one], $NAMES{$set}, "$set, asked with $of";
        }
    }
    my $row = call(GET => '/v2/conversations')->json->{data}[0];
    ok exists $row->{pal_id} && exists $row->{replica_id}, 'lists likewise';
    done_testing;
};

# The first that a socket says, to who says something first; undef if it
# closes, or says nothing to who says nothing.
sub said ($url, @first) {
    my ($got, $done);
    my $ua = Mojo::UserAgent->new;
    $ua->websocket($url => sub ($ua, $tx) {
        $tx->on(message => sub ($tx, $text) {
            $got //= $text;
            $tx->finish;
        });
        $tx->on(finish => sub { $done = 1 });
        $tx->send($_) for @first;
        # answered after whatever it had to say at once
        $tx->send([1, 0, 0, 0, 9, '']);
        $tx->on(frame => sub ($tx, $frame) {
            $tx->finish if $frame->[4] == 10;
        });
    });
    Mojo::IOLoop->one_tick until $done;
    return $got;
}

sub events ($c) {
    return map { $_->{event_type} } (call(GET =>
        "/v2/conversations/$c->{conversation_id}?verbose=true")->json->{events}
        // [])->@*;
}

subtest 'test mode, private rooms, caps' => sub {
    $s->reset;
    my $c = create(test_mode => true)->json;
    is $c->{status}, 'ended';

    for ({require_auth => true}, {properties => {require_auth => true}}) {
        $c = create(%$_)->json;
        my ($room, $token) = $c->@{qw(conversation_url meeting_token)};
        like $token, qr/\A[\w-]+\.[\w-]+\.[\w-]+\z/, 'looks like a JWT';
        is call(GET => $room)->code, 403, 'nobody without the token';
        is call(GET => "$room?t=x$token")->code, 403, 'nor with another';
        my $socket = "$room/socket" =~ s/^http/ws/r;
        is said($socket), undef, 'nor at the socket';
        is said($socket, 'x'), undef;
        is_deeply [events($c)], [], 'nobody has joined';
        like said($socket, $token), qr/assistant/, 'with it';
        is call(GET => "$room?t=$token")->code, 200;
        is +(events($c))[0], 'system.pal_joined';
    }
    my $open = create()->json;
    ok !exists $open->{meeting_token}, 'only there';

    $s->config(max_concurrent => 1);
    my $res = create();
    is $res->code, 400;
    is_deeply $res->json,
        {message => 'User has reached maximum concurrent conversations'};
    is create(test_mode => true)->code, 200, 'test mode does not count';

    $s->config(max_concurrent => undef, credits => 0);
    $res = create();
    is $res->code, 402;
    is_deeply $res->json,
        {message => 'The user is out of conversational credits'};

    $s->config(errors => 'error');
    is_deeply [keys create()->json->%*], ['error'], 'under another name';
    $s->config(errors => 'message');
    is_deeply [keys call(GET => '/v2/conversations/x')->json->%*],
        ['message'];
    done_testing;
};

subtest 'settings' => sub {
    for ({nothing => 1}, {callback_drop => 2}, {callback_drop => '.'},
        {names => 'other'}, {story => 'long'}, {row_times => 'unix'},
        {errors => 'both'}, {credits => undef}, {max_concurrent => -1}, [])
    {
        is call(POST => '/_config', $_)->code, 400,
            Mojo::JSON::encode_json($_);
    }
    done_testing;
};

# Of such a socket the server never hears that it is closed.
subtest 'who goes while the handshake is answered' => sub {
    $s->reset;
    my $c = create(properties => {participant_left_timeout => 1})->json;
    my $path = $c->{conversation_url} =~ s{^http://[^/]+}{}r;
    for (1 .. 50) {
        my $socket = Tavus::Test::Socket->new($s->port);
        $socket->send("GET $path/socket HTTP/1.1\r\nHost: x\r\n"
            . "Connection: Upgrade\r\nUpgrade: websocket\r\n"
            . "Sec-WebSocket-Version: 13\r\n"
            . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        $socket->abort;
    }
    wait_ok { call(GET => "/v2/conversations/$c->{conversation_id}")->json->{status}
        eq 'ended' } 'has left';
    ok eval { $s->reset }, 'and all can be forgotten' or diag $@;
    done_testing;
};

# ---- faults ----------------------------------------------------------------

sub total () { return call(GET => '/v2/conversations')->json->{total_count} }

sub raw_create (%opt) {
    my $socket = Tavus::Test::Socket->new($s->port);
    my $body = '{"persona_id":"p01"}';
    $socket->send("POST /v2/conversations HTTP/1.1\r\nHost: x\r\n"
        . "x-api-key: ${\$s->api_key}\r\nContent-Type: application/json\r\n"
        . "Content-Length: ${\length $body}\r\n\r\n$body");
    return $socket;
}

subtest 'faults' => sub {
    $s->reset;
    $s->fault(kind => 'status', status => 402, times => 1,
        body => {message => 'The user is out of conversational credits'},
        headers => {'X-Extra' => 'y'});
    my $res = create();
    is $res->code, 402;
    like $res->json->{message}, qr/credits/;
    is $res->headers->header('X-Extra'), 'y';
    is create()->code, 200, 'once only';
    is total(), 1, 'and without effect';

    $s->fault(kind => 'status', status => 500, method => 'GET',
        path => '/v2/conversations/');
    is total(), 1, 'another path';
    is call(GET => '/v2/conversations/x')->code, 500;
    is call(GET => '/v2/conversations/x')->code, 500, 'until it is taken back';
    $s->no_faults;

    $s->fault(kind => 'delay', ms => 300, times => 1);
    my $before = Time::HiRes::time();
    is create()->code, 200, 'a delay';
    cmp_ok Time::HiRes::time() - $before, '>=', 0.29;

    $s->reset;
    $s->fault(kind => 'hang', times => 1, method => 'POST', after => true);
    my $socket = raw_create();
    is $socket->response(0.3), undef, 'hang';
    ok !$socket->eof, 'the connection stays';
    is total(), 1, 'after the effect';

    $s->fault(kind => 'hang', times => 1, method => 'POST');
    is raw_create()->response(0.3), undef, 'hang';
    is total(), 1, 'without the effect';

    $s->fault(kind => 'cut', times => 1, method => 'POST', after => true);
    $socket = raw_create();
    like $socket->read_until(qr/(?!)/), qr/^HTTP.*\{/s, 'half an answer';
    ok $socket->eof, 'cut';
    is total(), 2;

    $s->fault(kind => 'cut', bytes => 0, times => 1, method => 'POST');
    $socket = raw_create();
    is $socket->read_until(qr/(?!)/), '', 'no byte of an answer';
    ok $socket->eof;

    $s->fault(kind => 'reset', times => 1, method => 'POST');
    $socket = raw_create();
    is $socket->response(2), undef, 'reset';
    is total(), 2;

    $s->fault(kind => 'garbage', times => 1);
    $res = create();
    is $res->code, 200;
    is $res->json, undef, 'no JSON';

    $s->fault(kind => 'garbage', raw => true, body => "SSH-2.0-x\r\n",
        times => 1);
    is raw_create()->read_until(qr/\n/), "SSH-2.0-x\r\n", 'no HTTP';

    $s->fault(kind => 'huge', bytes => 3_000_000, times => 1);
    $res = create();
    is length $res->body, 3_000_010, 'huge';
    ok $res->json, 'and JSON';

    $s->fault(kind => 'slow', ms => 2, times => 1);
    is create()->json->{status}, 'active', 'slow';

    my $bad = call(POST => '/_fault', {kind => 'nothing'});
    is $bad->code, 400, 'an unknown fault';
    done_testing;
};

subtest 'loopback only' => sub {
    for ('http://0.0.0.0:0', 'http://*:0', 'http://[::]:0', 'http://192.0.2.1:0',
        'http://127.0.0.1.example.com:0')
    {
        my $pid = Tavus::Test::Process::spawn(
            [$^X, 't/sandbox/sandbox.pl', '--listen', $_],
            dir => $Tavus::Test::Process::ROOT);
        my $listen = $_;
        wait_ok { !Tavus::Test::Process::alive($pid) } "not $listen";
        Tavus::Test::Process::unwatch(pid => $pid);
    }
    done_testing;
};

done_testing;
