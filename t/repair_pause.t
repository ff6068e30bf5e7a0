#!/usr/bin/perl

# Where Tavus refuses whoever asks, or is in trouble, all nodes wait, for as
# long as it says; and what was to be asked for is not the worse for it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Repair;

my $t = repair_test();
my ($box, $db) = ($t->sandbox, $t->db);

my $pause = sub { $db->selectrow_array('SELECT extract(epoch FROM
    paused_until - now())::int FROM tavus.repair_pace') };
my @id = lost($t, 3);
my $case = sub ($name, $seconds, @fault) {
    $box->no_faults;
    $box->fault(method => 'GET', path => '/v2/conversations/',
        kind => 'status', body => {}, @fault);
    $box->forget;
    $db->do('UPDATE tavus.conversations SET repair_tries = 0');
    ask($t, @id);
    wait_ok { $pause->() > 1 } "$name: nobody asks for a while", 30;
    my $left = $pause->();
    ok $left <= $seconds + 1 && $left > $seconds - 25, "$name: for $seconds s"
        or diag $left;
    my @asked = map { fetched($t, $_) } @id;
    my $tries = $db->selectrow_array('SELECT sum(repair_tries)
        FROM tavus.conversations WHERE repair_at IS NOT NULL');
    return scalar(@asked) . " asked, $tries tries";
};
is $case->('429', 40, status => 429, headers => {'Retry-After' => 40}),
    '1 asked, 0 tries';
is $case->('429, it does not say', 900, status => 429), '1 asked, 0 tries';
is $case->($_, 900, status => $_), '1 asked, 0 tries' for 401, 402, 403;
is $case->('429, a day', 3600, status => 429,
    headers => {'Retry-After' => 86400}), '1 asked, 0 tries';

# as the others count: none of them was an answer
$box->no_faults;
my $back = shift @id;
ask($t, $back);
wait_ok { whole($t, $back) } 'back', 30;
push @id, lost($t, 1);
is $case->('500', 30, status => 500), '2 asked, 2 tries';
is $case->('and again', 60, status => 500), '1 asked, 1 tries';
is $case->('503, with a time', 50, status => 503,
    headers => {'Retry-After' => 50}), '1 asked, 1 tries';

$box->no_faults;
ask($t, @id);
wait_ok { !grep { !whole($t, $_) } @id } 'all are repaired', 30;

done_testing;
