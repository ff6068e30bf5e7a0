#!/usr/bin/perl

# Reloads under load that change and reorder zones, journals, secrets, verticals
# and the number of workers, while requests that old workers have half of are
# finished beside new ones, and PostgreSQL comes and goes: nothing hangs, nothing
# is lost, and what was spent in a bucket stays spent in that bucket.
#
# TAVUS_GENERATIONS (20) says how many, TAVUS_GENERATIONS_SEED which; what hangs
# is told with the lock that it waits for.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Generations;
use Tavus::Test::Locks;
use Tavus::Test::Process qw(background new_dir slurp spew stop_process);
use Time::HiRes qw(time);

my $RELOADS = $ENV{TAVUS_GENERATIONS} // 20;
my $SEED = $ENV{TAVUS_GENERATIONS_SEED} // 602_959;
my $PATIENCE = 20;                      # seconds that nobody has to wait
my $PARKED = 150;
my $BURST = 150;                        # requests of each of four clients

diag "TAVUS_GENERATIONS_SEED=$SEED" if $ENV{TAVUS_GENERATIONS};
srand $SEED;

# a zone is known by its size; twice as many are asked for as there are
my $ASK = 3;
my $capacity = int($RELOADS * $ASK / 2);
my %busy = map { ("z$_", (16 + $_) * 4096) } 1 .. 8;
my %keyed = (
    kept => {size => ['64k'], capacity => [$capacity]},
    sized => {size => ['32k', '48k', '128k'], capacity => [$capacity]},
    rated => {size => ['64k'], capacity => [int($capacity / 2), $capacity]},
);
my $g = Tavus::Test::Generations->new(busy => \%busy, keyed => \%keyed);

my $t = Tavus::Test->new(log_level => 'notice',
    http => {tavus_limit => undef},
    http_extra => 'keepalive_requests 100000;',
    locations => {'= /metrics' => 'tavus_metrics;'});
$t->configure($g->next($t)->%*)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready', 20;

# ---- the load ------------------------------------------------------------------

my $webhooks = Tavus::Test::Fault::Load->new($t, clients => 4);

# Requests that lock all zones, 20 at once; a line for who waited too long.
my $dir = new_dir();
sub hammer ($name) {
    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    my $ask = "GET /busy HTTP/1.1\r\nHost: x\r\n\r\n" x 20;
    my ($passed, $socket) = (0);
    until ($stop) {
        $socket //= eval { $t->socket } // next;
        $socket->send($ask);
        for (1 .. 20) {
            my $begin = time;
            my $res = $socket->response($PATIENCE);
            if (!$res) {
                spew("$dir/$name.hangs", 1) if time - $begin >= $PATIENCE;
                undef $socket;
                last;
            }
            $passed++ if $res->{status} == 200;
            select undef, undef, undef, 0.001;
        }
    }
    spew("$dir/$name.passed", $passed);
}
my @hammers = map { my $name = $_; background(sub { hammer($name) }) } 1 .. 2;
my $hangs = sub { glob "$dir/*.hangs" };

sub get_bytes ($path) { return "GET $path HTTP/1.1\r\nHost: x\r\n" }

# ---- reloads -------------------------------------------------------------------

my ($n, %acked, %allowed, %asked, %got, %calls, $broken) = (0);
my $up = 1;

# Half of each is sent; the rest when the workers that have it are old ones.
sub park () {
    my @parked;
    push @parked, ['/busy', $t->socket->send(get_bytes('/busy'))]
        for 1 .. $PARKED;
    for my $zone (sort keys %keyed) {
        push @parked, [$zone,
            $t->socket->send(get_bytes("/$zone?key=key"))];
    }
    for (1 .. ($g->{bare} ? 0 : 4)) {
        my $id = 'parked-' . ++$n;
        my $bytes = webhook_bytes($t,
            tavus_event('system.replica_joined', $id));
        my $what = $g->{journal} ? 'journaled webhook' : 'webhook';
        push @parked, [$what, $t->socket->send(substr $bytes, 0, -5),
            substr($bytes, -5), $id];
    }
    # they were accepted in this order
    $t->settle;
    return @parked;
}

