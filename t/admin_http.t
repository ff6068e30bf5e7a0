#!/usr/bin/perl

# The admin API as HTTP: paths, methods, and who is not let in costs nothing.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);
use Tavus::Test::Pg;

my $t = Tavus::Test->new(
    db => Tavus::Test::Pg->new(config => ['log_statement=all']))->start;
my $auth = $t->admin_headers;

# what the admin API has asked the database
sub asked { return scalar grep { /execute admin_\w+: SELECT tavus/ }
    split /\n/, $t->pg->log }

wait_ok { $t->admin('/api/admin/events')->code == 200 && asked() }
    'the database tells what it is asked';

subtest 'who is not let in' => sub {
    my $before = asked();
    for my $path (qw(events events?q=x events/x conversations
        conversations/c1 nothing), '', 'events?foo=1')
    {
        my $res = $t->get("/api/admin/$path");
        is $res->code, 401, "GET $path";
        like $res->headers->www_authenticate, qr/^Basic realm="/;
        is $res->json->{code}, 'unauthorized';
    }
    is $t->post('/api/admin/events', '')->code, 401, 'POST';
    is $t->get('/api/admin/events',
        {Authorization => 'Basic YWRtaW46d3Jvbmc='})->code, 401;
    is $t->get('/api/admin/events', {Cookie => 'admin=1'})->code, 401;
    is asked(), $before, 'costs no call';
    is $t->admin('/api/admin/events')->code, 200;
    ok asked() > $before, 'as who is let in does';
    done_testing;
};

subtest 'paths' => sub {
    my $before = asked();
    for my $path ('', qw(nothing event eventsx Events events.json users . .git
        conversation conversationsx stats2 events%00x), 'a' x 3000,
        'events;x', "\xc3\xa4", '%ff')
    {
        my $res = $t->admin("/api/admin/$path");
        my $name = substr $path, 0, 30;
        $name =~ s/[^ -~]/?/g;
        my $want = $path =~ /%00/ ? 400 : 404;
        is $res->code, $want, "none at \"$name\"";
        next if $want == 400;
        is $res->json->{code}, 'not_found';
        is $res->headers->content_type, 'application/problem+json';
    }
    is asked(), $before, 'costs no call';
    is $t->admin('/api/admin/x/../events')->code, 200, 'as nginx reads paths';
    is $t->admin('/api/admin//events')->code, 200;
    done_testing;
};

subtest 'methods' => sub {
    for my $path (qw(events conversations conversations/c1
        events/00000000-0000-0000-0000-000000000000))
    {
        for my $method (qw(POST PUT PATCH)) {
            my $res = $t->request($method, "/api/admin/$path", '{}', {%$auth,
                'Content-Type' => 'application/json'});
            is $res->code, 405, "$method $path" or diag $res->to_string;
            is $res->json->{code}, 'method_not_allowed';
            like $res->headers->header('Allow') // '', qr/\bGET, HEAD\b/;
        }
    }
    is $t->delete('/api/admin/events', undef, {%$auth})->code, 405,
        'DELETE events';

    for my $path (qw(/api/admin/events /api/admin/conversations)) {
        my $res = $t->request(HEAD => $path, undef, {%$auth});
        is $res->code, 200, "HEAD $path";
        is $res->body, '';
        is $res->headers->content_length,
            $t->admin($path)->headers->content_length, 'as GET would say';
    }
    is $t->request(HEAD => '/api/admin/events?limit=0', undef, {%$auth})->code,
        400;
    is $t->request(HEAD => '/api/admin/events/x', undef, {%$auth})->code, 404;

    my $res = $t->request(GET => '/api/admin/events', 'x' x 50_000, {%$auth});
    is $res->code, 200, 'a body with GET is of no use';
    is $t->admin('/api/admin/events')->code, 200, 'and the next is read right';
    done_testing;
};

subtest 'one connection, several at once' => sub {
    my $s = $t->socket;
    my $get = sub { "GET /api/admin/$_[0] HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: $auth->{Authorization}\r\n\r\n" };
    $s->send(join '', map { $get->($_) } 'events?limit=1', 'events?limit=0',
        'nothing', 'events/x', 'conversations', 'events?foo=1',
        'events?limit=2');
    my @status = map { my $r = $s->response; $r ? $r->{status} : 'none' } 1 .. 7;
    is "@status", '200 400 404 404 200 400 200', 'an answer each, in order';
    done_testing;
};

subtest 'who leaves' => sub {
    $t->pg->freeze;
    for (1 .. 5) {
        my $s = $t->socket;
        $s->send("GET /api/admin/events HTTP/1.1\r\nHost: x\r\n"
            . "Authorization: $auth->{Authorization}\r\n\r\n");
        $t->settle;
        $s->abort;
    }
    $t->pg->thaw;
    is $t->admin('/api/admin/events')->code, 200, 'harms nobody';
    done_testing;
};

subtest 'without a database' => sub {
    $t->pg->stop;
    # all at once, as each waits some seconds for a database that may return
    my @sockets = map {
        my $s = $t->socket;
        $s->send("GET /api/admin/$_ HTTP/1.1\r\nHost: x\r\n"
            . "Authorization: $auth->{Authorization}\r\n\r\n");
        $s;
    } my @paths = (qw(events conversations conversations/c1),
        "events/" . '00000000-0000-0000-0000-000000000000');
    for (@sockets) {
        my $res = $_->response(12) // {body => '{}', status => 'none'};
        my $json = decode_json($res->{body});
        is_deeply [$res->{status}, $json->@{qw(code retry_after)},
            $res->{headers}{'retry-after'}],
            [503, 'storage_unavailable', 5, 5], shift @paths;
        unlike $res->{body}, qr/sql|postgres|socket|server closed/i;
    }
    is $t->admin('/api/admin/nothing')->code, 404, 'other answers stay';
    is $t->admin('/api/admin/events?limit=0')->code, 400;
    is $t->get('/api/admin/events')->code, 401;
    $t->pg->start;
    wait_ok { $t->admin('/api/admin/events')->code == 200 } 'and back';
    done_testing;
};

done_testing;
