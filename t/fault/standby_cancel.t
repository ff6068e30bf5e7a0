#!/usr/bin/perl

# Who cancels a backend that waits for a synchronous standby makes PostgreSQL
# answer as if all were well.  It is not: the event is acknowledged only when
# the standby has it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new;
my $standby = Tavus::Test::Pg->new(from => $pg);
# nor does it help to mute the warning
$pg->db->do('ALTER ROLE tavus_app SET client_min_messages = error');
my $t = Tavus::Test->new(db => $pg, sandbox => 0,
    http => {tavus_store_timeout => '60s'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
$pg->synchronous;
is $t->webhook(tavus_event('system.replica_joined', 'c0'))->code, 200;

my $waits = sub { $pg->db->selectrow_array(q{SELECT pid
    FROM pg_stat_activity WHERE wait_event = 'SyncRep'}) };

$standby->freeze;
my $s = $t->socket->send(webhook_bytes($t,
    tavus_event('system.replica_joined', 'c1')));
my $answer = sub { $s->read_until(qr/^HTTP/, 0.01) };
my $first;
wait_ok { $first = $waits->() } 'it waits';
ok $pg->db->selectrow_array("SELECT pg_cancel_backend($first)"), 'cancelled';
wait_ok { ($waits->() // $first) != $first || $answer->() }
    'another session waits for the same', 30;
wait_ok { $t->grep_log(qr/\[error\].*\(record\): .*not replicated/) }
    'says why';
is $answer->(), '', 'no answer yet';

$standby->thaw;
is +($s->response(20) || {})->{status}, 200, 'acknowledged';
is $standby->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE conversation_id = 'c1'}), 1, 'and there';

done_testing;
