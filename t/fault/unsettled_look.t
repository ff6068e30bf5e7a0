#!/usr/bin/perl

# What is looked for at Tavus counts as not there only after a look that
# succeeded and saw all; and what Tavus refuses to end as over only if it says
# so, or does not have it among those that run.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(http => {tavus_api_timeout => '1s'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my ($box, $db) = ($t->sandbox, $t->db);

# Wishes of which nothing is known but that Tavus may have acted; their names
# there.
my $unknown = sub ($n) {
    $db->do('DELETE FROM tavus.intents');
    $box->no_faults;
    $box->fault(kind => 'status', status => 500, method => 'POST', times => $n);
    $t->create for 1 .. $n;
    wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.intents
        WHERE outcome = 'unknown'}) == $n } "$n unknown";
    $db->do(q{UPDATE tavus.intents SET due_at = now() + interval '1 hour'});
    return $db->selectcol_arrayref(q{SELECT vertical || ' '
        || encode(nonce, 'hex') FROM tavus.intents ORDER BY nonce})->@*;
};
# conversations that run
my $run = sub (%with) {
    return $t->ua->post($box->url . '/v2/conversations',
        {'x-api-key' => $box->api_key}, json => {persona_id => 'p01', %with})
        ->result->json->{conversation_id};
};
# for the last time, and now
my $due = sub {
    $box->forget;
    $db->do(q{UPDATE tavus.intents SET tries = 7, due_at = now()
        WHERE NOT closed});
};
my $looks = sub { scalar grep { $_->{method} eq 'GET' } $box->calls('/v2/') };
my $not_found = sub { $db->selectrow_array(q{SELECT count(*)
    FROM tavus.events WHERE event_type = 'conversation.not_found'}) };
my @list = (method => 'GET', path => '/v2/conversations');

$unknown->(1);
$run->() for 1 .. 220;

for my $case (['refused', status => 500],
    ['nothing of 9', status => 200, body => {data => [], total_count => 9}])
{
    my ($name, %answer) = @$case;
    $box->fault(@list, kind => 'status', times => 1, %answer);
    $due->();
    wait_ok { $looks->() } "the list: $name";
    $t->settle;
}

$box->fault(@list, kind => 'delay', ms => 300, times => 1);
$due->();
wait_ok { $looks->() } 'the first page comes';
$box->fault(@list, kind => 'status', status => 503);
wait_ok { $t->grep_log(qr/could not be listed: status 503/) } 'the second not';
is $not_found->(), 0, 'nothing is said of it';
is $db->selectrow_array('SELECT count(*) FROM tavus.intents
    WHERE due_at IS NOT NULL'), 1, 'it is looked for again';

$box->no_faults;
$due->();
wait_ok { $not_found->() } 'all is seen: not found', 20;
is $looks->(), 3, 'in three pages';
is $not_found->(), 1, 'once';
wait_ok { $db->selectrow_array('SELECT bool_and(closed AND due_at IS NULL)
    FROM tavus.intents') } 'settled';

# To end it is refused.
my %answer = (
    'for another reason'      => [400, {error => 'The request has no body'}],
    'for no reason'           => [404, '<html>'],
    'by something in between' => [404, {message => 'Not Found'}],
    'of what has ended'       => [400, {message => 'It has already ended.'}],
    'of what is unknown'      => [400, {error => 'Invalid conversation_id'}],
    'of what is not there'    => [404, {message => 'Conversation not found'}],
);
my @case = sort keys %answer;
my @name = $unknown->(@case + 1);
$box->no_faults;
my %id;
for my $case (@case) {
    $id{$case} = $run->(conversation_name => shift @name);
    $box->fault(kind => 'status', status => $answer{$case}[0],
        body => $answer{$case}[1], method => 'POST', times => 1,
        path => "/v2/conversations/$id{$case}/end");
}
# not in the list
$db->do(q{UPDATE tavus.intents SET conversation_id = 'cffff'
    WHERE encode(nonce, 'hex') = ?}, undef, $name[0] =~ /(\S+)\z/);
$box->fault(kind => 'status', status => 404, body => '<html>',
    method => 'POST', path => '/v2/conversations/cffff/end');
# behind those that came later
$run->() for 1 .. 120;
$due->();

my $ended = sub { $db->selectcol_arrayref(q{SELECT conversation_id
    FROM tavus.events WHERE event_type = 'conversation.ended'})->@* };
wait_ok { $ended->() == 4 } 'those that are over', 20;
is_deeply [sort $ended->()], [sort 'cffff', @id{grep { /^of/ } @case}],
    'are those that it says so of, and the one that does not run';
is scalar $t->grep_log(qr/could not be ended: status 40[04]/), 3,
    'no other refusal says anything';

$due->();
wait_ok { $db->selectrow_array('SELECT bool_and(closed) FROM tavus.intents') }
    'they are tried again', 20;
my %active = map { $_->{conversation_id} => 1 } $box->conversations('active');
is_deeply [grep { $active{$id{$_}} } grep { !/^of/ } @case], [], 'and ended';

done_testing;
