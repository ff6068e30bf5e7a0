#!/usr/bin/perl

# TERM, with everything under way that there is: it ends at once, without a
# word of a socket, and what was acknowledged is there.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Dns;
use Tavus::Test::Fault;
use Tavus::Test::Process qw(alive);

my $dns = Tavus::Test::Dns->new('api.test' => 'hang');
my $get = "GET /api/admin/events HTTP/1.1\r\nHost: x\r\n";

for my $kind (qw(hang TLS resolver)) {
    my $t = Tavus::Test->new(http => {
        resolver => '127.0.0.1:' . $dns->port,
        $kind eq 'hang' ? () : (tavus_api_url => 'https://'
            . ($kind eq 'TLS' ? '127.0.0.1:' : 'api.test:') . silent_port()),
    })->start;
    wait_ok { $t->get('/healthz')->code == 200 } "$kind: ready";
    is $t->webhook(tavus_event('system.replica_joined', 'c0'))->code, 200;

    my ($worker) = $t->workers;
    my $files = open_files($worker);
    $t->sandbox->fault(kind => 'hang', path => '/v2/');
    my @sockets = map { $t->socket->send(
        post_bytes('/api/tavus/create-conversation', '{}')) } 1 .. 10;
    wait_ok { open_files($worker) >= $files + ($kind eq 'resolver' ? 10 : 20) }
        'creates';
    wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'conversation.requested'}) == 10 } 'on record';

    my $lock = $t->pg->connect(AutoCommit => 0);
    $lock->do('LOCK TABLE tavus.events IN ACCESS EXCLUSIVE MODE');
    push @sockets, map { $t->socket->send(webhook_bytes($t,
        tavus_event('system.replica_joined', "c$_"))) } 1 .. 10;
    push @sockets, map { $t->socket->send($get . 'Authorization: '
        . $t->admin_headers->{Authorization} . "\r\n\r\n") } 1 .. 10;
    wait_ok { $t->pg->connect->selectrow_array(
        q{SELECT count(*) FROM pg_locks WHERE NOT granted}) >= 2 } 'all of it';

    my $pid = $t->pid;
    $t->signal('TERM');
    wait_ok { !alive($pid) } 'at once', 3;
    my %status;
    $status{($_->response(5) || {})->{status} // 'none'}++ for @sockets;
    is $status{200}, undef, 'nothing is acknowledged that is not there';
    note explain \%status;
    $lock->rollback;
    $t->stop;
    is $t->error_log =~ /open socket/, '', 'no socket left';
}

done_testing;
