#!/usr/bin/perl

# The page after a payment asks what became of it, by the id that Stripe put
# into its address: paid, open or unpaid, and nothing of a person.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Checkout;

my $t = checkout_test();
my $box = $t->sandbox;
my $path = '/api/stripe/checkout';

sub bought (%request) {
    my $res = checkout($t, %request);
    is $res->code, 200, 'a checkout' or diag $res->body;
    return $res->json->{url} =~ s{.*/}{}r;
}

sub becomes ($session, $status, $name) {
    my $said;
    wait_ok { $said = status($t, $session);
        ref $said && $said->{status} eq $status } $name
        or diag explain $said;
    return $said;
}

my $session = bought(email => 'ada@example.com', session_id => 's1');
my $res = $t->get("$path?session_id=$session");
is $res->code, 200, 'asked at once';
is_deeply $res->json, {status => 'open', plan => 'starter'}, 'it is open';
is $res->headers->cache_control, 'no-store', 'and is asked again';
is $res->headers->content_type, 'application/json';

$box->stripe('pay', session => $session);
is_deeply becomes($session, 'paid', 'paid'),
    {status => 'paid', plan => 'starter'}, 'and no more is said';
$box->stripe('cancel', session => $session);
rolled($t);
is status($t, $session)->{status}, 'paid', 'what was paid stays paid';

$session = bought(plan => 'replica');
$box->stripe('late', session => $session);
is_deeply becomes($session, 'unpaid', 'the payment is under way'),
    {status => 'unpaid', plan => 'replica'};
$box->stripe('paid', session => $session);
becomes($session, 'paid', 'and has come');

$session = bought(plan => 'replica');
$box->stripe('late', session => $session);
$box->stripe('unpaid', session => $session);
rolled($t);
becomes($session, 'unpaid', 'or has failed');

# ---- what is not known, or not ours
is_deeply status($t, $_), {status => 'open'}, "$_ is open"
    for 'cs_test_unknown', 'cs_live_a1' . 'x' x 240, "${session}x";

# ---- what is no id
for (['', 'none'], ['session_id=', 'empty'], ['session_id=x', 'a word'],
    ['session_id=cs_', 'a head'], ['session_id=pi_123', 'another thing'],
    ['session_id={CHECKOUT_SESSION_ID}', 'what Stripe did not fill in'],
    ["session_id=cs_x'--", 'hostile'], ['session_id=cs_%00', 'a NUL'],
    ['session_id=cs_a%2Fb', 'a path'], ['session_id=cs_x&session_id=cs_y', 'two'],
    ['session_id=cs_' . 'x' x 260, 'long'], ['id=cs_x', 'another name'],
    ['session_id=cs_x&plan=starter', 'more'])
{
    my ($query, $name) = @$_;
    $res = $t->get("$path?$query");
    is $res->code, 400, $name or diag $res->body;
    like $res->json->{code}, qr/^(?:invalid|unknown)_parameter\z/;
    unlike $res->body, qr/cs_x/, 'nor is it repeated';
}

# ---- while the database is away
$t->pg->freeze;
$res = $t->get("$path?session_id=$session");
is $res->code, 503, 'frozen';
is $res->json->{code}, 'storage_unavailable';
ok $res->headers->header('Retry-After'), 'ask later';
$t->pg->thaw;
wait_ok { my $said = status($t, $session); ref $said
    && $said->{status} eq 'unpaid' } 'and then it is known again';

# ---- who asks and does not wait
$t->pg->freeze;
my $socket = $t->socket->send("GET $path?session_id=$session HTTP/1.1\r\n"
    . "Host: x\r\n\r\n");
$t->settle;
$socket->close;
$t->pg->thaw;
wait_ok { ref status($t, $session) } 'nothing is left of one that is gone';

done_testing;
