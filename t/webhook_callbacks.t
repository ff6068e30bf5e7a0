#!/usr/bin/perl

# Every callback that is known of Tavus: its type, its conversation, and what
# the conversation learns of it.  Each is sent twice, each beside another of the
# same moment where there may be one, and none lands in quarantine.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json);
use Mojo::Promise;
use Time::HiRes qw(time);

my $t = Tavus::Test->new(workers => 2, sandbox => 0)->start;
my $n = 0;

# In the envelope of a conversation's callbacks; the time is the row's own.
sub enveloped ($type, %properties) {
    my ($kind) = $type =~ /^(\w+)/;
    return {message_type => $kind, event_type => $type,
        webhook_url => 'https://example.com/api/tavus/webhook',
        properties => \%properties};
}

sub moment ($ms = 0) {
    return $ms ? int(time * 1000) : now_iso();
}

my @SAID = ({role => 'system', content => 'prompt'},
    {role => 'assistant', content => 'Hello'}, {role => 'user', content => 'Hi'});

# name, body, its type if it names none, and of these:
#   knows    the part of a conversation's row that it sets
#   ended    1 if the conversation is over then
#   beside   what is other in another one of the same moment
#   twin     the name of the same event under which it comes again
#   time     0: none; ms: milliseconds
#   alone    it belongs to no conversation
my @TABLE = (
    ['joined, as it was', enveloped('system.replica_joined',
        replica_id => 'r1'), knows => 'started_id',
        twin => 'system.pal_joined'],
    ['joined, as it is', enveloped('system.pal_joined', face_id => 'r1',
        pal_id => 'p1'), knows => 'started_id',
        twin => 'system.replica_joined'],
    ['shutdown', enveloped('system.shutdown', replica_id => 'r1',
        shutdown_reason => 'participant_left_timeout reached'),
        knows => 'shutdown_id', ended => 1],
    ['transcript', enveloped('application.transcription_ready',
        replica_id => 'r1', transcript => \@SAID), knows => 'transcript_id',
        ended => 1],
    ['recording', enveloped('application.recording_ready',
        bucket_name => 'b', s3_key => 'k1', duration => 7,
        storage_provider => 's3', storage_uri => 's3://b/k1'),
        knows => 'recording_id', beside => {s3_key => 'k2'}],
    ['recording not copied', enveloped('application.recording_copy_failed',
        recording_id => 'x1', s3_key => 'k1', duration => 7,
        storage_provider => 's3', error_code => 'DESTINATION_AUTH_FAILED',
        error_message => 'denied'), beside => {recording_id => 'x2'}],
    ['perception', enveloped('application.perception_analysis',
        analysis => 'smiles'), knows => 'perception_id', ended => 1,
        beside => {analysis => 'nods'}],
    ['no perception', enveloped('application.perception_unavailable',
        reason => 'no_vision_history'), beside => {reason => 'other'}],
    ['action after the call', enveloped(
        'application.post_call_action_executed', tool_id => 't1',
        tool_name => 'report', status => 'success', request => {body => '{}'},
        response => {}), ended => 1, beside => {tool_id => 't2'}],
    ['memory', enveloped('application.memory_consolidation',
        memory_store => 'm1'), beside => {memory_store => 'm2'}],
    ['evidence', enveloped('application.raven_memory_evidence',
        analysis => 'a red coat'), beside => {analysis => 'a dog'}],
    ['canvas', enveloped('canvas.interaction', interaction_id => 'i1',
        tool_call_id => 't1', type => 'tap'), time => 'ms',
        beside => {interaction_id => 'i2'}],
    ['canvas, by ISO', enveloped('canvas.interaction',
        interaction_id => 'i1', type => 'submit'),
        beside => {interaction_id => 'i2'}],
    ['objective, enveloped', enveloped('conversation.objective.completed',
        objective_name => 'o1', output_variables => {email => 'a@b'}),
        beside => {objective_name => 'o2'}],
    ['a new one', enveloped('application.something_new', a => 1),
        beside => {a => 2}],
    ['a new one of a new kind', enveloped('future.thing', a => 1),
        beside => {a => 2}],

    ['guardrail', {properties => {guardrail => 'no_prices',
        guardrail_uuid => 'g1'}}, type => 'conversation.guardrail.triggered',
        time => 0, beside => {guardrail_uuid => 'g2'}],
    ['guardrail with a time', {properties => {guardrail => 'no_prices',
        guardrail_uuid => 'g1'}}, type => 'conversation.guardrail.triggered',
        beside => {guardrail_uuid => 'g2'}],
    ['objective', {objective_name => 'o1', output_variables => {a => 1}},
        type => 'conversation.objective.completed', time => 0,
        beside => {objective_name => 'o2'}],
    ['objective with a status', {objective_name => 'o1',
        objective_status => 'completed', output_variables => {}},
        type => 'conversation.objective.completed',
        beside => {objective_name => 'o2'}],
    ['objective that waits', {objective_name => 'o1',
        objective_status => 'pending'},
        type => 'conversation.objective.pending'],

    ['document', {document_id => 'd1', document_name => 'a', status => 'ready',
        progress => undef, error_message => undef, tags => ['kb'],
        document_url => 'https://example.com/a.pdf'}, time => 0,
        type => 'document.ready', alone => 1],
    ['document that failed', {document_id => 'd1', status => 'error',
        error_message => 'file_empty'}, time => 0, type => 'document.error',
        alone => 1],
    ['replica', {replica_id => 'r1', status => 'ready'}, time => 0,
        type => 'replica.ready', alone => 1],
    ['face', {face_id => 'r1', status => 'error', error_message => 'x'},
        time => 0, type => 'replica.error', alone => 1],
    ['video', {video_id => 'v1', status => 'ready', replica_id => 'r1',
        download_url => 'https://example.com/v', status_details => ''},
        time => 0, type => 'video.ready', alone => 1],
    ['nothing that is known', {hello => 'world'}, time => 0,
        type => 'unknown', alone => 1],
);

