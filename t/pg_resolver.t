#!/usr/bin/perl

# The database's host is a name that nginx's own resolver looks up: it may not
# exist yet, and a name server that says nothing stops nobody.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Dns;
use Tavus::Test::Fault;
use Tavus::Test::Pg;
use Time::HiRes qw(time);

my $pg = Tavus::Test::Pg->new(tcp => 1);
my $dns = Tavus::Test::Dns->new;

my $t = Tavus::Test->new(db => $pg, sandbox => 0, http => {
    resolver => '127.0.0.1:' . $dns->port . ' ipv6=off valid=1s',
    resolver_timeout => '1s',
    tavus_database => '"host=db.test port=%%PGPORT%% dbname=tavus '
        . 'user=tavus_app sslmode=disable"',
})->start;

wait_ok { grep { $_ eq 'db.test' } $dns->queries } 'asked';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 503;
wait_ok { $t->grep_log(
    qr/\[error\].*\(record\): host "db.test" could not be resolved \(3: /) }
    'no such name';

$dns->set('db.test' => ['127.0.0.1']);
wait_ok { $t->get('/healthz')->code == 200 } 'now it is there';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;
is scalar $t->grep_log(qr/\[error\].*\(record\)/), 1, 'said once';

# the connection is lost, and the name server hangs
$dns->set('db.test' => 'hang');
my ($worker) = $t->workers;
my $tasks = tasks($worker);
my $probe = Tavus::Test::Fault::Probe->new($t->port);
my $from = time;
# valid=1s counts in whole seconds
wait_ok { time > $from + 2.2 } 'what was known is old', 5;
$pg->restart;
is $t->webhook(tavus_event('system.replica_joined', 'c2'))->code, 503;
wait_ok { $t->grep_log(qr/"db.test" could not be resolved \(110: /) }
    'times out';
$dns->set('db.test' => ['127.0.0.1']);
wait_ok { $t->get('/healthz')->code == 200 } 'and comes back';
$probe->ok;
is tasks($worker), $tasks, 'no thread';
is $t->webhook(tavus_event('system.replica_joined', 'c2'))->code, 200;

# a reload and an end while it hangs
$dns->set('db.test' => 'hang');
$t->reload(drained => 1);
pass 'reloaded';

done_testing;
