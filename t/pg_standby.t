#!/usr/bin/perl

# A standby is passed over; when it is promoted, events go there.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new;
my $standby = Tavus::Test::Pg->new(from => $pg);
ok $standby->db->selectrow_array('SELECT pg_is_in_recovery()'), 'a standby';

my $t = Tavus::Test->new(db => $pg, sandbox => 0, http => {
    tavus_database => '"' . $standby->conninfo_of($pg) . '"',
})->start;

wait_ok { $t->get('/healthz')->code == 200 } 'the second host';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;
wait_ok { $t->admin('/api/admin/events')->code == 200 }
    'a read-only session finds the primary, too';
wait_ok { $t->grep_log(qr/\[error\].*\(record\): .*transaction_read_only is "on"/) }
    'why not the first';

wait_ok { $standby->db->selectrow_array('SELECT count(*) FROM tavus.events') }
    'replicated';
$pg->freeze->kill;
is $t->webhook(tavus_event('system.replica_joined', 'c2'))->code, 503,
    'none that can write';
$standby->promote;
wait_ok { $t->webhook(tavus_event('system.replica_joined', 'c3'))->code == 200 }
    'promoted', 20;
is_deeply $standby->db->selectcol_arrayref(
    q{SELECT DISTINCT conversation_id FROM tavus.events
      WHERE conversation_id <> 'c2' ORDER BY 1}), ['c1', 'c3'], 'all is there';

done_testing;
