#!/usr/bin/perl

# Tavus itself may have no place: that leads into the line, too, and who was at its
# head stays there.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;

my $t = line_test(budget => 'active=5 line=20');
my ($box, $db) = ($t->sandbox, $t->db);

my $talking = talks($t, 1);
$box->config(max_concurrent => 1);

my $res = come($t, 2);
is $res->code, 202, 'Tavus is full: the visitor waits' or diag $res->body;
is $res->json->{position}, 1;
my $ticket = $res->json->{ticket};
my $behind = wait_in_line($t, 3);

is ask($t, 2, $ticket)->json->{position}, 1, 'the first one stays the first';
$box->forget;
# Tavus is not asked again at once, nor by who is behind
is ask($t, 3, $behind)->json->{position}, 2;
cmp_ok scalar(grep { $_->{path} eq '/v2/conversations' } $box->calls('/v2/')),
    '<=', 1, 'Tavus is not asked each second';

$box->config(max_concurrent => 9);
$res = served($t, 2, $ticket, 60);
is $res->code, 200, 'when Tavus has a place, it is theirs' or diag $res->body;
is served($t, 3, $behind, 60)->code, 200, 'and so on';
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.created'}), 3;

done_testing;
