#!/usr/bin/perl

# What a node has told its visitor and not yet the database is judged by no
# other node, until the node is gone for good.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Sandbox;
use Mojo::JSON qw(decode_json);

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my ($A, $B) = map { Tavus::Test::Node->new($_, $pg, $box) } qw(a b);
my ($a, $b) = ($A->t->start, $B->t->start);
my $db = $pg->db;

wait_ok { $_->get('/healthz')->code == 200 } 'ready' for $a, $b;
$_->beats(0) for $A, $B;
isnt $A->id, $B->id, 'each has its id';

my $active = sub { map { $_->{conversation_id} } $box->conversations('active') };
my $judged = sub { $db->selectrow_array('SELECT sum(tries) FROM tavus.intents') };

# The wish is committed, and Tavus begins; its answer takes so long.
my $begin = sub ($ms) {
    my $n = $active->();
    $box->fault(kind => 'delay', ms => $ms, after => 1, times => 1,
        method => 'POST', path => '/v2/conversations');
    my $s = $a->socket->send(post_bytes('/api/tavus/create-conversation', '{}'));
    wait_ok { $active->() == $n + 1 } 'Tavus has begun';
    return $s;
};

# Its patience is over, as after half a minute.
my $overdue = sub ($n) {
    is $db->do(q{UPDATE tavus.intents SET due_at = now() - interval '1 hour'
        WHERE due_at IS NOT NULL}), $n, 'no outcome is known';
};

my $untold = $begin->(60000);
my $told = $begin->(2000);
$A->cut;
my $res = $told->response;
is $res->{status}, 200, 'one visitor is told';
my $id = decode_json($res->{body})->{conversation_id};
$a->kill_worker;
$untold->close;

$overdue->(2);
is $db->do(q{UPDATE tavus.nodes SET beat_at = now() - interval '4 minutes'
    WHERE id = ?}, undef, $A->id), 1, 'A is silent';
$B->beats(2);
is_deeply [$judged->(), scalar $active->()], [0, 2], 'B leaves both alone';
wait_ok { $b->grep_log(qr/node "@{[$A->id]}" is silent/) } 'its log names A';
my $health = decode_json($db->selectrow_array('SELECT tavus.health()'));
is_deeply [map { $_->{id} } $health->{silent_nodes}->@*], [$A->id],
    'and so does health';

$A->mend;
wait_ok { $active->() == 1 } 'A itself ends what it told nobody of', 30;
is_deeply [$active->()], [$id], 'and only that';
wait_ok { $db->selectrow_array(q{SELECT bool_and(due_at IS NULL) AND
    bool_or(announced) AND bool_or(closed) FROM tavus.intents}) } 'as recorded';
is $b->grep_log(qr/looking after/), 0, 'B did nothing';

# for good
$untold = $begin->(60000);
$A->cut;
$a->kill_worker;
$untold->close;
$overdue->(1);
my $long = q{now() - interval '181 minutes'};
$db->do("UPDATE tavus.nodes SET beat_at = $long WHERE id = ?", undef, $A->id);
my $before = $judged->();
$B->beats(1);
is $judged->(), $before, 'A is gone, but the call may last';
$db->do("UPDATE tavus.intents SET seen_at = $long");
wait_ok { $active->() == 1 } 'B ends it', 20;
is_deeply [$active->()], [$id];
wait_ok { !$db->selectrow_array('SELECT count(*) FROM tavus.intents
    WHERE due_at IS NOT NULL') } 'on record';
$A->mend;

done_testing;
