#!/usr/bin/perl

# A month without a partition: events of it go to the journal, nginx has the
# partition made, and they are stored.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
wait_ok { $t->grep_log(qr/database is maintained/) } 'maintained once';

my $drop = sub {
    $t->db->do('DROP TABLE tavus.events_p' . $t->db->selectrow_array(
        q{SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMM')}));
};
my $stored = sub ($id) { $t->db->selectrow_array(q{SELECT count(*)
    FROM tavus.events WHERE conversation_id = ?}, {}, $id) };

$drop->();
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200,
    'acknowledged';
wait_ok { $t->grep_log(qr/database refused 1 events: 23514/) } 'says why';
wait_ok { $stored->('c1') } 'made and stored', 20;
is $t->db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0;

# while it cannot be made, health says so
$t->db->do('ALTER FUNCTION tavus.add_partition RENAME TO hidden');
$drop->();
is $t->webhook(tavus_event('system.replica_joined', 'c2'))->code, 200;
my $full = sub { $t->get('/healthz?full', $t->admin_headers)->json };
$t->configure(locations => {'= /healthz' => 'tavus_health; tavus_admin_users '
    . $t->dir . '/secrets/admin.htpasswd;'});
$t->reload(drained => 1);
wait_ok { ($full->()->{database}{missing_months} // [])->@* == 1 }
    'health names the month';
is $t->webhook(tavus_event('system.replica_joined', 'c3'))->code, 200,
    'and the node still accepts';
$t->db->do('ALTER FUNCTION tavus.hidden RENAME TO add_partition');
wait_ok { $stored->('c2') && $stored->('c3') } 'in the end', 90;

done_testing;
