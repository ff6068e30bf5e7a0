#!/usr/bin/perl

# Minutes that a call which goes on may give back are waited for; when too few are
# left for good, who waits is told.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;

my $left = 86400 - time % 86400;
plan skip_all => "midnight is in $left s" if $left < 120;

my $t = line_test(budget => 'active=5 minutes=15 line=5');
my $db = $t->db;

# ten of fifteen minutes
my $first = talks($t, 1);
my $ticket = wait_in_line($t, 2);

is ask($t, 2, $ticket)->code, 202, 'there are places, and no minutes';
is leave($t, $first)->code, 200, 'they come back';

my $res = served($t, 2, $ticket);
is $res->code, 200, 'and who waits has them' or diag $res->body;

$ticket = wait_in_line($t, 3);
$db->do('UPDATE tavus.budget_days SET seconds = seconds + 301');

$res = served($t, 3, $ticket);
is_deeply [$res->code, $res->json->@{qw(code reason)}],
    [503, 'budget_spent', 'minutes'], 'too few are left for ten'
    or diag $res->body;
cmp_ok $res->headers->header('Retry-After'), '>', 60, 'until tomorrow';

done_testing;
