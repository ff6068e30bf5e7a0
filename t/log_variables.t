#!/usr/bin/perl

# Every variable for log_format, of every endpoint: filled where it applies and
# empty where it does not.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault qw(post_bytes);
use Tavus::Test::Process qw(slurp wait_for);
use Mojo::JSON qw(decode_json encode_json);

my @names = qw(event_type conversation_id verify key_id store store_time
    upstream_time limit_status limit_remaining);
my $t = Tavus::Test->new(
    http => {tavus_store_timeout => '500ms'},
    http_extra => 'log_format vars escape=json '
        . '\'{"uri":"$uri","args":"$args","status":"$status",'
        . join(',', map { qq("$_":"\$tavus_$_") } @names) . "}';",
    server => 'access_log %%DIR%%/vars.log vars;',
    locations => {'= /metrics' => 'tavus_metrics;',
        '= /health' => 'tavus_health;',
        '= /limited/track' => 'tavus_limit zone=site; tavus_track;',
        '= /spent' => 'tavus_limit zone=spent; tavus_contact;',
        '= /dry' => 'tavus_limit zone=spent dry_run; tavus_contact;'},
);
$t->{http}{tavus_limit_zone} = [
    '$binary_remote_addr zone=create:1m rate=1000r/s capacity=10000',
    'all zone=site:64k rate=1r/h capacity=10',
    'all zone=spent:64k rate=1r/h capacity=1'];
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

