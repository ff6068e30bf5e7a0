#!/usr/bin/perl

# What was sold is mailed once: an order that is ours and paid, with the amount that
# Stripe tells, in its currency's units; what is given back, and what is in dispute.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Mail;
use Tavus::Test::Sandbox;
use Tavus::Test::Sign;
use Tavus::Test::Stripe;
use Mojo::JSON qw(decode_json encode_json);

my $s = Tavus::Test::Sandbox->new;
my $t = Tavus::Test->new(sandbox => $s);
my $m = Tavus::Test::Mail->new($t, 'mail sale; mail refund; mail dispute;');
my %our = stripe_http($t, $s);
$t->configure(http => {$our{http}->%*, tavus_deliver => [$m->directives]},
    locations => $our{locations})->start;
wait_ok { $m->ready } 'the destination is there';
$s->config(stripe_webhook_url => $t->url('/stripe'));

my $subjects = sub { return map { $_->{subject} } $m->mails };
my $told = sub { return !value($t, 'SELECT count(*) FROM tavus.deliveries') };
my $gone = sub {
    $t->db->do(q{UPDATE tavus.deliveries SET made_at = now() - interval '11 minutes'});
    $m->hurry;
    return $told->();
};

# ---- ours and paid
my ($id, $session) = paid($t);
wait_ok { $subjects->() } 'a mail';
my $amount = order($t, $id)->{amount};
my ($mail) = $m->mails;
is $mail->{subject}, "Sale: starter, $amount->{value} USD", 'the plan, and the amount';
like $amount->{value}, qr/^[0-9]+\.[0-9]{2}\z/;
my ($text) = $m->parts($mail);
like $text, qr/^Order: $id$/m;
like $text, qr/^It is of Stripe's test mode: no money\.$/m;
ok !exists $mail->{reply_to};

# ---- late: once, when it is paid
my ($later, $late) = ordered($t);
value($t, 'SELECT tavus.order_answer(?, ?, NULL, false, NULL)', $later, $late);
$s->stripe('late', session => $late);
wait_ok { order($t, $later)->{state} eq 'processing' } 'one that is paid later';
wait_ok { $told->() } 'is no sale yet';
is scalar(() = $subjects->()), 1;
$s->stripe('paid', session => $late);
wait_ok { 2 == (() = $subjects->()) } 'and then is';

# ---- told again, by another event
my $done = decode_json(value($t, q{SELECT body FROM tavus.events
    WHERE event_type = 'checkout.session.completed'
      AND tavus.body_jsonb(body) #>> '{data,object,id}' = ?}, $session));
my $send = sub ($event) {
    my $body = encode_json($event);
    is $t->ua->post($t->url('/stripe'),
        {sign_stripe($s->stripe_secret, $body)}, $body)->result->code, 200, 'told';
};
$send->({%$done, id => 'evt_again_0000000001'});

# ---- of somebody else's order, whatever it says
my %other = (id => 'evt_other_00000001', object => 'event', created => time,
    type => 'checkout.session.completed', livemode => \0,
    api_version => '2026-10-28.endive', data => {object => {
        id => 'cs_test_other', object => 'checkout.session', created => time,
        mode => 'payment', payment_status => 'paid', status => 'complete',
        amount_total => 99999900, currency => 'usd', livemode => \0,
        client_reference_id => 'http://evil.com', metadata => {}}});
$send->({%other});
# and of ours, but of live mode
$send->({%other, id => 'evt_live_000000001', livemode => \1, data => {object => {
    $other{data}{object}->%*, id => 'cs_live_other', livemode => \1,
    metadata => {order_id => $id}}}});
# what a browser says of itself
$m->track('checkout.session.completed', amount_total => 1, payment_status => 'paid',
    object => 'checkout.session');
wait_ok { $gone->() } 'what is not ours is let go';
is scalar(() = $subjects->()), 2, 'and is no sale';

# ---- given back, and in dispute
$s->stripe('refund', session => $session, amount => 100);
wait_ok { grep { $_ eq 'Refund: starter' } $subjects->() } 'a refund';
my ($refund) = grep { $_->{subject} eq 'Refund: starter' } $m->mails;
like +($m->parts($refund))[0], qr/^Given back: 1\.00 USD$/m;
$s->stripe('dispute', session => $session);
wait_ok { grep { $_ eq 'Dispute: starter' } $subjects->() } 'a dispute';
my ($dispute) = grep { $_->{subject} eq 'Dispute: starter' } $m->mails;
like +($m->parts($dispute))[0], qr/^Disputed: \Q$amount->{value}\E USD$/m;

# ---- a currency without cents
$t->db->do(q{UPDATE tavus.orders SET total = 5000, total_currency = 'jpy' WHERE id = ?},
    undef, $later);
is value($t, q{SELECT tavus.mail_sale(jsonb_build_object('data',
    jsonb_build_object('object', jsonb_build_object('object', 'checkout.session', 'id',
    ?::text))), '0') ->> 'value'}, $late), '5000', 'yen have no cents';

is $s->received('sendgrid')->{refused}, 0, 'SendGrid takes them all';
is scalar(() = $m->failed(state => 'dead')), 0, 'none is dead';

done_testing;
