#!/usr/bin/perl

# A reload, and a killed worker, under exports: the old worker ends those that are
# read, cuts the others, and goes; a cut one goes on with the new worker.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Export;

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'ready';
fill($t, 15_000);
my @ids = $t->db->selectcol_arrayref(q{SELECT id FROM tavus.events WHERE source = 'tavus'
    ORDER BY id DESC})->@*;

sub open_one {
    my $e = export($t, '?source=tavus&format=ndjson', receive => 4096);
    ok $e->take(100_000), 'under way';
    return $e;
}
sub goes_on {
    my ($e, $what) = @_;
    my $rest = export($t, '?source=tavus&format=ndjson&until=' . $e->until
        . '&cursor=' . $e->last_id);
    is $rest->rest, 'whole', "$what: goes on";
    is join(' ', $e->ids, $rest->ids), join(' ', @ids), 'and each event is there once';
}

# ---- a reload
my ($read, $stopped, $late) = map { open_one() } 1 .. 3;
$t->reload;
is $read->rest, 'whole', 'who reads gets all of it from the old worker';
is join(' ', $read->ids), join(' ', @ids);
is $t->all_workers, 2, 'which is still there for the others';
wait_ok { $t->all_workers == 1 } 'and goes, though they do not read';
is_deeply [map { $_->rest } $stopped, $late], ['cut', 'cut'], 'they can tell';
goes_on($stopped, 'cut by a reload');

# ---- a worker that is killed
my $killed = open_one();
$t->kill_worker;
is $killed->rest, 'cut', 'killed';
wait_ok { ($t->admin('/api/admin/events')->code // 0) == 200 } 'another worker';
goes_on($killed, 'cut by a kill');

# ---- QUIT ends as a reload does
my $quit = open_one();
$t->signal('QUIT');
is $quit->rest, 'whole', 'QUIT lets it end';

done_testing;
