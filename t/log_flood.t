#!/usr/bin/perl

# What strangers send fills no disk: at the level that nginx logs at by default
# a request that is refused leaves nothing but its line in the access log, and
# at "info" one line.  The limits alone say each rejection, as limit_req does.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(b64_encode);

my %json = ('Content-Type' => 'application/json');
my $zeros = '0' x 64;
my $token = '0' x 32 . ".9999999999.$zeros";

for my $level (qw(error info)) {
    my $t = Tavus::Test->new(sandbox => 0, log_level => $level)->start;
    wait_ok { $t->get('/healthz')->code == 200 } 'ready';

    # of requests, not of connections that end
    my $lines = sub { scalar(() = $t->error_log =~ /, request: "/g) };
    my $webhook = '/api/tavus/webhook';
    my %flood = (
        'no proof'        => [401, $webhook, '{}'],
        'a header'        => [401, $webhook, '{}',
            'X-Tavus-Signature' => $zeros],
        'a member'        => [401, $webhook, qq({"signature":"$zeros"})],
        'a token'         => [401, "$webhook?token=k1.$token", '{}'],
        'an end token'    => [401, '/api/tavus/end-conversation',
            qq({"conversation_id":"c1","end_token":"k1.$zeros"})],
        'a conversation'  => [401, '/api/track', '{"conversation_id":"c1",'
            . qq("end_token":"k1.$zeros","events":[{"name":"x",)
            . '"properties":{"session_id":"s"}}]}'],
        'not JSON'        => [400, '/api/track', '{"a":"\u0000'],
        'a form'          => [400, '/api/contact', '{}', %json],
        'a create'        => [400, '/api/tavus/create-conversation',
            '{"x":1}', %json],
        'another origin'  => [403, '/api/track', '{}',
            Origin => 'https://evil.example'],
        'too large'       => [413, '/api/track', 'x' x 70_000],
        'admin, no login' => [401, '/api/admin/events', undef],
    );

    for my $name (sort keys %flood) {
        my ($status, $path, $body, %headers) = $flood{$name}->@*;
        my $before = $lines->();
        my %code;
        $code{defined $body ? $t->post($path, $body, \%headers)->code
            : $t->get($path)->code}++ for 1 .. 20;
        is_deeply \%code, {$status => 20}, "$level, $name: refused";
        cmp_ok $lines->() - $before, '<=', $level eq 'info' ? 20 : 0,
            "$level, $name: lines";
    }

    # a key that nobody knows may be a mistake here: said, but once
    my $before = $lines->();
    $t->post("$webhook?token=other.$token", '{}') for 1 .. 20;
    cmp_ok $lines->() - $before, '<=',
        $level eq 'info' ? 21 : 1, "$level, an unknown key: lines";

    # wrong passwords are errors while the bucket lasts
    $before = $lines->();
    $t->get('/api/admin/events', {Authorization => 'Basic '
        . b64_encode("admin:wrong $_", '')}) for 1 .. 40;
    cmp_ok $lines->() - $before, '<=',
        $level eq 'info' ? 40 : 11, "$level, passwords: lines";
}

done_testing;
