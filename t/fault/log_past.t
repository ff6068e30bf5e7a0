#!/usr/bin/perl

# Events that were stored before there was a log: sql/install.sql puts them into
# it while intake goes on, waits for who may still store without the log, goes
# on where it was killed, and who reads from the beginning reads all of them
# once, those of before first and by id.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Log qw(event_id store);
use Tavus::Test::Pg;
use Tavus::Test::Process qw($ROOT alive slurp spawn stop_process);

my $EVENTS = $ENV{TAVUS_LOG_PAST_EVENTS} // 100_000;

my $pg = Tavus::Test::Pg->new(
    config => ['max_prepared_transactions=5', 'max_wal_size=4GB']);
my $db = $pg->db;

# as if it were the functions' turn now
my $record = $db->selectrow_array(
    q{SELECT pg_get_functiondef('tavus.record'::regproc)});
$record =~ s/^ *IF tavus\.log_lock\(\).*?END IF;\n//ms;
$record =~ s/^ *IF cardinality\(fresh\) <= 100 THEN.*?END IF;\n//ms;
unlike $record, qr/\.log/, 'without the log';
$db->do($record);
$db->do('UPDATE tavus.log_past SET whole = false');
sub months () { $db->selectrow_array('SELECT months FROM tavus.log_past')->@* }
$db->do(q{UPDATE tavus.log_past SET months = '{}'});

$db->do(q{INSERT INTO tavus.events
    SELECT overlay(overlay(tavus.uuid_floor(now() - interval '50 days'
           + n * interval '50 days' / $1)::text PLACING '7' FROM 15 FOR 1)
               PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, now(), 0, 'tavus',
           'a.b', NULL, NULL, '{}'
      FROM generate_series(1, $1) n ON CONFLICT DO NOTHING}, {}, $EVENTS);

# of those who began before, one that is open, one that is prepared
my ($open, $prepared, $now) = map { $pg->connect(user => 'tavus_app') } 1 .. 3;
$open->begin_work;
store($open, event_id());
$prepared->begin_work;
store($prepared, event_id());
$prepared->do(q{PREPARE TRANSACTION 'of before'});
# and somebody who only reads, to the end
my $reader = $pg->connect;
$reader->begin_work;
$reader->do('SELECT count(*) FROM tavus.events');

sub install ($n) {
    return spawn(['psql', '-XAtq', '-h', $pg->socket_dir, '-p', $pg->port,
        '-U', 'postgres', '-d', 'tavus', '-f', "$ROOT/sql/install.sql"],
        user => 'postgres', out => $pg->dir . "/install.$n.log");
}
sub asks ($what) { return $db->selectrow_array(
    'SELECT count(*) FROM pg_stat_activity WHERE query ~ ? AND pid <> ?', {},
    "SELECT .*tavus.$what", $db->{pg_pid}) }

my $install = install(1);
wait_ok { asks('past_wait') } 'those of before are waited for', 60;
store($now, event_id()) for 1 .. 5;
my $first = Tavus::Test::Log->new;
is scalar($first->drain($db)), 0, 'who reads from the beginning waits, too';
$db->selectrow_array(q{SELECT tavus.cursor_make('end')});
store($now, event_id()) for 1 .. 5;
is $db->selectrow_array(q{SELECT count(*) FROM tavus.tail('end', 100)}), 5,
    'who reads from now on does not';
$open->commit;
ok asks('past_wait'), 'the prepared one is left';

# killed at the end of the second month, which is held up there
my $lock = $pg->connect;
$lock->do(q{SELECT pg_advisory_lock(77, 77)});
$db->do(q{CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF cardinality(OLD.months) = 1 THEN
            PERFORM pg_advisory_xact_lock(77, 77);
        END IF;
        RETURN NEW;
    END $$});
$db->do(q{CREATE TRIGGER hold BEFORE UPDATE ON tavus.log_past
    FOR EACH ROW EXECUTE FUNCTION public.hold()});
$db->do(q{COMMIT PREPARED 'of before'});
wait_ok { $db->selectrow_array(q{SELECT count(*) FROM pg_locks
    WHERE classid = 77 AND NOT granted}) } 'it comes to the second month', 60;
is scalar(my @done = months()), 1, 'one month is done';
stop_process($install);
$db->do(q{SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE classid = 77 AND NOT granted});
$lock->disconnect;
wait_ok { !asks('past_add') } 'and the installer dies in the next';
store($now, event_id()) for 1 .. 5;
is scalar($first->drain($db)), 0, 'who reads from the beginning still waits';

my $again = install(2);
wait_ok { !alive($again) } 'it is run again', 300;
is slurp($pg->dir . '/install.2.log'), '', 'without a word';
ok $db->selectrow_array('SELECT whole FROM tavus.log_past'), 'to the end';

my @ids = $first->drain($db);
my $all = $db->selectcol_arrayref('SELECT id FROM tavus.events ORDER BY id');
is scalar(@ids), scalar(@$all), @ids . ' are read';
ok join(' ', sort @ids) eq join(' ', @$all), 'each once';
my @late = splice @ids, -15;
ok join(' ', @ids) eq join(' ', sort @ids), 'those of before by id';
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events WHERE id = ANY (?)
    AND body = '{}'}, {}, '{' . join(',', @late) . '}'), 15, 'then those of now';

my $size = $db->selectrow_array(q{SELECT pg_table_size('tavus.log')});
my $third = install(3);
wait_ok { !alive($third) } 'a third time', 60;
is $db->selectrow_array(q{SELECT pg_table_size('tavus.log')}), $size,
    'nothing is left to do';

$reader->rollback;
done_testing;
