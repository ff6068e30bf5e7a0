#!/usr/bin/perl

# What the database tells of itself comes to the metrics by upkeep, and what this
# node has of its own beside it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Metrics;
use Mojo::JSON qw(encode_json);

my $t = Tavus::Test->new(
    http => {tavus_journal => '%%DIR%%/journal max_size=64m',
        tavus_store_buffer => '8m'},
    locations => {'= /metrics' => 'tavus_metrics;'});
my $d = Tavus::Test::Deliver->new($t, crm => 'events page_view;',
    spare => 'events no_such;');
$t->start;
wait_ok { $d->ready } 'ready';
my $db = $t->db;
my $of = sub (@series) { return metrics_now($t)->(@series) };
my $crm = sub ($name) { return $of->("tavus_destination_$name",
    destination => 'crm') };

# upkeep has looked since: it does so each ten seconds, and at once after a start
my $looks = sub { return $of->('tavus_upkeep_total', operation => 'health',
    result => 'ok') };
wait_ok { $looks->() } 'it was looked';
my $m = metrics($t);
is $m->('tavus_schema_version'), $m->('tavus_schema_needed'), 'the schema';
is $m->('tavus_schema_version'),
    $db->selectrow_array('SELECT tavus.schema_version()'), 'as it is';
is $m->('tavus_journal_max_bytes'), 64 << 20, 'room in the journal';
is $m->('tavus_store_max_bytes'), 8 << 20, 'and in memory';
is $m->('tavus_store_waiting_events'), 0, 'nothing waits';
is $m->("tavus_$_"), 0, $_ for qw(quarantined_events unsettled_conversations
    months_missing retention_behind synchronous_replication
    journal_damaged_files journal_failing_workers);
is $m->('tavus_destination_dead_events', destination => $_), 0, $_
    for qw(crm spare);
my $at = $m->('tavus_upkeep_success_timestamp_seconds', operation => 'health');
cmp_ok abs(time - $at), '<=', 120, 'upkeep came through lately';
is $m->('tavus_upkeep_success_timestamp_seconds', operation => 'stripe'), 0,
    'and never, where there is nothing to do';
wait_ok { $of->('tavus_nodes') == 1 } 'one node';

# what is wrong
is $t->webhook('[')->code, 200, 'unfit';
$t->sandbox->fault(path => '/hooks', kind => 'status', status => 500);
$d->track('page_view', consent => 'granted', n => 3);
wait_ok { 3 == $d->failed(destination => 'crm') } 'a destination refuses';
$db->do(q{UPDATE tavus.deliveries SET made_at = now() - interval '1 hour',
          dead = event_id = (SELECT min(event_id::text)::uuid FROM tavus.deliveries)});
$db->do(q{UPDATE tavus.destinations SET paused_until = now() + interval '1 hour'
           WHERE name = 'crm'});
$db->do('DROP TABLE tavus.events_p' . $db->selectrow_array(
    q{SELECT to_char(date_trunc('month', now() AT TIME ZONE 'UTC')
                     - interval '1 day', 'YYYYMM')}));
wait_ok { $of->('tavus_months_missing') == 1 } 'a month is missing';
is $of->('tavus_quarantined_events'), 1, 'one is in quarantine';
is $crm->('waiting_events'), 2, 'two wait';
cmp_ok $crm->('oldest_seconds'), '>=', 3600, 'for long';
is $crm->('halted'), 1, 'it is paused';
is $of->('tavus_destination_halted', destination => 'spare'), 0,
    'the other is not';
is $crm->('dead_events'), 1, 'one is dead';

# while nothing is stored, it waits, and is counted until it is in the journal
$t->pg->freeze;
my $body = encode_json({name => 'Ann', email => 'a@example.com',
    message => 'A message.'});
my $s = $t->socket->send("POST /api/contact HTTP/1.1\r\nHost: x\r\n"
    . "Content-Type: application/json\r\nContent-Length: " . length($body)
    . "\r\n\r\n$body");
wait_ok { my $now = metrics_now($t);
    $now->('tavus_store_waiting_events') > 0
    && $now->('tavus_store_waiting_bytes') > 0 } 'one waits in memory';
is $s->response->{status}, 200, 'it is journaled';
wait_ok { $of->('tavus_journal_bytes') > 0 } 'which is seen';
$t->pg->thaw;
wait_ok { $of->('tavus_store_waiting_events') == 0
    && $of->('tavus_journal_bytes') == 0 } 'and stored in the end', 60;

done_testing;
