#!/usr/bin/perl

# What visitors write becomes a lead, and what Stripe tells a purchase, within
# seconds, in order, and after a fault; what cannot be one is passed over.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new;
my $secret = 'whsec_of_the_test_0123456789abcdef';
$t->configure(locations => {'= /stripe' => 'tavus_webhook stripe; '
    . 'tavus_webhook_secret file:' . $t->secret('stripe', $secret)
    . ' id=one;'});
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $db = $t->db;

my $write = sub ($name) {
    $t->post('/api/contact', {name => $name, email => 'ada@example.com',
        message => 'What does it cost?', conversation_id => 'c1'})->code;
};
my $leads = sub { join ' ', $db->selectcol_arrayref(
    'SELECT name FROM tavus.leads ORDER BY id')->@* };

is $write->('Ada'), 200, 'somebody writes';
wait_ok { $leads->() eq 'Ada' } 'and is a lead';
is $db->selectrow_array('SELECT conversation_id FROM tavus.leads'), 'c1',
    'with what it is about';

my $body = '{"id":"evt_1","object":"event","type":"payment_intent.succeeded",'
    . '"created":1795900000,"livemode":false,"data":{"object":{"id":"pi_1",'
    . '"object":"payment_intent","amount":1000,"amount_received":1000,'
    . '"currency":"eur","status":"succeeded","created":1795900000,'
    . '"livemode":false,"metadata":{}}}}';
is $t->post('/stripe', $body, {'Content-Type' => 'application/json',
    sign_stripe($secret, $body)})->code, 200, 'Stripe tells of a payment';
wait_ok { $db->selectrow_array('SELECT count(*) FROM tavus.stripe_objects') }
    'which is known';

$db->do(q{SELECT tavus.record(ARRAY[overlay(tavus.uuid_floor(now())::text
    PLACING '7' FROM 15 FOR 1)::uuid], ARRAY[now()],
    ARRAY[NULL::bytea], ARRAY[2::smallint], ARRAY['browser'],
    ARRAY['contact.submitted'], ARRAY[NULL::text], ARRAY[NULL::bytea],
    ARRAY[NULL::text], ARRAY['{}'::bytea], ARRAY[NULL::text])});
wait_ok { $t->grep_log(qr/1 events are not what leads are made of/) }
    'a form that nobody can have sent is passed over, and said';

$db->do('ALTER FUNCTION tavus.leads_roll(int) RENAME TO leads_away');
wait_ok { $t->grep_log(qr/could not make leads of what is stored: function/) }
    'a fault is said';
is $write->('Grace'), 200, 'whoever writes meanwhile';
$db->do('ALTER FUNCTION tavus.leads_away(int) RENAME TO leads_roll');
wait_ok { $leads->() eq 'Ada Grace' } 'is a lead when it is over';

done_testing;
