#!/usr/bin/perl

# QUIT: what is under way is answered, and nginx ends as soon as it is, also
# when PostgreSQL answers nothing more.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Process qw(alive);

my $t = Tavus::Test->new(locations => {'= /healthz' =>
    'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

# what is not read yet when the listening socket closes is nobody's
my $waiting = sub { $t->admin('/healthz?full')->json->{store}{waiting} };

$t->sandbox->fault(kind => 'delay', ms => 1000, path => '/v2/conversations');
my @creates = map { $t->socket->send(
    post_bytes('/api/tavus/create-conversation', '{}')) } 1 .. 5;
wait_ok { $t->sandbox->calls('/v2/conversations') == 5 } 'Tavus thinks';
my $lock = $t->pg->connect(AutoCommit => 0);
$lock->do('LOCK TABLE tavus.events IN EXCLUSIVE MODE');
my @webhooks = map { $t->socket->send(webhook_bytes($t,
    tavus_event('system.replica_joined', "c$_"))) } 1 .. 5;
wait_ok { $waiting->() == 5 } 'webhooks wait';
my $pid = $t->pid;
$t->signal('QUIT');
$lock->rollback;
is_deeply {answers(@webhooks)}, {200 => 5}, 'webhooks';
is_deeply {answers(@creates)}, {200 => 5}, 'creates';
wait_ok { !alive($pid) } 'ended', 3;
$t->stop;

# nothing is under way, and no time-out of ours holds it either
$t->{http}{"tavus_$_"} = '60s' for qw(store_timeout api_timeout);
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->webhook(tavus_event('system.replica_joined', 'idle'))->code, 200;
$pid = $t->pid;
$t->signal('QUIT');
wait_ok { !alive($pid) } 'at once', 20;
$t->stop;

# PostgreSQL hangs with a batch
$t->{http}{tavus_store_timeout} = '3s';
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
$t->pg->freeze;
@webhooks = map { $t->socket->send(webhook_bytes($t,
    tavus_event('system.replica_joined', "frozen$_"))) } 1 .. 5;
wait_ok { $waiting->() == 5 } 'webhooks wait';
$pid = $t->pid;
$t->signal('QUIT');
is_deeply {answers(@webhooks)}, {503 => 5}, 'webhooks';
wait_ok { !alive($pid) } 'and none waits for it', 30;
$t->pg->thaw;
$t->stop;

done_testing;
