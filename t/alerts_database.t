#!/usr/bin/perl

# What only the database knows: destinations that refuse the key, are gone or
# have dead events; a month without a partition; readers that are held up.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Alerts;
use Tavus::Test::Deliver;
use Tavus::Test::Log qw(event_id store);

my $alerts = Tavus::Test::Alerts->new;
my $pg = $alerts->pg;
my $t = $alerts->on(Tavus::Test->new(db => $pg, workers => 1));
my $d = Tavus::Test::Deliver->new($t, crm => 'events page_view;',
    erp => 'events page_view;');
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';
my $db = $t->db;

my $hook = sub ($name, $status) {
    $box->no_faults;
    $box->fault(path => "/hooks/$name", kind => 'status', status => $status)
        if $status;
};

# ---- destinations
$hook->(crm => 401);
$d->track('page_view', consent => 'granted');
wait_ok { $alerts->open eq 'key_invalid crm' } 'it refuses the key';
wait_ok { $d->idle('erp') } 'the other one does not';
unlike $alerts->one('key_invalid')->{text}, qr/401|http/,
    'no word of its own is in the text';
$hook->(crm => 410);
$d->retry(undef, destination => 'crm');
wait_ok { $alerts->open eq 'destination_paused crm' } 'it is gone';
is $alerts->one('destination_paused')->{figures}{state}, 'stopped';
$hook->(crm => 0);
$d->retry(undef, destination => 'crm');
$db->do(q{UPDATE tavus.destinations SET stopped = NULL});
wait_ok { $alerts->open eq '' } 'it is back';
is $alerts->events('key_invalid'), 'raised cleared', 'told';
is $alerts->events('destination_paused'), 'raised cleared', 'told';

$hook->(crm => 400);
$d->track('page_view', consent => 'granted');
wait_ok { $d->failed(destination => 'crm') } 'an event fails there';
$db->do(q{UPDATE tavus.deliveries SET dead = true, lease_until = NULL, token = NULL});
wait_ok { $alerts->open eq 'destination_dead crm' } 'for good';
$hook->(crm => 0);
$d->retry(undef, destination => 'crm', state => 'dead');
wait_ok { $alerts->open eq '' } 'it was sent again';

# ---- months
my $keep = $pg->connect;
$keep->do('SELECT pg_advisory_lock(2026, 2)');
my ($next, $month) = $db->selectrow_array(q{SELECT to_char(m, 'YYYYMM'),
    to_char(m, 'YYYY-MM') FROM (SELECT date_trunc('month',
        now() AT TIME ZONE 'UTC') + interval '1 month' AS m) n});
$db->do("DROP TABLE tavus.events_p$next");
wait_ok { $alerts->open eq "month_missing $month" } 'the next month is missing';
is $alerts->events('month_missing'), 'raised', 'told';
$keep->do('SELECT pg_advisory_unlock(2026, 2)');
$db->selectrow_array('SELECT tavus.make_months()');
wait_ok { $alerts->open eq '' } 'it is made';

# ---- readers
my $writer = $pg->connect;
$writer->begin_work;
store($writer, event_id());
$d->track('page_view', consent => 'granted');
$db->do(q{UPDATE tavus.log SET at = at - interval '10 minutes'});
wait_ok { $alerts->open eq 'log_held log' } 'a transaction does not end';
cmp_ok $alerts->one('log_held')->{figures}{seconds}, '>=', 600, 'for so long';
$writer->rollback;
wait_ok { $alerts->open eq '' } 'it has ended';
is $alerts->events('log_held'), 'raised cleared', 'told';

# ---- this month: there is no place for an event of it
$keep->do('SELECT pg_advisory_lock(2026, 2)');
my ($this) = $db->selectrow_array(q{SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')});
$db->do("ALTER TABLE tavus.events DETACH PARTITION tavus.events_p$this");
wait_ok { $alerts->open =~ /^month_missing \d{4}-\d\d$/ } 'this month is missing';
wait_ok { $t->grep_log(qr/\[warn\].* alerts could not be told: no partition/) }
    'which cannot be told';
is $alerts->one('month_missing')->{said_at}, undef, 'but is shown';
$alerts->set(month_missing => q{calm = '1 day'});
$keep->do('SELECT pg_advisory_unlock(2026, 2)');
$db->selectrow_array('SELECT tavus.make_months()');
wait_ok { $alerts->open eq '' } 'it is over, and nobody was told';
is $alerts->events('month_missing'), 'raised cleared', 'of this one';

done_testing;
