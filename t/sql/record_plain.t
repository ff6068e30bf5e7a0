#!/usr/bin/perl

# What a batch does not need is left out: the same batches, at random, leave the same rows and the
# same letters where everything is done for each of them.  Wants DATABASE_URL (or PG* variables), as a
# superuser; with another SEED for other batches, and BATCHES of them.

use strict;
use warnings;

use Cwd qw( abs_path );
use DBI;
use File::Basename qw( dirname );
use Test::More;

my $here = dirname(abs_path(__FILE__));
my $url = $ENV{DATABASE_URL} || '';
my $root = DBI->connect("dbi:Pg:$url", undef, undef, { RaiseError => 1, PrintError => 0 });
my $name = "tavus_plain_$$";
my $own = $url eq '' ? "dbname=$name" : $url;

$own =~ s{^(postgres(?:ql)?://[^/?]*)(?:/[^?]*)?}{$1/$name} or $own .= " dbname=$name" if $url ne '';
$root->do("CREATE DATABASE $name TEMPLATE template0 ENCODING 'UTF8'");
is(system('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', $own, '-f',
          "$here/../../sql/install.sql"), 0, 'a database of its own');
my $db = DBI->connect("dbi:Pg:$own", undef, undef, { RaiseError => 1, PrintError => 0, PrintWarn => 0 });

my $seed = $ENV{SEED} || 20_261_129;
my $batches = $ENV{BATCHES} || 120;

srand $seed;
note("SEED=$seed");

# ---- record() with nothing left out: each row may say something, be late, and need the gate

my $whole = $db->selectrow_array(q{SELECT pg_get_functiondef(oid) FROM pg_proc
    WHERE pronamespace = 'tavus'::regnamespace AND proname = 'record'});

for (['roles  boolean := event_types && tavus.role_types()', 'roles  boolean := true'],
     ['IF odd OR fates OR', 'IF true OR'],
     ['IF wishes THEN', 'IF true THEN'],
     ['IF fates THEN', 'IF true THEN'],
     ['IF words THEN', 'IF true THEN'])
{
    my ($from, $to) = @$_;
    ok($whole =~ s/\Q$from\E/$to/, "without '$from'");
}

# whether something was erased is asked of each row
ok($whole =~ s/IF doubt IS NOT TRUE\s+AND \(.*?(?=\n    THEN)/IF true/s, 'without a look before it');
ok($whole =~ s/SELECT bool_or\(CASE u\.source/SELECT doubt OR bool_or(CASE u.source/, 'with what is known already');

# ---- batches

sub pick { return $_[rand @_] }
sub some { my ($p, $value) = @_; return rand() < $p ? $value : undef }
sub hex_ { my ($n) = @_; return '\x' . join '', map { sprintf '%02x', int rand 256 } 1 .. $n }

my @types = qw( system.replica_joined system.pal_joined system.shutdown conversation.ended conversation.started
    conversation.created application.transcription_ready application.recording_ready
    application.perception_analysis application.post_call_action_executed conversation.requested
    conversation.create_failed conversation.not_found conversation.end_failed consent page_view contact.submitted );
my @calls = map { "c$_" } 1 .. 12;
my @nonces = map { '\x' . sprintf('%032x', $_) } 1 .. 6;
my @digests = map { hex_(16) } 1 .. 4;
my $from = (time - 7200) * 1000;
my $moments = 0;
my %sent;

sub row {
    my ($plain) = @_;

    # one that came already, or nearly so
    if (%sent && rand() < 0.08) {
        my %r = %{ $sent{pick(keys %sent)} };
        $r{body} = pick($r{body}, '{"properties":{"reason":"other"}}');
        return \%r;
    }

    my $ms = $from + 5000 * $moments++ - (rand() < 0.15 ? int rand 500_000 : 0);
    my $h = sprintf '%012x', $ms;
    my $id = substr($h, 0, 8) . '-' . substr($h, 8) . sprintf('-7%03x-8%03x-%012x', rand 4096, rand 4096, rand 2 ** 40);
    my $source = $plain ? 'tavus' : pick(('tavus') x 6, 'server', 'server', 'browser', 'stripe', undef);
    my $type = rand() < ($plain ? 0.05 : 0.5) ? pick(@types) : 'conversation.utterance';
    my $r = {
        id => $id, source => $source, type => $type, kind => pick(0, 0, 1),
        conversation => some(0.9, rand() < 0.5 ? pick(@calls) : 'n' . int($moments / 8 + rand 4)), nonce => some($plain ? 0.2 : 0.4, pick(@nonces)),
        digest => $plain ? undef : some(0.05, pick(@digests)),
        reason => $plain ? undef : some(0.03, 'unfit'),
        body => pick('{}', '{"properties":{"shutdown_reason":"left","replica_id":"r1","persona_id":"p1"}}',
            '{"reason":"visitor"}', '{"status":"active","conversation_url":"https://x","persona_id":"p2","vertical":"legal"}',
            '{"outcome":"failed","reason":"refused"}', '{"outcome":"unknown"}', 'no JSON',
            '{"user_id":"u1","properties":{"consent":"granted"},"session_id":"s1"}', '{"consent":"denied","session_id":"s2"}'),
    };

    $r->{conversation} = 'x' x 1001 if rand() < 0.003;
    $sent{$id} = $r;
    delete $sent{pick(keys %sent)} if keys %sent > 40;
    return $r;
}

sub record {
    my (@r) = @_;

    return $db->selectrow_array('SELECT tavus.record(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)', undef,
        [ map { $_->{id} } @r ], [ map { undef } @r ], [ map { $_->{digest} } @r ], [ map { $_->{kind} } @r ],
        [ map { $_->{source} } @r ], [ map { $_->{type} } @r ], [ map { $_->{conversation} } @r ],
        [ map { $_->{nonce} } @r ], [ map { '{}' } @r ],
        [ map { '\x' . unpack 'H*', $_->{body} } @r ], [ map { $_->{reason} } @r ]);
}

# All that record() writes to, but the log, whose positions are used up.

my @tables = qw( events conversations intents digests elsewhere consents quarantine tombstones );

sub state {
    return join "\n", map {
        $db->selectrow_array("SELECT coalesce(string_agg(to_jsonb(t)::text, E'\\n' ORDER BY to_jsonb(t)::text), '') FROM tavus.$_ t")
    } @tables;
}

sub tried {
    my ($how, @r) = @_;

    $db->do('SAVEPOINT tried');
    $db->do($how) if $how;
    my $letters = eval { record(@r) } // "error $@";
    my $state = $letters =~ /^error/ ? '' : state();
    $db->do('ROLLBACK TO tried');

    # a row of a quarantine is numbered, an erasure has an id
    s/"(?:seq|erasure)": *(?:"[^"]*"|\d+)//g for $state;
    return ($letters, $state);
}

my (%letters, $differ, $short);

for my $b (1 .. $batches) {
    my $plain = rand() < 0.5;
    my @r = map { row($plain) } 1 .. pick(1, 1, 2, 4, 8, 32);

    $db->begin_work;
    my ($letters, $state) = tried('', @r);
    my ($other, $else) = tried($whole, @r);

    if ("$letters\n$state" ne "$other\n$else") {
        my %is = map { $_ => 1 } split /\n/, $state;
        my %was = map { $_ => 1 } split /\n/, $else;

        diag("batch $b of SEED=$seed: $letters, and $other");
        diag("only here: $_") for grep { !$was{$_} } sort keys %is;
        diag("only there: $_") for grep { !$is{$_} } sort keys %was;
        $differ++;
        last;
    }

    $short++ if $plain;
    $letters{$_}++ for $letters =~ /^error/ ? 'error' : split //, $letters;
    record(@r) if $letters !~ /^error/;
    $db->do(q{SELECT tavus.erase_begin('conversation', ARRAY[?])}, undef, 'c ' . pick(@calls)) if rand() < 0.02;
    $db->do(q{SELECT tavus.erase_begin('visitor', ARRAY[?])}, undef, pick('s s1', 'n ' . substr pick(@nonces), 2))
        if rand() < 0.01;
    $db->commit;
}

ok(!$differ, 'the same rows and letters');
cmp_ok($short || 0, '>', 20, 'of plain batches too');
cmp_ok($letters{$_} || 0, '>', 0, "letters: $_") for qw( s d q b );
is($letters{error}, undef, 'none was refused');

# ---- and readers find in the log what is theirs

is_deeply($db->selectcol_arrayref(q{
    SELECT r.reader || ' at ' || l.pos
      FROM tavus.log l CROSS JOIN LATERAL unnest(l.ids) AS i (id) JOIN tavus.events e ON e.id = i.id
     CROSS JOIN LATERAL (VALUES ('leads', e.event_type IN ('contact.submitted', 'lead.handled')
                                          AND e.source IN ('browser', 'server')),
                                ('orders', e.source = 'stripe'), ('traces', e.source <> 'tavus'),
                                ('words', e.event_type = ANY (tavus.talk_types()))) AS r (reader, wants)
     WHERE r.wants AND l.sorts & tavus.log_sort(r.reader) = 0}), [], 'what readers want is noted');
cmp_ok($db->selectrow_array('SELECT count(*) FROM tavus.log WHERE sorts = 0'), '>', 0, 'and where there is nothing');
is($db->selectrow_array('SELECT bit_or(sorts) FROM tavus.log'), 15, 'of all sorts');

$db->disconnect;
$root->do("DROP DATABASE $name WITH (FORCE)");

done_testing();
