#!/usr/bin/perl

# A pooler before each server remembers what its server was when it was first
# asked.  The one that was promoted meanwhile is used all the same, and the one
# that became its standby is not.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::PgBouncer;

my $primary = Tavus::Test::Pg->new;
my $standby = Tavus::Test::Pg->new(from => $primary);
my @pooler = map { Tavus::Test::PgBouncer->new($_, pool_mode => 'session',
    server_login_retry => 1) } $primary, $standby;
my $t = Tavus::Test->new(db => $primary, sandbox => 0, http => {
    tavus_journal => '%%DIR%%/journal',
    tavus_database => '"' . Tavus::Test::Pg::conninfo_of(@pooler) . '"',
})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
$primary->synchronous;

my $n = 0;
my $send = sub ($name) {
    is $t->webhook(tavus_event('system.replica_joined', 'c' . ++$n))->code, 200,
        $name;
};
my $stored = sub ($name) {
    wait_ok { !(() = glob $t->dir . '/journal/*.journal') } "$name: replayed", 20;
    is $primary->db->selectrow_array('SELECT count(DISTINCT conversation_id)
        FROM tavus.events'), $n, 'all are there';
    wait_ok { $t->admin('/api/admin/events')->code == 200 } 'the admin API, too';
};

for my $turn ('there', 'and back') {
    $send->("$turn: before");
    $primary->kill;
    $send->('the primary is gone');
    $standby->promote;
    ($primary, $standby) = ($standby, $primary);
    $standby->follow($primary);
    $primary->synchronous;
    $send->('another one is there');
    $stored->($turn);
}

done_testing;
