#!/usr/bin/perl

# The sandbox is as strict as Tavus's documents, or stricter.

use lib 't/lib';
use Tavus::Test;
use Mojo::IOLoop;
use Mojo::JSON qw(false true);
use Mojo::UserAgent;
use Time::HiRes ();

use Tavus::Test::Sandbox;
use Tavus::Test::Socket;

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 20);
my %KEY = ('x-api-key' => $s->api_key);
my %MIN = (persona_id => 'p01', replica_id => 'r01');

sub call ($method, $path, $json = undef, $headers = \%KEY) {
    my $tx = $ua->build_tx($method => $s->url . $path, $headers,
        defined $json ? (json => $json) : ());
    return $ua->start($tx)->result;
}

sub create (%more) { return call(POST => '/v2/conversations', {%MIN, %more}) }

subtest 'the key' => sub {
    for (undef, 'wrong') {
        my $res = call(POST => '/v2/conversations', {%MIN},
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

subtest 'what is refused' => sub {
    my @bad = (
        ['an unknown field', {metadata => {}}],
        ['an unknown property', {properties => {enable_transcription => true}}],
        ['language at the top', {language => 'english'}],
        ['a language code', {properties => {language => 'en'}}],
        ['a locale', {properties => {language => 'en-US'}}],
        ['a three-letter code', {properties => {language => 'eng'}}],
        ['a full name among codes', {properties => {languages => ['english']}}],
        ['no code', {properties => {languages => []}}],
        ['both ways to say a language', {properties => {language => 'english',
            languages => ['en']}}],
        ['no duration', {properties => {max_call_duration => 0}}],
        ['a duration as string', {properties => {max_call_duration => '600'}}],
        ['a fraction', {properties => {max_call_duration => 1.5}}],
        ['a negative time',
            {properties => {participant_left_timeout => -1}}],
        ['a number for a switch',
            {properties => {enable_closed_captions => 1}}],
        ['a string for a switch', {test_mode => 'true'}],
        ['both names of a persona', {pal_id => 'p02'}],
        ['both names of a replica', {face_id => 'r02'}],
        ['a persona that is none', {persona_id => 'x01'}],
        ['a callback that is no URL', {callback_url => '/hook'}],
        ['a callback that is no http', {callback_url => 'ftp://x/'}],
        ['tags as a string', {document_tags => 'kb'}],
        ['tags of numbers', {document_tags => [1]}],
        ['a strategy', {document_retrieval_strategy => 'best'}],
        ['one participant', {max_participants => 1}],
        ['properties as a list', {properties => []}],
        ['a null', {conversation_name => undef}],
        ['a storage without bucket',
            {properties => {recording_storage => {provider => 's3'}}}],
    );
    for (@bad) {
        my ($name, $more) = @$_;
        my $res = create(%$more);
        is $res->code, 400, $name;
        ok $res->json->{error} // $res->json->{message}, "$name: says why";
    }

    is call(POST => '/v2/conversations', {conversation_name => 'x'})->code,
        400, 'neither persona nor replica';
    is call(POST => '/v2/conversations', [])->code, 400, 'a list';

    my $tx = $ua->post($s->url . '/v2/conversations',
        {%KEY, 'Content-Type' => 'application/json'}, '{"persona_id":');
    is $tx->result->code, 400, 'half an object';
    $tx = $ua->post($s->url . '/v2/conversations', {%KEY},
        '{"persona_id":"p01"}');
    is $tx->result->code, 400, 'no content type';

    is create(properties => {language => 'multilingual'})->code, 200;
    is create(properties => {languages => ['en', 'pt-BR']})->code, 200;
    is create(properties => {max_call_duration => 86400})->code, 200;
    is call(POST => '/v2/conversations', {pal_id => 'p1', face_id => 'r1'})
        ->code, 200, 'the new names';
    is call(GET => '/v2/conversations/nothing')->code, 400;
    is call(GET => '/v2/nothing')->code, 404;
    done_testing;
};

# The first that a socket says, to who says something first; undef if it
# closes, or says nothing to who says nothing.
sub said {
    my ($url, @first) = @_;
    my ($got, $done);
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

subtest 'test mode, private rooms, the cap' => sub {
    $s->reset;
    my $c = create(test_mode => true)->json;
    is $c->{status}, 'ended';

    $c = create(require_auth => true)->json;
    ok $c->{meeting_token};
    my $room = $c->{conversation_url};
    is $ua->get($room)->result->code, 403, 'nobody without the token';
    is $ua->get("$room?t=x$c->{meeting_token}")->result->code, 403;
    my $socket = "$room/socket" =~ s/^http/ws/r;
    is said($socket), undef, 'nor at the socket';
    is said($socket, 'x'), undef;
    is_deeply [events($c)], [], 'nobody has joined';
    like said($socket, $c->{meeting_token}), qr/assistant/, 'with it';
    is $ua->get("$room?t=$c->{meeting_token}")->result->code, 200;
    is +(events($c))[0], 'system.replica_joined';

    $s->config(max_concurrent => 1);
    my $res = create();
    is $res->code, 400;
    like $res->json->{message}, qr/maximum concurrent conversations/;
    is create(test_mode => true)->code, 200, 'test mode does not count';
    done_testing;
};

# ---- callbacks -------------------------------------------------------------

my @got;
my $status = 200;
my $hook = Mojo::IOLoop->server({address => '127.0.0.1'} =>
    sub ($loop, $stream, $id) {
        my $in = '';
        $stream->on(read => sub ($stream, $bytes) {
            $in .= $bytes;
            while ($in =~ /\A(.*?\r\n\r\n)/s) {
                my $head = $1;
                my ($n) = $head =~ /^content-length: (\d+)/im;
                last if length $in < length($head) + $n;
                substr $in, 0, length $head, '';
                my ($target) = $head =~ /^POST (\S+)/;
                push @got, [$target,
                    Mojo::JSON::decode_json(substr $in, 0, $n, '')];
                $stream->write("HTTP/1.1 $status X\r\n"
                    . "Content-Length: 2\r\n\r\n{}");
            }
        });
    });
my $hook_url = 'http://127.0.0.1:' . Mojo::IOLoop->acceptor($hook)->port
    . '/cb?token=k.n.1.m';

# our hook answers in this process, so waiting means running the loop
sub turn ($condition, $seconds = 10) {
    my $deadline = Mojo::IOLoop->timer($seconds => sub { Mojo::IOLoop->stop });
    my $look = Mojo::IOLoop->recurring(0.01 => sub {
        Mojo::IOLoop->stop if $condition->();
    });
    Mojo::IOLoop->start;
    Mojo::IOLoop->remove($_) for $deadline, $look;
    return $condition->();
}

subtest 'callbacks' => sub {
    $s->reset;
    $s->config(line_ms => 20, twins => 1);
    my $c = create(callback_url => $hook_url,
        properties => {participant_left_timeout => 0})->json;
    my $id = $c->{conversation_id};

    my $page = $ua->get($c->{conversation_url})->result;
    is $page->code, 200;
    unlike $page->body, qr/<script>|style=/, 'nothing inline';
    ok turn(sub { @got == 2 }), 'joined';
    is $got[0][0], '/cb?token=k.n.1.m';
    is $got[0][1]{event_type}, 'system.replica_joined';
    is $got[0][1]{webhook_url}, $hook_url;
    is $got[0][1]{message_type}, 'system';
    is $got[0][1]{conversation_id}, $id;
    is $got[1][1]{event_type}, 'system.pal_joined';
    is $got[1][1]{timestamp}, $got[0][1]{timestamp}, 'its twin';

    my (@lines, $ws);
    $ua->websocket($c->{conversation_url} =~ s/^http/ws/r . '/socket'
        => sub ($ua, $tx) {
            $ws = $tx;
            $tx->on(json => sub ($tx, $json) { push @lines, $json });
        });
    ok turn(sub { @lines >= 4 }), 'they talk';
    $ws->finish;
    ok turn(sub { @got == 5 }), 'ended, as the last one has left';
    my ($shutdown, $transcript, $perception) = map { $_->[1] } @got[2 .. 4];
    is $shutdown->{event_type}, 'system.shutdown';
    is $shutdown->{properties}{shutdown_reason},
        'participant_left_timeout reached';
    is $transcript->{event_type}, 'application.transcription_ready';
    is $transcript->{message_type}, 'application';
    is $transcript->{properties}{transcript}[0]{role}, 'system';
    ok $transcript->{properties}{transcript}->@* >= 5;
    is $perception->{event_type}, 'application.perception_analysis';

    ok turn(sub { 5 == grep { $_->{status} } $s->callbacks }), 'recorded';
    my ($entry) = $s->callbacks;
    is $entry->{status}, 200;
    is $entry->{attempts}, 1;
    done_testing;
};

subtest 'time-outs' => sub {
    $s->reset;
    @got = ();
    create(callback_url => $hook_url,
        properties => {participant_absent_timeout => 1});
    ok turn(sub { @got == 1 }), 'nobody came';
    is $got[0][1]{properties}{shutdown_reason},
        'participant_absent_timeout reached';

    @got = ();
    my $c = create(callback_url => $hook_url,
        properties => {max_call_duration => 1})->json;
    $ua->get($c->{conversation_url});
    ok turn(sub { @got == 4 }), 'too long';
    is $got[1][1]{properties}{shutdown_reason}, 'max_call_duration reached';

    @got = ();
    $s->config(plan_limit => 1);
    $c = create(callback_url => $hook_url,
        properties => {max_call_duration => 600})->json;
    $ua->get($c->{conversation_url});
    ok turn(sub { @got == 4 }), 'longer than the plan allows';
    is $got[1][1]{properties}{shutdown_reason}, 'max_call_duration reached';
    done_testing;
};

subtest 'any callback, and again' => sub {
    $s->reset;
    @got = ();
    $status = 503;
    $s->config(callback_attempts => 3, callback_retry_ms => 10);
    my $c = create(callback_url => $hook_url)->json;

    # the call answers when the callback has been answered, and that is us
    my $entry;
    $ua->post($s->url . '/_callback', json => {
        conversation_id => $c->{conversation_id},
        event_type => 'application.recording_ready',
        properties => {s3_key => 'k'},
    } => sub ($ua, $tx) { $entry = $tx->res->json });
    ok turn(sub { $entry });
    is $entry->{attempts}, 3;
    is $entry->{status}, 503;
    is scalar @got, 3;
    is $got[0][1]{message_type}, 'application';
    is_deeply $got[0][1], $got[2][1], 'the same bytes';
    $status = 200;
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
