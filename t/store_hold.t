#!/usr/bin/perl

# Behind a large batch the next events wait a moment for each other: one that
# stays alone goes by itself, and so does one in a worker that is told to go.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Process qw(suspend);

my $t = Tavus::Test->new(locations => {'= /metrics' => 'tavus_metrics;'})->start;
wait_ok { $t->create->code == 200 } 'ready';
my $batches = sub { $t->get('/metrics')->body =~ /^tavus_batches_total (\d+)/m ? $1 : 0 };
my $n = 0;
sub sent {
    my ($s) = @_;
    $n++;
    return $s->send(webhook_bytes($t, tavus_event('system.replica_joined', "c$n")));
}
sub status { my ($s) = @_; return ($s->response || {})->{status} // 0 }

my @sockets = map { $t->socket } 1 .. 40;
status(sent($_)) == 200 or die 'not taken' for @sockets;

# who is woken up with all of them at once puts them into one batch
sub many {
    my ($worker) = $t->workers;
    suspend($worker);
    sent($_) for @sockets;
    kill CONT => $worker;
    return scalar grep { status($_) == 200 } @sockets;
}

my $before = $batches->();
is many(), 40, 'a large batch';
is status(sent($sockets[0])), 200, 'one alone behind it';
is $batches->() - $before, 2, 'of its own';
is many(), 40, 'another one';
is $t->create->code, 200, 'a create behind it';

is many(), 40, 'a last one';
sent($sockets[1]);
$t->signal('QUIT');
is status($sockets[1]), 200, 'what a worker holds that goes is stored';
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events WHERE source = 'tavus'}), $n, 'all are there';

done_testing;
