#!/usr/bin/perl

# A storm of creates from many sessions that are killed and timed out at random; what becomes of each is
# told late, twice, in any order or never.  A ledger of its own knows which conversations run: never are
# there more than the budget has, no day, minute or visitor has one too many, and afterwards all places
# are free.  Without the lock there are too many.  Wants DATABASE_URL (or PG* variables), as a
# superuser.

use strict;
use warnings;

use Cwd qw( abs_path );
use DBI;
use File::Basename qw( dirname );
use JSON::PP;
use Test::More;
use Time::HiRes qw( time sleep );

my $here = dirname(abs_path(__FILE__));
my $url = $ENV{DATABASE_URL} || '';
my $root = DBI->connect("dbi:Pg:$url", undef, undef, { RaiseError => 1, PrintError => 0 });
my $name = "tavus_budget_$$";
my $writers = 6;
my %kids;

sub own {
    my $own = $url;

    return "dbname=$name" if $own eq '';
    $own =~ s{^(postgres(?:ql)?://[^/?]*)(?:/[^?]*)?}{$1/$name}
        or $own .= " dbname=$name";

    return $own;
}

# who dies must not wait for them
END {
    my $rc = $?;
    kill KILL => keys %kids;
    $? = $rc;
}

sub connection {
    my ($as) = @_;
    my $db = DBI->connect('dbi:Pg:' . own(), undef, undef,
                          { RaiseError => 1, PrintError => 0, PrintWarn => 0, AutoInactiveDestroy => 1 });

    $db->do("SET application_name = '$as'");
    return $db;
}

$root->do("CREATE DATABASE $name TEMPLATE template0 ENCODING 'UTF8'");
is(system('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', own(), '-f',
          "$here/../../sql/install.sql"), 0, 'a database of its own');
my $db = connection('test');

# ---- the ledger: what runs at Tavus, and what ran at most

$db->do($_) for split /;;/, <<'SQL';
CREATE TABLE public.alive (nonce bytea PRIMARY KEY);;
CREATE TABLE public.ledger (begun int NOT NULL DEFAULT 0, most int NOT NULL DEFAULT 0, stop boolean DEFAULT false);;
INSERT INTO public.ledger DEFAULT VALUES;;
CREATE TABLE public.wrong (what text);;
CREATE TABLE public.over (nonce bytea PRIMARY KEY);;     -- its time is
CREATE FUNCTION public.begins(nonce bytea) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(99);
    INSERT INTO public.alive VALUES (nonce);
    UPDATE public.ledger SET begun = begun + 1, most = greatest(most, (SELECT count(*) FROM public.alive));
END
$$
SQL

# What must be so at any moment, of one snapshot; what runs by what is told, without the places.

my $wrong = <<'SQL';
WITH b AS (SELECT ?::jsonb AS b), i AS (
    SELECT n.nonce,
           coalesce(n.outcome = 'failed' AND NOT n.announced AND n.conversation_id IS NULL, false) AS failed,
           NOT (n.closed OR coalesce(c.ended, false))
               AND NOT EXISTS (SELECT FROM public.over o WHERE o.nonce = n.nonce) AS live,
           EXISTS (SELECT FROM tavus.places p WHERE p.nonce = n.nonce) AS place
      FROM tavus.intents n LEFT JOIN tavus.conversations c ON c.id = n.conversation_id
     WHERE n.requested_id IS NOT NULL
)
SELECT concat_ws('; ',
    CASE WHEN (SELECT count(*) FROM i WHERE live AND NOT failed) > (b ->> 'active')::int THEN 'too many live' END,
    CASE WHEN (SELECT count(*) FROM tavus.places) > (b ->> 'active')::int THEN 'too many places' END,
    CASE WHEN EXISTS (SELECT FROM tavus.places p WHERE NOT EXISTS (SELECT FROM i WHERE i.nonce = p.nonce))
         THEN 'a place without an intent' END,
    CASE WHEN (SELECT max(calls) FROM tavus.budget_days) > (b ->> 'day')::int THEN 'too many a day' END,
    CASE WHEN (SELECT max(seconds) FROM tavus.budget_days) > (b ->> 'minutes')::int * 60 THEN 'too long' END,
    CASE WHEN (SELECT min(least(calls, seconds)) FROM tavus.budget_days) < 0 THEN 'less than nothing' END,
    CASE WHEN (SELECT max(calls) FROM tavus.budget_visitors) > (b ->> 'visitor_day')::int THEN 'too many of one' END,
    CASE WHEN (SELECT coalesce(sum(calls), 0) FROM tavus.budget_days)
              <> (SELECT count(*) FROM i WHERE place OR NOT failed) THEN 'calls are not intents' END,
    CASE WHEN (SELECT coalesce(sum(calls), 0) FROM tavus.budget_visitors)
              <> 2 * (SELECT count(*) FROM i WHERE place OR NOT failed) THEN 'visitors are not intents' END)
  FROM b
SQL

# ---- one that plays a worker

package Worker;

use Time::HiRes qw( time sleep );

sub new {
    my ($class, %self) = @_;
    my $self = bless { later => [], %self }, $class;

    srand $$;
    $self->{safe} = main::connection('safe');
    return $self;
}

sub db {
    my ($self) = @_;

    return $self->{db} if $self->{db} && $self->{db}->ping;
    return $self->{db} = main::connection('storm');
}

sub hex_ { my ($n) = @_; return join '', map { sprintf '%02x', int rand 256 } 1 .. $n }

sub id {
    return sprintf('%s-7%s-8%s-%s', sprintf('%012x', time() * 1000) =~ s/(.{8})/$1-/r, substr(hex_(2), 1),
                   substr(hex_(2), 1), hex_(6));
}

# What is done with a session that may die any moment, or has no time; once or, to be sure, until it is.

sub with {
    my ($self, $sure, $code) = @_;

    while (1) {
        my $db = eval { $self->db };
        my @out = $db ? eval {
            $db->do(q{SET statement_timeout = } . (rand() < 0.2 ? 1 + int rand 20 : 0));
            my $late = rand() < 0.3;
            $db->begin_work;
            my @got = $code->($db);
            $db->do('SELECT pg_sleep(?)', undef, rand 0.02) if $late;
            rand() < 0.1 && !$sure ? $db->rollback && die "undone\n" : $db->commit;
            @got;
        } : ();

        return @out if @out;
        eval { $db->rollback } if $db && !$db->{AutoCommit};
        return unless $sure;
    }
}

sub tell {
    my ($self, @events) = @_;

    # any event may come twice
    push @{ $self->{told} }, @events;
    push @events, $self->{told}[rand @{ $self->{told} }] if rand() < 0.2;

    $self->with(1, sub {
        my ($db) = @_;

        return $db->selectrow_array('SELECT tavus.record(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', undef,
            [ map { $_->{id} } @events ], [ map { undef } @events ], [ map { undef } @events ], [ map { 0 } @events ],
            [ map { $_->{source} } @events ], [ map { $_->{type} } @events ], [ map { $_->{conversation} } @events ],
            [ map { "\\x$_->{nonce}" } @events ], [ map { undef } @events ],
            [ map { main::bytes($_->{body} || '{}') } @events ], [ map { undef } @events ]);
    });
}

# The fate of a wish: asked again with the same, as long as it is not known.

sub wish {
    my ($self, $nonce, $ticket) = @_;
    my $who = int rand 9;
    my @args = ([ id() ], [ undef ], [ undef ], [ 2 ], [ 'server' ], [ 'conversation.requested' ], [ undef ], [ "\\x$nonce" ],
                [ undef ], [ main::bytes('{"vertical":"general"}') ], [ undef ], main::json($self->{budget}), [ 30 ],
                [ 600 ], [ sprintf('\x%032x', $who) ], [ sprintf('\x%032x', 1000 + $who) ], [ $ticket ]);
    my $begun = time;

    while (time - $begun < 5) {
        my ($fates) = $self->with(0, sub {
            my ($db) = @_;
            my ($f) = $db->selectrow_array('SELECT tavus.record_wishes(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
                                           undef, @args);

            return $f // 'null';
        });

        if ($fates && $fates ne 'null') {
            my $fate = main::json($fates)->[0];

            return $fate;
        }

        sleep 0.001 + rand 0.004;
    }

    return;
}

sub event {
    my ($nonce, $source, $type, $body, $conversation) = @_;

    return { id => id(), nonce => $nonce, source => $source, type => $type, body => $body, conversation => $conversation };
}

# The longest that it may have lasted has passed.

sub over {
    my ($self, $nonce) = @_;

    $self->{safe}->do('INSERT INTO public.over VALUES (?::bytea)', undef, "\\x$nonce");
    $self->{safe}->do('UPDATE tavus.places SET until = now() WHERE nonce = ?::bytea', undef, "\\x$nonce");
}

# One visitor.

sub create {
    my ($self) = @_;
    my $nonce = hex_(16);
    my $ticket = rand() < 0.7 ? id() : undef;
    my $fate;

    for (1 .. 40) {

        # late, and in another order
        while (@{ $self->{later} } && rand() < 0.7) {
            $self->tell(splice @{ $self->{later} }, rand @{ $self->{later} }, 1);
        }

        $fate = $self->wish($nonce, $ticket);
        last unless $fate && $fate->{fate} eq 'waits';
        last if rand() < 0.03;
        $ticket = $fate->{ticket};
        sleep rand 0.05;
        $nonce = hex_(16);
    }

    my $now = $fate ? $fate->{fate} : 'none';
    my $failed = sub { event($nonce, 'server', 'conversation.create_failed',
                             sprintf '{"outcome":"%s","reason":"%s"}', @_) };

    $self->{fates}{$now}++;

    # it asks no more, and time passes
    $self->{safe}->do(q{UPDATE tavus.line SET asked_at = asked_at - interval '1 hour' WHERE ticket = ?},
                      undef, $ticket) if $ticket && $now !~ /granted|duplicate/;

    if ($now eq 'none' || $now =~ /granted|duplicate/ && rand() < 0.05) {

        # that took too long; it may be there, or not
        return $self->tell($failed->('failed', $self->{budget}{strict} ? 'refused' : 'unrecorded'));
    }

    return if $now !~ /granted|duplicate/;

    my $dice = rand;

    return $self->tell($failed->('failed', rand() < 0.7 || $self->{budget}{strict} ? 'refused' : 'at_capacity')) if $dice < 0.2;
    return $self->over($nonce) if $dice < 0.25; # the worker died, before it asked Tavus

    my $id = "c$nonce";
    my $created = event($nonce, 'server', 'conversation.created', '{"status":"active"}', $id);
    my $hook = event($nonce, 'tavus', 'system.replica_joined', '{}', $id);

    $self->{safe}->selectrow_array('SELECT public.begins(?::bytea)', undef, "\\x$nonce");

    if ($dice < 0.35) {                         # the answer was lost
        $self->tell($failed->('unknown', 'timeout')) if rand() < 0.7;
    } elsif ($dice < 0.8) {
        $self->tell($created);
    } elsif ($dice < 0.9) {
        $self->tell(rand() < 0.5 ? ($hook, $created) : $hook);
    }

    sleep rand 0.1;
    $self->{safe}->do('DELETE FROM public.alive WHERE nonce = ?::bytea', undef, "\\x$nonce");

    my $end = rand() < 0.6
              ? event($nonce, 'tavus', 'system.shutdown', '{"properties":{"shutdown_reason":"left"}}', $id)
              : event($nonce, 'server', 'conversation.ended', '{"reason":"visitor"}', $id);

    if ($dice < 0.35 && rand() < 0.5) {
        $self->tell(event($nonce, 'server', 'conversation.not_found', '{}'));
    } elsif ($dice < 0.95) {
        push @{ $self->{later} }, $end, $dice >= 0.8 && rand() < 0.5 ? $created : ();
    } else {
        $self->over($nonce);                    # nobody ever tells
    }
}

package main;

sub bytes { my ($text) = @_; return '\x' . unpack 'H*', $text }

sub json {
    my ($what) = @_;
    return ref $what ? JSON::PP->new->canonical->encode($what) : JSON::PP->new->decode($what);
}

sub spawned {
    my ($code) = @_;
    my $pid = open(my $pipe, '-|') // die $!;

    $kids{$pid} = 1;

    if ($pid == 0) {
        %kids = ();
        print eval { $code->() } // "error $@";
        close STDOUT;
        require POSIX;
        POSIX::_exit(0);
    }

    return $pipe;
}

sub stopped { my ($safe) = @_; return $safe->selectrow_array('SELECT stop FROM public.ledger') }

# Ends a second after it is enough, asked with how many began, or when what is bad is seen.

sub storm {
    my ($enough, $bad, %budget) = @_;

    $db->do('UPDATE public.ledger SET begun = 0, most = 0, stop = false');
    $db->do('TRUNCATE public.alive, public.wrong');

    my @pipes = map {
        spawned(sub {
            my $worker = Worker->new(budget => \%budget);

            $worker->create until stopped($worker->{safe});
            $worker->tell(splice @{ $worker->{later} }, 0, 1) while @{ $worker->{later} };
            return json($worker->{fates});
        })
    } 1 .. $writers;

    push @pipes, spawned(sub {
        my $safe = connection('killer');
        my $killed = 0;

        while (!stopped($safe)) {
            sleep rand 0.3;
            $killed += $safe->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE application_name = 'storm' AND datname = current_database() ORDER BY random() LIMIT 1});
        }

        return json({ killed => $killed });
    });

    push @pipes, spawned(sub {
        my $safe = connection('looker');
        my $looks = 0;

        while (!stopped($safe)) {
            eval { $safe->selectrow_array('SELECT tavus.line_look(?, ?)', undef, json(\%budget), []) };
            $safe->do(q{UPDATE tavus.budget SET full_at = full_at - interval '15 seconds',
                most_at = most_at - interval '15 seconds'});
            sleep 0.2;
            $looks++;
        }

        return json({ looks => $looks });
    });

    my $begun = time;
    my $spent = time;
    my ($n, $most, $wrongs);

    while (1) {
        my $what = $db->selectrow_array($wrong, undef, json(\%budget));

        $db->do('INSERT INTO public.wrong VALUES (?)', undef, $what) if $what;
        ($n, $most) = $db->selectrow_array('SELECT begun, most FROM public.ledger');
        $wrongs = $most > $budget{active} || ($what && $what =~ $bad);
        $spent = time if !$db->selectrow_array($enough, undef, $n);
        last if $wrongs || time - $spent > 1 || time - $begun > 60;
        sleep 0.005;
    }

    $db->do('UPDATE public.ledger SET stop = true');

    my %fates;
    for my $pipe (@pipes) {
        my $out = do { local $/; <$pipe> };
        my $fates = eval { json($out) };

        close $pipe;
        fail("a process ends well: $out") unless $fates;
        $fates{$_} += $fates->{$_} for keys %{ $fates || {} };
    }

    ($n, $most) = $db->selectrow_array('SELECT begun, most FROM public.ledger');
    note(sprintf '%d began, %d at most, in %.1f s: %s', $n, $most, time - $begun, json(\%fates));

    return { begun => $n, most => $most, fates => \%fates,
             wrong => $db->selectcol_arrayref('SELECT DISTINCT what FROM public.wrong') };
}

