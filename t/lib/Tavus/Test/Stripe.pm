package Tavus::Test::Stripe;

# A site that sells by the sandbox's Stripe, and orders as a checkout makes them.
#
#   my $t = stripe_test(%options);  as Tavus::Test->new(): with a key, and the
#                                   webhook at /stripe, which the sandbox knows
#   lose($t, 1)                     webhooks are lost from now on; 0: no more
#   my ($id, $session) = ordered($t, %how)
#                                   an order of ours: asked for at Stripe, and
#                                   not answered; ask => 0: not even that;
#                                   visit and consent are who asked for it
#   paid($t)                        the session of one that was bought: of an
#                                   order of ours, which knows its session
#   due($t)                         events are listed now
#   unknown($t, @ids)               these orders are looked for now
#   value($t, $sql, @args)
#   order($t, $id)                  as the API has it
#   listed($t)                      GETs of /v1/events, as the sandbox had them

use v5.36;
use Carp qw(croak);
use Exporter qw(import);
use Mojo::JSON qw(decode_json encode_json);

use Tavus::Test ();
use Tavus::Test::Process qw(wait_for);
use Tavus::Test::Sandbox ();

our @EXPORT = qw(stripe_test stripe_http lose ordered paid due unknown value
    order listed);

sub stripe_http ($t, $s) {
    my $key = $t->secret('stripe_key', $s->stripe_key);
    my $secret = $t->secret('stripe', $s->stripe_secret);
    return (
        http => {tavus_stripe_api_url => $s->url,
            tavus_stripe_key => "file:$key", tavus_stripe_timeout => '2s'},
        locations => {'= /stripe' => 'tavus_webhook stripe; '
            . "tavus_webhook_secret file:$secret id=one;"},
    );
}

sub stripe_test (%opt) {
    my ($http, $locations) = map { delete $opt{$_} // {} } qw(http locations);
    my $t = Tavus::Test->new(%opt);
    my %our = stripe_http($t, $t->sandbox);
    $t->configure(http => {$our{http}->%*, %$http},
        locations => {$our{locations}->%*, %$locations})->start;
    wait_for { $t->get('/healthz')->code == 200 } 20 or croak 'not ready';
    $t->sandbox->config(stripe_webhook_url => $t->url('/stripe'),
        callback_attempts => 1);
    return $t;
}

sub lose ($t, $lost) {
    $t->sandbox->config(stripe_deliver =>
        {$lost ? ('*' => {lost => 1, times => 1}) : ()});
    return;
}

sub value ($t, $sql, @args) {
    return scalar $t->db->selectrow_array($sql, undef, @args);
}

sub order ($t, $id) {
    my $json = value($t, 'SELECT tavus.order_json(o)::text FROM tavus.orders o
        WHERE id = ?', $id) // croak "no order $id";
    return decode_json($json);
}

sub ordered ($t, %how) {
    my $mode = $how{mode} // 'payment';
    my $price = $mode eq 'payment' ? 'price_replica' : 'price_starter';
    my $id = value($t, q{SELECT tavus.stripe_uuid(gen_random_uuid()::text,
        extract(epoch FROM now())::bigint)});
    value($t, q{SELECT tavus.order_intent(?, false, 'starter', ?, ?, NULL,
        NULL, NULL, NULL, ?, NULL, NULL, NULL, NULL, ?, 3600)}, $id,
        $mode, encode_json([{price => $price, quantity => 1}]),
        $how{visit} // 's1', $how{consent}) eq 'new'
        or croak 'not new';
    return $id unless $how{ask} // 1;

    my $s = $t->sandbox;
    my $res = $t->ua->post($s->url . '/v1/checkout/sessions' => {
        Authorization => 'Bearer ' . $s->stripe_key, 'X-No-Faults' => 1,
        'Stripe-Version' => '2026-10-28.endive', 'Idempotency-Key' => $id,
    } => form => {
        mode => $mode, success_url => 'http://127.0.0.1/ok',
        'line_items[0][price]' => $price, 'line_items[0][quantity]' => 1,
        'metadata[order_id]' => $id,
    })->result;
    $res->code == 200 or croak $res->body;
    return ($id, $res->json->{id});
}

sub paid ($t, %how) {
    my ($id, $session) = ordered($t, %how);
    value($t, 'SELECT tavus.order_answer(?, ?, NULL, false, NULL)', $id,
        $session);
    $t->sandbox->stripe('pay', session => $session);
    return ($id, $session);
}

sub due ($t) {
    $t->db->do('UPDATE tavus.stripe_repairs SET due_at = now()
        WHERE token = 0');
    return;
}

sub unknown ($t, @id) {
    $t->db->do('UPDATE tavus.orders SET due_at = now() WHERE id = ANY (?)
        AND due_at IS NOT NULL', undef, \@id);
    return;
}

sub listed ($t) {
    return grep { $_->{method} eq 'GET' } $t->sandbox->calls('/v1/events');
}

1;
