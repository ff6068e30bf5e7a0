#!/usr/bin/perl

# Writers that commit late, abort, prepare, undo parts, send again and erase;
# readers that look at any moment.  Each event is read once, and by all in one
# order.  Where the lock comes after the position, some are missed.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Log qw(event_id store);
use Tavus::Test::Pg;
use Tavus::Test::Process qw(alive background);
use Time::HiRes qw(sleep);

my $pg = Tavus::Test::Pg->new(config => ['max_prepared_transactions=20']);
my ($writers, $rounds) = (6, 150);
$pg->db->disconnect;

# One transaction; what a writer has stored it adds to @$sent.
my @ways = (
    plain => 30, sub ($db, $sent, @new) { store($db, @new) },
    late => 20, sub ($db, $sent, @new) {
        $db->begin_work;
        store($db, @new);
        $db->do('SELECT pg_sleep(?)', {}, rand 0.03);
        $db->commit;
    },
    abort => 10, sub ($db, $sent, @new) {
        $db->begin_work;
        store($db, @new);
        $db->do('SELECT pg_sleep(?)', {}, rand 0.01);
        $db->rollback;
    },
    prepare => 10, sub ($db, $sent, @new) {
        my $gid = "p$$." . @$sent . '.' . int rand 1e9;
        $db->begin_work;
        store($db, @new);
        $db->do("PREPARE TRANSACTION '$gid'");
        sleep rand 0.03;
        $db->do((rand() < 0.5 ? 'COMMIT' : 'ROLLBACK') . " PREPARED '$gid'");
    },
    parts => 10, sub ($db, $sent, @new) {
        $db->begin_work;
        $db->do('SAVEPOINT s');
        store($db, shift @new);
        $db->do(rand() < 0.5 ? 'ROLLBACK TO s' : 'RELEASE s');
        $db->do('SELECT pg_sleep(?)', {}, rand 0.01);
        store($db, @new) if @new;
        $db->commit;
    },
    again => 10, sub ($db, $sent, @new) {
        store($db, @new, map { $sent->[rand @$sent] // () } 1 .. 3);
    },
    erase => 10, sub ($db, $sent, @new) {
        $db->begin_work;
        $db->do(q{UPDATE tavus.events SET body = '' WHERE id = ANY (?)}, {},
            '{' . join(',', sort map { $sent->[rand @$sent] // () } 1 .. 3) . '}');
        store($db, @new);
        $db->commit;
    });

sub writer ($name) {
    srand $$;
    my $db = $pg->connect(db => $name);
    my @sent;
    for (1 .. $rounds) {
        my $dice = rand 100;
        my $i = 0;
        while (($dice -= $ways[$i + 1]) > 0) { $i += 3 }
        my @new = map { event_id() } 1 .. 1 + rand 4;
        $ways[$i + 2]->($db, \@sent, @new);
        push @sent, @new;
    }
    $db->do('INSERT INTO public.done VALUES (1)');
}

# (what is stored, what each reader has read)
sub storm ($name) {
    my $db = $pg->connect(db => $name);
    my $other = $pg->connect(db => $name);
    $db->do('CREATE TABLE public.done (n int)');
    $db->selectrow_array(q{SELECT tavus.cursor_make('reader', true)});

    my @pids = map { background(sub { writer($name) }) } 1 .. $writers;
    my ($reader, @outside, @inside) = Tavus::Test::Log->new;

    my $poll = sub {
        push @outside, $reader->poll($db, 1 + int rand 40);
        $other->begin_work;
        my $ids = $other->selectcol_arrayref('SELECT id FROM tavus.tail(?, ?)',
            {}, 'reader', 1 + int rand 40);
        return $other->rollback if rand() < 0.3;
        $other->commit;
        push @inside, @$ids;
    };
    while (grep { alive($_) } @pids) { $poll->(); sleep rand 0.01 }
    is $db->selectrow_array('SELECT count(*) FROM public.done'), $writers,
        "$name: all have written";
    push @outside, $reader->drain($db);
    push @inside, $other->selectcol_arrayref(
        q{SELECT id FROM tavus.tail('reader', 10000)})->@*;
    return ($db->selectcol_arrayref('SELECT id FROM tavus.events'),
        \@outside, \@inside);
}

# A pause between lock and position makes their order count: that of
# tavus.record(), and in the control the other.
my $db = $pg->connect;
my $record = $db->selectrow_array(
    q{SELECT pg_get_functiondef('tavus.record'::regproc)});
my $pause = 'PERFORM pg_sleep(random() * 0.005);';
ok $record =~ s/^( *IF tavus\.log_lock\(\).*?END IF;\n)/%1/ms
    && (my $lock = $1), 'the lock is taken';
ok $record =~ s/(?=^    IF cardinality\(fresh\) = n THEN)/%2/m,
    'before the position';
sub between ($db, @places) {
    $db->do($record =~ s/%(\d)/$places[$1 - 1]/gr);
    $db->disconnect;
}
$pg->connect(db => 'postgres')->do('CREATE DATABASE control TEMPLATE tavus')
    if $db->disconnect;
between($pg->connect, "$lock$pause\n", '');
between($pg->connect(db => 'control'), '', "$pause\n$lock");

my ($stored, $outside, $inside) = storm('tavus');
cmp_ok scalar @$stored, '>', $writers * $rounds, scalar(@$stored) . ' events';
is_deeply [sort @$outside], [sort @$stored], 'each is read once from outside';
is_deeply $inside, $outside, 'and by a cursor, in the same order';

($stored, $outside, $inside) = storm('control');
cmp_ok scalar @$outside, '<', scalar @$stored,
    @$stored - @$outside . ' of ' . @$stored . ' are missed by the control';

done_testing;
