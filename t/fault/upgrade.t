#!/usr/bin/perl
# alone

# sql/install.sql under traffic and beside a long reader, from each schema in
# t/upgrade: no event is refused, and nobody waits.  A later state is added by
# t/upgrade/make; a numbered file is tried here without being named.
# TAVUS_UPGRADE_EVENTS=1000000 and TAVUS_UPGRADE_READER=60 are the long form.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::Process qw($ROOT alive background pause slurp spawn spew
    stop_process);
use File::Basename qw(basename);
use Mojo::JSON qw(decode_json encode_json);
use Tavus::Test::Rate;
use Time::HiRes qw(time);

my $EVENTS = $ENV{TAVUS_UPGRADE_EVENTS} // 20_000;
my $READER = $ENV{TAVUS_UPGRADE_READER} // 4;

# Webhooks; of 20, one without a time of its own and one of a browser.
sub request ($t, $i) {
    my ($path, @more) = ('/api/tavus/webhook');
    my $body = $i % 20 == 1
        ? encode_json({events => [{name => 'page_view', event_id => "e$i",
            properties => {session_id => "s$$"}}]})
        : tavus_event('application.custom', 'c' . int $i / 8,
            {text => 'x' x 200}, $i % 20 == 2 ? (timestamp => undef) : ());
    if ($i % 20 == 1) { $path = '/api/track' }
    else { @more = sign_header($t->webhook_secret, $body) }
    return "POST $path HTTP/1.1\r\nHost: 127.0.0.1:" . $t->port . "\r\n"
        . (@more ? "$more[0]: $more[1]\r\n" : '')
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body";
}

sub creates ($t, $result) {
    my $end = 0;
    local $SIG{TERM} = sub { $end = 1 };
    my (%count, $worst);
    $worst = 0;
    while (!$end) {
        my $begun = time;
        $count{$t->create(vertical => 'legal')->code}++;
        my $took = time - $begun;
        $worst = $took if $took > $worst;
        pause(0.1);
    }
    spew($result, encode_json({count => \%count, worst => $worst}));
}

my ($NEWEST) = map { m{/0*(\d+)_} } reverse glob "$ROOT/sql/[0-9]*.sql";
for my $file (sort glob "$ROOT/t/upgrade/*.sql") {
    subtest 'from ' . basename($file, '.sql') => sub { upgrade($file) };
}
done_testing;

sub upgrade ($file) {
    my $pg = Tavus::Test::Pg->new(schema => 0, config => ['lc_messages=C',
        'log_lock_waits=on', 'deadlock_timeout=500ms', 'max_wal_size=4GB',
        'log_line_prefix=%u ']);
    my @psql = ('psql', '-XAtq', '-h', $pg->socket_dir, '-p', $pg->port,
        '-U', 'postgres', '-v', 'ON_ERROR_STOP=1');
    $pg->db->do('CREATE DATABASE tavus');
    is system(@psql, '-d', 'tavus', '-f', $file), 0, 'as it was';

    my $db = $pg->connect(db => 'tavus');
    my ($old, $had) = $db->selectrow_array(
        'SELECT tavus.schema_version(), count(*) FROM tavus.migrations');
    my $due = (() = glob "$ROOT/sql/[0-9]*.sql") - $had;

    # the module of today plays that of then, which calls record() the same
    $db->do(qq{CREATE OR REPLACE FUNCTION tavus.schema_version() RETURNS int
        LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT $NEWEST'});
    $db->do('ALTER ROLE tavus_app LOGIN');

    $db->do(q{INSERT INTO tavus.events
        SELECT overlay(overlay(tavus.uuid_floor(now() - interval '30 days'
               + n * interval '30 days' / $1)::text PLACING '7' FROM 15 FOR 1)
               PLACING substr(md5(n::text), 1, 12) FROM 25)::uuid, now(), 0,
               CASE n % 20 WHEN 0 THEN 'browser' ELSE 'tavus' END, 'a.b',
               'o' || n / 8, NULL, convert_to(repeat('x', 200), 'UTF8')
          FROM generate_series(1, $1) n} =~ s/\$1/$EVENTS/gr);
    $db->do(qq{INSERT INTO tavus.conversations (id, first_id) SELECT 'o' || n,
        tavus.uuid_floor(now()) FROM generate_series(1, $EVENTS / 8) n});
    $db->do(qq{INSERT INTO tavus.digests SELECT substr(sha256(n::text::bytea),
        1, 16), tavus.uuid_floor(now()), now()
        FROM generate_series(1, $EVENTS) n});
    $db->do(qq{INSERT INTO tavus.intents (nonce) SELECT
        substr(sha256(n::text::bytea), 1, 16)
        FROM generate_series(1, $EVENTS / 8) n});
    $db->do('ANALYZE');

    my $t = Tavus::Test->new(db => $pg, workers => 2,
        http_extra => 'keepalive_requests 1000000;')->start;
    wait_ok { $t->get('/healthz')->code == 200 } 'ready';
    my $untimed = tavus_event('application.custom', 'known', {},
        timestamp => undef);
    is $t->webhook($untimed)->code, 200, 'stored by the functions of then';

    my $result = $t->dir . '/creates.json';
    my $creator = background(sub { creates($t, $result) });
    my $webhooks = Tavus::Test::Rate->new($t, rate => 500,
        request => sub ($i) { request($t, $i) });
    pause(1);

    # as pg_dump does
    my $reader = $pg->connect(db => 'tavus', AutoCommit => 0);
    $reader->do('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    $reader->do("LOCK TABLE $_ IN ACCESS SHARE MODE")
        for $reader->selectcol_arrayref(q{SELECT oid::regclass FROM pg_class
            WHERE relnamespace = 'tavus'::regnamespace
            AND relkind IN ('r', 'p')})->@*;

    my $log = $t->dir . '/install.log';
    my $begun = time;
    my $install = spawn([@psql, '-d', 'tavus', '-f',
        "$ROOT/sql/install.sql"], out => $log);
    pause($READER);
    my $waits = alive($install);
    $reader->rollback;
    ok $waits, 'it waits for the reader' if $due;
    wait_ok { !alive($install) } 'and ends when it has gone',
        30 + $EVENTS / 10_000;
    diag sprintf '%d events, upgraded in %.1f s', $EVENTS, time - $begun;
    unlike slurp($log) =~ s/^.*WARNING:  tavus\.\w+ is in use\b.*\n//gmr
        =~ s/^HINT:  It is waited for\b.*\n//gmr, qr/./,
        'without a word but of what it waits for';
    is $db->selectrow_array('SELECT tavus.schema_version()'), $NEWEST,
        "from $old to $NEWEST";
    pause(1);

    is $t->webhook($untimed)->code, 200, 'sent again';
    is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id = 'known'}), 1, 'and known';

    my $load = $webhooks->stop;
    stop_process($creator, TERM => 30);
    my $creates = decode_json(slurp($result));
    is_deeply [sort keys $load->{count}->%*], [200, 202],
        'every event was taken';
    is_deeply [keys $creates->{count}->%*], [200], 'every conversation made';
    cmp_ok $load->{worst}, '<', 1, 'no event waited for a second';
    cmp_ok $creates->{worst}, '<', 1, 'no conversation did';
    diag explain {load => $load, creates => $creates};
    unlike $pg->log, qr/^tavus_app .*still waiting/m,
        'nobody of nginx waited for a lock';
    is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id ~ '^c' AND source = 'tavus'
        AND event_type = 'application.custom'}), $load->{count}{200},
        'all are stored';
}
