#!/usr/bin/perl
# alone

# A worker's memory does not grow with the number of requests, whatever
# answers them.  TAVUS_SLOPE_REQUESTS is how many each of them gets.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault qw(measured rss);

my $requests = $ENV{TAVUS_SLOPE_REQUESTS} // 10_000;

my $t = Tavus::Test->new(measured(), sandbox => 0, log_level => 'crit',
    http => {tavus_limit_zone => [
        '$binary_remote_addr zone=create:1m rate=1000000r/s capacity=1000000',
        'all zone=site:64k rate=1000000r/s capacity=1000000']},
    locations => {
        '= /limited' => 'tavus_limit zone=site; empty_gif;',
        '= /metrics' => 'tavus_metrics;',
    })->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready', 30;
my ($worker) = $t->workers;

my $json = "Content-Type: application/json\r\n";
my $event = '{"event_type":"system.shutdown","conversation_id":"c1",'
    . '"timestamp":"' . now_iso() . '"}';
my %signature = sign_header($t->webhook_secret, $event);
my %request = (
    webhook  => ['POST /api/tavus/webhook', $event,
        $json . join '', map { "$_: $signature{$_}\r\n" } keys %signature],
    limit    => 'GET /limited',
    health   => 'GET /healthz',
    metrics  => 'GET /metrics',
    forged   => ['POST /api/tavus/webhook', '{"event_type":"a"}',
        "${json}X-Tavus-Signature: " . ('0' x 64) . "\r\n"],
    track    => ['POST /api/track', '{"events":[{"event":"x"}', $json],
    contact  => ['POST /api/contact', '{"email":1}', $json],
    create   => ['POST /api/tavus/create-conversation', '{"vertical":"x"}',
        $json],
    end      => ['POST /api/tavus/end-conversation', '{}', $json],
);

my %expected = (contact => 400, create => 400, end => 400,
    forged => 401, health => 200, limit => 200, metrics => 200,
    track => 400, webhook => 200);

# Requests over one connection, many at a time; how many were answered.
sub run_some ($text, $count) {
    my ($answered, %status) = 0;

    for (1 .. $count / 50) {
        my $s = $t->socket->send(join '', ($text) x 49,
            $text =~ s/keep-alive/close/r);
        for (1 .. 50) {
            my $response = $s->response or next;
            $answered++;
            $status{$response->{status}}++;
        }
        $s->close;
    }
    note join ' ', map { "$_: $status{$_}" } sort keys %status;
    return ($answered, keys %status);
}

for my $name (sort keys %request) {
    my ($line, $body, $headers) = ref $request{$name}
        ? $request{$name}->@* : ($request{$name}, '', '');
    my $text = "$line HTTP/1.1\r\nHost: 127.0.0.1\r\n$headers"
        . 'Content-Length: ' . length($body)
        . "\r\nConnection: keep-alive\r\n\r\n$body";

    # an allocator that checks takes thousands until it has what it keeps
    run_some($text, $requests < 10_000 ? 1000 : $requests / 2);
    my $before = rss($worker);
    my ($answered, @status) = run_some($text, $requests);
    my $slope = (rss($worker) - $before) / $requests;

    is $answered, $requests, "$name: all answered";
    is "@status", $expected{$name}, "$name: as they should be";
    cmp_ok $slope, '<', 64, sprintf '%s: %.1f bytes a request', $name, $slope;
}

done_testing;
