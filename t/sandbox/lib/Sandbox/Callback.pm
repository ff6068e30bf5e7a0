package Sandbox::Callback;

# What Tavus sends to a callback_url: the properties of each type of event, as
# its documents and those who have seen them give them.
#
# https://docs.tavus.io/sections/webhooks-and-callbacks, and of a canvas
# https://docs.tavus.io/sections/event-schemas/canvas-interaction

use v5.36;

my %STORAGE = (
    s3         => sub ($s) { "s3://$s->{bucket_name}" },
    gcs        => sub ($s) { "gs://$s->{bucket_name}" },
    azure_blob => sub ($s) {
        "https://$s->{storage_account}.blob.core.windows.net/$s->{container}";
    },
);

sub recording ($conv) {
    my $s = $conv->properties->{recording_storage} // {provider => 's3',
        bucket_name => $conv->properties->{recording_s3_bucket_name}
            // 'recordings'};
    my $key = "$conv->{id}/" . int $conv->{born};
    return ($s, $key, $STORAGE{$s->{provider}}->($s) . "/$key");
}

my %PROPERTIES = (
    'system.pal_joined'     => sub ($conv) { +{$conv->face} },
    'system.replica_joined' => sub ($conv) { +{$conv->face} },
    'system.shutdown' => sub ($conv) {
        +{$conv->face, shutdown_reason => $conv->{reason}
            // 'participant_left_timeout reached'};
    },
    'application.transcription_ready' => sub ($conv) {
        +{$conv->face, transcript => $conv->{transcript}};
    },
    'application.perception_analysis' => sub ($conv) {
        +{analysis => 'The visitor looked at the screen, smiled twice and '
            . 'seemed interested. The room was bright and quiet.'};
    },
    'application.perception_unavailable' => sub ($conv) {
        +{reason => 'no_vision_history'};
    },
    'application.recording_ready' => sub ($conv) {
        my ($s, $key, $uri) = recording($conv);
        return {bucket_name => $s->{bucket_name} // $s->{container},
            s3_key => $key, duration => $conv->seconds,
            storage_provider => $s->{provider}, storage_uri => $uri};
    },
    'application.recording_copy_failed' => sub ($conv) {
        my ($s, $key) = recording($conv);
        return {recording_id => "rec-$conv->{id}", s3_key => $key,
            duration => $conv->seconds, storage_provider => $s->{provider},
            error_code => 'DESTINATION_AUTH_FAILED',
            error_message => 'The role cannot be assumed'};
    },
    'application.memory_consolidation' => sub ($conv) {
        +{memory_stores => $conv->{in}{memory_stores} // []};
    },
    'application.raven_memory_evidence' => sub ($conv) {
        +{analysis => 'The visitor said that evenings suit them best.'};
    },
    'application.post_call_action_executed' => sub ($conv) {
        action('t0000000000a1', 'note_lead');
    },
    'canvas.interaction' => sub ($conv) {
        +{conversation_id => $conv->{id},
            interaction_id => "ci_call_1_submit_$conv->{id}",
            tool_call_id => 'call_1', component => 'canvas.question',
            component_version => 'v1', type => 'submit',
            value => {selected_option_ids => ['opt_2'], skipped => \0},
            metadata => {}, created_at => $conv->now =~ s/Z\z//r};
    },
);

# These have no envelope, and a callback_url of their own at Tavus.
my %BARE = (
    guardrail => sub ($conv) {
        +{conversation_id => $conv->{id}, properties => {
            guardrail => 'No advice on medicine',
            guardrail_uuid => 'a4f1c1de-0000-4000-8000-00000000000a'}};
    },
    objective => sub ($conv) {
        +{conversation_id => $conv->{id}, objective_name => 'name_and_email',
            output_variables => {name => 'Ada', email => 'ada@example.com'}};
    },
);

# Two of a conversation may have one time: the tool tells them apart.
sub action ($id, $name) {
    return {tool_id => $id, tool_name => $name, status => 'success',
        request => {body => {summary => 'Wants to be called tomorrow'}},
        response => {status_code => 200, body => 'ok'}};
}

sub types () { return sort keys %PROPERTIES }

# {} for a type that nobody knows.
sub properties ($conv, $type) {
    my $make = $PROPERTIES{$type};
    return $make ? $make->($conv) : {};
}

sub bare ($conv, $kind) {
    my $make = $BARE{$kind};
    return $make && $make->($conv);
}

sub envelope ($conv, $type, $properties, $at) {
    return {
        message_type    => $type =~ /^([^.]+)/ ? $1 : $type,
        event_type      => $type,
        conversation_id => $conv->{id},
        timestamp       => $at,
        webhook_url     => $conv->{in}{callback_url},
        properties      => $properties,
    };
}

1;
