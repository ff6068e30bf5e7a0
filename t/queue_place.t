#!/usr/bin/perl

# memcheck

# Who finds all places taken waits in a line, is told where, and gets the
# conversation as soon as there is a place.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;
use Time::HiRes qw(time);

my $t = line_test(budget => 'active=1 line=3');
my ($box, $db) = ($t->sandbox, $t->db);

my $first = talks($t, 1);

my $res = come($t, 2, vertical => 'legal');
is $res->code, 202, 'the second waits' or diag $res->body;
is $res->headers->content_type, 'application/json';
is $res->headers->cache_control, 'no-store';
my $json = $res->json;
is_deeply [sort keys %$json], [qw(position status ticket)],
    'with no estimate, as there were no calls yet';
is $json->{status}, 'pending';
is $json->{position}, 1;
like $json->{ticket}, qr/^[\w-]+\.k1\.[0-9a-f]{64}\z/, 'a ticket';
unlike $json->{ticket}, qr/10\.0\.0\.2/;

my $third = come($t, 3)->json;
is $third->{position}, 2, 'the next is behind';
is come($t, 4)->json->{position}, 3;

$res = come($t, 5);
is $res->code, 503, 'the line is full';
is $res->json->{code}, 'budget_spent';
cmp_ok $res->headers->header('Retry-After'), '>', 0;

my $began = time;
$res = ask($t, 3, $third->{ticket});
is $res->code, 202, 'asked for the place: held, then pending';
cmp_ok time - $began, '>=', 1.9, 'for as long as it is to be';
is_deeply $res->json, {status => 'pending', position => 2};

is leave($t, $first)->code, 200, 'the first leaves';
$res = served($t, 2, $json->{ticket});
is $res->code, 200, 'the second talks' or diag $res->body;
is_deeply [sort keys $res->json->%*],
    [qw(conversation_id conversation_url end_token max_call_duration status)],
    'with what create answers';
is $res->json->{conversation_url},
    $box->url . '/room/' . $res->json->{conversation_id};
is $db->selectrow_array('SELECT vertical FROM tavus.conversations WHERE id = ?',
    undef, $res->json->{conversation_id}), 'legal', 'as was wished';
is scalar(grep { $_->{path} eq '/v2/conversations' } $box->calls('/v2/')), 2,
    'Tavus was asked for two';

wait_ok { ask($t, 3, $third->{ticket})->json->{position} == 1 }
    'the next moves up';
is leave($t, $res->json)->code, 200, 'its end token is good';
is served($t, 3, $third->{ticket})->code, 200, 'and so is the next served';

done_testing;
