package Tavus::Test::Budget;

# What tests of the budget need beside Tavus::Test.
#
#   asked($t)           how often Tavus was asked for a conversation
#   end_call($t, $id)   Tavus tells that it has ended
#   used($t)            places that are held, by /api/admin/budget
#   held($t)            the conversations that hold one, the oldest first
#   said($res)          [status, code, reason] of an answer
#   create_bytes(%headers)  a create, for a socket
#   granted($t, $name, %request)        a create that is; its conversation
#   refused($t, $name, \@said, %request)    one that is not, at Tavus neither

use v5.36;
use Exporter qw(import);

use Tavus::Test::Sign qw(tavus_event);
use Test::More ();

our @EXPORT = our @EXPORT_OK = qw(asked create_bytes end_call granted held
    refused said used);

sub asked ($t) {
    return scalar grep {
        $_->{method} eq 'POST' && $_->{path} eq '/v2/conversations'
    } $t->sandbox->calls('/v2/');
}

sub end_call ($t, $id) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    Test::More::is($t->webhook(tavus_event('system.shutdown', $id,
        {shutdown_reason => 'participant_left'}))->code, 200, "$id has ended");
    return;
}

sub used ($t) {
    return $t->admin('/api/admin/budget')->json->{active}{used};
}

sub held ($t) {
    return grep { defined } map { $_->{conversation_id} }
        ($t->admin('/api/admin/budget')->json // {})->{places}->@*;
}

sub said ($res) {
    return [$res->code, ($res->json // {})->@{qw(code reason)}];
}

sub create_bytes (%headers) {
    return "POST /api/tavus/create-conversation HTTP/1.1\r\nHost: x\r\n"
        . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers)
        . "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
}

sub granted ($t, $name, %request) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = $t->create(%request);
    Test::More::is($res->code, 200, $name) or Test::More::diag($res->to_string);
    return $res->json->{conversation_id};
}

sub refused ($t, $name, $said, %request) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $before = asked($t);
    my $res = $t->create(%request);
    Test::More::is_deeply(said($res), $said, $name)
        or Test::More::diag($res->to_string);
    Test::More::is(asked($t), $before, 'and Tavus is not asked');
    return $res;
}

1;
