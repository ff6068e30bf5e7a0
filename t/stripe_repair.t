#!/usr/bin/perl

# Events that Stripe could not deliver are fetched from its list, and are those
# that its webhooks would have brought, whichever comes first.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json);

use Tavus::Test::Stripe;

my $t = stripe_test(locations => {'= /metrics' => 'tavus_metrics;',
    '= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'});
my $s = $t->sandbox;
my $rows = sub ($where = 'true') {
    value($t, "SELECT count(*) FROM tavus.events WHERE source = 'stripe'
        AND $where");
};

wait_ok { value($t, 'SELECT done_at FROM tavus.stripe_repairs') }
    'the list is read at first';
is scalar listed($t), 1, 'which takes a page';
my ($first) = listed($t);
like $first->{query}, qr/delivery_success=false/, 'of what was not delivered';
like $first->{query}, qr/created(?:%5B|\[)gte(?:%5D|\])=(\d+)/;
my ($since) = $first->{query} =~ /=(\d{10})\b/;
cmp_ok abs(time - 30 * 86400 - $since), '<', 60, 'in thirty days';

# ---- the account's events have another shape than those of the endpoint
for my $shape (['2026-10-28.endive', '2024-06-20'],
    ['2024-06-20', '2026-10-28.endive'])
{
    my ($account, $endpoint) = @$shape;
    subtest "listed as of $account, sent as of $endpoint" => sub {
        $s->config(stripe_account_version => $account,
            stripe_webhook_version => $endpoint);
        my $before = $rows->();

        lose($t, 1);
        my ($id, $session) = paid($t, mode => 'subscription');
        my ($other, $late) = paid($t);
        $s->stripe('refund', session => $late, amount => 100);
        lose($t, 0);
        my @events = grep { $_->{state} eq 'failed' } $s->stripe_events;
        cmp_ok scalar @events, '>', 4, 'nothing came';
        is $rows->(), $before, 'of these';
        is order($t, $id)->{state}, 'open', 'and nobody knows';

        due($t);
        wait_ok { $rows->() == $before + @events } 'all are fetched'
            or diag $rows->();
        wait_ok { order($t, $id)->{state} eq 'paid' } 'it was paid';
        wait_ok { (order($t, $other)->{refunded}[0]{amount} // 0) == 100 }
            'the other was, and given back';

        # Stripe goes on for three days
        for my $event (@events) {
            $s->stripe('deliver', event => $event->{id});
        }
        is $rows->(), $before + @events, 'what comes later is known';
        is value($t, 'SELECT count(*) FROM tavus.quarantine'), 0,
            'and no conflict';
        done_testing;
    };
}

is $rows->(q{verification <> '{"method":"repair"}'}), 0,
    'what was repaired says so';
my $events = $t->admin('/api/admin/events?source=stripe&limit=1')->json;
is $events->{events}[0]{repaired}, 1, 'in lists, too';

# ---- one that Stripe sends for three days
my $old = time - 3 * 86400;
for my $n (3, 2, 1, 0) {
    $s->stripe('send', body => encode_json({id => 'evt_old', object => 'event',
        type => 'charge.updated', created => $old, livemode => \0,
        pending_webhooks => $n, api_version => "2026-0$n-01",
        request => {id => $n ? "req_$n" : undef}, data => {object => {
            id => 'ch_old', object => 'charge', receipt_url => "https://x/$n"}}}));
}
is $rows->(q{body LIKE '%evt_old%'}), 1, 'is one event';
is value($t, 'SELECT count(*) FROM tavus.quarantine'), 0, 'and no conflict';

# ---- webhooks that came are not repaired
my ($id) = paid($t);
wait_ok { order($t, $id)->{state} eq 'paid' } 'one came';
my $before = $rows->();
my $n = listed($t);
due($t);
wait_ok { listed($t) > $n } 'the list is read';
wait_ok { value($t, 'SELECT began IS NULL FROM tavus.stripe_repairs') } 'all';
is $rows->(), $before, 'and nothing is in it';
my ($last) = reverse listed($t);
my ($from) = $last->{query} =~ /=(\d{10})\b/;
cmp_ok $from, '>', time - 3600 - 120, 'from where the last run began';

my $metrics = $t->get('/metrics')->body;
my ($repaired) = $metrics =~ /^tavus_stripe_repaired_events_total (\d+)$/m;
is $repaired, $rows->(q{verification = '{"method":"repair"}'}), 'counted';
like $metrics, qr/^tavus_stripe_repair_age_seconds \d+$/m;
like $metrics, qr/^tavus_upkeep_total\{operation="stripe",result="ok"\} [1-9]/m;
my $health;
wait_ok { ($health) = ($t->admin('/healthz?full')->json->{database}
    {stripe_repair} // [])->@* } 'health';
is join(' ', map { $health->{$_} ? 1 : 0 } qw(livemode done failures whole)),
    '0 1 0 0', 'knows when it was';
like $t->error_log, qr/\d+ events of Stripe had not come, and were fetched/;

done_testing;
