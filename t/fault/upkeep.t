#!/usr/bin/perl

# Upkeep beside everything that locks: months are made, each step of cleaning
# fails by itself, and nobody of intake waits for longer than a try.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new(config => ['max_prepared_transactions=2',
    'log_lock_waits=on', 'deadlock_timeout=250ms', 'lc_messages=C']);
my $t = Tavus::Test->new(db => $pg, sandbox => 0,
    http => {tavus_retention => '60d browser=30d'},
    locations => {'= /healthz' => 'tavus_health; tavus_admin_users '
        . '%%SECRETS%%/admin.htpasswd;'});
my $full = sub {
    $t->get('/healthz?full', $t->admin_headers)->json->{database};
};
my $failed = sub { join ',', ($full->()->{upkeep_failed} // [])->@* };
my $month = sub ($n) {
    $pg->db->selectrow_array(q{SELECT to_char(date_trunc('month', now()
        AT TIME ZONE 'UTC') + ? * interval '1 month', '"events_p"YYYYMM')},
        {}, $n);
};
my $there = sub ($n) {
    $pg->db->selectrow_array(q{SELECT count(*) FROM pg_inherits
        WHERE inhrelid = to_regclass('tavus.' || ?)}, {}, $month->($n));
};

# ---- what locks, all at once

my %lock = map { $_ => $pg->connect } qw(digests digests_before quarantine
    intents conversations);
my $reader = $pg->connect;
my $index = $pg->connect;
my $two_phase = $pg->connect;

$pg->db->do('DROP TABLE tavus.' . $month->($_)) for 1, 2, 3;
$pg->db->do('SET ROLE tavus_owner');
$pg->db->do(q{SELECT tavus.add_partition(date_trunc('month', now()
    AT TIME ZONE 'UTC') - ? * interval '1 month')}, {}, $_) for 6, 7, 8;
$pg->db->do('RESET ROLE');
$pg->db->do(q{INSERT INTO tavus.events SELECT overlay(tavus.uuid_floor(now()
    - interval '40 days' + n * interval '1 ms')::text PLACING '7' FROM 15
    FOR 1)::uuid, now(), 2, 'browser', 'page_view', NULL, NULL, ''
    FROM generate_series(1, 9000) n});
$pg->db->do(q{UPDATE tavus.digests_round
    SET begun_at = now() - interval '91 days'});

for my $table (sort keys %lock) {
    $lock{$table}->begin_work;
    $lock{$table}->do("LOCK TABLE tavus.$table IN ACCESS EXCLUSIVE MODE");
}
$reader->do('BEGIN ISOLATION LEVEL REPEATABLE READ');
$reader->do('SELECT count(*) FROM tavus.events');
$index->begin_work;
$index->do('CREATE INDEX ON tavus.' . $month->(-1) . ' (received_at)');
$two_phase->begin_work;
$two_phase->do(q{INSERT INTO tavus.events SELECT overlay(tavus.uuid_floor(
    now())::text PLACING '7' FROM 15 FOR 1)::uuid, now(), 0, 'tavus', 'a.b',
    NULL, NULL, ''});
$two_phase->do(q{PREPARE TRANSACTION 'upkeep'});

$t->start;
wait_ok { $there->(1) && $there->(2) && $there->(3) } 'months are made';
wait_ok { $failed->() eq 'old months,digests,browser,quarantine,intents,'
    . 'conversations' } 'and nothing else is done, which health tells';
wait_ok { $t->grep_log(qr/not be maintained: quarantine: .* lock timeout/) }
    'the log says why';
wait_ok { $t->grep_log(qr/database is maintained: digests: .*"waiting"/) }
    'the log says so';
ok $there->(-8), 'the reader keeps old months';

$_->rollback for values %lock, $index;
$pg->db->do(q{ROLLBACK PREPARED 'upkeep'});

# ---- a long reader alone, and intake

my $n = 0;
my $bad = 0;
my $send = sub {
    my $code = $t->webhook(tavus_event('system.replica_joined', 'c' . ++$n,
        {}, $n % 2 ? () : (timestamp => 'none')))->code;
    $bad++ if $code != 200;
};
my $rounds = sub { scalar $t->grep_log(qr/is maintained: conversations/) };

my $before = $rounds->();
my $log = length $pg->log;
$t->reload(drained => 1);
wait_ok { $send->(); $rounds->() > $before } 'cleaned again', 30;
is $failed->(), 'old months', 'all but what is read';
ok $there->(-8), 'which is still there';
is $pg->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE source = 'browser'}), 0, 'browsers: more than a bite';
is $pg->db->selectrow_array(q{SELECT count(*) FROM tavus.digests_round
    WHERE begun_at > now() - interval '1 day'}), 1, 'digests';

$reader->do('ROLLBACK');
$before = $rounds->();
$t->reload(drained => 1);
wait_ok { $send->(); $rounds->() > $before } 'cleaned when nobody reads', 30;
is $failed->(), '';
ok !$there->(-$_), "month $_ is dropped" for 6, 7, 8;
is $bad, 0, 'every event was taken';
unlike substr($pg->log, $log), qr/still waiting for/, 'and none waited';

# as the log would tell
my $late = $pg->connect;
$late->begin_work;
$late->do('LOCK TABLE tavus.events IN ACCESS EXCLUSIVE MODE');
my $pid = fork // die;
if (!$pid) {
    my $db = $pg->connect;
    $db->do('SELECT count(*) FROM tavus.events');
    require POSIX;
    POSIX::_exit(0);
}
wait_ok { $pg->log =~ /still waiting for AccessShareLock/ } 'who waits';
$late->rollback;
waitpid $pid, 0;

# ---- a bite that is too large for its time

$pg->db->do(q{ALTER FUNCTION tavus.trim RENAME TO trim_hidden});
$pg->db->do(q{CREATE FUNCTION tavus.trim(text, interval, bite int, after text)
    RETURNS text LANGUAGE plpgsql AS $$ BEGIN
        IF after = 'x' THEN RAISE 'bite of %', bite USING ERRCODE = '57014';
        END IF;
        RETURN json_build_object('trimmed', bite, 'after', 'x');
    END $$});
$pg->db->do('GRANT EXECUTE ON FUNCTION tavus.trim TO tavus_app');
$pg->db->do('DROP TABLE tavus.' . $month->(3));
$t->reload(drained => 1);
# each step, when the round has come to it
wait_ok { $failed->() eq 'browser,quarantine,intents,conversations,elsewhere,'
    . 'consents,log,deliveries,leads,alerts,orders,purchases,stats,line,budget' } 'too large', 20;
like join("\n", $t->grep_log(qr/bite of/)), qr/browser:[ ]bite[ ]of[ ]2000\b.*
    quarantine:[ ]bite[ ]of[ ]1000\b.*intents:[ ]bite[ ]of[ ]500\b/xs,
    'is smaller the next time';
ok $there->(3), 'and months are made';

done_testing;
