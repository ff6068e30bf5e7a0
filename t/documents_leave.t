#!/usr/bin/perl

# memcheck

# Who asked does not wait for the answer, or the worker is to leave: a change
# is made and recorded all the same, what is only read is given up.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json from_json);

my $t = Tavus::Test->new(http => {tavus_api_timeout => '10m'})->start;
my ($box, $db) = ($t->sandbox, $t->db);
my $list = '/api/admin/documents';
my ($login) = values $t->admin_headers->%*;
$box->config(document_ms => 0, recrawl_seconds => 0);

sub ask {
    my ($method, $path, $body) = @_;
    my $json = defined $body ? encode_json($body) : '';
    my $s = $t->socket;
    $s->send("$method $list$path HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: $login\r\nContent-Type: application/json\r\n"
        . 'Content-Length: ' . length($json) . "\r\n\r\n$json");
    return $s;
}
sub told {
    return [map { [$_->[0], from_json($_->[1])->{user}] }
        $db->selectall_arrayref(q{SELECT event_type, convert_from(body, 'UTF8')
            FROM tavus.events WHERE event_type LIKE 'document.%' ORDER BY id})->@*];
}

my %new = (document_url => 'https://a.example/', crawl => {});
my $doc = $t->post($list, \%new, $t->admin_headers)->json->{document_id};
my %ops = (
    created   => [POST => '', \%new, 'POST'],
    updated   => [PATCH => "/$doc", {tags => []}, 'PATCH'],
    recrawled => [POST => "/$doc/recrawl", undef, 'POST'],
    deleted   => [DELETE => "/$doc", undef, 'DELETE'],
);
for my $op (qw(created updated recrawled deleted)) {
    my ($method, $path, $body, $upstream) = $ops{$op}->@*;
    for my $how ($op eq 'deleted' ? 'abort' : qw(close abort)) {
        $db->do('DELETE FROM tavus.events');
        $box->forget;
        $box->fault(path => '/v2/documents', method => $upstream,
            kind => 'delay', ms => 1000, times => 1);
        my $s = ask($method, $path, $body);
        wait_ok { grep { $_->{method} eq $upstream } $box->calls('/v2/') }
            "$op: Tavus is asked";
        $s->$how;
        wait_ok { told()->@* } "and it is recorded after an $how";
        is_deeply told(), [["document.$op", 'admin']];
        is scalar(grep { $_->{method} eq $upstream } $box->calls('/v2/')), 1,
            'asked once';
    }
}

# before it is known what is to be deleted: it was asked for all the same
$doc = $t->post($list, \%new, $t->admin_headers)->json->{document_id};
$db->do('DELETE FROM tavus.events');
$box->forget;
$box->fault(path => '/v2/documents', method => 'GET', kind => 'delay',
    ms => 1000, times => 1);
my $s = ask(DELETE => "/$doc");
wait_ok { $box->calls('/v2/documents') } 'looked at';
$s->abort;
wait_ok { told()->@* } 'deleted';
is_deeply told(), [['document.deleted', 'admin']];

# ---- what is only read
for my $path ('', "/$doc") {
    $box->forget;
    $box->fault(path => '/v2/documents', kind => 'hang', times => 1);
    $s = ask(GET => $path);
    wait_ok { $box->calls('/v2/documents') } "GET $path: Tavus is asked";
    $s->abort;
    # a transfer would keep its worker from leaving until it is over
    ok eval { $t->reload(drained => 1) }, 'and nobody waits for it any more';
}

# ---- a worker that is to leave answers first
$db->do('DELETE FROM tavus.events');
$box->forget;
$box->fault(path => '/v2/documents', method => 'POST', kind => 'delay',
    ms => 1500, times => 1);
$s = ask(POST => '', \%new);
wait_ok { $box->calls('/v2/documents') } 'asked of the old worker';
$t->reload;
is $s->response->{status}, 201, 'which answers';
is_deeply told(), [['document.created', 'admin']], 'on record';

done_testing;
