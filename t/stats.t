#!/usr/bin/perl

# What happened over HTTP stands in the statistics a moment later: visits,
# conversations with their minutes, leads, orders with their money, failures; by
# hour, day and dimension, late events in their own hour, in whichever order.
# They are refused where they make no sense, and say how far they are.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json);
use POSIX qw(strftime);

my $t = Tavus::Test->new;
my $secret = 'whsec_of_the_test_0123456789abcdef';
$t->configure(locations => {'= /stripe' => 'tavus_webhook stripe; '
    . 'tavus_webhook_secret file:' . $t->secret('stripe', $secret)
    . ' id=one;'});
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $db = $t->db;

my $stats = sub ($query = '') { $t->admin("/api/admin/stats$query")->json };
my $total = sub ($query = '') { $stats->($query)->{total} };
my $counted = sub ($member, $n, $query = '') {
    wait_ok { ($total->($query)->{$member} // 0) == $n } "$member: $n";
};

my $empty = $stats->();
is $empty->{bucket}, 'hour', 'hours, unless days are asked for';
is scalar $empty->{buckets}->@*, 25, 'of the last day';
is $empty->{total}{events}, 0, 'in which nothing happened';

# a visitor looks around
my $track = sub ($name, %properties) {
    $t->post('/api/track', {events => [{name => $name, properties =>
        {session_id => 's1', %properties}}]})->code;
};
is $track->('page_view', utm_source => 'Newsletter'), 202, 'a page is viewed';
is $track->('page_view'), 202, 'and another';
is $track->('made_up_by_somebody'), 202, 'and something unheard of happens';
$counted->(events => 3);
is $total->()->{visits}, 1, 'which is one visit';

# and talks, which is told late and in the wrong order
my $now = time;
my $at = sub ($ago) { strftime('%Y-%m-%dT%H:%M:%SZ', gmtime($now - $ago)) };
my $call = sub ($type, $ago, %properties) {
    $t->webhook(tavus_event($type, 'c1', {%properties},
        timestamp => $at->($ago)))->code;
};
my $hours = 5 * 3600;
is $call->('system.shutdown', $hours - 150, shutdown_reason => 'x'), 200,
    'the end of a call is told';
$counted->(conversations => 1);
is $total->()->{minutes}, 0, 'before its beginning is';
is $call->('system.replica_joined', $hours), 200, 'which is told late';
wait_ok { $total->()->{minutes} == 2.5 } 'and gives it its minutes';
is_deeply [@{$total->()}{qw(conversations joined ended)}], [1, 1, 1],
    'it is one, as before';

# somebody writes
is $t->post('/api/contact', {name => 'Ada', email => 'ada@example.com',
    message => 'What does it cost?', conversation_id => 'c1',
    utm_source => 'newsletter'})->code, 200, 'somebody writes';
$counted->(leads => 1);
wait_ok { $total->()->{funnel}{lead} == 1 } 'a conversation led to it';

my $by = sub ($dim, $more = '') {
    +{map { $_->{key} => $_->{total} } $stats->("?by=$dim$more")->{groups}->@*};
};
is_deeply [sort keys $by->('event_type')->%*], [qw(contact.submitted other
    page_view system.replica_joined system.shutdown)],
    'by type of event, of browsers the known ones';
my $sources = $by->('source');
is_deeply {map { $_ => $sources->{$_}{events} } keys %$sources},
    {browser => 4, tavus => 2}, 'by source';
is $by->('utm_source')->{newsletter}{leads}, 1, 'by campaign';
is $by->('utm_source')->{newsletter}{visits}, 1, 'however it is written';
is $by->('vertical', '&bucket=day')->{''}{conversations}, 1,
    'by vertical, in days';

my @hours = grep { $_->{conversations} } $stats->()->{buckets}->@*;
is scalar @hours, 1, 'a conversation is in one hour';
is $hours[0]{at}, substr($at->($hours), 0, 13) . ':00:00.000Z',
    'that of its own time';

# somebody buys, and gets something back
my $order = '018f0000-0000-7000-8000-000000000001';
$db->do(q{SELECT tavus.order_intent(?::uuid, false, 'starter', 'payment', '[]',
    2000, 'eur', NULL, 'c1', NULL, NULL, 'newsletter', NULL, NULL, NULL, 60)},
    undef, $order);
my $stripe = sub ($id, $type, $object) {
    my $body = encode_json({id => $id, object => 'event', type => $type,
        created => time, livemode => \0, data => {object => $object}});
    $t->post('/stripe', $body, {'Content-Type' => 'application/json',
        sign_stripe($secret, $body)})->code;
};
is $stripe->('evt_1', 'checkout.session.completed', {id => 'cs_1',
    object => 'checkout.session', created => time, status => 'complete',
    payment_status => 'paid', mode => 'payment', amount_total => 2000,
    currency => 'eur', payment_intent => 'pi_1',
    metadata => {order_id => $order}}), 200, 'somebody buys';
$counted->(orders => 1);
is_deeply $total->()->{revenue}, [{amount => 2000, currency => 'eur',
    value => '20.00'}], 'for so much';
is $stripe->('evt_2', 'charge.refunded', {id => 'ch_1', object => 'charge',
    amount => 2000, amount_refunded => 700, currency => 'eur',
    payment_intent => 'pi_1'}), 200, 'a part is given back';
wait_ok { ($total->()->{refunded}[0]{amount} // 0) == 700 } 'and counted';
is $total->()->{orders}, 1, 'it is one order';
is $total->()->{funnel}{paid}, 1, 'of that conversation';

# refused
for ('from=yesterday', 'to=1', 'bucket=week', 'by=email', 'limit=5',
    'from=2026-01-02&to=2026-01-01', 'from=2020-01-01&to=2026-01-01',
    'from=2026-01-01&to=2026-01-08&by=type')
{
    my $answer = $t->admin("/api/admin/stats?$_");
    is $answer->code, 400, "$_ is refused";
    like $answer->json->{parameter}, qr/^(?:from|to|bucket|by|limit)$/,
        'and says what is wrong';
}

# how far it is
is $stats->()->{counted}{behind_events}, 0, 'all is counted';
$db->do('ALTER FUNCTION tavus.stats_roll(int) RENAME TO stats_away');
wait_ok { $t->grep_log(qr/could not make statistics of what is stored/) }
    'a fault is said';
is $track->('page_view'), 202, 'what happens meanwhile';
wait_ok { $stats->()->{counted}{behind_events} == 1 } 'is told as not counted';
$db->do('ALTER FUNCTION tavus.stats_away(int) RENAME TO stats_roll');
wait_ok { $stats->()->{counted}{behind_events} == 0 } 'and is, in the end';
is $total->()->{visits}, 1, 'the same visit';

is $t->admin('/api/admin/conversations/c1')->json->{length}, 150,
    'a conversation is as long where it is shown';

is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'admin.viewed' AND convert_from(body, 'UTF8') ~ 'stats'}),
    0, 'sums are of nobody: the trail has no look at them';

done_testing;
