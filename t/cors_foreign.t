#!/usr/bin/perl

# A page of somebody else's that calls the API: refused before any work.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(
    http => {tavus_limit_zone => [
        'all zone=create:64k rate=1r/h capacity=3',
        'all zone=site:64k rate=1r/h capacity=3',
    ]},
    locations => {
        '= /partner' => 'tavus_cors_origin https://partner.example; '
            . 'tavus_conversation_end;',
    })->start;

my $create = '/api/tavus/create-conversation';
my $own = 'http://127.0.0.1:' . $t->port;

sub from { my ($origin) = @_; return {Origin => $origin} }

# with the database stopped and Tavus hanging nobody could answer
$t->pg->freeze;
$t->sandbox->fault(kind => 'hang');

for my $origin ('https://evil.com', 'null', "$own.evil", 'http://127.0.0.1',
    $own =~ s/http/https/r, "$own/")
{
    my $res = $t->post($create, {vertical => 'legal'}, from($origin));
    is $res->code, 403, $origin;
    is $res->json->{code}, 'origin_not_allowed';
    is $res->json->{request_id}, $res->headers->header('X-Request-Id');
    is $res->headers->header('RateLimit'), undef;
    $res = $t->post('/api/tavus/end-conversation',
        {conversation_id => 'c1', end_token => 'x'}, from($origin));
    is $res->code, 403;
}
is $t->post($create, {vertical => 'legal'},
    {'Sec-Fetch-Site' => 'cross-site'})->code, 403, 'cross-site';

my $s = $t->socket;
$s->send("POST $create HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.com\r\n"
    . "Content-Length: 1000\r\n\r\n");
my $res = $s->response;
is $res->{status}, 403, 'before its body has come';
$s->close;

$s = $t->socket;
$s->send("POST $create HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.com\r\n"
    . "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n");
like $s->read_until(qr/\r\n\r\n/), qr{^HTTP/1.1 403}, 'nor is it asked for';
$s->close;

$t->pg->thaw;
$t->sandbox->no_faults;
is scalar $t->sandbox->calls('/v2/'), 0, 'nothing went to Tavus';
is $t->db->selectrow_array('SELECT count(*) FROM tavus.intents'), 0,
    'nor to the database';

# the site's own origin is the default; others only where they are named
my $partner = 'https://partner.example';
my %end = (conversation_id => 'c1', end_token => 'x');
$res = $t->post('/api/tavus/end-conversation', \%end, from($own));
isnt $res->code, 403, 'the site itself';
is $res->headers->access_control_allow_origin, $own;
is $t->post('/api/tavus/end-conversation', \%end, from($partner))->code, 403;
isnt $t->post('/partner', \%end, from($partner))->code, 403, 'a partner';
is $t->post('/partner', \%end, from($own))->code, 403,
    'a list replaces the default';

done_testing;
