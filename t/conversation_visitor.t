#!/usr/bin/perl

# memcheck

# A visitor's memory: a store named after a signed cookie.

use lib 't/lib';
use Tavus::Test;

my %verticals = (tavus_vertical => [
    'general { persona_id p01; }',
    'legal { persona_id p02; visitor_memory on; memory_stores shared; }',
    'healthcare { persona_id p03; visitor_memory on; }',
]);
my $t = Tavus::Test->new(http => \%verticals)->start;

# (stores that Tavus was told, the cookie that was set, the answer)
sub visit {
    my ($vertical, $cookie, %more) = @_;
    $t->ua->cookie_jar->empty;
    $t->sandbox->forget;
    my $res = $t->post('/api/tavus/create-conversation',
        {vertical => $vertical, %more},
        {defined $cookie ? (Cookie => $cookie) : ()});
    is $res->code, 200 or diag $res->body;
    # what is unsettled may be looked for meanwhile
    my ($call) = grep { $_->{method} eq 'POST' } $t->sandbox->calls('/v2/');
    my $stores = $call->{body}{memory_stores};
    return ($stores, $res->headers->every_header('Set-Cookie'), $res);
}

my ($stores, $set) = visit('general');
is_deeply [$stores, $set], [undef, []], 'no memory, no cookie';

($stores, $set) = visit('legal');
is scalar @$set, 1, 'a cookie';
my ($cookie, $id, $ticket, $attributes)
    = $set->[0] =~ /^(tavus_visitor=([0-9a-f]{32})\.([^;]+))(;.*)/;
is $attributes, '; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax',
    'not for scripts, and over http not Secure';
is_deeply $stores, ['shared', "visitor_${id}_legal"];

($stores, $set) = visit('legal', $cookie);
is_deeply [$stores, $set], [['shared', "visitor_${id}_legal"], []],
    'the same visitor, the same store, no second cookie';
($stores, $set) = visit('legal', "a=b; $cookie; c=d");
is_deeply $set, [], 'among others';
($stores, $set) = visit('healthcare', $cookie);
is_deeply [$stores, $set], [["visitor_${id}_healthcare"], []],
    'a store a vertical';
($stores, $set) = visit('legal', $cookie, memory_stores => []);
is_deeply $stores, ["visitor_${id}_legal"], 'the shared one need not be';

my ($other) = visit('legal');
isnt $other->[1], "visitor_${id}_legal", 'somebody else';

