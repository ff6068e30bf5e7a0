#!/usr/bin/perl

# The sandbox takes of a create what the documents name, and nothing else.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(false true);

use Tavus::Test::SandboxCalls;

my ($s, $call, $create) = sandbox_calls();

my %S3 = (provider => 's3', bucket_name => 'b', bucket_region => 'eu-north-1',
    assume_role_arn => 'arn:aws:iam::1:role/x');
my %GCS = (provider => 'gcs', bucket_name => 'b', project_id => 'p',
    workload_identity_provider => 'w', service_account_email => 'a@b');
my %AZURE = (provider => 'azure_blob', map { $_ => 'x' }
    qw(storage_account container tenant_id client_id));

sub property ($name, $value) { return properties => {$name => $value} }
sub storage (%s) { return property(recording_storage => \%s) }

my %good = (
    'all of the top' => {audio_only => false, callback_url => 'https://x/y?z',
        conversation_name => 'n', conversational_context => 'c',
        custom_greeting => 'g', enable_dynamic_greeting => true,
        memory_stores => ['m'], participant_tags => ['t'],
        objectives_id => 'o1', document_ids => ['d'], document_tags => ['t'],
        document_retrieval_strategy => 'quality', policy => 'eu',
        meeting_url => 'https://meet.example/x', test_mode => false,
        require_auth => false, max_participants => 2},
    'all of the properties' => {properties => {max_call_duration => 1,
        participant_left_timeout => 0, participant_absent_timeout => 0,
        enable_recording => true, enable_closed_captions => true,
        apply_greenscreen => false, language => 'english',
        require_auth => false, recording_s3_bucket_name => 'b',
        recording_s3_bucket_region => 'r', aws_assume_role_arn => 'a'}},
    'hours, as plans differ' => {property(max_call_duration => 36_000)},
    'many participants' => {max_participants => 1000},
    'any language' => {property(language => 'multilingual')},
    'a name in upper case' => {property(language => 'Norwegian')},
    'another name of one' => {property(language => 'filipino')},
    'codes' => {property(languages => ['en', 'pt-BR', 'fil'])},
    's3' => {storage(%S3)},
    's3 with an external id' => {storage(%S3, external_id => 'x')},
    'gcs' => {storage(%GCS)},
    'azure' => {storage(%AZURE)},
);
for (sort keys %good) {
    my $res = $create->($good{$_}->%*);
    is $res->code, 200, $_ or diag $res->body;
}

my %refused = (
    'an unknown field' => {metadata => {}},
    'an unknown property' => {property(enable_transcription => true)},
    'language at the top' => {language => 'english'},
    'languages at the top' => {languages => ['en']},
    'a code for a name' => {property(language => 'en')},
    'a locale for a name' => {property(language => 'en-US')},
    'a code of three letters' => {property(language => 'eng')},
    'a language that is none of theirs' => {property(language => 'klingon')},
    'a name for a code' => {property(languages => ['english'])},
    'a code that is none of theirs' => {property(languages => ['tlh'])},
    'a region in small letters' => {property(languages => ['en-us'])},
    'a region that it has not' => {property(languages => ['de-AT'])},
    'no code' => {property(languages => [])},
    'a code as string' => {property(languages => 'en')},
    'language twice' =>
        {properties => {language => 'english', languages => ['en']}},
    'no duration' => {property(max_call_duration => 0)},
    'a duration as string' => {property(max_call_duration => '600')},
    'a fraction' => {property(max_call_duration => 1.5)},
    'a negative time' => {property(participant_left_timeout => -1)},
    'a negative absence' => {property(participant_absent_timeout => -1)},
    'a number for a switch' => {property(enable_closed_captions => 1)},
    'a string for a switch' => {test_mode => 'true'},
    'a null for a switch' => {require_auth => undef},
    'both names of a persona' => {pal_id => 'p02'},
    'both names of a replica' => {face_id => 'r02'},
    'a persona that is none' => {persona_id => 'x01'},
    'a replica that is none' => {replica_id => 'r0g'},
    'a callback that is no URL' => {callback_url => '/hook'},
    'a callback that is no http' => {callback_url => 'ftp://x/'},
    'a meeting that is no URL' => {meeting_url => 'x'},
    'tags as a string' => {document_tags => 'kb'},
    'tags of numbers' => {document_tags => [1]},
    'an empty tag' => {document_tags => ['']},
    'a memory as string' => {memory_stores => 'm'},
    'two participants with tags' => {participant_tags => ['a', 'b']},
    'a strategy' => {document_retrieval_strategy => 'best'},
    'a policy' => {policy => 'us'},
    'one participant' => {max_participants => 1},
    'participants as string' => {max_participants => '2'},
    'properties as a list' => {properties => []},
    'a null' => {conversation_name => undef},
    'a number for a name' => {conversation_name => 1},
    's3 without a bucket' => {storage(provider => 's3')},
    's3 with a field of gcs' => {storage(%S3, project_id => 'p')},
    's3 with a number' => {storage(%S3, bucket_region => 1)},
    'gcs without its account' => {storage(%GCS{qw(provider bucket_name)})},
    'a storage of nobody' => {storage(provider => 'ftp')},
    'a storage as string' => {property(recording_storage => 's3')},
    'both ways of a storage' => {properties => {recording_storage => \%S3,
        recording_s3_bucket_name => 'b'}},
);
for (sort keys %refused) {
    my $res = $create->($refused{$_}->%*);
    is $res->code, 400, $_;
    ok $res->json->{error}, "$_: says why";
}

is $call->(POST => '/v2/conversations', {pal_id => 'p1', face_id => 'r1'})
    ->code, 200, 'the new names';
is $call->(POST => '/v2/conversations', {pal_id => 'p1', replica_id => 'r1'})
    ->code, 200, 'one of each';
is $call->(POST => '/v2/conversations', {conversation_name => 'x'})->code,
    400, 'neither persona nor replica';
is $call->(POST => '/v2/conversations', [])->code, 400, 'a list';

my $ua = Mojo::UserAgent->new;
my %KEY = ('x-api-key' => $s->api_key);
for (['half an object', {'Content-Type' => 'application/json'}, '{"pal_id":'],
    ['no content type', {}, '{"pal_id":"p01"}'])
{
    my ($name, $headers, $body) = @$_;
    is $ua->post($s->url . '/v2/conversations', {%KEY, %$headers}, $body)
        ->result->code, 400, $name;
}

done_testing;
