#!/usr/bin/perl

# A word in every field that a visitor, Tavus, Stripe or a destination can
# write, through real requests: when it is erased no column of any table has it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Checkout;
use Tavus::Test::Deliver;
use Tavus::Test::Erase;
use Mojo::JSON qw(decode_json encode_json);

my $W = 'wombat';               # is in each of the words
my $t = checkout_conf();
my $d = Tavus::Test::Deliver->new($t,
    crm => 'events * contact.submitted; consent not_needed;');
$t->start;
my ($db, $box) = ($t->db, $t->sandbox);
$box->config(stripe_webhook_url => $t->url('/api/webhooks/stripe'));
wait_ok { $d->ready } 'ready';

# ---- said
my $call = $t->create(vertical => 'legal', session_id => "$W-session",
    utm_source => "$W-source", utm_medium => "$W-medium",
    utm_campaign => "$W-campaign", consent => 'granted')->json;
my $id = $call->{conversation_id};
for my $type (qw(application.transcription_ready conversation.utterance
    application.perception_analysis))
{
    is $t->webhook(tavus_event($type, $id,
        {transcript => [{role => 'user', content => "$W said"}],
            speech => "$W spoke", analysis => "$W looked"}))->code, 200, $type;
}
is $t->webhook(encode_json({conversation_id => $id, event_type => 'x.y',
    properties => {text => "$W\0nul"}}) )->code, 200, 'unfit, in quarantine';
is $t->post('/api/track', {events => [{name => 'page_view', properties =>
    {session_id => "$W-session", user_id => "$W-user", page => "$W-page"}},
    {name => "$W.type", properties => {session_id => "$W-session"}}]})->code,
    202, 'pages';
is $t->post('/api/track', {consent => 'granted', events => [{name => 'consent',
    properties => {session_id => "$W-session", user_id => "$W-user"}}]})
    ->code, 202, 'a decision';
$box->fault(path => '/hooks', kind => 'status', status => 422,
    body => "$W: I do not like it", times => 1);
is $t->post('/api/contact', {name => "$W name", email => "$W\@example.com",
    message => "$W message", phone => "+1 $W", company => "$W Inc",
    session_id => "$W-session", user_id => "$W-user",
    utm_source => "$W-utm", consent => 'granted'})->code, 200, 'a form';
my $sale = checkout($t, plan => 'replica', email => "$W\@example.com",
    session_id => "$W-session", utm_source => "$W-utm");
is $sale->code, 200, 'a checkout' or diag $sale->to_string;
my ($session) = $sale->json->{url} =~ /(cs_\w+)/;
$box->stripe(pay => session => $session, name => "$W payer",
    email => "$W\@example.com");
rolled($t);
# what a destination says of an event of Stripe's, which stays when it is scrubbed
is $db->do(q{INSERT INTO tavus.deliveries AS d (destination, event_id, dead, tries, due_at, reason, status)
    SELECT 'crm', e.id, true, 1, now(), '422 ' || ? || ' is no customer', 422 FROM tavus.events e
     WHERE e.source = 'stripe' AND e.event_type = 'checkout.session.completed'
    ON CONFLICT (destination, event_id) DO UPDATE SET reason = EXCLUDED.reason, dead = true}, undef, $W), 1,
    'a word of a destination';
wait_ok { $t->admin('/api/admin/leads')->json->{leads}->@* } 'a lead';

my %where = map { $_ => 1 } found($t, $W);
is_deeply [grep { !$where{$_} } qw(events.body intents.session_id
    conversations.session_id consents.subject leads.message orders.email)],
    [], 'it is everywhere';

# ---- erased
erased($t, "visitors/$W-session?kind=session");
erased($t, "visitors/$W-user?kind=user");
erased($t, "visitors/$W%40example.com");
my @left = found($t, $W);
is_deeply \@left, [], 'it is nowhere' or diag explain [@left, $db->selectall_arrayref(q{
    SELECT source, event_type, received_at, convert_from(body, 'UTF8') FROM tavus.events
     WHERE position(convert_to(?, 'UTF8') IN body) > 0}, undef, $W),
    $db->selectall_arrayref(q{SELECT d.*, e.source, e.event_type
        FROM tavus.deliveries d LEFT JOIN tavus.events e ON e.id = d.event_id})];
is $db->selectrow_array('SELECT count(*) FROM tavus.orders'), 1,
    'the books have the order';
done_testing;
