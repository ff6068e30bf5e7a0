#!/usr/bin/perl

# A create with a budget costs as many statements and commits as one without.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;
use Tavus::Test::Pg;

my $t = Tavus::Test->new(db => Tavus::Test::Pg->new(config => [
    'shared_preload_libraries=pg_stat_statements', 'pg_stat_statements.track=top']))->start;
my $db = $t->db;
$db->do('CREATE EXTENSION pg_stat_statements');
my $n = 40;

# What so many creates bring: the module's statements that come with each, how often,
# and how many transactions wrote something.
sub figures {
    my ($limits) = @_;
    $t->configure(http => {tavus_budget => $limits});
    $t->reload(drained => 1);
    granted($t, 'prepared');

    $db->do('SELECT pg_stat_statements_reset()');
    my $xid = $db->selectrow_array('SELECT pg_current_xact_id()::text::bigint');
    granted($t, "create $_") for 1 .. $n;
    my $written = $db->selectrow_array('SELECT pg_current_xact_id()::text::bigint') - $xid;
    # one that probes a connection may be among them
    my %calls = map { $_->[0] => int($_->[1] / $n) } $db->selectall_arrayref(q{
        SELECT substring(query FROM 'tavus\.\w+'), sum(calls)::int FROM pg_stat_statements
         WHERE userid = 'tavus_app'::regrole GROUP BY 1 HAVING sum(calls) >= ?},
        undef, $n)->@*;
    return (\%calls, $written);
}

# What is done from time to time is among the transactions, the more the longer it takes:
# the least of three has least of it.
my @limits = (undef, 'active=1000 day=10000 minutes=100000 visitor_day=10000 line=10');
my @expected = ({'tavus.record' => 2}, {'tavus.record_wishes' => 1, 'tavus.record' => 1});
my @name = ('without: the wish, and what Tavus answered', 'with: the same two');
my @least;
for my $i (0, 1, 0, 1, 0, 1) {
    my ($calls, $written) = figures($limits[$i]);
    is_deeply $calls, $expected[$i], $name[$i];
    $least[$i] = $written if !defined $least[$i] || $written < $least[$i];
}
my ($without, $with) = @least;
cmp_ok $without, '>=', 2 * $n, "without: $without transactions";
cmp_ok abs($with - $without), '<', $n / 2, "with: $with, none more for a create";

done_testing;