sub at_last {
    my ($what) = @_;

    # time passes
    $db->do(q{UPDATE tavus.places SET granted_at = granted_at - interval '1 hour', until = until - interval '1 hour'});
    $db->selectrow_array(q{SELECT tavus.trim('budget', '60 days', 1000)});
    is($db->selectrow_array('SELECT count(*) FROM tavus.places'), 0, "$what: all places are free");
    is($db->selectrow_array($wrong, undef, '{}'), '', "$what: calls are intents");
    is($db->selectrow_array('SELECT count(*) FROM public.alive'), 0, "$what: nothing runs");
}

# ---- at once

my $r = storm('SELECT ?::int >= 120', qr/./, active => 3, line => 8, visitor_day => 1000, day => 100000, minutes => 100000);

is_deeply($r->{wrong}, [], 'places: nothing is wrong at any moment');
is($r->{most}, 3, 'places: as many run as may, and never more');
cmp_ok($r->{fates}{killed}, '>', 20, 'places: sessions were killed');
cmp_ok($r->{fates}{waits} || 0, '>', 0, 'places: some waited in vain');
at_last('places');

# ---- first come, first served, where nobody comes back into the line (strict is for the worker)

$db->do('TRUNCATE tavus.line');
$r = storm('SELECT ?::int >= 40', qr/./, active => 1, line => 20, visitor_day => 1000, day => 100000, minutes => 100000,
           strict => 1);
