#!/usr/bin/perl

# Four hundred tabs of one visitor: one place in the line, one conversation, and
# all are told the same; eight of them are held in a worker.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;
use Mojo::IOLoop;
use List::Util qw(uniq);

my $TABS = 400;
my $t = line_test(budget => 'active=1 line=20', hold => '20s', workers => 2);
my $box = $t->sandbox;
$t->ua->max_connections(0);

my $talking = talks($t, 1);
my $ticket = wait_in_line($t, 2);
my $behind = wait_in_line($t, 3);

my (@codes, @retry, @made);
sub tab {
    ask_p($t, 2, $ticket)->then(sub ($res) {
        push @codes, $res->code;
        push @retry, $res->headers->header('Retry-After')
            if $res->code == 202;
        push @made, $res->json if $res->code == 200;
    })->catch(sub ($error) { push @codes, $error });
}
tab() for 1 .. $TABS;

wait_ok { Mojo::IOLoop->one_tick; @codes >= $TABS - 16 } 'most are answered at once';
is_deeply [uniq @codes], [202], 'with their place';
is_deeply [uniq map { $_ // '' } @retry], [5], 'and when to ask again';
my $held = $TABS - @codes;
cmp_ok $held, '>=', 8, 'some are held';
cmp_ok $held, '<=', 16, 'eight in a worker at most';
is $t->db->selectrow_array('SELECT count(*) FROM tavus.line
    WHERE nonce IS NULL AND NOT gone'), 2, 'one place, beside that of the next';

leave($t, $talking);
wait_ok { Mojo::IOLoop->one_tick; @codes == $TABS } 'there is a place';
is scalar @made, $held, 'those that were held have it'
    or diag explain \@codes;
is_deeply [uniq map { $_->{conversation_id} } @made],
    [$made[0]{conversation_id}], 'the same';

# the others ask again
tab() for 1 .. 8;
wait_ok { Mojo::IOLoop->one_tick; @codes == $TABS + 8 } 'others ask again';
is_deeply [uniq map { $_->{conversation_id} } @made],
    [$made[0]{conversation_id}], 'and are told the same';
is scalar @made, $held + 8;

is scalar(grep { $_->{path} eq '/v2/conversations' } $box->calls('/v2/')), 2,
    'Tavus made one';
is $t->db->selectrow_array('SELECT count(*) FROM tavus.places'), 1,
    'which has one place';
is leave($t, $_)->code, 200, 'any of their tokens is good' for $made[-1];
is served($t, 3, $behind)->code, 200, 'the next is served then';

done_testing;
