#!/usr/bin/perl

# minutes: one that goes on is counted as the longest it may be, one that has ended
# as what it took.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;

my $t = Tavus::Test->new(http => {tavus_budget => 'minutes=15', tavus_vertical => [
    'general { persona_id p1; }',
    'short { persona_id p2; max_call_duration 60; }',
]})->start;
my $db = $t->db;
my $spent = [503, 'budget_spent', 'minutes'];
my $busy = [503, 'at_capacity', undef];

my $left = 86400 - time % 86400;
plan skip_all => "midnight is in $left s" if $left < 120;

# 600 s, as nothing else is said
my $id = granted($t, 'ten minutes');
my $res = refused($t, 'not another ten as long as it may last', $busy);
cmp_ok $res->headers->header('Retry-After'), '<=', 60, 'try again soon';
granted($t, "minute $_", vertical => 'short') for 1 .. 5;
refused($t, 'nor the sixteenth', $busy, vertical => 'short');
is_deeply $t->admin('/api/admin/budget')->json->{minutes},
    {used => 15, limit => 15, reserved => 15}, 'the admin sees it';

# seconds after it began: nine minutes and more come back
end_call($t, $id);
granted($t, 'another minute', vertical => 'short');
refused($t, 'but not ten yet', $busy);

my $minutes = $t->admin('/api/admin/budget')->json->{minutes};
is_deeply [$minutes->@{qw(used reserved)}], [7, 6], 'it took less than one';

# what was used does not come back
$db->do('UPDATE tavus.budget_days SET seconds = seconds + 301');
$res = refused($t, 'too few are left for ten', $spent);
cmp_ok $res->headers->header('Retry-After'), '>', 60, 'try again tomorrow';

done_testing;