sub bytes ($body, $id, $at, $beside) {
    my %body = (%$body, $id ? (conversation_id => $id) : (),
        $at ? (timestamp => $at) : ());
    my $said = $body{properties} ? 'properties' : undef;
    $said ? ($body{$said} = {$body{$said}->%*, %$beside})
          : (%body = (%body, %$beside));
    return encode_json(\%body);
}

sub quarantined {
    return $t->db->selectrow_array('SELECT count(*) FROM tavus.quarantine');
}

for my $row (@TABLE) {
    my ($name, $body, %is) = @$row;
    my $id = $is{alone} ? undef : 'c-' . ++$n;
    my $at = !defined $is{time} ? moment() : $is{time} ? moment('ms') : undef;
    my $type = $is{type} // $body->{event_type};

    subtest $name => sub {
        my $since = $t->db->selectrow_array(
            q{SELECT coalesce(max(received_at), '-infinity')
                FROM tavus.events});
        my @all = map { bytes($body, $id, $at, $_) } {},
            $is{beside} ? $is{beside} : ();
        push @all, $all[0] =~ s/\Q$type\E/$is{twin}/r if $is{twin};
        is $t->webhook($_)->code, 200 for @all, @all;

        my $got = $t->db->selectall_arrayref(q{SELECT source, event_type,
            coalesce(conversation_id, '-') FROM tavus.events
            WHERE received_at > ? ORDER BY id}, {}, $since);
        is_deeply $got, [(['tavus', $type, $id // '-'])
            x (1 + !!$is{beside})], 'stored, once each';

        return done_testing() unless $id;
        my $c = $t->admin("/api/admin/conversations/$id")->json;
        is $c->{status}, $is{ended} ? 'ended' : 'active';
        is !!$c->{endedAt}, !!$is{ended}, 'and since when';
        is $t->db->selectrow_array("SELECT $is{knows} IS NOT NULL
            FROM tavus.conversations WHERE id = ?", {}, $id), 1, $is{knows}
            if $is{knows};
        my $p = $body->{properties} // {};
        is $c->{replicaId}, $p->{replica_id} // $p->{face_id}, 'the replica';
        is $c->{personaId}, $p->{pal_id}, 'the persona';
        done_testing;
    };
}

is quarantined(), 0, 'none is in quarantine';

# of these there is one at a moment: another is a contradiction
for my $type (qw(system.pal_joined system.shutdown
    application.transcription_ready))
{
    my $at = moment();
    is $t->webhook(bytes(enveloped($type, a => $_), "c-$type", $at, {}))->code,
        200 for 1, 2;
    is quarantined(), ++(state $set_aside), "$type: set aside";
}

# where the conversation is not beside what an event says, but in it
for my $in (qw(properties payload)) {
    is $t->webhook(encode_json({event_type => 'x.y', conversation_id => undef,
        $in => {conversation_id => "c-in-$in"}}))->code, 200;
    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id = ?}, {}, "c-in-$in"), 1, "the one in $in";
}

# ten at once of one moment, to both workers
my $at = moment();
my @bytes = map { bytes(enveloped('application.raven_memory_evidence',
    analysis => "item $_"), 'c-ten', $at, {}) } 1 .. 10;
my %code;
Mojo::Promise->all(map {
    $t->ua->post_p($t->url('/api/tavus/webhook'), {Connection => 'close',
        sign_header($t->webhook_secret, $_)}, $_)
        ->then(sub ($tx) { $code{$tx->res->code}++ })
} (@bytes) x 4)->wait;
is_deeply \%code, {200 => 40};
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE conversation_id = 'c-ten'}), 10, 'ten of one moment';
is $t->db->selectrow_array(q{SELECT count(DISTINCT tavus.uuid_time(id))
    FROM tavus.events WHERE conversation_id = 'c-ten'}), 1, 'of that moment';

done_testing;
