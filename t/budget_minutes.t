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

my $left = 86400 - time % 86400;
plan skip_all => "midnight is in $left s" if $left < 120;

# 600 s, as nothing else is said
my $id = granted($t, 'ten minutes');
refused($t, 'not another ten', $spent);
granted($t, "minute $_", vertical => 'short') for 1 .. 5;
my $res = refused($t, 'nor the sixteenth', $spent, vertical => 'short');
cmp_ok $res->headers->header('Retry-After'), '>', 60, 'try again tomorrow';
is_deeply $t->admin('/api/admin/budget')->json->{minutes},
    {used => 15, limit => 15, reserved => 15}, 'the admin sees it';

# seconds after it began: nine minutes and more come back
end_call($t, $id);
granted($t, 'another minute', vertical => 'short');
refused($t, 'but not ten', $spent);

my $minutes = $t->admin('/api/admin/budget')->json->{minutes};
is_deeply [$minutes->@{qw(used reserved)}], [7, 6], 'it took less than one';

done_testing;
