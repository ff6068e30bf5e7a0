#!/usr/bin/perl

# /orders and /subscriptions: what was bought, as Stripe tells it, by filters
# and in pages.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json false true);
use Mojo::UserAgent;
use Mojo::Util qw(url_escape);
use POSIX qw(strftime);

my $t = Tavus::Test->new;
my ($s, $db) = ($t->sandbox, $t->db);
$t->configure(locations => {'= /stripe' => 'tavus_webhook stripe; '
    . 'tavus_webhook_secret file:' . $t->secret('stripe', $s->stripe_secret)
    . ' id=one;'})->start;
my %path = map { $_ => "/api/admin/$_" } qw(orders subscriptions);
wait_ok { $t->admin($path{orders})->code == 200 } 'ready';
$s->config(stripe_webhook_url => $t->url('/stripe'));

sub page {
    my ($of, %query) = @_;
    my $res = $t->admin("$path{$of}?" . join '&',
        map { "$_=" . url_escape($query{$_}) } sort keys %query);
    $res->code == 200 or die $res->to_string;
    return $res->json;
}
is_deeply page($_), {$_ => [], next_cursor => undef}, "no $_"
    for sort keys %path;

# An order of ours, asked for at Stripe as a checkout would.
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);
sub bought {
    my ($email) = @_;
    my $id = $db->selectrow_array(q{SELECT tavus.stripe_uuid(
        gen_random_uuid()::text, extract(epoch FROM now())::bigint)});
    $db->do(q{SELECT tavus.order_intent(?, false, 'starter', 'subscription', ?,
        4900, 'EUR', ?, 'c1', 's1', 'u1', 'ad', NULL, NULL, 'granted', 120)},
        undef, $id, encode_json([{price => 'price_starter', quantity => 1}]),
        $email);
    my $res = $ua->post($s->url . '/v1/checkout/sessions' => {
        Authorization => 'Bearer ' . $s->stripe_key,
        'Stripe-Version' => '2026-10-28.endive', 'Idempotency-Key' => $id,
    } => form => {
        mode => 'subscription', success_url => 'http://127.0.0.1/ok',
        'line_items[0][price]' => 'price_starter',
        'line_items[0][quantity]' => 1, client_reference_id => $id,
        'metadata[order_id]' => $id,
        'subscription_data[metadata][order_id]' => $id,
    })->result;
    is $res->code, 200, 'Stripe has it' or diag $res->body;
    return ($id, $res->json->{id});
}

# ---- one that is paid, and one that nobody came back for
my ($id, $session) = bought('ada@example.com');
my ($left) = bought('Grace@example.com');
is_deeply [map { [$_->@{qw(id state)}] } page('orders')->{orders}->@*],
    [sort { $b->[0] cmp $a->[0] } [$id, 'new'], [$left, 'new']],
    'asked for, and there at once';
$s->stripe('pay', session => $session);
wait_ok { page('orders', state => 'paid')->{orders}->@* } 'it is paid';
wait_ok { page('subscriptions')->{subscriptions}->@* } 'each month';

my ($order) = page('orders', state => 'paid')->{orders}->@*;
is_deeply [$order->@{qw(id ours livemode plan mode conversation_id session_id
        user_id utm_source consent stripe_session refunded disputes lines)}],
    [$id, true, false, qw(starter subscription c1 s1 u1 ad granted), $session,
        [], [], [{price => 'price_starter', quantity => 1}]],
    'all that is known of it';
cmp_ok $order->{amount}{amount}, '>', 0, 'with what it cost';
like $order->{$_}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z\z/, $_
    for qw(created_at paid_at changed_at expires_at);
my ($sub) = page('subscriptions')->{subscriptions}->@*;
is_deeply [$sub->@{qw(order_id status plan subscription ours invoices)}],
    [$id, 'active', 'starter', $order->{subscription}, true, 1],
    'its subscription';

my ($lead) = $t->admin('/api/admin/leads')->json->{leads}->@*;
is $lead, undef;
$t->post('/api/contact', {name => 'Grace', email => 'grace@example.com',
    message => 'It did not work.'});
wait_ok { ($lead) = $t->admin('/api/admin/leads')->json->{leads}->@* }
    'who left writes';
is_deeply $lead->{orders}, [{id => $left, plan => 'starter', state => 'new'}],
    'and with it stands what they ordered';

