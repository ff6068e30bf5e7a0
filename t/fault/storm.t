#!/usr/bin/perl
# alone

# A storm: signed events from 64 connections while workers are killed, nginx is
# reloaded with zones in another order, other keys and the journal in another
# folder, PostgreSQL is restarted, frozen and failed over, its standby lags,
# the journal's disk fills, and Tavus misbehaves.  One of two nodes reaches the
# database through PgBouncer.  What was acknowledged is compared with what is
# stored in the end.
#
# The order of faults comes from TAVUS_STORM_SEED, which is printed: always the
# same here, so that what fails is the change, and any in ./build.sh storm.
# TAVUS_STORM_EVENTS (20,000), TAVUS_STORM_RELOADS (8) and TAVUS_STORM_ROUNDS
# (1) say how much of it; ./build.sh storm gives it a million.

use lib 't/lib';
use List::Util qw(max shuffle sum);
use Tavus::Test;
use Tavus::Test::Fault qw(open_files rss);
use Tavus::Test::Pg;
use Tavus::Test::PgBouncer;
use Tavus::Test::Process qw(new_dir pause);
use Tavus::Test::Storm;
use Time::HiRes qw(time);

my $EVENTS = $ENV{TAVUS_STORM_EVENTS} // 20_000;
my $RELOADS = $ENV{TAVUS_STORM_RELOADS} // 8;
my $ROUNDS = $ENV{TAVUS_STORM_ROUNDS} // 1;
my $SEED = $ENV{TAVUS_STORM_SEED} // 602_959;
my $KILLS = 10 * $ROUNDS;
my $DISK = 256;                         # MB

# seconds that no page may wait
my $STALL = 0.5;

diag "TAVUS_STORM_SEED=$SEED";

local $SIG{INT} = local $SIG{TERM} = sub { exit 1 };    # so that END runs
my $disk = new_dir();
my $mounted = !$> && system('mount', '-t', 'tmpfs', '-o',
    "size=${DISK}m,mode=0711", 'tmpfs', $disk) == 0;
END { system('umount', '-l', $disk) if $mounted && $disk }

# so that a crash is recovered from in seconds
my @config = (config => ['checkpoint_timeout=30s']);
my $primary = Tavus::Test::Pg->new(@config);
my $standby = Tavus::Test::Pg->new(@config, from => $primary);

my %site = (db => $primary, log_level => 'notice');
my %http = (tavus_database => '"' . $primary->conninfo_of($standby) . '"',
    tavus_api_timeout => '1s');
my $t = Tavus::Test->new(%site, workers => 2,
    http => {%http, tavus_journal => "$disk/one"})->start;

# another node, which shares the database, but has a pooler before each server
my @poolers = map { Tavus::Test::PgBouncer->new($_, pool_mode => 'session',
    default_pool_size => 50, server_login_retry => 1) } $primary, $standby;
my $other = Tavus::Test->new(%site, sandbox => $t->sandbox,
    http => {%http, tavus_journal => "$disk/two", tavus_database => '"'
        . Tavus::Test::Pg::conninfo_of(@poolers) . '"'})->start;
my @nodes = ($t, $other);
$_->{zones} = {$_->http_defaults}->{tavus_limit_zone} for @nodes;
for my $node (@nodes) {
    wait_ok { $node->get('/healthz')->code == 200 } 'ready', 30;
}
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

my $load = Tavus::Test::Storm::Load->new(nodes => \@nodes,
    name => "storm-$SEED");
my @loads = $load;
my $visitors = Tavus::Test::Storm::Visitors->new($t);
my @watches = map { Tavus::Test::Storm::Watch->new($_) } @nodes;
my $begin = time;

my ($points, $broken) = (1);
my (@disturbances, %did, @refused, $seen);

