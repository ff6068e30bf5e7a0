#!/usr/bin/perl

# memcheck

# With a journal an event is acknowledged while PostgreSQL is away, and is in
# PostgreSQL when that is back: once, though it comes again meanwhile.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(slurp);

my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_journal => '%%DIR%%/journal'},
    http_extra => q{log_format store '$status $tavus_store'; },
    server => 'access_log %%DIR%%/store.log store;')->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $dir = $t->dir . '/journal';
my $files = sub { my @files = glob "$dir/*"; return @files };
my $stored = sub ($id) {
    return $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id = ?}, {}, $id);
};
my $where = sub { return (split ' ', slurp($t->dir . '/store.log'))[-1] };

my $before = tavus_event('system.replica_joined', 'c-before');
is $t->webhook($before)->code, 200;
wait_ok { $where->() eq 'pg' } 'pg';
is scalar(() = $files->()), 0, 'nothing is written while all is well';

$t->pg->stop;
my @events = map { tavus_event('system.replica_joined', "c$_") } 1 .. 20;
is $t->webhook($_)->code, 200, 'acknowledged' for @events;
wait_ok { $where->() eq 'journal' } 'journal';
is $t->webhook($events[0])->code, 200, 'and again';
is $t->webhook($before)->code, 200, 'one that PostgreSQL has';
is $t->get('/healthz')->code, 200, 'the node accepts';

my @files = $files->();
is scalar(@files), 1, 'one file';
is sprintf('%o', (stat $files[0])[2] & 07777), '600', 'of its user alone';
is sprintf('%o', (stat $dir)[2] & 07777), '700';

$t->pg->start;
wait_ok { !(() = $files->()) } 'replayed and removed', 20;
is $stored->("c$_"), 1, "c$_ is there once" for "-before", 1 .. 20;

is $t->webhook($events[3])->code, 200, 'a redelivery afterwards';
wait_ok { $where->() eq 'pg' } 'pg';
is $stored->('c4'), 1;
is $t->db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0;

done_testing;
