#!/usr/bin/perl

# memcheck

# Tavus refuses, stumbles, stalls or is not there.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);

my $t = Tavus::Test->new(http => {tavus_api_timeout => '3s'})->start;
my $box = $t->sandbox;
my $db = $t->db;
my $marker = 'upstream-text-9d3f';

# One create under a fault: what the visitor gets, what the owner learns, and
# how often Tavus was asked.
sub trouble {
    my ($name, $fault, $status, $code, $reason, $outcome, %more) = @_;
    subtest $name => sub {
        $box->forget if $box->pid;
        $box->fault(path => '/v2/conversations', times => 1, %$fault) if $fault;

        my $res = $t->create(vertical => 'legal');
        my $got = $res->json // {};
        is $res->code, $status or diag $res->to_string;
        is $got->{code}, $code, $code;
        is $res->headers->content_type, 'application/problem+json';
        unlike $res->to_string, qr/\Q$marker\E|tavus\.|sandbox|fault/i,
            'nothing of the upstream, nor who it is';
        is $res->headers->header('Retry-After'), $more{retry}, 'Retry-After';
        is $got->{retry_after}, $more{retry}, 'in the body as well';
        is $res->headers->set_cookie, undef;

        is scalar(grep { $_->{path} eq '/v2/conversations'
            && $_->{method} eq 'POST' } $box->calls('/v2/')), 1, 'asked once'
            if $box->pid;

        wait_ok {
            $db->selectrow_array(q{SELECT count(*) FROM tavus.events
                WHERE event_type = 'conversation.create_failed'})
        } 'on record';
        my ($id, $conv, $body) = $db->selectrow_array(q{
            SELECT id, conversation_id, convert_from(body, 'UTF8')
              FROM tavus.events WHERE event_type =
              'conversation.create_failed' AND kind = 1});
        my $event = decode_json($body // '{}');
        is_deeply [$event->@{qw(reason outcome vertical)}],
            [$reason, $outcome, 'legal'], "$reason, $outcome";
        is $event->{http_status}, $more{http} // 0;
        unlike $body, qr/\Q$marker\E/;
        is_deeply $db->selectrow_arrayref(q{SELECT outcome, reason,
            http_status, encode(nonce, 'hex') FROM tavus.intents}),
            [$outcome, $reason, $more{http} // 0, $event->{nonce}],
            'the intent knows';
        is $db->selectrow_array(
            q{SELECT count(*) FROM tavus.events WHERE event_type =
               'conversation.created'}), 0;
        $more{then}->($conv) if $more{then};
        $db->do("DELETE FROM tavus.$_") for qw(events intents conversations);
        done_testing;
    };
}

sub status {
    my ($status, $body, %headers) = @_;
    return {kind => 'status', status => $status, body => $body // $marker,
        headers => \%headers};
}

# ---- said no
trouble('status 401', status(401, {message => "Invalid access token $marker"}), 503,
    'service_unavailable', 'invalid_api_key', 'failed', retry => 60,
    http => 401);
trouble('status 402', status(402, {message => "out of credits $marker"}), 503,
    'service_unavailable', 'out_of_credits', 'failed', retry => 60,
    http => 402);
trouble("at capacity, as \"$_\"", status(400, {$_ =>
    "User has reached MAXIMUM concurrent conversations $marker"}), 503,
    'at_capacity', 'at_capacity', 'failed', retry => 10, http => 400)
    for qw(message error);

$box->config(max_concurrent => 0);
trouble('at capacity, as the sandbox has it', undef, 503, 'at_capacity',
    'at_capacity', 'failed', retry => 10, http => 400);
$box->config(max_concurrent => undef);

trouble('status 429', status(429, undef, 'Retry-After' => 17), 503, 'at_capacity',
    'rate_limited', 'failed', retry => 17, http => 429);
trouble('status 429, nothing said', status(429), 503, 'at_capacity',
    'rate_limited', 'failed', retry => 10, http => 429);
trouble('status 429, nonsense', status(429, undef, 'Retry-After' => 'x'), 503,
    'at_capacity', 'rate_limited', 'failed', retry => 10, http => 429);
trouble("status $_", status($_, {error => $marker}), 502, 'upstream_error',
    'refused', 'failed', http => $_) for 400, 403, 404, 409, 422, 425;

# ---- stumbled: who knows whether it was done
trouble("status $_", status($_), 502, 'upstream_error', 'server_error', 'unknown',
    http => $_) for 500, 503, 599;
trouble("status $_", status($_, undef, Location => 'http://127.0.0.1:9/'), 502,
    'upstream_error', 'invalid_answer', 'unknown', http => $_)
    for 202, 203, 206, 301, 307;
trouble('status 204', status(204, ''), 502, 'upstream_error', 'invalid_answer',
    'unknown', http => 204);
trouble('status 408', status(408), 502, 'upstream_error', 'timeout', 'unknown',
    http => 408);
for my $body ($marker, '', '{}', '[]', 'null', "{\"conversation_id\":1}",
    '{"conversation_id":"c1"', "\xff", '[' x 5000,
    '{"conversation_id":"c1","conversation_id":"c2"}')
{
    trouble('garbage ' . substr($body =~ s/[^ -~]/?/gr, 0, 40),
        {kind => 'garbage', body => $body}, 502, 'upstream_error',
        'invalid_answer', 'unknown', http => 200);
}
trouble('no HTTP', {kind => 'garbage', raw => 1, body => "$marker\r\n\r\n"},
    502, 'upstream_error', 'connection_lost', 'unknown');
trouble('10 MB', {kind => 'huge', bytes => 10 * 1024 * 1024}, 502,
    'upstream_error', 'invalid_answer', 'unknown', http => 200);
trouble('cut', {kind => 'cut', after => 1}, 502, 'upstream_error',
    'connection_lost', 'unknown', http => 200);
trouble('cut before the first byte', {kind => 'cut', bytes => 0}, 502,
    'upstream_error', 'connection_lost', 'unknown');
trouble('reset', {kind => 'reset'}, 502, 'upstream_error', 'connection_lost',
    'unknown');

# ---- stalled
trouble('hangs', {kind => 'hang'}, 502, 'upstream_error', 'timeout',
    'unknown');
trouble('too slow', {kind => 'slow', ms => 50}, 502, 'upstream_error',
    'timeout', 'unknown', http => 200);

subtest 'slow, but in time' => sub {
    $box->forget;
    $box->fault(kind => 'slow', ms => 1, times => 1);
    is $t->create->code, 200;
    is scalar $box->calls('/v2/'), 1;
    $db->do("DELETE FROM tavus.$_") for qw(events intents conversations);
    done_testing;
};

# ---- answered, but not with what a visitor may be given
my %good = (conversation_id => 'c0ffee', status => 'active',
    conversation_url => 'https://tavus.example/c0ffee');
for my $id ('../../etc', 'a/b', 'a b', '', 'x' x 65, "c\n1", 'c?x', 'c%2f',
    "c\x{e9}", undef, 1)
{
    trouble('conversation_id ' . ($id // 'null') =~ s/[^ -~]/?/gr,
        status(200, {%good, conversation_id => $id}), 502, 'upstream_error',
        'invalid_answer', 'unknown', http => 200, then => sub {
            is $_[0], undef, 'it names no conversation';
        });
}
# this one is known, and has begun: it is ended
for my $url ('javascript:alert(1)', 'data:text/html,x', '//evil.example/',
    'https://', 'https:///x', 'HTTPS://x', 'ftp://x/', 'https://x/"onload=1',
    "https://x/\n", 'https://x/<', 'https://tavus.example@evil.example/',
    "https://x\\y", 'https://x/' . 'y' x 600, '', undef, ['https://x/'])
{
    my $name = ref $url ? 'a list' : substr $url // 'null', 0, 40;
    trouble("conversation_url " . $name =~ s/[^ -~]/?/gr,
        status(200, {%good, conversation_url => $url}), 502,
        'upstream_error', 'invalid_answer', 'unknown', http => 200,
        then => sub {
            is $_[0], 'c0ffee';
            wait_ok {
                grep { $_->{path} eq '/v2/conversations/c0ffee/end' }
                    $box->calls('/v2/')
            } 'ended at Tavus';
            wait_ok {
                $db->selectrow_array(q{SELECT count(*) FROM tavus.events
                    WHERE event_type = 'conversation.ended'})
            } 'and recorded so';
        });
}
trouble('no status', status(200, {%good, status => undef}), 502,
    'upstream_error', 'invalid_answer', 'unknown', http => 200, then => sub {
        wait_ok {
            $db->selectrow_array(q{SELECT count(*) FROM tavus.events
                WHERE event_type = 'conversation.ended'})
        } 'ended';
    });

subtest 'as it should be' => sub {
    $box->fault(times => 1, status(201, {%good, more => [1]})->%*);
    my $res = $t->create;
    is $res->code, 200;
    is $res->json->{conversation_url}, $good{conversation_url};
    $db->do("DELETE FROM tavus.$_") for qw(events intents conversations);
    done_testing;
};

# ---- not there
$box->stop;
trouble('refused port', undef, 502, 'upstream_error', 'unreachable',
    'failed');
$box->start;

# what Tavus says is for the log alone, and without what it must not repeat
trouble('repeats what it was sent', status(400, {error => "\t$marker: no "
    . 'callback_url https://example.com/x?token=the-token nor x-api-key '
    . $t->api_key}), 502, 'upstream_error', 'refused', 'failed', http => 400);

my $log = $t->error_log;
like $log, qr/created: invalid_api_key, status 401 "Invalid access token $marker"/,
    'what the owner must know, in the words of Tavus';
like $log, qr/refused, status 400 "\?\Q$marker\E: no callback_url \S+x\?"/,
    'cut where a secret begins';
unlike $log, qr/the-token|\Q${\$t->api_key}\E/, 'no secret';

done_testing;
