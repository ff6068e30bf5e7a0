#!/usr/bin/perl

# A database that is set back, in each way: a reader outside that has read what
# is lost is told so, whoever has not goes on, and a cursor has gone back with
# it.  Where the place of a reader is still there, but an event before it is
# not, the reader is ahead, too.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Log qw(event_id store);
use Tavus::Test::Pg;
use Tavus::Test::Process qw(alive background);

my @got;            # by the cursor, in what became of the database

sub begin ($pg) {
    my $db = $pg->db;
    @got = ();
    $db->selectrow_array(q{SELECT tavus.cursor_make('reader', true)});
    store($db, event_id()) for 1 .. 3;
    read_on($pg);
    my $reader = Tavus::Test::Log->new;
    $reader->drain($db);
    return $reader;
}

sub read_on ($pg) {
    push @got, $pg->db->selectcol_arrayref(
        q{SELECT id FROM tavus.tail('reader', 10000)})->@*;
}

# what is lost is stored and read between the two
sub lose ($pg, $reader) {
    my $before = $reader->place($pg->db);
    my $early = Tavus::Test::Log->new(%$reader);
    return ($before, $early);
}

sub lost ($pg, $reader, $n = 3) {
    my @kept = @got;
    store($pg->db, event_id()) for 1 .. $n;
    is scalar($reader->drain($pg->db)), $n, 'some more are read' if $n;
    read_on($pg);
    @got = @kept;
    return $reader->place($pg->db);
}

