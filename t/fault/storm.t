#!/usr/bin/perl
# alone

# A storm: signed events from 64 connections while workers are killed, nginx is
# reloaded, PostgreSQL is restarted, frozen and failed over, its standby lags,
# the journal's disk fills, and Tavus misbehaves.  What was acknowledged is
# compared with what is stored in the end.
#
# The order of faults comes from TAVUS_STORM_SEED, which is printed.
# TAVUS_STORM_EVENTS (30,000), TAVUS_STORM_RELOADS (8) and TAVUS_STORM_ROUNDS
# (1) say how much of it; ./build.sh storm gives it a million.

use lib 't/lib';
use List::Util qw(max shuffle sum);
use Tavus::Test;
use Tavus::Test::Fault qw(open_files rss);
use Tavus::Test::Pg;
use Tavus::Test::Process qw(new_dir pause);
use Tavus::Test::Storm;
use Time::HiRes qw(time);

my $EVENTS = $ENV{TAVUS_STORM_EVENTS} // 30_000;
my $RELOADS = $ENV{TAVUS_STORM_RELOADS} // 8;
my $ROUNDS = $ENV{TAVUS_STORM_ROUNDS} // 1;
my $SEED = $ENV{TAVUS_STORM_SEED} // time % 1_000_000;
my $KILLS = 10 * $ROUNDS;
my $DISK = 256;                         # MB

# seconds that no page may wait
my $STALL = 0.5;

srand $SEED;
diag "TAVUS_STORM_SEED=$SEED";

local $SIG{INT} = local $SIG{TERM} = sub { exit 1 };    # so that END runs
my $disk = new_dir();
my $mounted = !$> && system('mount', '-t', 'tmpfs', '-o',
    "size=${DISK}m,mode=0711", 'tmpfs', $disk) == 0;
END { system('umount', '-l', $disk) if $mounted && $disk }

my ($primary, $standby) = (Tavus::Test::Pg->new);
$standby = Tavus::Test::Pg->new(from => $primary);
my @pg = ($primary, $standby);

my $t = Tavus::Test->new(db => $primary, workers => 2, log_level => 'notice',
    http => {
        tavus_database => '"' . $primary->conninfo_of($standby) . '"',
        tavus_journal => "$disk/journal",
        tavus_api_timeout => '1s',
    })->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
$primary->synchronous;

# ---- what has happened, for who reads of a failure ---------------------------

my @told;
sub tell_of ($what) {
    push @told, [time, $what];
    note sprintf '%5.1f s %s', time - $told[0][0], $what;
    return;
}

sub told_at ($time) {
    my @before = grep { $_->[0] <= $time } @told;
    return $before[-1] ? $before[-1][1] : 'begin';
}

# ---- the load, and progress under it -----------------------------------------

my $load = Tavus::Test::Storm::Load->new($t, connections => 64,
    name => "storm-$SEED");
my $visitors = Tavus::Test::Storm::Visitors->new($t);
my $watch = Tavus::Test::Storm::Watch->new($t);
my $begin = time;

my ($steps, $points, $broken) = (0, 0, 0);
my (@disturbances, %did);

# Progress: so many more are acknowledged, and before that a worker may be
# killed or nginx reloaded.
sub goes_on ($what, $calm = 0) {
    tell_of($what);
    disturb(shift @disturbances) if !$calm && @disturbances;
    my $from = $load->count->{acked};
    my $share = max(200, int $EVENTS / $points);
    return if wait_for { $load->count->{acked} >= $from + $share } 90;
    $broken++;
    fail "it goes on: $what";
    diag join ', ', map { "$_: " . $load->count->{$_} }
        sort keys $load->count->%*;
    return;
}

sub disturb ($how) {
    return if $how eq 'nothing';
    $did{$how}++;
    tell_of("  $how");
    return $t->kill_worker('KILL') if $how eq 'kill';
    return $t->reload;
}

# ---- faults --------------------------------------------------------------------

# The standby takes over; who was the primary becomes its standby.
sub fail_over () {
    tell_of('promotion');
    $standby->promote;
    goes_on('the standby is the primary');
    $primary->kill;
    goes_on('the former one is gone');
    ($primary, $standby) = ($standby, $primary);
    $standby->follow($primary);
    $primary->synchronous;
    return;
}

# Many commits wait for a standby that is not there.
sub commits_wait () {
    wait_for { $primary->db->selectrow_array(q{SELECT count(*) > 0
        FROM pg_stat_activity WHERE wait_event = 'SyncRep'}) } 20
        or fail 'commits wait for the standby';
    return;
}