# Old workers get the rest while new ones are busy with the same zones.
sub release_all (@parked) {
    my @busy = map { $t->socket } 1 .. 4;
    my $ask = (get_bytes('/busy') . "\r\n") x $BURST;
    $_->send($ask) for @busy;
    $_->[1]->send($_->[2] // "\r\n") for @parked;
    for ((map { ['/busy', $_, undef, undef, $BURST] } @busy), @parked) {
        my ($what, $socket, undef, $id, $n) = @$_;
        for (1 .. $n // 1) {
            my $res = $socket->response($PATIENCE);
            if (!$res) {
                $broken //= "no answer for $what";
                return;
            }
            $got{"$what $res->{status}"}++;
            $acked{$id} = 1 if $id && $res->{status} == 200;
            spent($what, $res->{status}) if $keyed{$what};
        }
        $socket->close;
    }
    return;
}

sub spent ($zone, $status) {
    $asked{$zone}++;
    $allowed{$zone}++ if $status == 200;
    return;
}

# An end token lives through what becomes of the keys; a vertical is found by its
# name, wherever it stands.
sub converse () {
    for my $id (sort keys %calls) {
        # its key may be gone
        delete $calls{$id}, next if $g->{number} - $calls{$id}{at} > 6;
        next if $g->{number} - $calls{$id}{at} < 2;
        my $res = $t->post('/api/tavus/end-conversation',
            {conversation_id => $id, end_token => $calls{$id}{token}});
        $got{'end ' . $res->code}++;
        delete $calls{$id};
    }
    my ($vertical) = (keys $g->{persona}->%*)[0];
    my $res;
    wait_for { ($res = $t->create(vertical => $vertical))->code == 200 } 20;
    $got{'create ' . $res->code}++;
    my $id = $res->json->{conversation_id} // return;
    $calls{$id} = {at => $g->{number}, token => $res->json->{end_token}};
    my ($call) = grep { $_->{path} eq '/v2/conversations'
        && $_->{method} eq 'POST' } reverse $t->sandbox->calls('/v2/');
    $got{'another persona'}++
        if $call->{body}{pal_id} ne $g->{persona}{$vertical};
    return;
}

my $begin = time;
sub generation ($turn) {
    my @parked = park();
    $t->configure($g->next($t)->%*)->reload;
    release_all(@parked);
    return if $broken;

    for my $zone (sort keys %keyed) {
        for (2 .. $ASK) {
            spent($zone, $t->get("/$zone?key=key")->code);
        }
    }
    $broken = 'a client hangs' if $hangs->();
    return if $broken;

    converse() if $up && !$g->{bare} && $turn % 2;

    if (rand() < 0.4) {
        $up ? $t->pg->stop : $t->pg->start;
        $got{$up ? 'database stopped' : 'database started'}++;
        $up = !$up;
    }
    return;
}

for my $turn (1 .. $RELOADS) {
    eval { generation($turn); 1 } or $broken //= $@;
    last if $broken;
}
my $took = time - $begin;

ok !$broken, "$RELOADS reloads, and nothing hangs" or do {
    diag "$broken in generation $g->{number}";
    diag stuck($t, %busy);
    diag $t->{nginx}->title($_) for $t->all_workers;
    kill KILL => $t->all_workers;
    $t->allow_alerts(qr/exited on signal|was locked by/);
};
stop_process($_, TERM => $PATIENCE + 10) for @hammers;
my $result = $webhooks->stop;

# ---- nothing is lost -----------------------------------------------------------

$t->pg->start unless $up;
$g->{bare} and $t->configure($g->next($t)->%*)->reload while $g->{bare};
wait_ok { !(() = glob $t->dir . '/*/*.journal') } 'all is replayed', 60
    or diag glob $t->dir . '/*/*.journal';

push $result->{acked}->@*, keys %acked;
my ($missing, $twice) = $webhooks->missing($result, $t->db);
is_deeply $missing, [], 'what was acknowledged is there: '
    . $result->{acked}->@*;
is_deeply $twice, [], 'once';
is $t->db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0,
    'nothing is in quarantine';
is_deeply [grep { !/^(?:200|404|503|none)$/ } keys $result->{status}->%*], [],
    'no answer but 200, 503, and 404 where there is no endpoint';
is_deeply [grep { !/^(?:create|end)\ 200$|^journaled\ webhook\ 200$|^webhook\ (?:200|503)$|^\/busy\ 200$
    |^(?:kept|sized|rated)\ (?:200|429)$|^database/x } sort keys %got], [],
    'and those of parked requests and of visitors' or diag explain \%got;

# ---- no bucket is another ------------------------------------------------------

is $allowed{kept}, $capacity, "$capacity of $asked{kept} tokens were there";
is $allowed{rated} <= $capacity, 1, "at most so many at another rate: "
    . $allowed{rated};
cmp_ok $allowed{sized}, '>=', $capacity, 'and none is lost with a size';
cmp_ok $allowed{sized}, '<=', $capacity + $g->{resized},
    "or won, but by old workers: $allowed{sized}, $g->{resized} sizes";

my %passed = $t->get('/metrics')->body
    =~ /^tavus_limit_requests_total\{zone="(\w+)",result="passed"\} (\d+)/mg;
is $passed{$_}, $allowed{$_}, "metrics count the same for $_"
    for 'kept', 'rated';
is_deeply [map { $passed{$_} } sort keys %busy], [($passed{z1}) x 8],
    "each of eight zones has passed the same $passed{z1}";

note sprintf '%d reloads in %.1f s; %s', $g->{number} - 1, $took,
    join ', ', map({ "$_: $got{$_}" } sort keys %got),
    map { "webhooks $_: $result->{status}{$_}" }
        sort keys $result->{status}->%*;

done_testing;
