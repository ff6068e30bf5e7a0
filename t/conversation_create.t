#!/usr/bin/perl

# memcheck

# What a visitor asks for, what Tavus is asked for, what the visitor gets.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(false true);
use Mojo::URL;

my $t = Tavus::Test->new(http => {
    tavus_vertical => [
        'healthcare { persona_id p01; replica_id r01; document_tags kb-h kb-g; '
            . 'document_retrieval_strategy quality; max_call_duration 300; '
            . 'participant_absent_timeout 40; participant_left_timeout 7; '
            . 'custom_greeting "Grüß Gott, \"friend\""; '
            . 'conversational_context "Be brief."; }',
        'legal { persona_id p02; document_tags kb-l kb-g; memory_stores a b; }',
        'ecommerce { replica_id r03; audio_only on; language french; }',
        'general { persona_id p04; replica_id r04; }',
    ],
})->start;

my $box = $t->sandbox;

# What Tavus was asked for by the only create since the last look.
sub asked {
    my @calls = $box->calls('/v2/');
    is scalar @calls, 1, 'one request';
    $box->forget;
    my $call = $calls[0];
    is "$call->{method} $call->{path}", 'POST /v2/conversations';
    is $call->{query}, '';
    is $call->{headers}{'x-api-key'}, 'valid', 'the key';
    is $call->{headers}{'content-type'}, 'application/json';
    ok !exists $call->{headers}{cookie}, 'nothing of the visitor';
    return $call->{body};
}

sub created {
    my (%request) = @_;
    my $res = $t->create(%request);
    is $res->code, 200 or diag $res->body;
    is $res->headers->content_type, 'application/json';
    is $res->headers->cache_control, 'no-store';
    my $json = $res->json;
    is_deeply [sort keys %$json],
        [qw(conversation_id conversation_url end_token max_call_duration status)];
    is $json->{conversation_url}, $box->url . "/room/$json->{conversation_id}";
    is $json->{status}, 'active';
    return ($json, asked());
}

my %pinned = (max_call_duration => 600, participant_absent_timeout => 60,
    participant_left_timeout => 10);

# the rest of each request
my %want = (
    healthcare => {pal_id => 'p01', face_id => 'r01',
        document_tags => ['kb-h', 'kb-g'],
        document_retrieval_strategy => 'quality',
        custom_greeting => 'Grüß Gott, "friend"',
        conversational_context => 'Be brief.',
        properties => {max_call_duration => 300,
            participant_absent_timeout => 40, participant_left_timeout => 7}},
    legal => {pal_id => 'p02', document_tags => ['kb-l', 'kb-g'],
        document_retrieval_strategy => 'balanced', memory_stores => ['a', 'b'],
        properties => {%pinned}},
    ecommerce => {face_id => 'r03', audio_only => true,
        properties => {%pinned, languages => ['fr']}},
    general => {pal_id => 'p04', face_id => 'r04',
        properties => {%pinned}},
);

for my $vertical (sort keys %want) {
    subtest $vertical => sub {
        my ($got, $asked) = created(vertical => $vertical);

        my $name = delete $asked->{conversation_name};
        my $url = Mojo::URL->new(delete $asked->{callback_url});
        is_deeply $asked, $want{$vertical}, 'nothing more, nothing less';

        my ($nonce) = $t->db->selectrow_array(
            q{SELECT encode(nonce, 'hex') FROM tavus.conversations
               WHERE id = ?}, undef, $got->{conversation_id});
        like $nonce // '', qr/^[0-9a-f]{32}\z/;
        is $name, "$vertical $nonce", 'the name has the nonce';

        is $url->clone->query('')->to_string =~ s/\?\z//r,
            $t->url('/api/tavus/webhook'), 'the origin and the path';
        is_deeply $url->query->names, ['token'];
        my $token = $url->query->param('token');
        like $token, qr/^k1\.$nonce\.\d+\.[0-9a-f]{64}\z/;
        my $left = (split /\./, $token)[2] - time
            - $want{$vertical}{properties}{max_call_duration};
        ok abs($left - 7 * 86400) < 30, 'good for the call and 7 days';

        my $event = tavus_event('system.replica_joined',
            $got->{conversation_id});
        is $t->webhook($event, token => $token =~ s/.\z/z/r)->code, 401;
        is $t->webhook($event, token => $token)->code, 200, 'it verifies';
        is $t->webhook(tavus_event('system.shutdown', 'c-other'),
            token => $token)->code, 401, 'for this conversation alone';
        done_testing;
    };
}

is +(created())[1]{pal_id}, 'p04', 'general is the default';

subtest 'what a visitor may choose' => sub {
    my ($got, $asked) = created(vertical => 'healthcare', persona_id => 'p01',
        replica_id => 'r01', document_tags => ['kb-g']);
    is_deeply $asked->{document_tags}, ['kb-g'], 'some of the tags';
    is $asked->{document_retrieval_strategy}, 'quality';

    (undef, $asked) = created(vertical => 'healthcare', document_tags => []);
    ok !exists $asked->{$_}, "no $_"
        for qw(document_tags document_retrieval_strategy);

    (undef, $asked) = created(vertical => 'legal', memory_stores => ['b']);
    is_deeply $asked->{memory_stores}, ['b'];

    (undef, $asked) = created(properties => {enable_transcription => true});
    is_deeply $asked->{properties}, {%pinned, enable_closed_captions => true};
    (undef, $asked) = created(properties => {enable_transcription => false});
    is_deeply $asked->{properties}, {%pinned, enable_closed_captions => false};
    done_testing;
};

subtest 'where the visitor came from' => sub {
    my %from = (session_id => 's-1', utm_source => 'x' x 200,
        utm_medium => 'e-mail "ü"', utm_campaign => '',
        user_id => 'u' x 128, consent => 'granted');
    my ($got, $asked) = created(%from);
    ok !exists $asked->{$_}, "Tavus does not learn $_" for keys %from;
    is_deeply $t->db->selectrow_hashref(q{SELECT session_id, utm_source,
        utm_medium, utm_campaign, user_id, consent, vertical, persona_id,
        replica_id, url
        FROM tavus.conversations WHERE id = ?}, undef,
        $got->{conversation_id}),
        {%from, vertical => 'general', persona_id => 'p04',
            replica_id => 'r04', url => $got->{conversation_url}}, 'we do';
    done_testing;
};

subtest 'every create is another' => sub {
    my %seen;
    for (1 .. 5) {
        my ($got, $asked) = created();
        $seen{$_}++ for $got->{conversation_id}, $got->{end_token},
            $asked->{conversation_name}, $asked->{callback_url};
    }
    is scalar keys %seen, 20;
    done_testing;
};

subtest 'other forms of the same request' => sub {
    my $path = '/api/tavus/create-conversation';
    for my $type ('application/json; charset=utf-8', 'Application/JSON',
        'application/json;charset=UTF-8')
    {
        is $t->post($path, '{}', {'Content-Type' => $type})->code, 200, $type;
        $box->forget;
    }
    is $t->post($path, " \r\n\t{\"vertical\" : \"le\\u0067al\"} \n",
        {'Content-Type' => 'application/json'})->code, 200, 'blanks, escapes';
    is asked()->{pal_id}, 'p02';

    my $s = $t->socket;
    $s->send("POST $path HTTP/1.1\r\nHost: x\r\nContent-Type: application/json"
        . "\r\nTransfer-Encoding: chunked\r\n\r\n");
    $s->chunked('{"vert', 'ical":"lega', 'l"}');
    is $s->response->{status}, 200, 'in chunks';
    is asked()->{pal_id}, 'p02';
    done_testing;
};

done_testing;
