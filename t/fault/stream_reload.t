#!/usr/bin/perl

# A reload closes all who listen at once, whole but for who takes nothing, and a
# worker that is killed cuts them: they come back, and have missed nothing.  A
# login that is gone with a reload does not.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(free_port);
use Tavus::Test::Tail;

my $narrow = free_port();
my $t = Tavus::Test->new(sandbox => 0, workers => 2,
    server => "listen 127.0.0.1:$narrow sndbuf=16k;",
    locations => {'= /metrics' => 'tavus_metrics;'})->start;
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';
my $n = 0;
my $event = sub ($size = 0) {
    $n++;
    return $t->webhook(tavus_event('system.replica_joined', "c$n",
        {x => 'x' x $size}))->code };
my @tails = map { Tavus::Test::Tail->new($t) } 1 .. 20;
my @heard = map { [] } @tails;
my $last = sub { my $i = shift; push $heard[$i]->@*,
    map { $_->{data}{conversationId} // $_->{event} } splice $tails[$i]{events}->@* };
wait_ok { 20 == grep { defined $_->read->last } @tails } 'they listen';
$event->() for 1 .. 3;
wait_ok { 20 == grep { $_->read->events >= 3 } @tails } 'and hear';

my $stopped = Tavus::Test::Tail->new($t, port => $narrow);
ok $stopped->wait_last, 'one takes nothing more';
for (1 .. 20) { $event->(60000); $_->read for @tails }
wait_ok { 20 == grep { $_->read->events >= $n } @tails } 'all others do';
my @old = $t->workers;
$t->reload;
wait_ok { 20 == grep { !$_->open } @tails } 'a reload: all are closed';
is scalar(grep { $_->whole } @tails), 20, 'whole';
wait_ok { !grep { kill 0, $_ } @old } 'the old workers are gone';
$stopped->close;
my %retry = map { $_->retry => 1 } @tails;
cmp_ok scalar keys %retry, '>', 10, 'they do not come back in one moment';

my $back = sub ($why) {
    $last->($_) for 0 .. 19;
    @tails = map { $_->back } @tails;
    $event->();
    wait_ok { 20 == grep { my $i = $_; $tails[$i]->read; $last->($i);
        ($heard[$i][-1] // '') eq "c$n" } 0 .. 19 } "$why: they come back", 60;
    is scalar(grep { "@$_" ne join ' ', map { "c$_" } 1 .. $n } @heard), 0,
        'and have heard all once, in order';
};
$event->();
$back->('reloaded');

for my $pid ($t->workers) { $t->allow_alerts(qr/exited on signal 9/); kill KILL => $pid }
wait_ok { 20 == grep { !$_->open } @tails } 'killed: all are cut';
is scalar(grep { $_->whole } @tails), 0, 'and can tell';
wait_ok { $event->() == 200 } 'others work';
$back->('killed');

# a login that is taken away
$t->secret('admin.htpasswd', 'other:' . crypt('other', '$6$rounds=1000$x$') . "\n");
$t->reload;
wait_ok { 20 == grep { !$_->open } @tails } 'no login any more';
is $tails[0]->back->status, 401, 'nobody comes back';

done_testing;
