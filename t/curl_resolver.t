#!/usr/bin/perl

# Tavus's name is looked up with nginx's resolver, in no thread: it may move,
# may not exist, and a name server that says nothing stops nobody else.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Dns;
use Tavus::Test::Fault;
use Tavus::Test::Process qw(free_port);
use Tavus::Test::Tls;
use Time::HiRes qw(time);

my $ca = Tavus::Test::Tls->new;
my $port = free_port();
my $dns = Tavus::Test::Dns->new;

my $t = Tavus::Test->new(
    http_extra => join('', map { $ca->front(port => $port, name => 'api.test',
        address => $_, more => "access_log %%DIR%%/$_.log;") }
        '127.0.0.1', '127.0.0.2'),
    http => {
        resolver => '127.0.0.1:' . $dns->port . ' ipv6=off valid=1s',
        resolver_timeout => '3s',
        tavus_api_url => "https://api.test:$port",
        tavus_api_timeout => '5s',
        tavus_trusted_certificate => $ca->file,
    },
)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my ($worker) = $t->workers;
my $tasks = tasks($worker);
my $served = sub ($ip) {
    my $text = Tavus::Test::Process::slurp($t->dir . "/$ip.log") // '';
    return scalar(() = $text =~ /\n/g);
};

is $t->create->code, 502, 'no such name';
wait_ok { $t->grep_log(qr/host of "https:\/\/api.test:$port" could not be resolved \(3/) }
    'the log says so';

$dns->set('api.test' => ['127.0.0.1']);
is $t->create->code, 200, 'there it is';
is $t->create->code, 200;
is $served->('127.0.0.1'), 2;

# Of two addresses the one that answers.
$dns->set('api.test' => ['127.0.0.3', '127.0.0.2']);
my $from = time;
wait_for { time > $from + 2.2 } 5;      # valid=1s counts in whole seconds
$t->configure(http => {tavus_api_timeout => '6s'})->reload(drained => 1);
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->create->code, 200, 'moved';
is $served->('127.0.0.2'), 1;

$dns->set('api.test' => 'hang');
$t->reload(drained => 1);
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
($worker) = $t->workers;
my $probe = Tavus::Test::Fault::Probe->new($t->port);
$from = time;
my @sockets = map { $t->socket->send(post_bytes('/api/tavus/create-conversation',
    '{}')) } 1 .. 20;
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200,
    'a webhook meanwhile';
is tasks($worker), $tasks, 'no thread';
$sockets[$_]->abort for 0 .. 4;
is $_->response->{status}, 502 for @sockets[5 .. 19];
cmp_ok time - $from, '>', 2.9;
$probe->ok;

done_testing;