sub back ($pg, $what, $reader, $place, $early, $before) {
    my $db = $pg->db;
    my @new = map { event_id() } 1 .. 4;
    store($db, $_) for @new[0 .. 1];
    ok $reader->resume($db, $place), "$what: who has read more is ahead";
    ok !$early->resume($db, $before), 'who has not is not';
    store($db, $_) for @new[2 .. 3];
    is_deeply [$reader->drain($db)], [@new[2 .. 3]], 'the one goes on from here';
    is_deeply [(grep { my $id = $_; grep { $_ eq $id } @new } $early->drain($db))],
        \@new, 'the other from where it was';
    read_on($pg);
    my %times;
    $times{$_}++ for @got;
    my $stored = $db->selectcol_arrayref('SELECT id FROM tavus.events');
    is_deeply [map { $times{$_} // 0 } @$stored], [map { 1 } @$stored],
        'and a cursor has read each once';
    ok !$reader->resume($db, $reader->place($db)), 'places of now are known';
}

# ---- all files are those of before -----------------------------------------

my $pg = Tavus::Test::Pg->new(config => ['max_prepared_transactions=5']);
my $reader = begin($pg);
my ($before, $early) = lose($pg, $reader);
my $data = $pg->{data};
$pg->kill;
system('cp', '-R', $data, "$data.before") == 0 or die 'cp';
$pg->start;
is $reader->resume($pg->db, $before), 0, 'a start alone loses nothing';
my $place = lost($pg, $reader);
$pg->kill;
system('rm', '-rf', $data) == 0 or die 'rm';
system('cp', '-a', "$data.before", $data) == 0 or die 'cp';
system('chown', '-R', 'postgres:', $data) if $> == 0;
$pg->start;
back($pg, 'files', $reader, $place, $early, $before);

# a server that begins anew after a backend crashed is the same
$place = $reader->place($pg->db);
my $epochs = sub ($db) {
    $db->selectrow_array('SELECT count(*) FROM tavus.log_epochs') };
my $n = $epochs->($pg->db);
my ($victim, $witness) = map { $pg->connect } 1 .. 2;
kill KILL => $victim->{pg_pid};
# until the server has seen it, it lets others in
wait_ok { !eval { $witness->selectrow_array('SELECT 1') }
    && eval { $pg->connect->selectrow_array('SELECT 1') } } 'a backend crashes', 30;
$pg->{db} = $pg->connect;
ok !$reader->resume($pg->db, $place), 'which takes nobody back';
$reader->place($pg->db);
is $epochs->($pg->db), $n, 'nor begins an epoch';

# a prepared transaction outlives its server, and so does what it holds up
{
    my $db = $pg->connect;
    my @ids = map { event_id() } 1 .. 2;
    $db->begin_work;
    store($db, $ids[0]);
    $db->do(q{PREPARE TRANSACTION 'of before'});
    $pg->kill;
    $pg->start;
    store($pg->db, $ids[1]);
    is_deeply [$reader->drain($pg->db)], [], 'prepared, a crash, and another';
    $pg->db->do(q{COMMIT PREPARED 'of before'});
    is_deeply [$reader->drain($pg->db)], \@ids, 'are read in their order';
}

# two at once
$pg->restart;
my @pids = map { background(sub {
    my $db = $pg->connect;
    $db->begin_work;
    $db->selectrow_array('SELECT tavus.log_place(1, 1), pg_sleep(0.2)');
    $db->commit;
}) } 1 .. 6;
wait_ok { !grep { alive($_) } @pids } 'six are told the first place of a run';
is $epochs->($pg->db), $n + 1, 'and one epoch begins';

# ---- a dump, restored elsewhere and in the same server ---------------------

sub shell ($pg, @command) {
    local @ENV{qw(PGHOST PGPORT PGUSER)}
        = ($pg->socket_dir, $pg->port, 'postgres');
    is system(@command), 0, $command[0];
}

my $other = Tavus::Test::Pg->new;
for my $to ($other, $pg) {
    my $dump = $pg->dir . '/dump';
    $reader = begin($pg);
    ($before, $early) = lose($pg, $reader);
    shell($pg, 'pg_dump', '-Fc', '-d', 'tavus', '-f', $dump);
    @got = $pg->db->selectcol_arrayref('SELECT id FROM tavus.events')->@*;
    $place = lost($pg, $reader);
    for ($pg, $to) { $_->db->disconnect; delete $_->{db} }
    shell($to, 'dropdb', '--force', 'tavus');
    shell($to, 'createdb', '-T', 'template0', 'tavus');
    shell($to, 'pg_restore', '--exit-on-error', '-d', 'tavus', $dump);
    back($to, $to == $pg ? 'the same server' : 'another server', $reader, $place,
        $early, $before);
}

# ---- a standby that has lost its tail --------------------------------------

for my $case (0, 1) {
    my $primary = Tavus::Test::Pg->new;
    my $standby = Tavus::Test::Pg->new(from => $primary);
    my $db = $primary->db;
    $reader = begin($primary);
    ($before, $early) = lose($primary, $reader);

    # one that commits when the standby hears of nothing more
    my $late = $primary->connect;
    if ($case) {
        $late->begin_work;
        store($late, event_id());
        store($db, event_id());
    }
    my $lsn = $db->selectrow_array('SELECT pg_current_wal_flush_lsn()');
    wait_ok { $standby->db->selectrow_array(
        'SELECT pg_last_wal_replay_lsn() >= ?::pg_lsn', {}, $lsn) } 'follows';
    $standby->db->do("ALTER SYSTEM SET primary_conninfo = ''");
    $standby->db->do('SELECT pg_reload_conf()');
    wait_ok { !$standby->db->selectrow_array(
        'SELECT count(*) FROM pg_stat_wal_receiver') } 'hears no more';
    if ($case) {
        $late->commit;
        is scalar($reader->drain($db)), 2, 'both are read, in order';
    }
    $place = lost($primary, $reader, $case ? 0 : 3);
    $late->disconnect;
    my $of_before = $standby->connect;      # began on the standby
    $primary->kill;
    $standby->promote;
    is length store($of_before, event_id()), 1, 'it stores';
    back($standby, $case ? 'a standby that lost one before the last'
        : 'a standby', $reader, $place, $early, $before);
}

done_testing;
