#!/usr/bin/perl

# Fifty visitors wait for a Tavus that takes connections and says nothing, in
# TLS or after it: nobody else waits, and no thread is started.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Time::HiRes qw(time);

my $t = Tavus::Test->new(http => {tavus_api_timeout => '3s'})->start;
my $body = '{"vertical":"legal"}';
my $bytes = post_bytes('/api/tavus/create-conversation', $body);

for my $kind ('hang', 'TLS') {
    if ($kind eq 'TLS') {
        $t->configure(http => {
            tavus_api_url => 'https://127.0.0.1:' . silent_port(),
        })->reload(drained => 1);
    }
    else {
        $t->sandbox->fault(kind => 'hang', path => '/v2/');
    }
    wait_ok { $t->get('/healthz')->code == 200 } 'ready';

    my ($worker) = $t->workers;
    my $files = open_files($worker);
    my $tasks = tasks($worker);
    my $probe = Tavus::Test::Fault::Probe->new($t->port);
    my $from = time;
    my @sockets = map { $t->socket->send($bytes) } 1 .. 50;

    is $t->webhook(tavus_event('system.replica_joined', $kind))->code, 200,
        "$kind: a webhook meanwhile";
    wait_ok { open_files($worker) >= $files + 100 } 'all of them wait';
    is tasks($worker), $tasks, 'no thread';

    my %status;
    $status{($_->response || {})->{status} // 'none'}++ for @sockets;
    is_deeply \%status, {502 => 50}, 'each fails';
    cmp_ok time - $from, '>', 2.9, 'after their time';
    $probe->ok;

    undef @sockets;
    wait_ok { open_files($worker) <= $files + 4 } 'no descriptor stays';
}

done_testing;
