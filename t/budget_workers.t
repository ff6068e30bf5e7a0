#!/usr/bin/perl

# Several workers, and many creates at once: never one too many at Tavus.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;
use Mojo::JSON qw(decode_json);

my $t = Tavus::Test->new(workers => 4, http => {tavus_budget => 'active=3 day=12',
    tavus_store_timeout => '10s'})->start;
my ($box, $db) = ($t->sandbox, $t->db);

my $left = 86400 - time % 86400;
plan skip_all => "midnight is in $left s" if $left < 120;

# one more than that would be refused by Tavus, and be known by it
$box->config(max_concurrent => 3);

# As many as that at the same moment, over all workers.
sub storm {
    my ($n) = @_;
    my @sockets = map { $t->socket } 1 .. $n;
    $_->send(create_bytes()) for @sockets;
    my (%said, @made);
    for my $socket (@sockets) {
        my $res = $socket->response(30) // {};
        my $json = eval { decode_json($res->{body}) } // {};
        $said{join ' ', grep { defined } $res->{status} // 'none', $json->{code}}++;
        push @made, $json if $json->{conversation_id};
        $socket->close;
    }
    return (\%said, @made);
}

for my $round (1 .. 4) {
    my ($said, @made) = storm(40);
    is_deeply $said, {200 => 3, $round < 4 ? ('503 at_capacity' => 37)
        : ('503 budget_spent' => 37)}, "round $round: three of forty";
    is asked($t), 3 * $round, 'and Tavus was asked for those alone';
    is used($t), 3, 'which hold their places';
    is $t->post('/api/tavus/end-conversation', {conversation_id =>
        $_->{conversation_id}, end_token => $_->{end_token}})->code, 200,
        'ended' for @made;
    wait_ok { used($t) == 0 } 'all places are free';
}

my ($said) = storm(20);
is_deeply $said, {'503 budget_spent' => 20}, 'then the day is spent';

is asked($t), 12;
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.create_failed'}), 0, 'Tavus never refused one';
is $db->selectrow_array('SELECT calls FROM tavus.budget_days'), 12, 'the ledger';
is $db->selectrow_array('SELECT count(*) FROM tavus.intents'), 12,
    'is that of the intents';

done_testing;
