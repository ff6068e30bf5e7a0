#!/usr/bin/perl

# What the sandbox tells of a conversation, by callbacks and by the verbose
# GET, is what Tavus's documents name.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(true);
use Mojo::IOLoop;
use Mojo::UserAgent;

use Tavus::Test::SandboxCalls;

my ($s, $call, $create) = sandbox_calls();

sub begin (%more) {
    return $create->(callback_url => $s->sink . '?token=k', %more)->json;
}

sub bodies ($id) {
    return map { $_->{body} }
        grep { ($_->{conversation_id} // '') eq $id } $s->callbacks;
}

sub types (@bodies) { return map { $_->{event_type} } @bodies }

sub verbose ($id) {
    return $call->(GET => "/v2/conversations/$id?verbose=true")->json;
}

sub ended_by ($c, $reason) {
    my $end;
    wait_ok {
        ($end) = grep { ($_->{event_type} // '') eq 'system.shutdown' }
            bodies($c->{conversation_id});
    } 'ended';
    is $end->{properties}{shutdown_reason}, $reason;
    return;
}

sub told ($n, $id) { return wait_ok { $n == bodies($id) } "$n were told" }

# Until the socket is closed, and the last frame has gone.
sub in_room ($c, $heard) {
    my $ua = Mojo::UserAgent->new;
    my ($done, $connection);
    $ua->websocket($c->{conversation_url} =~ s/^http/ws/r . '/socket'
        => sub ($ua, $tx) {
            $connection = $tx->connection;
            $tx->on(json => $heard);
            $tx->on(finish => sub (@) { $done = 1 });
        });
    Mojo::IOLoop->one_tick
        until $done && !Mojo::IOLoop->stream($connection);
    return;
}

subtest 'in a room' => sub {
    $s->config(line_ms => 5);
    my $c = begin(properties => {participant_left_timeout => 300});
    my $id = $c->{conversation_id};
    my $page = $call->(GET => $c->{conversation_url});
    is $page->code, 200;
    unlike $page->body, qr/<script>|style=/, 'nothing inline';
    told(2, $id);

    my ($pal, $replica) = bodies($id);
    is $pal->{event_type}, 'system.pal_joined', 'the new name comes first';
    is $replica->{event_type}, 'system.replica_joined', 'then the old one';
    $_ = {%$_, event_type => undef} for $pal, $replica;
    is_deeply $replica, $pal, 'twins';
    is $pal->{webhook_url}, $s->sink . '?token=k';
    is $pal->{message_type}, 'system';
    is_deeply $pal->{properties}, {replica_id => 'r01'};

    my @lines;
    in_room($c, sub ($tx, $json) {
        push @lines, $json unless $json->{ended};
        $tx->send('end') if @lines == 8;
    });
    is scalar @lines, 8, 'they talk';
    ok !grep({ !length $_->{content} || $_->{role} eq 'system' } @lines),
        'what is said alone';

    told(7, $id);
    my @bodies = bodies($id);
    is_deeply [types(@bodies[2 .. 6])], ['canvas.interaction',
        'canvas.interaction', 'system.shutdown',
        'application.transcription_ready', 'application.perception_analysis'];
    is $bodies[4]{properties}{shutdown_reason},
        'participant_left_timeout reached';

    wait_ok { 7 == grep { ($_->{status} // 0) == 200 } $s->callbacks }
        'recorded with the answer';
    done_testing;
};

subtest 'a life at once' => sub {
    $s->reset;
    my $c = begin(conversational_context => 'They rent.');
    my $id = $c->{conversation_id};
    $s->play(conversation_id => $id, reason => 'max_call_duration reached');
    my @bodies = bodies($id);
    is_deeply [types(@bodies)], ['system.pal_joined', 'system.replica_joined',
        'canvas.interaction', 'canvas.interaction', 'system.shutdown',
        'application.transcription_ready',
        'application.perception_analysis'];

    my ($one, $two) = @bodies[2, 3];
    is $one->{timestamp}, $two->{timestamp}, 'a millisecond is shared';
    isnt $one->{properties}{interaction_id},
        $two->{properties}{interaction_id}, 'but the id is not';

    my @rows = $bodies[5]{properties}{transcript}->@*;
    like $rows[0]{content}, qr/They rent/, 'first what it was told to do';
    my ($asked) = grep { $_->{tool_calls} } @rows;
    is $asked->{content}, '', 'an empty row';
    is $asked->{role}, 'assistant';
    my ($tool) = grep { $_->{role} eq 'tool' } @rows;
    is $tool->{tool_call_id}, $asked->{tool_calls}[0]{id}, 'and its answer';
    my @system = grep { $rows[$_]{role} eq 'system' } 0 .. $#rows;
    ok @system == 2 && $system[1] > 2, 'the system in the middle';
    ok !grep({ $_->{timestamp} !~ /^\d+(?:\.\d+)?$/ } @rows), 'epoch times';

    my $v = verbose($id);
    is $v->{status}, 'ended';
    is $v->{shutdown_reason}, 'max_call_duration reached';
    is_deeply [types($v->{events}->@*)],
        [types(@bodies[0, 1, 4 .. 6])], 'again, but for the canvas';
    is_deeply $v->{events}[3], {map { $_ => $bodies[5]{$_} }
        qw(event_type timestamp properties)}, 'as it was called back';
    is_deeply $v->{events}[2]{properties}, {replica_id => 'r01',
        reason => 'max_call_duration reached'}, 'the cause has another name';
    ok !exists $call->(GET => "/v2/conversations/$id")->json->{events};

    $s->config(verbose => 'example');
    $v = verbose($id);
    is $v->{shutdown_reason}, 'max_call_duration', 'as in the example';
    ok !exists $v->{events}[0]{properties}, 'nobody is named';
    is_deeply $v->{events}[2]{properties}, {reason => 'max_call_duration'};
    is_deeply [keys $v->{events}[3]{properties}->%*], ['transcript'];
    done_testing;
};

subtest 'stories' => sub {
    $s->reset;
    my $plain = begin()->{conversation_id};
    $s->play(conversation_id => $plain, story => 'plain');
    is_deeply [types(bodies($plain))], ['system.pal_joined',
        'system.replica_joined', 'system.shutdown',
        'application.transcription_ready',
        'application.perception_analysis'], 'plain';

    my $silent = begin(audio_only => true)->{conversation_id};
    $s->play(conversation_id => $silent, story => 'plain');
    is((types(bodies($silent)))[-1], 'application.perception_unavailable',
        'nothing was seen');

    my $kept = begin(memory_stores => ['m'], properties => {
        enable_recording => true, recording_storage => {provider => 'gcs',
            bucket_name => 'b', project_id => 'p',
            workload_identity_provider => 'w',
            service_account_email => 'e'}})->{conversation_id};
    $s->play(conversation_id => $kept);
    my ($recording) = grep {
        ($_->{event_type} // '') eq 'application.recording_ready'
    } bodies($kept);
    like $recording->{properties}{storage_uri}, qr{^gs://b/};
    ok grep({ $_ eq 'application.memory_consolidation' }
        types(bodies($kept))), 'and remembered';

    $s->config(row_times => 'mixed');
    my $all = begin()->{conversation_id};
    $s->play(conversation_id => $all, story => 'all');
    my @bodies = bodies($all);
    my %seen;
    $seen{$_ // 'none'}++ for types(@bodies);
    is_deeply \%seen, {
        'system.pal_joined' => 1, 'system.replica_joined' => 1,
        'system.shutdown' => 1, 'canvas.interaction' => 2,
        map({ ("application.$_" => 1) } qw(transcription_ready
            perception_analysis perception_unavailable recording_ready
            recording_copy_failed memory_consolidation
            raven_memory_evidence)),
        'application.post_call_action_executed' => 2, none => 2,
    }, 'all that is known';

    my @actions = grep { ($_->{event_type} // '') =~ /post_call/ } @bodies;
    is $actions[0]{timestamp}, $actions[1]{timestamp}, 'two at once';
    isnt $actions[0]{properties}{tool_id}, $actions[1]{properties}{tool_id};
    my ($objective, $guardrail) = grep { !$_->{event_type} } @bodies;
    is_deeply [sort keys %$objective],
        [qw(conversation_id objective_name output_variables)];
    is_deeply [sort keys %$guardrail], [qw(conversation_id properties)];

    my ($transcript) = grep { ($_->{event_type} // '') =~ /transcription/ }
        @bodies;
    my @rows = $transcript->{properties}{transcript}->@*;
    ok grep({ $_->{timestamp} =~ /T.*Z\z/ } @rows), 'some times are ISO';
    ok grep({ $_->{timestamp} =~ /^\d+/ && $_->{timestamp} !~ /T/ } @rows),
        'some are not';

    is $call->(POST => '/_play', {conversation_id => $all, story => 'x'})
        ->code, 400, 'no such story';
    is $call->(POST => '/_play', {conversation_id => 'x'})->code, 400;
    done_testing;
};

subtest 'names' => sub {
    my %NAME = (new => 'face_id', old => 'replica_id', mixed => 'replica_id');
    for my $names (sort keys %NAME) {
        $s->reset;
        $s->config(names => $names);
        my $id = begin()->{conversation_id};
        $s->play(conversation_id => $id, story => 'plain');
        for (bodies($id)) {
            next if $_->{event_type} =~ /perception/;
            is $_->{properties}{$NAME{$names}}, 'r01',
                "$names: $_->{event_type}";
        }
    }
    $s->config(names => 'asked');
    my $id = $call->(POST => '/v2/conversations', {face_id => 'r02',
        callback_url => $s->sink})->json->{conversation_id};
    $s->play(conversation_id => $id);
    is_deeply((bodies($id))[0]{properties}, {face_id => 'r02'},
        'as it was asked');
    done_testing;
};

subtest 'what is lost' => sub {
    $s->reset;
    $s->config(callback_drop => 1);
    my $id = begin()->{conversation_id};
    my @events = $s->play(conversation_id => $id);
    my @sent = $s->callbacks;
    is scalar @sent, 7, 'all are recorded';
    is_deeply [grep { !$_->{lost} || $_->{attempts} } @sent], [], 'none is sent';
    is scalar(verbose($id)->{events}->@*), 5, 'the GET has them';

    my $lost = sub {
        $s->reset;
        $s->config(callback_drop => 0.5, seed => 7);
        $s->play(conversation_id => begin()->{conversation_id}) for 1 .. 4;
        return join '', map { $_->{lost} ? 'x' : '.' } $s->callbacks;
    };
    my $first = $lost->();
    like $first, qr/x.*\.|\..*x/, 'a share of them';
    is $lost->(), $first, 'the same ones for a seed';
    done_testing;
};

subtest 'what the GET is made to say' => sub {
    $s->reset;
    my $id = begin()->{conversation_id};
    $s->play(conversation_id => $id);
    my $truth = verbose($id);
    my @made = ({event_type => 'system.shutdown',
        timestamp => '2026-01-01T00:00:00Z', properties => {}});
    $s->events(conversation_id => $id, events => \@made, status => 'active');
    is_deeply verbose($id)->{events}, \@made;
    is verbose($id)->{status}, 'active';
    $s->events(conversation_id => $id, events => undef, status => 'ended');
    is_deeply verbose($id), $truth, 'the truth again';
    is $call->(POST => '/_events', {conversation_id => $id, other => 1})->code,
        400;
    done_testing;
};

subtest 'time-outs, and what a plan allows' => sub {
    $s->reset;
    my $c = begin(properties => {participant_absent_timeout => 1});
    ended_by($c, 'participant_absent_timeout reached');

    $c = begin();
    in_room($c, sub ($tx, $json) { $tx->finish });
    ended_by($c, 'participant_left_timeout reached');

    $s->config(plan_limit => 1);
    my $res = $create->(callback_url => $s->sink,
        properties => {max_call_duration => 900});
    is $res->code, 200, 'longer than the plan has it';
    $c = $res->json;
    $call->(GET => $c->{conversation_url});
    ended_by($c, 'max_call_duration reached');
    done_testing;
};

subtest 'one by one' => sub {
    $s->reset;
    my $id = begin()->{conversation_id};
    my $send = sub (%more) {
        return $s->callback(conversation_id => $id, %more)->{body};
    };
    is_deeply $send->(event_type => 'x.y')->{properties}, {}, 'unknown';
    my $body = $send->(event_type => 'x.y', properties => {a => 1},
        timestamp => 't');
    is_deeply {$body->%{qw(message_type properties timestamp)}},
        {message_type => 'x', properties => {a => 1}, timestamp => 't'},
        'as it is told';
    for (qw(system.shutdown application.recording_copy_failed
        application.perception_unavailable canvas.interaction))
    {
        ok scalar keys $send->(event_type => $_)->{properties}->%*,
            "$_ has the properties of the documents";
    }
    is $send->(bare => 'objective')->{objective_name}, 'name_and_email';
    is $call->(POST => '/_callback', {conversation_id => $id, bare => 'x'})
        ->code, 400, 'a body that nobody knows';
    done_testing;
};

subtest 'again, when it was not taken' => sub {
    $s->reset;
    $s->config(callback_attempts => 3, callback_retry_ms => 10);
    my $id = $create->(callback_url => $s->url . '/v2/nothing')
        ->json->{conversation_id};
    my $entry = $s->callback(conversation_id => $id,
        event_type => 'application.recording_ready');
    is $entry->{attempts}, 3;
    is $entry->{status}, 404;
    my @calls = grep { $_->{path} eq '/v2/nothing' } $s->calls;
    is_deeply $calls[0]{body}, $calls[2]{body}, 'the same';
    done_testing;
};

done_testing;
