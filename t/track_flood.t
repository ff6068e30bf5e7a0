#!/usr/bin/perl

# What is relayed with one end token is bounded, over all workers and reloads;
# what Tavus says of the conversation is shown all the same.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(workers => 2)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my ($one, $other) = map { $t->create->json } 1, 2;

my $relay = sub ($call, $n, $name = 'conversation.utterance') {
    return $t->post('/api/track', {events => [map { {name => $name,
        properties => {session_id => 's', n => $_}} } 1 .. $n],
        $call ? (conversation_id => $call->{conversation_id},
            end_token => $call->{end_token}) : ()}, {Connection => 'close'});
};

is $relay->($one, 20)->code, 202, 'relayed' for 1 .. 25;
$t->reload(drained => 1);
wait_ok { $t->get('/healthz')->code == 200 } 'ready again';
is $relay->($one, 20)->code, 202, 'and more' for 1 .. 24;
is $relay->($one, 19)->code, 202, 'one is left';

my $res = $relay->($one, 2);
is_deeply [$res->code, $res->json->@{qw(code index)}],
    [409, 'too_many_events', undef], 'all or none';
is $relay->($one, 1)->code, 202, 'the thousandth';
is $relay->($one, 1)->json->{code}, 'too_many_events', 'and no more';
is $relay->($one, 1, 'page_view')->code, 409, 'of whatever kind';
is $t->post('/api/track', {events => [{name => '', properties => {}}],
    conversation_id => $one->{conversation_id},
    end_token => $one->{end_token}})->code, 400, 'what is wrong is wrong';

is $relay->($other, 20)->code, 202, 'another conversation';
is $relay->(undef, 20, 'page_view')->code, 202, 'or none';
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE source = 'browser' AND conversation_id = ?}, {},
    $one->{conversation_id}), 1000, 'so many are stored';

is $t->webhook(tavus_event('system.shutdown', $one->{conversation_id},
    {shutdown_reason => 'done'}))->code, 200, 'Tavus says the last word';
my $page = $t->admin("/api/admin/conversations/$one->{conversation_id}")->json;
my %shown = map { $_->{event_type} => 1 }
    $page->{events}->@*, $page->{events_beyond}->@*;
is_deeply [sort keys %shown], [qw(conversation.created conversation.utterance
    system.shutdown)], 'and it is shown';

# the token ends its conversation all the same, once
my $end = sub { $t->post('/api/tavus/end-conversation', {map { $_ =>
    $one->{$_} } qw(conversation_id end_token)})->json->{status} };
is $end->(), 'ended' for 1, 2;
is scalar(grep { $_->{path} =~ m{/end$} } $t->sandbox->calls('/v2/')), 1,
    'Tavus was asked once';
is $relay->($one, 1)->code, 409, 'and it relays no more';

done_testing;
