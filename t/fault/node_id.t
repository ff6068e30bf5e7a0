#!/usr/bin/perl

# A node's id is in the journal's folder: it outlives reload and restart, and a
# copy of the folder does not pass unseen.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Metrics;
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Sandbox;

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my %metrics = (locations => {'= /metrics' => 'tavus_metrics;'});
my ($A, $B) = map { Tavus::Test::Node->new($_, $pg, $box, workers => 4,
    %metrics) } qw(a b);
my ($a, $b) = ($A->t, $B->t);
my $db = $pg->db;

$a->start;
$A->beats(0);
my $id = $A->id;
like $id, qr/^[0-9a-f]{32}\z/, 'made by one of four workers';
is_deeply [grep { !m{/\.node\z} } glob $a->dir . '/journal/.node*'], [],
    'the others left nothing';
is sprintf('%04o', (stat $a->dir . '/journal/.node')[2] & 07777), '0600';

is $a->create->code, 200 for 1 .. 8;
my ($name) = $db->selectrow_array('SELECT name FROM tavus.nodes');
is_deeply $db->selectcol_arrayref('SELECT DISTINCT node FROM tavus.intents'),
    [$name], 'every intent knows it';

$a->reload(drained => 1);
$A->beats(1);
$a->stop;
$a->start;
$A->beats(1);
is $A->id, $id, 'kept';
is_deeply $db->selectcol_arrayref('SELECT name FROM tavus.nodes'), [$name],
    'over reload and restart';
is metrics($a)->('tavus_node_clash'), 0;

system 'cp', '-a', $a->dir . '/journal', $b->dir . '/journal';
$b->start;
is $B->id, $id, 'a copied folder';
wait_ok { $a->grep_log(qr/\[crit\] .* another node has the id of this one/) }
    'is named by the node', 30;
wait_ok { $b->grep_log(qr/\[crit\] .* another node has the id of this one/) }
    'and by the other', 30;
wait_ok { metrics($b)->('tavus_node_clash') == 1 } 'metrics';
like $db->selectrow_array('SELECT tavus.health()'),
    qr/"clashing_nodes" : \["$id"\]/, 'health';
is $b->create->code, 200;
is scalar $db->selectall_arrayref('SELECT DISTINCT node FROM tavus.intents')
    ->@*, 2, 'what the two ask for is told apart';

# as the log says
$b->stop;
unlink $b->dir . '/journal/.node';
$b->start;
$B->beats(0);
isnt $B->id, $id, 'without the file it is another';

for my $bad ('', "$id$id\n", 'g' x 32 . "\n") {
    $b->stop;
    my $file = $b->dir . '/journal/.node';
    open my $out, '>', $file or die "$file: $!";
    print $out $bad;
    close $out;
    my $before = $b->grep_log(qr/id could not be read or made/);
    $b->start;
    wait_ok { $b->grep_log(qr/id could not be read or made/) > $before }
        'what is no id is said';
    wait_ok { $b->create->code == 200 } 'visitors do not suffer';
}
is $db->selectrow_array('SELECT count(*) FROM tavus.intents
    WHERE node IS NULL'), 3, 'nobody judges those before their time';

done_testing;
