#!/usr/bin/perl

# Two hundred visitors who wait cost a node one query a second, and none when
# nobody waits any more but what keeps the line in order.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;
use Tavus::Test::Pg;
use Mojo::IOLoop;
use Time::HiRes qw(time);

my $N = 200;
my $t = line_test(budget => "active=1 line=$N", hold => '4s', workers => 2,
    db => Tavus::Test::Pg->new(config => ['track_functions=all']));
$t->ua->max_connections($N);

my $talking = talks($t, 1);
my %ticket = map { $_ => wait_in_line($t, $_) } 2 .. $N + 1;

my ($stop, $asking, %answers) = (0, 0);
sub follow {
    my ($n) = @_;
    $asking++;
    ask_p($t, $n, $ticket{$n})->then(sub ($res) { $answers{$res->code}++ })
        ->catch(sub ($error) { $answers{$error}++ })
        ->finally(sub { $asking--; follow($n) unless $stop });
}
follow($_) for 2 .. $N + 1;

# what a session has counted is told when it has been idle for a while
my ($looks, $others);
sub count {
    $t->db->do('SELECT pg_stat_clear_snapshot()');
    my $calls = looks($t);
    $looks = $calls->{line_look} // 0;
    $others = ($calls->{line_ticket} // 0) + ($calls->{record_wishes} // 0);
    return $others > $N;
}
wait_ok { Mojo::IOLoop->one_tick; ($answers{202} // 0) >= $N } 'all have asked'
    , 60;
# by a session that is idle within ten seconds
my ($known, $since) = ('', time);
wait_ok {
    Mojo::IOLoop->one_tick;
    my $all = count();
    ($known, $since) = ($others, time) if $others ne $known;
    $all && time - $since > 12;
} 'what came before is counted', 120;
my ($began, $before, $wishes, $answered) = (time, $looks, $others,
    $answers{202});
wait_ok { Mojo::IOLoop->one_tick; $answers{202} >= $answered + 2 * $N }
    'they ask again, and again', 60;
count();
my $seconds = time - $began;
cmp_ok $looks, '>', $before, 'somebody looks';
cmp_ok $looks - $before, '<=', $seconds + 2, 'but once a second at most';
is $others, $wishes, 'and nobody asks for anything else';
is_deeply [keys %answers], [202], 'all wait';

$stop = 1;
wait_ok { Mojo::IOLoop->one_tick; !$asking } 'they leave';
is $t->db->selectrow_array('SELECT count(*) FROM tavus.line
    WHERE nonce IS NULL AND NOT gone'), $N, 'none has lost a place';

done_testing;
