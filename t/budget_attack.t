#!/usr/bin/perl

# Who would spend the owner's money: many addresses at once, one visitor in many tabs, a
# request that is sent again.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;

my %real = (real_ip_header => 'X-Real-IP', set_real_ip_from => '127.0.0.1');
my $t = Tavus::Test->new(workers => 2, http => {%real, tavus_budget => 'day=5 visitor_day=1',
    tavus_store_timeout => '10s'})->start;
my $db = $t->db;

my $left = 86400 - time % 86400;
plan skip_all => "midnight is in $left s" if $left < 120;

# One create of each address at the same moment; how many of each answer.
sub storm {
    my @sockets = map {
        my $s = $t->socket;
        $s->send(create_bytes('X-Real-IP' => $_));
        $s;
    } @_;
    my %said;
    for my $socket (@sockets) {
        my $res = $socket->response(30) // {};
        my ($reason) = ($res->{body} // '') =~ /"reason":"(\w+)"/;
        $said{$reason // $res->{status} // 'none'}++;
        $socket->close;
    }
    return \%said;
}

is_deeply storm(('198.51.100.7') x 30), {200 => 1, visitor => 29},
    'thirty tabs of one visitor: one conversation';
is_deeply storm('198.51.100.7', '198.51.100.7'), {visitor => 2}, 'and no more when they ask again';
is_deeply storm(map { "2001:db8::$_" } 1 .. 30), {200 => 1, visitor => 29},
    'thirty addresses of one network: one';
is_deeply storm(map { "192.0.2.$_" } 1 .. 60), {200 => 3, day => 57},
    'sixty addresses: what is left of the day';
is_deeply storm(map { "203.0.113.$_" } 1 .. 20), {day => 20}, 'twenty new ones: nothing';

is asked($t), 5, 'Tavus was asked five times, all in all';
is $db->selectrow_array('SELECT calls FROM tavus.budget_days'), 5, 'as the ledger says';
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.requested'}), 5, 'and the log';

done_testing;
