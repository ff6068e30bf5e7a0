#!/usr/bin/perl

# A worker without a connection left for an outgoing request: that request
# fails at once, nothing spins, and all is well afterwards.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Process qw(slurp spew);
use Time::HiRes qw(time);

my $t = Tavus::Test->new(http => {tavus_api_timeout => '4s'});
$t->configure;
my $conf = $t->dir . '/nginx.conf';
spew($conf, slurp($conf) =~ s/worker_connections 1024/worker_connections 64/r,
    0600);
$t->{nginx}->start;
$t->allow_alerts(qr/64 worker_connections are not enough/);
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->create->code, 200;

my ($worker) = $t->workers;
my $cpu = sub {             # seconds
    my @stat = split ' ', slurp("/proc/$worker/stat") =~ s/.*\) //r;
    return ($stat[11] + $stat[12]) / 100;
};

$t->sandbox->fault(kind => 'hang', path => '/v2/');
my $bytes = post_bytes('/api/tavus/create-conversation', '{}');
my ($from, $used) = (time, $cpu->());
my @sockets = map { $t->socket->send($bytes) } 1 .. 50;
my (%status, $early);
for (@sockets) {
    $status{($_->response || {})->{status} // 'none'}++;
    $early++ if time - $from < 3;
}
# to make room nginx closes connections whose request it has not read yet; how
# many that are is up to who runs first
cmp_ok delete $status{none} // 0, '<', 30, 'not all go without an answer';
is_deeply [keys %status], [502], 'the others fail';
cmp_ok time - $from, '>', 3.5, 'some waited for Tavus';
wait_ok { $t->grep_log(qr/worker_connections are not enough/) }
    'some had no connection';
cmp_ok $cpu->() - $used, '<', 1, 'nothing spins';
undef @sockets;

$t->sandbox->no_faults;
is $t->create->code, 200, 'and then there are some again';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;

done_testing;
