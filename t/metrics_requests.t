#!/usr/bin/perl

# Requests are counted by the endpoint that they were meant for, and by what they
# were answered, whoever put that into words.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Metrics;
use Tavus::Test::Stripe;
use Mojo::JSON qw(encode_json);

my $t = stripe_test(
    http => {tavus_limit_zone => [
            '$binary_remote_addr zone=create:1m rate=1000r/s capacity=10000',
            'all zone=site:64k rate=1000r/s capacity=10000',
            'all zone=none:64k rate=1r/h capacity=1'],
        tavus_api_timeout => '2s', tavus_budget => 'active=9 line=5', tavus_plan => 'one { price price_1; }'},
    locations => {
        '= /metrics' => 'tavus_metrics;',
        '= /api/tavus/queue' => 'tavus_queue;',
        '= /api/stripe/checkout' => 'tavus_checkout;',
        '= /limited' => 'tavus_limit zone=none; tavus_contact;',
        '= /own' => 'client_max_body_size 10; tavus_track;',
    });

my $count = sub ($m, $endpoint, $status) { return $m->('tavus_requests_total',
    endpoint => $endpoint, status => $status) };
my $took = sub ($m, $endpoint) { return $m->('tavus_request_seconds_count',
    endpoint => $endpoint) };

# what was answered is counted when nginx is done with it, which may be after the
# client has read it
sub counts ($name, $endpoint, $status, $ask) {
    my $before = metrics_now($t);
    my $code = $ask->()->code;
    my $class = $status =~ /^(\d)xx\z/ ? $1 : '.';
    like $code, qr/^$class/, "$name: answered as meant";
    wait_ok { my $now = metrics_now($t);
        $count->($now, $endpoint, $status)
            == $count->($before, $endpoint, $status) + 1
        && $took->($now, $endpoint) == $took->($before, $endpoint) + 1
    } "$name: $endpoint $status";
    return;
}

# Each endpoint of the module's table, and its name.
my $track = {events => [{name => 'a', properties => {session_id => 's'}}]};
for my $case (
    ['webhook', '2xx', sub { $t->webhook(tavus_event('x.y', 'c1')) }],
    ['conversation', '2xx', sub { $t->create }],
    ['queue', '4xx', sub { $t->post('/api/tavus/queue', {ticket => 'x'}) }],
    ['conversation_end', '4xx', sub { $t->post('/api/tavus/end-conversation',
        {conversation_id => 'c1', end_token => 'x'}) }],
    ['track', '2xx', sub { $t->post('/api/track', $track) }],
    ['contact', '4xx', sub { $t->post('/api/contact', {}) }],
    ['checkout', '4xx', sub { $t->post('/api/stripe/checkout', {plan => 'x'}) }],
    ['admin', '2xx', sub { $t->admin('/api/admin/events') }],
    ['health', '2xx', sub { $t->get('/healthz') }],
) {
    counts("alone", @$case);
}
my $before = metrics($t);
wait_ok { $count->(metrics_now($t), 'metrics', '2xx')
    > $count->($before, 'metrics', '2xx') } 'metrics themselves';

# guards, pages of errors, what nginx refuses
counts('no login', 'admin', '4xx', sub { $t->get('/api/admin/events') });
counts('no method', 'track', '4xx', sub { $t->get('/api/track') });
is $t->post('/limited', {})->code, 400, 'one is let through';
counts('limited', 'contact', '4xx', sub { $t->post('/limited', {}) });
counts('too large', 'track', '4xx', sub { $t->post('/own', $track) });
counts('too large, in words', 'problem', '4xx', sub { $t->post('/api/contact',
    {name => 'x' x 2_000_000}) });
counts('a body of unknown length, in words', 'track', '4xx', sub {
    return $t->ua->post($t->url('/api/track'), {'Content-Type' =>
        'application/json', 'Transfer-Encoding' => 'chunked'},
        "1e8480\r\n" . ('x' x 2_000_000) . "\r\n0\r\n\r\n")->res });

$t->pg->stop;
counts('without the database', 'webhook', '5xx',
    sub { $t->webhook(tavus_event('x.y', 'c2')) });
$t->pg->start;
wait_ok { $t->get('/healthz')->code == 200 } 'there again';

# who goes away is no fault, and how long a live tail lasts says nothing
$before = metrics_now($t);
my $asked_for = sub { scalar grep { $_->{method} eq 'POST' }
    $t->sandbox->calls('/v2/conversations') };
my $asked_before = $asked_for->();
$t->sandbox->fault(path => '/v2/conversations', kind => 'hang', times => 1);
my $s = $t->socket;
my $body = encode_json({vertical => 'legal'});
$s->send("POST /api/tavus/create-conversation HTTP/1.1\r\nHost: x\r\n"
    . "Content-Type: application/json\r\nContent-Length: " . length($body)
    . "\r\n\r\n$body");
wait_ok { $asked_for->() == $asked_before + 1 } 'it is asked for';
$s->abort;
wait_ok { $count->(metrics_now($t), 'conversation', 'gone')
    == $count->($before, 'conversation', 'gone') + 1 } 'gone';

my $took_before = $took->(metrics_now($t), 'admin');
my $asked = $count->(metrics_now($t), 'admin', '2xx');
is $t->admin('/api/admin/events/export?format=ndjson')->code, 200, 'an export';
wait_ok { $count->(metrics_now($t), 'admin', '2xx') == $asked + 1 } 'is counted';
is $took->(metrics_now($t), 'admin'), $took_before, 'but not how long it took';

done_testing;
