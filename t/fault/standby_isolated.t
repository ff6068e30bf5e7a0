#!/usr/bin/perl

# The standby was promoted while the former primary is up, and nobody has
# stopped that one: it takes sessions, and never commits.  Events are in the
# journal meanwhile, and then in the new primary, though it is the second host.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new;
my $standby = Tavus::Test::Pg->new(from => $pg);
my $t = Tavus::Test->new(db => $pg, sandbox => 0, http => {
    tavus_database => '"' . $pg->conninfo_of($standby) . '"',
    tavus_journal => '%%DIR%%/journal',
})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
$pg->synchronous;

my $there = sub ($id) { $standby->db->selectrow_array(q{SELECT count(*)
    FROM tavus.events WHERE conversation_id = ?}, {}, $id) };

is $t->webhook(tavus_event('system.replica_joined', 'c0'))->code, 200;
$standby->promote;
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200,
    'acknowledged';
is $there->('c1'), 0, 'not from the new primary';
wait_ok { $there->('c1') } 'which has it in the end', 60;
is $t->webhook(tavus_event('system.replica_joined', 'c2'))->code, 200;
is $there->('c2'), 1, 'and those after it at once';
wait_ok { !(() = glob $t->dir . '/journal/*') } 'nothing is left', 20;

done_testing;