my %fault = (
    restart => sub {
        $primary->stop;
        goes_on('PostgreSQL stopped');
        $primary->start;
        goes_on('PostgreSQL started');
    },
    crash => sub {
        $primary->kill;
        goes_on('PostgreSQL killed');
        $primary->start;
        goes_on('PostgreSQL recovered');
    },
    frozen => sub {
        $primary->freeze;
        goes_on('PostgreSQL frozen');
        goes_on('PostgreSQL still frozen');
        $primary->thaw;
        goes_on('PostgreSQL thawed');
    },
    standby_lags => sub {
        $standby->freeze;
        commits_wait();
        goes_on('the standby frozen');
        $standby->thaw;
        goes_on('the standby thawed');
    },
    cancelled => sub {
        $standby->freeze;
        commits_wait();
        $primary->db->do(q{SELECT pg_cancel_backend(pid)
            FROM pg_stat_activity WHERE wait_event = 'SyncRep'});
        goes_on('commits cancelled while the standby is frozen');
        $standby->thaw;
        goes_on('the standby thawed after that');
    },
    terminated => sub {
        $primary->db->do(q{SELECT pg_terminate_backend(pid)
            FROM pg_stat_activity WHERE usename = 'tavus_app'});
        goes_on('sessions terminated');
    },
    failover => sub {
        $primary->kill;
        goes_on('the primary killed');
        fail_over();
    },
    # it comes back while the other one is the primary already
    failover_frozen => sub {
        $primary->freeze;
        goes_on('the primary frozen');
        tell_of('promotion');
        $standby->promote;
        goes_on('the standby is the primary, the former one frozen');
        $primary->thaw;
        goes_on('two primaries, one of them without a standby');
        $primary->kill;
        goes_on('the former one is gone');
        ($primary, $standby) = ($standby, $primary);
        $standby->follow($primary);
        $primary->synchronous;
    },
    # what it shows after its restart is nowhere else
    failover_unreplicated => sub {
        $standby->kill;
        commits_wait();
        goes_on('the standby killed');
        $primary->kill->start;
        goes_on('the primary restarted without its standby');
        $primary->kill;
        goes_on('the primary killed, too');
        $standby->start;
        fail_over();
    },
    disk => sub {
        return unless $mounted;
        $primary->stop;
        tell_of('the disk fills');
        open my $fh, '>', "$disk/ballast" or die $!;
        my $refused = $load->count->{refused};
        my $mb = 'x' x 1_048_576;
        wait_for {
            1 while syswrite $fh, $mb;
            $load->count->{refused} > $refused + 128;
        } 60 or do { $broken++; fail 'a full disk is told by 503' };
        disturb(shift @disturbances) if @disturbances;
        close $fh;
        unlink "$disk/ballast";
        goes_on('the disk has room again');
        $primary->start;
        goes_on('PostgreSQL started after that');
    },
);

my @misbehaviour = (
    {kind => 'hang', after => 1}, {kind => 'hang'},
    {kind => 'status', status => 500}, {kind => 'status', status => 500, after => 1},
    {kind => 'reset', after => 1}, {kind => 'garbage', after => 1},
    {kind => 'cut', after => 1}, {kind => 'delay', ms => 700},
);

sub misbehave () {
    my $how = $misbehaviour[rand @misbehaviour];
    $t->sandbox->no_faults;
    $t->sandbox->fault(path => '/v2/conversations', times => 5, %$how);
    return;
}

# ---- the storm -------------------------------------------------------------------

my @schedule = map { shuffle(sort keys %fault) } 1 .. $ROUNDS;
@disturbances = shuffle(('reload') x $RELOADS, ('kill') x $KILLS);
$points = max(scalar(@disturbances), 28 * $ROUNDS) + 1;

goes_on('begins', 1);
for my $name (@schedule) {
    last if $broken;
    tell_of("-- $name");
    misbehave();
    $fault{$name}->();
}
while (@disturbances && !$broken) { goes_on('calm') }
wait_for { $load->count->{acked} >= $EVENTS } 600 unless $broken;

# Nobody dies any more: the workers' memory and descriptors are compared
# around all that PostgreSQL can do to them.
sub sizes () {
    return {map { $_ => [open_files($_), rss($_)] } $t->workers, $t->pid};
}
my (%before, %after);
if (!$broken) {
    tell_of('-- the same workers');
    $t->sandbox->no_faults;
    $t->reload;
    goes_on('warm', 1) for 1, 2;
    %before = sizes()->%*;
    @disturbances = ();
    $fault{$_}->() for qw(restart frozen standby_lags terminated);
    goes_on('warm again', 1) for 1, 2;
    %after = sizes()->%*;
}

tell_of('the end');
ok $load->stop, 'every sender has its answer';
my $took = time - $begin;
my $did = $visitors->stop;
$t->sandbox->no_faults;
my $page = $watch->stop;
my $count = $load->count;

ok !$broken, 'events are acknowledged whatever happens';
is $did{reload} // 0, $RELOADS, "reloads: $RELOADS";
note sprintf '%d events acknowledged in %d s, %d a second; %d answers 503, '
    . '%d connections cut', $count->{acked}, $took, $count->{acked} / $took,
    $count->@{qw(refused cut)};
note join ', ', map { "$_: $did->{count}{$_}" } sort keys $did->{count}->%*;

# ---- acknowledged is durable, and once -------------------------------------------

wait_ok { !(() = glob "$disk/journal/*.journal") } 'the journal is replayed',
    120;
is_deeply [map { s{.*/}{}r } glob "$disk/journal/*"], [],
    'and nothing of it set aside';

