#!/usr/bin/perl

# The visitor leaves, at each stage of a create: nothing is asked for that was
# not yet, and what was is recorded and ended.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(http => {tavus_store_timeout => '8s'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
is $t->create->code, 200;

my $bytes = post_bytes('/api/tavus/create-conversation', '{}');
my $count = sub ($type) {
    return scalar $t->db->selectrow_array(
        'SELECT count(*) FROM tavus.events WHERE event_type = ?', undef, $type);
};
my $gone = 0;
my $leave = sub ($socket) {
    $socket->abort;
    $gone++;
    wait_ok { (() = $t->access_log =~ / 499 /g) == $gone } 'it is noticed';
};
my $hold = sub {
    my $db = $t->pg->connect(AutoCommit => 0);
    $db->do('LOCK TABLE tavus.events IN EXCLUSIVE MODE');
    return $db;
};
my $waits = sub {
    wait_ok { $t->pg->connect->selectrow_array(
        q{SELECT count(*) FROM pg_locks WHERE NOT granted}) } 'PostgreSQL waits';
};
my $start = sub {
    $t->sandbox->forget;
    $t->db->do('DELETE FROM tavus.events');
};

# while the intent is being recorded
$start->();
my $lock = $hold->();
my $socket = $t->socket->send($bytes);
$waits->();
$leave->($socket);
$lock->rollback;
wait_ok { $count->('conversation.requested') } 'the intent is on record';
is $t->create->code, 200, 'the next one';
is scalar(grep { $_->{path} eq '/v2/conversations' }
    $t->sandbox->calls('/v2/')), 1, 'nothing was asked for';

# while Tavus thinks
$start->();
$t->sandbox->fault(kind => 'delay', ms => 600, times => 1,
    path => '/v2/conversations');
$socket = $t->socket->send($bytes);
wait_ok { scalar $t->sandbox->calls('/v2/') } 'asked';
$leave->($socket);
wait_ok { grep { $_->{path} =~ m{/end\z} } $t->sandbox->calls('/v2/') } 'ended';
wait_ok { $count->('conversation.ended') } 'recorded';
is $count->('conversation.created'), 1;

# while the answer is being recorded
$start->();
$t->sandbox->fault(kind => 'delay', ms => 600, times => 1,
    path => '/v2/conversations');
$socket = $t->socket->send($bytes);
wait_ok { scalar $t->sandbox->calls('/v2/') } 'asked';
$lock = $hold->();
$waits->();
$leave->($socket);
$lock->rollback;
wait_ok { $count->('conversation.ended') } 'ended and recorded';
is $count->('conversation.created'), 1;
is scalar(grep { $_->{path} =~ m{/end\z} } $t->sandbox->calls('/v2/')), 1;

# while it sends
$start->();
$socket = $t->socket->send(substr $bytes, 0, -1);
$socket->abort;
is $t->create->code, 200;
is $count->('conversation.requested'), 1, 'half a request is none';

done_testing;
