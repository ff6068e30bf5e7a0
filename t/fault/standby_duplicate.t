#!/usr/bin/perl

# A commit that waits for a synchronous standby is seen by others when the
# primary was restarted meanwhile, though the standby does not have it.  It is
# no duplicate yet that could be acknowledged, or replayed from the journal:
# when the standby takes over, it must still come.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new;
my $standby = Tavus::Test::Pg->new(from => $pg);
my $t = Tavus::Test->new(db => $pg, sandbox => 0, http => {
    tavus_database => '"' . $pg->conninfo_of($standby) . '"',
    tavus_journal => '%%DIR%%/journal'},
    http_extra => q{log_format store '$tavus_store';},
    server => 'access_log %%DIR%%/access.log store;')->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
$pg->synchronous;

my $files = sub { my @files = glob $t->dir . '/journal/*'; return @files };
my $event = tavus_event('system.replica_joined', 'c1');

is $t->webhook(tavus_event('system.replica_joined', 'c0'))->code, 200;
$standby->kill;
is $t->webhook($event)->code, 200, 'acknowledged from the journal';
is scalar($files->()), 1;

$pg->kill->start;
is $pg->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE conversation_id = 'c1'}), 1, 'the primary has it after all';
wait_ok { !$files->() || $pg->db->selectrow_array(
    q{SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'}) }
    'it is asked again', 40;
is scalar($files->()), 1, 'the journal keeps it';
is $t->webhook($event)->code, 200, 'sent again';
like $t->access_log, qr/journal\n\z/, 'acknowledged from the journal again';

$pg->kill;
$standby->start->promote;
wait_ok { !$files->() } 'replayed', 40;
is_deeply $standby->db->selectcol_arrayref(
    'SELECT conversation_id FROM tavus.events ORDER BY 1'), ['c0', 'c1'],
    'nothing is lost';

done_testing;
