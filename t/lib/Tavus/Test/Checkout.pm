package Tavus::Test::Checkout;

# A site that sells, with the sandbox as its Stripe.
#
#   my $t = checkout_test(%options_of_Tavus_Test);      started, and ready
#   $t = checkout_conf(%options)                        not yet started
#   my $res = checkout($t, plan => 'starter', …);       POST
#   my $socket = ask($t, plan => 'starter', …);     the same, not waited for
#   my $answer = answered($socket);     {status, json}
#   my $status = status($t, $session);                  GET, as JSON
#   order($t)                   the last one, as /api/admin/orders has it
#   orders($t)                  all, the oldest first
#   asked($t)                   what Stripe was asked for; {form}, {headers}
#   failures($t)                data of the events checkout.failed
#   rolled($t)                  waits until all that was sent is read

use v5.36;
use Carp qw(croak);
use Exporter qw(import);

use Mojo::JSON qw(decode_json encode_json);

use Tavus::Test ();
use Tavus::Test::Process qw(wait_for);

our @EXPORT = our @EXPORT_OK = qw(answered ask asked checkout checkout_conf checkout_test
    failures order orders rolled status);

my $PATH = '/api/stripe/checkout';

sub checkout_conf (%opt) {
    my $t = Tavus::Test->new(%opt);
    my $box = $t->sandbox;
    my $errors = 'error_page 400 408 413 414 502 503 504 /.problem;';

    $t->configure(
        http => {
            tavus_stripe_key => 'file:'
                . $t->secret('stripe.key', $box->stripe_key),
            tavus_stripe_api_url => $box->url,
            tavus_plan => [
                'starter { price price_starter; '
                    . 'add_on multilingual price_multilingual; '
                    . 'add_on minutes_1k price_minutes_1k max=10; }',
                'growth { mode subscription; price price_growth; }',
                'replica { mode payment; price price_replica; }',
                # what their prices are not
                'wrong { mode payment; price price_basic; }',
                'gone { price price_gone; }',
            ],
            ($opt{http} // {})->%*,
        },
        locations => {
            "= $PATH" => "$errors tavus_checkout;",
            '= /api/webhooks/stripe' => 'client_max_body_size 8m; '
                . 'tavus_webhook stripe; '
                . 'tavus_webhook_secret file:'
                . $t->secret('stripe.secret', $box->stripe_secret)
                . ' id=s1;',
            ($opt{locations} // {})->%*,
        });
    return $t;
}

sub checkout_test (%opt) {
    my $t = checkout_conf(%opt);
    $t->start;
    $t->sandbox->config(
        stripe_webhook_url => $t->url('/api/webhooks/stripe'));
    wait_for { $t->get('/healthz')->code == 200 } or croak 'not ready';
    return $t;
}

sub checkout ($t, %request) {
    return $t->post($PATH, {plan => 'starter', %request});
}

sub ask ($t, %request) {
    my $body = encode_json({plan => 'starter', %request});
    return $t->socket->send("POST $PATH HTTP/1.1\r\nHost: x\r\n"
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body");
}

sub answered ($socket) {
    my $res = $socket->response or return undef;
    return {status => $res->{status}, headers => $res->{headers},
        json => decode_json($res->{body})};
}

sub status ($t, $session) {
    my $res = $t->get("$PATH?session_id=$session");
    return $res->code == 200 ? $res->json : $res->code;
}

sub orders ($t) {
    return map { decode_json($_) } $t->db->selectcol_arrayref(
        'SELECT tavus.order_json(o)::text FROM tavus.orders o ORDER BY id')
        ->@*;
}

sub order ($t) { return (orders($t))[-1] }

sub asked ($t) {
    my $path = '/v1/checkout/sessions';
    return grep { $_->{method} eq 'POST' && $_->{path} eq $path }
        $t->sandbox->calls($path);
}

sub failures ($t) {
    return map { decode_json($_) } $t->db->selectcol_arrayref(
        q{SELECT convert_from(body, 'UTF8') FROM tavus.events
          WHERE event_type = 'checkout.failed' ORDER BY id})->@*;
}

sub rolled ($t) {
    wait_for { !$t->db->selectrow_array(q{SELECT g.events
        FROM tavus.cursors c, tavus.cursor_lag(c.pos, c.ord) g
        WHERE c.name = 'orders'}) } or croak 'the log is not read';
    return $t;
}

1;
