#!/usr/bin/perl

# PostgreSQL is frozen, stopped and killed while visitors wait: nobody loses the
# place by it, and nobody gets two.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;
use Mojo::IOLoop;

my $t = line_test(budget => 'active=1 line=20', hold => '3s', workers => 2,
    http => {tavus_store_timeout => '1s', tavus_journal => '%%DIR%%/journal'});
my ($box, $pg) = ($t->sandbox, $t->pg);

my $talking = talks($t, 1);
my @line = 2 .. 7;
my %ticket = map { $_ => wait_in_line($t, $_) } @line;

# all go on asking, whatever they are told
my ($stop, $asking, %served, %strange) = (0, 0);
sub follow {
    my ($n) = @_;
    $asking++;
    ask_p($t, $n, $ticket{$n})->then(sub ($res) {
        if ($res->code == 200) { push $served{$n}->@*, $res->json }
        elsif ($res->code != 202) { $strange{$n} = $res->code . $res->body }
    })->catch(sub ($error) { $strange{$n} = $error })->finally(sub {
        $asking--;
        follow($n) unless $stop || $served{$n} || $strange{$n};
    });
}
follow($_) for @line;

sub turn { Mojo::IOLoop->one_tick; return 1 }
sub idle {
    my ($seconds) = @_;
    Mojo::IOLoop->timer($seconds => sub { Mojo::IOLoop->stop });
    Mojo::IOLoop->start;
    return 1;
}
sub ended { return leave($t, shift)->code }

idle(3);
$pg->freeze;
idle(8);
$pg->thaw;
is_deeply \%strange, {}, 'frozen: all wait on';
ended($talking);
wait_ok { turn(); $served{2} } 'the first is served';

$pg->stop;
idle(8);
is_deeply \%strange, {}, 'stopped: all wait on';
$pg->start;
$pg->db->do('UPDATE tavus.line SET asked_at = asked_at - interval \'5 minutes\'');
$pg->db->do('UPDATE tavus.budget SET looked_at = looked_at - interval \'5 minutes\'');
idle(6);
is_deeply \%strange, {}, 'and after five minutes nobody has lost a place';
wait_ok { ended($served{2}[0]) == 200 } 'who talked leaves';
wait_ok { turn(); $served{3} } 'the second is served', 60;

# killed while the next is to be served
wait_ok { ended($served{3}[0]) == 200 } 'and leaves';
$pg->kill;
idle(4);
$pg->start;
for my $n (4 .. 7) {
    wait_ok { turn(); $served{$n} } "$n is served", 90;
    wait_ok { ended($served{$n}[0]) == 200 } 'and leaves' if $served{$n};
}
$stop = 1;
wait_ok { turn(); !$asking } 'all are done';
is_deeply \%strange, {}, 'none was told anything else';
my %ids = map { $_->[0]{conversation_id} => 1 } values %served;
is keys %ids, @line, 'each has their own';
is $pg->db->selectrow_array(q{SELECT count(*) FROM (SELECT ticket
    FROM tavus.line WHERE nonce IS NOT NULL GROUP BY ticket
    HAVING count(*) > 1) t}), 0, 'and nobody two';

done_testing;