# Progress: so many more are acknowledged, and before that a worker may be
# killed or nginx reloaded.  None is refused but where the disk is full.
sub goes_on ($what, %opt) {
    tell_of($what);
    disturb(shift @disturbances) if @disturbances && !$opt{calm};
    my $from = $load->count;
    my $share = max(200, int $EVENTS / $points);
    my $came = wait_for { $load->count->{acked} >= $from->{acked} + $share } 90;
    my $now = $load->count;
    note join ', ', '        ' . ($now->{acked} - $from->{acked})
        . ' acknowledged', map { $now->{$_} - $from->{$_} . " $_" }
        grep { $now->{$_} > $from->{$_} } qw(refused cut odd);
    push @refused, $what if $now->{refused} > ($seen // 0) && !$opt{full};
    $seen = $now->{refused};
    $came or $broken = !fail "it goes on: $what";
    return;
}

sub disturb ($how) {
    my $node = $nodes[$did{$how}++ % @nodes];
    tell_of("  $how");
    return $node->kill_worker('KILL') if $how eq 'kill';
    change($node);
    return $node->reload;
}

# Zones and the keys that only verify change their order, the journal its folder;
# a key is last first, then in front, and stays for some reloads.
sub change ($node) {
    my $turn = ++$did{"change $node"};
    my @keys = map { "r$_" } grep { $_ > 0 } $turn - 5 .. $turn - 2;
    my $home = $node == $t ? 'one' : 'two';
    my @zones = $node->{zones}->@*;
    $node->configure(http => {
        tavus_journal => "$disk/$home" . ($turn % 2 ? '-moved' : ''),
        tavus_limit_zone => [$turn % 2 ? reverse @zones : @zones],
        tavus_webhook_secret => [map {
            'file:' . $node->secret($_, $_ eq 'k1' ? $node->webhook_secret
                : "the secret $_ of the storm") . " id=$_"
        } ($turn > 1 ? 'r' . ($turn - 1) : ()), shuffle('k1', @keys),
            "r$turn"],
    });
    return;
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
        } 60 or $broken = !fail 'a full disk is told by 503';
        disturb(shift @disturbances) if @disturbances;
        close $fh;
        unlink "$disk/ballast";
        goes_on('the disk has room again', full => 1);
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

sub misbehave ($how) {
    $t->sandbox->no_faults;
    $t->sandbox->fault(path => '/v2/conversations', times => 5, %$how);
    return;
}

# ---- the storm -------------------------------------------------------------------

srand $SEED;
my @schedule = map { shuffle(sort keys %fault) } 1 .. $ROUNDS;
my @moods = map { $misbehaviour[rand @misbehaviour] } @schedule;
@disturbances = shuffle(('reload') x $RELOADS, ('kill') x $KILLS);
$points = max(scalar(@disturbances), 28 * $ROUNDS) + 1;

goes_on('begins', calm => 1);
for my $name (@schedule) {
    last if $broken;
    tell_of("-- $name");
    misbehave(shift @moods);
    $fault{$name}->();
}
while (@disturbances && !$broken) { goes_on('calm') }
wait_for { $load->count->{acked} >= $EVENTS } 600 unless $broken;

ok $load->stop, 'every sender has its answer';
my $took = time - $begin;
my $did = $visitors->stop;
$t->sandbox->no_faults;
tell_of('the end');

sub replayed ($name) {
    wait_ok { !(() = glob "$disk/*/*.journal") } $name, 120;
    return;
}
replayed('the journals are replayed');
ok !$broken, 'events are acknowledged whatever happens';
is $did{reload} // 0, $RELOADS, "reloads: $RELOADS";
is_deeply \@refused, [], 'none is refused unless the disk is full';

# ---- what a create that went wrong has left --------------------------------------

# At Tavus a conversation that nobody enters ends by itself after a minute.
my $active = sub {
    my @id = map { $_->{conversation_id} } $t->sandbox->conversations('active');
    return grep { !$did->{created}{$_} || $did->{ended}{$_} } @id;
};

# nobody creates any more: who is due some time is due now
$primary->db->do('UPDATE tavus.intents SET due_at = now()
    WHERE due_at IS NOT NULL');
wait_ok { !$active->() } 'conversations that nobody knows of are ended', 120
    or diag join ' ', $active->();
is_deeply [grep { $did->{created}{$_} && !$did->{ended}{$_} }
    map { $_->{path} =~ m{^/v2/conversations/([^/]+)/end} ? $1 : () }
    $t->sandbox->calls('/v2/conversations/')], [], 'and no others';
is_deeply [grep { !$primary->db->selectrow_array('SELECT count(*) FROM
    tavus.conversations WHERE id = ? AND url IS NOT NULL', {}, $_) }
    sort keys $did->{created}->%*], [], 'those that were given out are recorded';

# ---- descriptors and memory ------------------------------------------------------

# Nobody dies any more: what PostgreSQL may do to workers leaves nothing in
# them.  Their clients are gone when this is measured;
# those that only look at a page come and go meanwhile.
sub sizes () {
    my %least;
    for (1 .. 50) {
        for my $pid (map { ($_->pid, $_->workers) } @nodes) {
            my $files = open_files($pid);
            $least{$pid} = [$files, rss($pid)]
                if !$least{$pid} || $files <= $least{$pid}[0];
        }
        pause(0.01);
    }
    return \%least;
}
sub calm_load () {
    $seen = 0;
    $load = Tavus::Test::Storm::Load->new(nodes => \@nodes,
        name => "storm-$SEED-" . @loads);
    push @loads, $load;
    return;
}

# what was not found at Tavus would be looked for again, for an hour, and the
# sandbox keeps connections on which it has sent callbacks
$primary->db->do('UPDATE tavus.intents SET due_at = NULL');
$t->sandbox->stop;

tell_of('-- the same workers');
@disturbances = ();
$_->reload(drained => 1) for @nodes;
wait_ok { $_->get('/healthz')->code == 200 } 'ready', 30 for @nodes;
calm_load();
goes_on('warm') for 1, 2;
$load->stop;
replayed('nothing to replay');
my $before = sizes();

calm_load();
for (qw(restart frozen standby_lags terminated)) {
    last if $broken;
    tell_of("-- $_");
    $fault{$_}->();
}
$load->stop;
replayed('replayed again');
my $after;
wait_ok {
    $after = sizes();
    !grep { !$after->{$_} || $after->{$_}[0] > $before->{$_}[0] } keys %$before;
} 'no process has more descriptors than before', 20
    or diag map { join "\n  ", "$_ has", map({ readlink } glob "/proc/$_/fd/*"),
        '' } keys %$before;
SKIP: {
    skip 'the address sanitizer keeps what is freed; memory_slope.t tells', 1
        if defined $ENV{ASAN_OPTIONS};

    for my $pid (sort { $a <=> $b } keys %$before) {
        my ($was, $is) = ($before->{$pid}[1], ($after->{$pid} // [0, 9e9])->[1]);
        cmp_ok $is - $was, '<', 8_000_000, sprintf
            'process %d: %.1f MB, and now %.1f MB', $pid, $was / 1e6, $is / 1e6;
    }
}

# ---- acknowledged is durable, and once -------------------------------------------

is_deeply [map { s{.*/}{}r } glob "$disk/*/*"], [],
    'nothing of the journals is set aside';

my $db = $primary->db;
$db->do('CREATE TEMP TABLE acked (at float8, conversation_id text COLLATE "C",
    event_type text COLLATE "C")');
$db->do('COPY acked FROM STDIN');
$_->acked(sub ($lines) { $db->pg_putcopydata($lines) }) for @loads;
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

my $acked = sum map { $_->count->{acked} } @loads;
is $db->selectrow_array('SELECT count(*) FROM acked'), $acked,
    "the ledger has all: $acked";
my $sum = $loads[0]->count;
note sprintf '%d of them in %d s, %d a second; %d answers 503, %d cut',
    $sum->{acked}, $took, $sum->{acked} / $took, $sum->@{qw(refused cut)};
note join ', ', map { "$_: $did->{count}{$_}" } sort keys $did->{count}->%*;
none('nothing that was acknowledged is lost', 'SELECT conversation_id,
    event_type, at FROM acked a WHERE NOT EXISTS (SELECT FROM stored s
     WHERE (s.conversation_id, s.event_type)
         = (a.conversation_id, a.event_type)) ORDER BY at');
none('nothing is stored twice', 'SELECT s.conversation_id, s.event_type,
    coalesce(a.at, 0) FROM stored s LEFT JOIN acked a
     USING (conversation_id, event_type) WHERE s.count > 1 ORDER BY 3');
cmp_ok $db->selectrow_array('SELECT count(*) FROM stored s WHERE NOT EXISTS (
    SELECT FROM acked a WHERE (a.conversation_id, a.event_type)
        = (s.conversation_id, s.event_type))'), '<=', 64 * @loads,
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

my @odd = map { $_->odd } @loads;
is_deeply \@odd, [], 'no answer but 200 and the designed 503'
    or diag map { "  $_: " . told_at((split / /)[0]) . "\n" } @odd;
is_deeply $did->{odd}, [], 'visitors have no other either, or 502';
is_deeply [grep { /\[crit\]/ && !/ journal ".*No space left/ }
    map { split /\n/, $_->error_log } @nodes], [],
    'nothing is critical but a full disk';

# that the machine has no CPU for nginx is nobody's promise
for my $page (map { $_->stop } @watches) {
    is_deeply $page->{odd}, [], 'the page is there';
    my @stalls = grep { $_->[1] - $_->[2] >= $STALL } $page->{slow}->@*;
    ok !@stalls, 'no page waits for 500 ms'
        or diag map { sprintf "  %.2f s (%.2f s of them without a CPU): %s\n",
            $_->@[1, 2], told_at($_->[0]) } @stalls;
    note sprintf 'pages: %d, the slowest %.0f ms, %d asked again',
        $page->{count}, $page->{worst} * 1000, $page->{cut};
    note sprintf '  %.2f s, %.2f s of them without a CPU: %s', $_->@[1, 2],
        told_at($_->[0]) for $page->{slow}->@*;
}

done_testing;
