#!/usr/bin/perl
# alone

# A backlog is drained, and the worker's memory has a bound,
# with small events and with large ones.  TAVUS_BACKLOG=100000 is the long form.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Fault;
use Tavus::Test::Process qw(slurp spew);
use Time::HiRes qw(time);

my $N = $ENV{TAVUS_BACKLOG} // 20_000;
my $LARGE = 2000;                       # of 60 KB: 120 MB
my $MOST = 32 << 20;

my $t = Tavus::Test->new(measured());
my $d = Tavus::Test::Deliver->new($t, posthog => 'events *;');
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';
my $db = $t->db;
my ($worker) = $t->workers;

# Stores so many at once, as intake does, 500 a batch.
sub store ($n, $source, $type, $body) {
    $db->do(q{SELECT tavus.record(
            array_agg(overlay(overlay(tavus.uuid_floor(now() - interval '1 hour'
                + i * interval '1 ms')::text PLACING '7' FROM 15 FOR 1)
                PLACING substr(md5(type || i), 1, 12) FROM 25)::uuid),
            array_agg(now()), array_agg(NULL::bytea), array_agg(0::smallint),
            array_agg(source), array_agg(type), array_agg(NULL::text),
            array_agg(NULL::bytea), array_agg(NULL::text),
            array_agg(convert_to(replace(body, '@', i::text), 'UTF8')),
            array_agg(NULL::text))
        FROM (VALUES (?::text, ?::text, ?::text)) v (source, type, body),
             generate_series(1, ?::int) i GROUP BY i / 500},
        undef, $source, $type, $body, $n);
    return;
}

# Of the worker, since this was asked last; bytes.
sub highest () {
    my ($kb) = slurp("/proc/$worker/status") =~ /^VmHWM:\s+(\d+)/m;
    spew("/proc/$worker/clear_refs", '5');
    return $kb * 1024;
}

# Until so many are delivered.
sub drains ($what, $n) {
    my ($begun, $from) = (time, $box->received('posthog')->{received});
    my ($before, $flights) = (rss($worker), 0);
    highest();
    wait_ok {
        my $f = $db->selectrow_array('SELECT count(*) FROM tavus.flights
            WHERE due_at > now()');
        $flights = $f if $f > $flights;
        $d->idle && !$d->failed
            && $box->received('posthog')->{received} - $from >= $n;
    } "$what: all $n are delivered", 60 + $n / 100;
    my ($took, $highest) = (time - $begun, highest());
    cmp_ok $flights, '<=', 4, 'at most four flights at once';
    cmp_ok $highest - $before, '<', $MOST, 'the worker has a bound';
    note sprintf '%s: %d in %.1f s, %.0f/s; worker %.1f MB, at most %.1f, then '
        . '%.1f', $what, $n, $took, $n / $took, $before / 1e6, $highest / 1e6,
        rss($worker) / 1e6;
    return;
}

my $who = '"session_id":"s@","user_id":"u@","consent":"granted"';
store($N, 'browser', 'page_view', "{$who}");
is $db->selectrow_array('SELECT count(*) FROM tavus.events'), $N, 'stored';
drains('small', $N);
is $box->received('posthog')->{unique}, $N, 'all of them';

my $pad = 'x' x 60_000;
store($LARGE, 'browser', 'large', qq({$who,"pad":"$pad"}));
drains('large', $LARGE);
is $box->received('posthog')->{unique}, $N + $LARGE, 'all of them';
is $box->received('posthog')->{duplicates}, 0, 'each once';

$db->do(q{INSERT INTO tavus.deliveries (destination, event_id, tries, due_at,
    reason) SELECT 'posthog', id, 1, now(), 'test' FROM tavus.events
    WHERE event_type = 'large'});
drains('failed and due', $LARGE);
is $box->received('posthog')->{duplicates}, $LARGE, 'those again';

done_testing;