# what this test asked for: Tavus's own callbacks, which carry a token in their
# query, come when they like, and so does the line of a request that is answered
sub lines {
    return grep { /^\{"uri":"[^"]*","args":"",/ && !m{"/healthz"} } split /\n/,
        slurp($t->dir . '/vars.log') // '';
}

# a request, and what is logged of it: a pattern for each that is not empty
sub logs ($name, $ask, %want) {
    my $before = lines();
    my $res = $ask->();
    wait_for { lines() > $before } 5;
    my @new = lines();
    my $got = decode_json($new[$before] // '{}');
    my @bad = grep {
        my ($is, $want) = ($got->{$_} // 'none', $want{$_} // '');
        ref $want ? $is !~ $want : $is ne $want;
    } 'status', @names;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok !@bad, $name or diag explain {bad => \@bad, got => $got};
    return $res;
}

my $time = qr/^\d+\.\d{3}\z/;
my @stored = (store => 'pg', store_time => $time);
my @passed = (limit_status => 'PASSED', limit_remaining => qr/^\d+\z/);
my %form = (name => 'Ann', email => 'a@example.com', message => 'A message.');
my %track = (events => [{name => 'first', properties => {session_id => 's'}},
    {name => 'second', properties => {session_id => 's'}}]);

my $c = logs('create', sub { $t->create }, status => 200, @stored, @passed,
    upstream_time => $time, conversation_id => qr/^c\w+\z/,
    event_type => 'conversation.created')->json;
my %ticket = $c->%{qw(conversation_id end_token)};
logs('track', sub { $t->post('/api/track', {%track}) }, status => 202, @stored,
    event_type => 'first');
logs('track of a conversation', sub { $t->post('/api/track',
    {%track, %ticket}) }, status => 202, @stored, event_type => 'first',
    conversation_id => $c->{conversation_id}, verify => 'end_token',
    key_id => 'k1');
logs('track, refused', sub { $t->post('/api/track', {%track,
    conversation_id => 'x',
    end_token => join '.', 'k1', '0' x 32, 4e9, '0' x 64}) }, status => 401,
    verify => 'mismatch');
logs('track, limited', sub { $t->post('/limited/track', {%track}) },
    status => 202, @stored, @passed, limit_remaining => 8,
    event_type => 'first');
logs('contact', sub { $t->post('/api/contact', {%form}) }, status => 200,
    @stored, event_type => 'contact.submitted');
logs('contact, limited', sub { $t->post('/spent', {%form}) }, status => 200,
    @stored, @passed, limit_remaining => 0, event_type => 'contact.submitted');
logs('contact, over the limit', sub { $t->post('/spent', {%form}) },
    status => 429, limit_status => 'REJECTED', limit_remaining => 0);
logs('contact, for trial', sub { $t->post('/dry', {%form}) }, status => 200,
    @stored, limit_status => 'REJECTED_DRY_RUN', limit_remaining => qr/^0?\z/,
    event_type => 'contact.submitted');
logs('end', sub { $t->post('/api/tavus/end-conversation', {%ticket}) },
    status => 200, conversation_id => $c->{conversation_id},
    upstream_time => $time, verify => 'end_token', key_id => 'k1',
    event_type => 'conversation.ended', @stored);
logs('end, refused', sub { $t->post('/api/tavus/end-conversation',
    {%ticket, conversation_id => 'x'}) }, status => 401, verify => 'mismatch');
logs('webhook', sub { $t->webhook(tavus_event('x.y', 'c1')) }, status => 200,
    @stored, event_type => 'x.y', conversation_id => 'c1',
    verify => 'signature', key_id => 'k1');
logs('webhook, forged', sub { $t->webhook('{}', unsigned => 1) },
    status => 401, verify => 'missing');
logs('admin', sub { $t->admin('/api/admin/events') }, status => 200, @stored);
logs('health', sub { $t->get('/health') }, status => 200);
logs('metrics', sub { $t->get('/metrics') }, status => 200);
logs('a file', sub { $t->get('/') }, status => 200);

$t->sandbox->fault(kind => 'status', status => 500, times => 1);
logs('create, failed', sub { $t->create }, status => 502, @passed,
    upstream_time => $time, event_type => 'conversation.create_failed');
my $other = logs('create, again', sub { $t->create }, status => 200, @stored,
    @passed, upstream_time => $time, conversation_id => qr/^c\w+\z/,
    event_type => 'conversation.created')->json;
$t->sandbox->fault(kind => 'status', status => 500, times => 1);
logs('end, failed', sub { $t->post('/api/tavus/end-conversation',
    {$other->%{qw(conversation_id end_token)}}) }, status => 502,
    conversation_id => $other->{conversation_id}, upstream_time => $time,
    verify => 'end_token', key_id => 'k1');

# who leaves is logged with what is known by then
sub leaves ($path, %body) {
    my $s = $t->socket;
    $t->sandbox->forget;
    $t->sandbox->fault(kind => 'delay', ms => 2000, times => 1,
        method => 'POST');
    $s->send(post_bytes($path, encode_json({%body})));
    wait_ok { $t->sandbox->calls('/v2/') } 'Tavus is asked';
    $s->abort;
    return;
}
logs('create, left', sub { leaves('/api/tavus/create-conversation') },
    status => 499, @passed, event_type => 'conversation.requested');
my $left = $t->create->json;
wait_for { (lines())[-1] =~ /$left->{conversation_id}/ } 5;
logs('end, left', sub { leaves('/api/tavus/end-conversation',
    $left->%{qw(conversation_id end_token)}) }, status => 499,
    conversation_id => $left->{conversation_id}, verify => 'end_token',
    key_id => 'k1');
$t->sandbox->no_faults;

$t->pg->stop;
my @lost = (status => 503, store_time => $time);
logs('track, not stored', sub { $t->post('/api/track', {%track}) }, @lost,
    event_type => 'first');
logs('contact, not stored', sub { $t->post('/api/contact', {%form}) }, @lost,
    event_type => 'contact.submitted');
logs('webhook, not stored', sub { $t->webhook(tavus_event('x.y', 'c2')) },
    @lost, event_type => 'x.y', conversation_id => 'c2',
    verify => 'signature', key_id => 'k1');
logs('create, not stored', sub { $t->create }, @lost, @passed,
    event_type => 'conversation.requested');
$t->pg->start;

done_testing;