# ---- filters, among others that are made up, a second apart
my $base = time - 3600;
$db->do(q{INSERT INTO tavus.orders (id, ours, livemode, asked_at, told_state,
    email, plan) SELECT tavus.stripe_uuid(i::text, ? + i), i <> 5, i = 5,
    now(), CASE WHEN i % 2 = 0 THEN 'expired' ELSE 'unpaid' END,
    'made' || i % 3 || '@example.com', 'p' || i
    FROM generate_series(1, 7) i}, undef, $base);
$db->do(q{INSERT INTO tavus.subscriptions (id, subscription, ours, livemode,
    status, paused, failing, invoices, renewals, told_at)
    SELECT tavus.stripe_uuid(i::text, ? + i), 'sub_' || i, i <> 5, i = 5,
    CASE WHEN i % 2 = 0 THEN 'past_due' ELSE 'canceled' END, false, false, 0, 0,
    now() FROM generate_series(1, 7) i}, undef, $base);
sub at ($i) { return strftime('%FT%TZ', gmtime $base + $i) }
sub plans (%query) {
    return join ' ', map { $_->{plan} =~ /p(\d)/ }
        page('orders', %query)->{orders}->@*;
}
sub subs (%query) {
    return join ' ', map { $_->{subscription} =~ /^sub_(\d)\z/ }
        page('subscriptions', %query)->{subscriptions}->@*;
}
for my $list (\&plans, \&subs) {
    is $list->(), '7 6 4 3 2 1', 'ours, the newest first';
    is $list->(ours => 'true'), '7 6 4 3 2 1', 'the same';
    is $list->(ours => 'false'), '5', 'others';
    is $list->(from => at(3)), '7 6 4 3', 'from inclusive';
    is $list->(to => at(3)), '2 1', 'to exclusive';
    is $list->(from => at(2), to => at(5)), '4 3 2';
    is $list->(map { $_ => '' } qw(ours from to limit cursor)),
        '7 6 4 3 2 1', 'empty is none';
}
is plans(state => 'unpaid'), '7 3 1', 'a state';
is plans(state => 'unpaid', ours => 'false'), '5', 'of others';
is plans(state => $_), '', $_ for qw(new unknown failed open processing paid);
is plans(email => 'MADE1@example.com'), '7 4 1', 'an address, in any case';
is plans(email => 'made1@example.com', state => 'expired'), '4', 'both';
is plans(email => 'made1@example.com', state => 'expired', to => at(4)), '';
is_deeply [map { $_->{id} } page('orders', email => uc $order->{email})
    ->{orders}->@*], [$id], 'and the one that Stripe tells';
is subs(status => 'past_due'), '6 4 2', 'a status';
is subs(status => 'canceled', ours => 'false'), '5';
is subs(status => "x' OR true --"), '', 'a word that Stripe does not know';

# ---- pages
for my $of (sort keys %path) {
    my (@ids, $cursor);
    for (1 .. 9) {
        my $page = page($of, limit => 2, $cursor ? (cursor => $cursor) : ());
        push @ids, map { $_->{id} } $page->{$of}->@*;
        $cursor = $page->{next_cursor} // last;
        is $cursor, $ids[-1], 'the cursor is the last one of the page';
    }
    my @all = map { $_->{id} } page($of, limit => 200)->{$of}->@*;
    is_deeply \@ids, \@all, "$of in pages";
    is_deeply \@all, [reverse sort @all], 'the newest first';
}

# ---- what is no filter
for my $of (sort keys %path) {
    for my $bad (qw(ours=1 ours=TRUE limit=0 limit=201 cursor=x cursor=7
        from=2026 to=x ours=true&ours=true), $of eq 'orders'
        ? ('state=gone', 'state=Paid', 'state=paid%20', 'email=%ff',
            'email=' . 'x' x 321) : ('status=' . 'x' x 65, 'status=%ff'))
    {
        my $res = $t->admin("$path{$of}?$bad");
        is_deeply [$res->code, $res->json->@{qw(code parameter)}],
            [400, 'invalid_parameter', $bad =~ /^(\w+)/],
            "$of " . substr $bad, 0, 20;
    }
    my %other = (orders => 'status', subscriptions => 'state');
    is $t->admin("$path{$of}?$_=x")->json->{code}, 'unknown_parameter', $_
        for $other{$of}, 'q', 'handled';
    is $t->admin("$path{$of}/$id")->code, 404, 'none by itself';
    for (qw(POST PUT PATCH DELETE)) {
        my $res = $t->request($_ => $path{$of}, '{}', {
            $t->admin_headers->%*, 'Content-Type' => 'application/json'});
        is_deeply [$res->code, $res->headers->header('Allow')],
            [405, 'GET, HEAD'], "$_ $of";
    }
    is $t->get($path{$of})->code, 401, 'nor for anybody';
}

done_testing;
