#!/usr/bin/perl

# Conversations, requests to Tavus and logins are counted by what came of them.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Metrics;
use Tavus::Test::Process qw(free_port);

my $t = Tavus::Test->new(http => {tavus_api_timeout => '500ms'},
    locations => {'= /metrics' => 'tavus_metrics;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $box = $t->sandbox;

# what came of a create is looked up at Tavus, which would be counted as well: not here
$t->db->do('CREATE OR REPLACE FUNCTION tavus.due(requested boolean,
    announced boolean, closed boolean, unended boolean, outcome text,
    patience int) RETURNS interval LANGUAGE sql RETURN NULL::interval');

my $upstream = sub ($m, $result) {
    return $m->('tavus_upstream_requests_total', service => 'tavus',
        result => $result);
};
my $failed = sub ($m, $reason) {
    return $m->('tavus_conversations_failed_total', reason => $reason);
};

my $c = $t->create->json;
ok $c->{end_token}, 'created';
is $t->post('/api/tavus/end-conversation', {$c->%{qw(conversation_id
    end_token)}})->code, 200, 'ended';

my $m = metrics($t);
is $m->('tavus_conversations_created_total'), 1;
is $m->('tavus_conversations_ended_total', reason => 'visitor'), 1;
is $upstream->($m, 'ok'), 2;
is $m->('tavus_upstream_seconds_count', service => 'tavus'), 2;
is $m->('tavus_verifications_total', scheme => 'end_token', result => 'ok'), 1;
wait_ok { metrics($t)->('tavus_events_total', source => 'server',
    outcome => 'stored') == 3 } 'requested, created, ended';

for my $case (
    [{kind => 'status', status => 401}, 'invalid_api_key', 'client_error'],
    [{kind => 'status', status => 402}, 'out_of_credits', 'client_error'],
    [{kind => 'status', status => 429}, 'rate_limited', 'client_error'],
    [{kind => 'status', status => 500}, 'server_error', 'server_error'],
    [{kind => 'garbage'}, 'invalid_answer', 'ok'],
    [{kind => 'hang'}, 'timeout', 'timeout'],
) {
    my ($fault, $reason, $result) = @$case;
    my $before = metrics($t);
    $box->fault(%$fault, times => 1);
    isnt $t->create->code, 200, $reason;
    my $now = metrics($t);
    is $failed->($now, $reason) - $failed->($before, $reason), 1,
        "$reason: the conversation";
    is $upstream->($now, $result) - $upstream->($before, $result), 1,
        "$reason: the request";
}
is metrics($t)->('tavus_conversations_created_total'), 1, 'none was created';

$t->pg->stop;
is $t->create->code, 503, 'no database';
$m = metrics($t);
is $failed->($m, 'storage_unavailable'), 1;
is $m->('tavus_events_total', source => 'server', outcome => 'unavailable'), 1;
$t->pg->start;

is $t->get('/api/admin/events')->code, 401, 'no login is no failure';
is metrics($t)->('tavus_auth_failures_total'), 0;
is $t->get('/api/admin/events', {Authorization => 'Basic YTpi'})->code, 401
    for 1, 2;
is metrics($t)->('tavus_auth_failures_total'), 2, 'a wrong password is';

# nobody listens there
my $port = free_port();
$t->configure(http => {tavus_api_url => "http://127.0.0.1:$port"})
    ->reload(drained => 1);
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->create->code, 502;
$m = metrics($t);
is $failed->($m, 'unreachable'), 1, 'unreachable';
is $upstream->($m, 'unreachable'), 1;

done_testing;
