#!/usr/bin/perl

# Several connections at once: no deadlock, no event twice, one conversation a nonce, and
# housekeeping that neither blocks intake nor waits for readers.  Wants DATABASE_URL (or PG*
# variables), as a superuser, and sql/install.sql run before.

use strict;
use warnings;

use DBI;
use DBD::Pg qw( :async );
use Test::More;
use Time::HiRes qw( time sleep );

my $url = $ENV{DATABASE_URL} || '';
my $mark = sprintf('cc%x%x', time(), $$);

sub connection {
    return DBI->connect("dbi:Pg:$url", undef, undef, { RaiseError => 1, PrintError => 0 });
}

# tavus.record() of rows [id, digest, source, type, conversation, nonce]

my $record = <<'SQL';
SELECT tavus.record(
    array_agg(r[1]::uuid), array_agg(now()), array_agg(decode(r[2], 'hex')),
    array_agg(0::smallint), array_agg(r[3]), array_agg(r[4]), array_agg(r[5]),
    array_agg(decode(r[6], 'hex')), array_agg(NULL::text), array_agg('{}'::bytea),
    array_agg(NULL::text))
  FROM (SELECT ARRAY[a->>0, a->>1, a->>2, a->>3, a->>4, a->>5]
          FROM json_array_elements(?::json) WITH ORDINALITY AS e (a, o) ORDER BY o) x (r)
SQL

sub rows {
    return '[' . join(',', map {
        '[' . join(',', map { defined $_ ? qq{"$_"} : 'null' } @$_) . ']' } @_) . ']';
}

my $dbh = connection();
my $now = $dbh->selectrow_array(q{SELECT left(tavus.uuid_floor(now())::text, 13)});
my $salt = sprintf('%08x', $$ * 7919 + time() % 1000);

sub id {
    return sprintf('%s-7000-8000-%s%04x', $now, $salt, $_[0]);
}

# runs code in n processes and returns what they printed, by process