my $end = (visit('general'))[2]->json->{end_token};
my $zeros = '0' x 32;
my $flip = $ticket =~ s/(.)\z/$1 eq '0' ? '1' : '0'/er;
for my $forged ("$zeros.$ticket", "$id.$flip", "$id.", $id, "$id$ticket",
    uc($id) . ".$ticket", "$id.$end", "$id.k1", '', '.', 'x' x 3000,
    "$id.k2." . substr($ticket, 3), "$id.$ticket$ticket", "\xff$id.$ticket",
    substr($cookie, 14) . 'a', "\"$id.$ticket\"")
{
    ($stores, $set) = visit('legal', "tavus_visitor=$forged");
    my $store = $stores->[1] // '';
    my ($new) = ($set->[0] // '') =~ /^tavus_visitor=([0-9a-f]{32})\./;
    $new //= '';
    my $name = substr $forged, 0, 40;
    $name =~ s/[^ -~]/?/g;
    ok $new && $new ne $id && $new ne $zeros
        && $store eq "visitor_${new}_legal", "forged: $name";
}

# a cookie that somebody else put beside one's own
my $planted = (visit('legal'))[1][0] =~ s/;.*//r;
my ($theirs_id) = $planted =~ /=([0-9a-f]{32})/;
for my $both ("$planted; $cookie", "$cookie; $planted", "$cookie; $cookie",
    "$planted;a=b;$cookie")
{
    ($stores, $set) = visit('legal', $both);
    my ($new) = ($set->[0] // '') =~ /^tavus_visitor=([0-9a-f]{32})\./;
    ok $new && $new ne $id && $new ne $theirs_id
        && $stores->[1] eq "visitor_${new}_legal",
        'two that are valid: neither counts';
}
for my $lines ([$planted, $cookie], [$cookie, 'a=b', $planted]) {
    $t->sandbox->forget;
    is $t->socket->send("POST /api/tavus/create-conversation HTTP/1.1\r\n"
        . "Host: x\r\nContent-Type: application/json\r\n"
        . join('', map { "Cookie: $_\r\n" } @$lines)
        . "Content-Length: 20\r\n\r\n" . '{"vertical":"legal"}')
        ->response->{status}, 200;
    # what is unsettled may be looked for meanwhile
    my ($call) = grep { $_->{method} eq 'POST' } $t->sandbox->calls('/v2/');
    unlike $call->{body}{memory_stores}[1], qr/$id|$theirs_id/,
        'in lines of their own';
}
for my $with ("tavus_visitor=$zeros.$ticket; $cookie",
    "$cookie; tavus_visitor=x", "tavus_visitor=; $cookie;",
    "xtavus_visitor=$theirs_id; tavus_visitors=1; $cookie")
{
    ($stores, $set) = visit('legal', $with);
    is_deeply [$stores, $set], [['shared', "visitor_${id}_legal"], []],
        'what is not valid takes nothing away';
}
($stores, $set) = visit('legal', join '; ', ('tavus_visitor=x') x 8, $cookie);
is scalar @$set, 1, 'but not of any number';
($stores, $set) = visit('legal', ucfirst $cookie);
is scalar @$set, 1, 'a name in other letters is another';

# a cookie of another site's, under another secret
my $foreign = Tavus::Test->new(http => {%verticals},
    db => $t->pg, sandbox => $t->sandbox);
$foreign->{http}{tavus_webhook_secret} = 'file:'
    . $foreign->secret('other', 'another-secret-0123456789') . ' id=k1';
$foreign->start;
my $theirs = $foreign->create(vertical => 'legal')->headers->set_cookie;
($stores, $set) = visit('legal', $theirs =~ s/;.*//r);
is scalar @$set, 1, 'foreign';

# who is refused, or served badly, gets none
is $t->create(vertical => 'legal', persona_id => 'p09')->headers->set_cookie,
    undef, 'none with a 400';
$t->sandbox->fault(kind => 'status', status => 500, times => 1);
is $t->create(vertical => 'legal')->headers->set_cookie, undef,
    'none with a 502';

# keys roll over: a new one signs, the old one still verifies
$t->configure(http => {tavus_vertical => $verticals{tavus_vertical},
    tavus_public_origin => 'https://example.com', tavus_webhook_secret => [
        'file:' . $t->secret('k2', 'the-next-secret-0123456789') . ' id=k2',
        'file:' . $t->dir . '/secrets/webhook id=k1',
    ]})->reload(drained => 1);
($stores, $set) = visit('legal', $cookie);
is scalar @$set, 1, 'over https a name that any host may set is nothing';
($stores, $set) = visit('legal', "__Host-$cookie");
is_deeply [$stores, $set], [['shared', "visitor_${id}_legal"], []],
    'remembered after a change of keys';
($stores, $set) = visit('legal');
like $set->[0], qr{^__Host-tavus_visitor=[0-9a-f]{32}\.k2\.[0-9a-f]{64};
    \ Path=/;\ Max-Age=31536000;\ HttpOnly;\ SameSite=Lax;\ Secure\z}x,
    'a name that no other host can set, where the origin is https';
is index($t->sandbox->callback_url, 'https://example.com/api/tavus/webhook?'),
    0, 'and the callback goes there';

# none of it is for the visitor to name
is $t->create(vertical => 'legal', memory_stores => ["visitor_${id}_legal"])
    ->code, 400, "nobody asks for somebody's store, not even for his own";

done_testing;