my $db = $primary->db;
$db->do('CREATE TEMP TABLE acked (at float8, conversation_id text COLLATE "C",
    event_type text COLLATE "C")');
$db->do('COPY acked FROM STDIN');
$load->acked(sub ($lines) { $db->pg_putcopydata($lines) });
$db->pg_putcopyend;
$db->do('CREATE TEMP TABLE stored AS
    SELECT conversation_id, event_type, count(*) FROM tavus.events
     WHERE conversation_id LIKE ? GROUP BY 1, 2', {}, "storm-$SEED-%");
$db->do('ANALYZE acked, stored');

sub none ($name, $sql) {
    my $rows = $db->selectall_arrayref($sql);
    ok !@$rows, $name or diag scalar(@$rows) . " broke it:\n",
        map { sprintf "  %s %s, %.1f s after the beginning: %s\n",
            $_->@[0, 1], $_->[2] - $begin, told_at($_->[2]) }
        grep { defined } @$rows[0 .. 19];
    return;
}

is $db->selectrow_array('SELECT count(*) FROM acked'), $count->{acked},
    "the ledger has all: $count->{acked}";
none('nothing that was acknowledged is lost', 'SELECT conversation_id,
    event_type, at FROM acked a WHERE NOT EXISTS (SELECT FROM stored s
     WHERE (s.conversation_id, s.event_type)
         = (a.conversation_id, a.event_type)) ORDER BY at');
none('nothing is stored twice', 'SELECT s.conversation_id, s.event_type,
    coalesce(a.at, 0) FROM stored s LEFT JOIN acked a
     USING (conversation_id, event_type) WHERE s.count > 1 ORDER BY 3');
cmp_ok $db->selectrow_array('SELECT count(*) FROM stored s WHERE NOT EXISTS (
    SELECT FROM acked a WHERE (a.conversation_id, a.event_type)
        = (s.conversation_id, s.event_type))'), '<=', 64,
    'and nothing that no sender has given up waiting for';
is $db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0,
    'nothing is in quarantine';
none('events and conversations agree', q{SELECT s.conversation_id,
    s.event_type, 0 FROM stored s LEFT JOIN tavus.conversations c
        ON c.id = s.conversation_id
     WHERE c.id IS NULL
        OR s.event_type = 'system.shutdown' AND NOT c.ended
        OR s.event_type = 'system.replica_joined' AND c.started_id IS NULL
        OR s.event_type = 'application.transcription_ready'
           AND c.transcript_id IS NULL});

# ---- answers, alerts, standstills ------------------------------------------------

is_deeply [$load->odd], [], 'no answer but 200 and the designed 503'
    or diag map { "  $_: " . told_at((split / /)[0]) . "\n" } $load->odd;
is_deeply $did->{odd}, [], 'visitors have no other either, or 502';
is_deeply [grep { /\[crit\]/ && !/ journal ".*No space left/ }
    split /\n/, $t->error_log], [], 'nothing is critical but a full disk';
is_deeply $page->{odd}, [], 'the page is there';

# that the machine has no CPU for nginx is nobody's promise
my @stalls = grep { $_->[1] - $_->[2] >= $STALL } $page->{slow}->@*;
ok !@stalls, 'no page waits for 500 ms'
    or diag map { sprintf "  %.2f s (%.2f s of them without a CPU): %s\n",
        $_->@[1, 2], told_at($_->[0]) } @stalls;
note sprintf 'pages: %d, the slowest %.0f ms, %d asked again', $page->{count},
    $page->{worst} * 1000, $page->{cut};
note sprintf '  %.2f s, %.2f s of them without a CPU: %s', $_->@[1, 2],
    told_at($_->[0]) for $page->{slow}->@*;

# ---- what a create that went wrong has left --------------------------------------

my $active = sub {
    my %is = map { $_->{conversation_id} => 1 }
        $t->sandbox->conversations('active');
    my @lost = grep { !$is{$_} && !$did->{ended}{$_} } keys $did->{created}->%*;
    my @left = grep { !$did->{created}{$_} || $did->{ended}{$_} } keys %is;
    return (\@lost, \@left);
};
wait_ok { !$active->()->[0] && !($active->())[1]->@* }
    'conversations that nobody knows of are ended', 150
    or diag join ' ', map { "@$_" } $active->();
is_deeply [grep { !$db->selectrow_array('SELECT count(*) FROM
    tavus.conversations WHERE id = ? AND url IS NOT NULL', {}, $_) }
    sort keys $did->{created}->%*], [], 'those that were given out are recorded';

# ---- descriptors and memory ------------------------------------------------------

for my $pid (sort { $a <=> $b } keys %before) {
    my $who = $pid == $t->pid ? 'master' : 'worker';
    ok $after{$pid}, "$who $pid lives" or next;
    note sprintf '%s: %d descriptors and %.1f MB, then %d and %.1f MB', $who,
        $before{$pid}[0], $before{$pid}[1] / 1e6, $after{$pid}[0],
        $after{$pid}[1] / 1e6;
}

done_testing;