sub together {
    my ($n, $code) = @_;
    my @pipes;

    $dbh->disconnect;

    for my $k (0 .. $n - 1) {
        my $pid = open(my $pipe, '-|') // die $!;

        if ($pid == 0) {
            my $db = connection();
            my $out = eval { $code->($db, $k) } // 'error ' . ($db->state || $@);
            print $out;
            close STDOUT;
            $db->disconnect;
            require POSIX;
            POSIX::_exit(0);
        }

        push @pipes, $pipe;
    }

    my @out = map { local $/; <$_> // '' } @pipes;
    close $_ for @pipes;

    $dbh = connection();
    return @out;
}

# the same rows from all sides, in different orders: digests, nonces and conversations shared

my @types = qw( system.replica_joined system.shutdown application.recording_ready a.b );
my $rounds = 40;
my $size = 30;

my @out = together(4, sub {
    my ($db, $k) = @_;
    my $stored = 0;

    for my $round (0 .. $rounds - 1) {
        my @rows = map {
            my $n = $round * $size + $_;
            [ id($n), $n % 3 ? undef : sprintf('%s%08x', $salt, $n), 'tavus', $types[$n % 4],
              "$mark-" . ($n * 7 % 11), sprintf('%s%02x', $salt, $n * 7 % 11) ]
        } 0 .. $size - 1;

        @rows = $k == 0 ? @rows : $k == 1 ? reverse @rows : sort { rand() <=> 0.5 } @rows;
        my $answer = $db->selectrow_array($record, undef, rows(@rows));
        die $answer unless $answer =~ /^[sd]{$size}$/;
        $stored += $answer =~ tr/s//;
    }

    return $stored;
});

is((grep { /error/ } @out), 0, 'opposite orders do not deadlock') or diag("@out");
my $sum = 0;
$sum += $_ for grep { /^\d+$/ } @out;
is($sum, $rounds * $size, 'every event is stored by one of them');
is($dbh->selectrow_array(
       'SELECT count(*) FROM tavus.events WHERE conversation_id LIKE ?', undef, "$mark-%"),
   $rounds * $size, 'and is there once');

# many conversations for one nonce

@out = together(6, sub {
    my ($db, $k) = @_;
    return join '', map {
        $db->selectrow_array($record, undef, rows([ id(2000 + $_ * 10 + $k), undef, 'tavus', 'a.b',
            "$mark-race-$_-$k", sprintf('%sff%02x', $salt, $_) ]))
    } 0 .. 19;
});

my @winners = map { my $n = $_; join '', map { substr($_, $n, 1) } @out } 0 .. 19;
is((grep { tr/s// == 1 && tr/b// == 5 } @winners), 20, 'a nonce binds one conversation')
    or diag("@out");
is($dbh->selectrow_array(
       'SELECT count(*) FROM tavus.conversations WHERE id LIKE ?', undef, "$mark-race-%"),
   20, 'and makes only that');

# a connection that waits for another's commit sees what it stored

my $other = connection();
$other->begin_work;
$other->selectrow_array($record, undef,
                        rows([ id(5000), 'aa' . $salt, 'tavus', 'a.b', "$mark-w" ]));
my $waiting = $dbh->prepare($record, { pg_async => PG_ASYNC });
$waiting->execute(rows([ id(5001), 'aa' . $salt, 'tavus', 'a.b', "$mark-w" ]));
sleep 0.3;
ok(!$dbh->pg_ready, 'a redelivery waits for the first');
$other->commit;
$waiting->pg_result;
is($waiting->fetchrow_array, 'd', 'and is known then');
$waiting->finish;
is($dbh->selectrow_array('SELECT count(*) FROM tavus.events WHERE conversation_id = ?', undef,
                         "$mark-w"), 1, 'and stored once');

# housekeeping

my ($ahead, $old) = $dbh->selectrow_array(q{
    SELECT to_char(m + interval '3 months', '"events_p"YYYYMM'),
           to_char(m - interval '30 months', '"events_p"YYYYMM')
      FROM date_trunc('month', now() AT TIME ZONE 'UTC') m});
my ($drop) = "DROP TABLE IF EXISTS tavus.$ahead";
my $empty = $dbh->selectrow_array("SELECT count(*) FROM tavus.$ahead") == 0;

SKIP: {
    skip 'the month ahead is not empty', 4 unless $empty;

    $dbh->do($drop);
    $dbh->do(q{SET ROLE tavus_owner});
    $dbh->do(q{SELECT tavus.add_partition(date_trunc('month', now() AT TIME ZONE 'UTC')
                                          - interval '30 months')});
    $dbh->do(q{RESET ROLE});

    $other->begin_work;
    $other->selectrow_array('SELECT count(*) FROM tavus.events');

    like($dbh->selectrow_array('SELECT tavus.make_months()'), qr/"created" : \["$ahead"\]/,
         'a month is added beside a long reader');
    like($dbh->selectrow_array('SELECT tavus.drop_months()'), qr/"waiting"\s*:\s*\["$old"\]/,
         'an old one cannot be dropped, and is not waited for');

    my $third = connection();
    is($third->selectrow_array($record, undef, rows([ id(6000), undef, 'tavus', 'a.b',
                                                      "$mark-m" ])), 's', 'intake goes on');
    $other->commit;
    like($dbh->selectrow_array('SELECT tavus.drop_months()'), qr/"dropped"\s*:\s*\["$old"\]/,
         'the next call drops it');
    $third->disconnect;
}

$other->begin_work;
$other->do('SELECT pg_advisory_xact_lock(2026, 2)');
is($dbh->selectrow_array('SELECT tavus.make_months()'), '{"busy":true}', 'one at a time');
like($dbh->selectrow_array('SELECT tavus.drop_months()'), qr/"more"/, 'whoever cleans');
$other->rollback;

# Digests change tables while somebody has written one that is not committed, and somebody else waits
# with the same.

sub waits_for {
    my ($db) = @_;

    for (1 .. 500) {
        return 1 if $dbh->selectrow_array(q{SELECT count(*) FROM pg_locks
            WHERE pid = ? AND NOT granted}, undef, $db->{pg_pid});
        sleep 0.01;
    }
    return 0;
}

my $turn = $dbh->selectrow_array(q{SELECT prosrc FROM pg_proc
    WHERE pronamespace = 'tavus'::regnamespace AND proname = 'rotate_digests'});
$turn =~ s/ AND NOT pg_try_advisory.*?END IF;//s;
my $digest = "ee$salt";
my $turner = connection();
my $before = $dbh->selectrow_array('SELECT begun_at FROM tavus.digests_round');

$other->begin_work;
is($other->selectrow_array($record, undef, rows([ id(7000), $digest, 'tavus', 'a.b', "$mark-d" ])),
   's', 'written, not committed');
like($dbh->selectrow_array('SELECT tavus.rotate_digests()'), qr/"rotated":false/, 'not due');
$dbh->do(q{UPDATE tavus.digests_round SET begun_at = now() - interval '91 days'});
like($dbh->selectrow_array('SELECT tavus.rotate_digests()'), qr/"waiting"/,
     'due, but somebody writes');

$turner->do("DO \$x\$ $turn \$x\$" =~ s/RETURN\b[^;]*/RETURN/gr =~ s/PERFORM pg_sleep[^;]*/RAISE/r,
            { pg_async => PG_ASYNC });
ok(waits_for($turner), 'whoever wants to change them waits');
my $late = connection();
my $sth = $late->prepare($record, { pg_async => PG_ASYNC });
$sth->execute(rows([ id(7001), $digest, 'tavus', 'a.b', "$mark-d" ]));
ok(waits_for($late), 'and behind, who has the same digest');
$other->commit;
$turner->pg_result;
$sth->pg_result;
is($sth->fetchrow_array, 'd', 'which is known after the change');
$sth->finish;
is($dbh->selectrow_array("SELECT count(*) FROM tavus.digests_before WHERE digest = '\\x$digest'"), 1,
   'from the table of before');
is($dbh->selectrow_array("SELECT count(*) FROM tavus.digests WHERE digest = '\\x$digest'"), 0,
   'and is not in the other');
is($late->selectrow_array($record, undef, rows([ id(7002), $digest, 'tavus', 'c.d', "$mark-d" ])),
   'd', 'nor later');
$dbh->do(q{UPDATE tavus.digests_round SET begun_at = now() - interval '91 days'});
is($dbh->selectrow_array('SELECT tavus.rotate_digests()'), '{"rotated":true}', 'after 90 days more');
is($late->selectrow_array($record, undef, rows([ id(7003), $digest, 'tavus', 'a.b', "$mark-d" ])),
   's', 'it is forgotten');
$dbh->do('UPDATE tavus.digests_round SET begun_at = ?', undef, $before);
$_->disconnect for $turner, $late;

$dbh->do("DELETE FROM tavus.$_ LIKE '$mark-%'")
    for 'events WHERE conversation_id', 'conversations WHERE id', 'intents WHERE conversation_id';
$dbh->do("DELETE FROM tavus.$_ WHERE encode(digest, 'hex') ~ '^(aa|ee)?$salt'")
    for qw( digests digests_before );
$other->disconnect;
$dbh->disconnect;

done_testing();
