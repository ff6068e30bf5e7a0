#!/usr/bin/perl

# day: so many conversations in a day of UTC, whether they go on or not.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;

my $t = Tavus::Test->new(http => {tavus_budget => 'day=3'})->start;
my ($box, $db) = ($t->sandbox, $t->db);
my $spent = [503, 'budget_spent', 'day'];

# the day must not change under the test
my $left = 86400 - time % 86400;
plan skip_all => "midnight is in $left s" if $left < 120;

end_call($t, granted($t, 'the first'));
end_call($t, granted($t, 'the second'));

# what Tavus refuses costs nothing
$box->fault(path => '/v2/conversations', kind => 'status', status => 401, times => 1);
is $t->create->code, 503, 'Tavus refuses one';

granted($t, 'the third');
my $res = refused($t, 'no fourth', $spent);
my $retry = $res->headers->header('Retry-After');
cmp_ok abs($retry - (86400 - time % 86400)), '<=', 5, 'try again tomorrow';
is $res->json->{retry_after}, $retry, 'in the body as well';

# who is answered by another worker, or with another vertical, is not better off
refused($t, "no $_ one", $spent, vertical => $_) for qw(legal healthcare);

my $state = $t->admin('/api/admin/budget')->json;
is_deeply $state->{day}, {used => 3, limit => 3}, 'the admin sees it';
like $state->{until}, qr/T00:00:00(?:\.0+)?Z\z/, 'and until when';

# the next day, as the database's clock says it
$db->do(q{UPDATE tavus.budget_days SET day = day - 1});
granted($t, 'a new day');
is $t->admin('/api/admin/budget')->json->{day}{used}, 1, 'begins with none';

done_testing;
