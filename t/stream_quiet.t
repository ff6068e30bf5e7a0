#!/usr/bin/perl

# A filter that matches nothing: a comment comes after 15 seconds, with a place
# that has moved on, also while PostgreSQL is frozen; and who listens hears on
# while the clock is set back and forth.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Clock;
use Tavus::Test::Tail;
use Mojo::Date;

plan skip_all => 'another library comes first'
    unless Tavus::Test::Clock::possible();

my $clock = Tavus::Test::Clock->new;
my $t = Tavus::Test->new(sandbox => 0, workers => 1, env => $clock->env,
    http => {tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';
my $n = 0;
my $event = sub { $n++;
    return $t->webhook(tavus_event('system.replica_joined', "c$n"))->code };

my $quiet = Tavus::Test::Tail->new($t, query => 'q=never&source=stripe');
my $all = Tavus::Test::Tail->new($t);
ok $_->wait_last, 'they listen' for $quiet, $all;
my $place = $quiet->last;
is $event->(), 200, 'something is stored';
ok $all->wait_for(1), 'which one hears of';
for my $step (7200, -7200, 0) {
    $clock->set($step);
    wait_ok { abs(Mojo::Date->new($t->get('/')->headers->date)->epoch - time
        - $step) < 100 } "the clock is set by $step s";
    $event->();
    ok $all->wait_for($n), 'who listens hears on';
}
$t->pg->freeze;
wait_ok { $quiet->read->beats == 1 } 'a sign of life while PostgreSQL is frozen', 60;
isnt $quiet->last, $place, 'with a place';
is scalar($quiet->events), 0, 'and no event';
$t->pg->thaw;
wait_ok { $event->() == 200 } 'one more';
my $last = "c$n";
for my $tail ($all, $quiet->back(query => undef)) {
    wait_ok { grep { $_->{data}{conversationId} eq $last } $tail->read->events }
        'and on it goes';
}

done_testing;
