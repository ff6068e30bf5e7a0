#!/usr/bin/perl

# Who is gone while waiting loses the place after 90 seconds without asking; who
# goes on asking does not.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;

my $t = line_test(budget => 'active=1 line=3');
my ($box, $db) = ($t->sandbox, $t->db);

my $talking = talks($t, 1);
my %ticket = map { $_ => wait_in_line($t, $_) } 2 .. 4;
is come($t, 5)->code, 503, 'the line is full';
wait_ok { $db->selectrow_array('SELECT looked_at FROM tavus.budget') }
    'a node looks, though none of them has asked';

# all but the last one have asked two minutes ago, and somebody has looked since
my $away = q{UPDATE tavus.line SET asked_at = asked_at - interval '2 minutes'
    WHERE ticket <> (SELECT ticket FROM tavus.line ORDER BY pos DESC LIMIT 1)};
$db->do(q{UPDATE tavus.budget SET looked_at = now(), spare_until = NULL});

wait_ok {
    $db->do($away);     # a node tells of them for some seconds
    my $res = ask($t, 4, $ticket{4});
    $db->do(q{UPDATE tavus.budget SET spare_until = NULL});
    ($res->json->{position} // 0) == 1;
} 'who asks moves up, past those who do not';
my $res = served($t, 2, $ticket{2});
is $res->code, 410, 'whose place is lost' or diag $res->body;
is $res->json->{code}, 'ticket_expired';
is come($t, 5)->code, 202, 'there is room in the line';
is $db->selectrow_array('SELECT count(*) FROM tavus.line
    WHERE nonce IS NULL AND NOT gone'), 2, 'for one, behind the one who stayed';

leave($t, $talking);
is served($t, 4, $ticket{4})->code, 200, 'who is served';
is scalar(grep { $_->{path} eq '/v2/conversations' } $box->calls('/v2/')), 2,
    'and nothing was made for those who are gone';

done_testing;