is_deeply($r->{wrong}, [], 'line: nothing is wrong at any moment');
is($r->{most}, 1, 'line: one runs at a time');
is_deeply($db->selectcol_arrayref(q{
    SELECT o.ticket FROM (SELECT l.*, max(l.pos) OVER (ORDER BY l.granted_at) AS most FROM tavus.line l
                           WHERE l.granted_at IS NOT NULL) o
     WHERE o.pos < o.most}), [], 'line: nobody went past another');
cmp_ok($db->selectrow_array('SELECT count(*) FROM tavus.line WHERE granted_at IS NOT NULL'), '>', 10,
       'line: of many');
at_last('line');

# ---- a day

SKIP: {
    skip 'the day has changed', 1 if $db->selectrow_array('SELECT count(*) FROM tavus.budget_days') != 1;

    for my $k ('day', 'minutes', 'visitor_day') {
        my %budget = (active => 3, line => 0, visitor_day => 1000, day => 100000, minutes => 100000);

        # so much more, or nearly so as calls are of half a minute
        my $used = {
            day => 'SELECT sum(calls)::int FROM tavus.budget_days',
            minutes => 'SELECT (29 + (SELECT sum(seconds) FROM tavus.budget_days)
                                - (SELECT coalesce(sum(seconds), 0) FROM tavus.places))::int / 60',
            visitor_day => 'SELECT max(calls) FROM tavus.budget_visitors' }->{$k};

        $budget{$k} = 0 + $db->selectrow_array($used);
        $budget{$k} += $k eq 'day' ? 25 : 3;

        my $spent = { day => 'day_spent', minutes => 'minutes_spent', visitor_day => 'visitor_spent' }->{$k};
        my $s = storm("SELECT ($used) >= $budget{$k} AND ?::int > 0", qr/./, %budget);

        is_deeply($s->{wrong}, [], "$k: nothing is wrong at any moment");
        cmp_ok($s->{fates}{$spent} || 0, '>', 0, "$k: there was an end to it");
        at_last($k);
    }
}

# ---- the lock is what it is for

my $body = $db->selectrow_array(q{SELECT pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'tavus'::regnamespace AND proname = 'record_wishes'});

ok($body =~ s/NOT pg_try_advisory_xact_lock\(2026, 5\)/false/, 'without the lock');
$db->do($body);
$r = storm('SELECT ?::int < 0', qr/too many/, active => 3, line => 0);
ok($r->{most} > 3 || "@{ $r->{wrong} }" =~ /too many/, 'there are too many');

$db->disconnect;
$root->do("DROP DATABASE $name WITH (FORCE)");

done_testing();
