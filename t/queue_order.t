#!/usr/bin/perl

# First come, first served, over two nodes, whichever of them asks first.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;
use Tavus::Test::Node;
use Tavus::Test::Pg;
use Tavus::Test::Sandbox;
use Mojo::IOLoop;

my ($pg, $box) = (Tavus::Test::Pg->new, Tavus::Test::Sandbox->new);
my %options = line_options(budget => 'active=2 line=50', workers => 2,
    hold => '5s');
my @node = map { Tavus::Test::Node->new($_, $pg, $box, %options) } qw(a b);
my @nodes = map { $_->t->start } @node;

my @talking = map { talks($nodes[$_ % 2], $_) } 1, 2;

# they come at both nodes in turns, and go on asking at either
my @line = 10 .. 21;
my %ticket = map { $_ => wait_in_line($nodes[$_ % 2], $_) } @line;

my @served;
sub follow {
    my ($n, $turn) = @_;
    ask_p($nodes[$turn % 2], $n, $ticket{$n})->then(sub ($res) {
        return follow($n, $turn + 1) if $res->code == 202;
        push @served, [$n, $res];
    })->catch(sub ($error) { push @served, [$n, undef, $error] });
}
# the last one asks first
follow($_, $_ / 2) for reverse @line;

my $left = 0;
my @order;
while (@served < @line) {
    my $seen = @served;
    my $gone = shift @talking or last;
    leave($nodes[$left++ % 2], $gone);
    wait_for { Mojo::IOLoop->one_tick; @served > $seen } 30 or last;
    push @talking, map { $_->[1] && $_->[1]->json } @served[$seen .. $#served];
    push @order, map { $_->[0] } @served[$seen .. $#served];
}
is_deeply \@order, \@line, 'in the order of arrival'
    or diag explain [map { [$_->[0], $_->[1] && $_->[1]->code, $_->[2]] } @served];
is scalar(grep { $_->[1] && $_->[1]->code == 200 } @served), @line,
    'each has a conversation';
my %ids = map { ($_->[1]->json->{conversation_id} // '') => 1 } @served;
is keys %ids, @line, 'of their own';
is scalar(grep { $_->{path} eq '/v2/conversations' } $box->calls('/v2/')),
    2 + @line, 'Tavus was asked for no more';
is $pg->db->selectrow_array('SELECT max(n) FROM (SELECT count(*) AS n
    FROM tavus.places) t'), 2, 'and there were no more places';

done_testing;
