#!/usr/bin/perl

# Many queries at once share a connection: each gets its own answer.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Mojo::JSON qw(decode_json);

my $t = Tavus::Test->new(sandbox => 0)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $n = 150;
my @sockets = map { $t->socket->send(webhook_bytes($t,
    tavus_event('system.replica_joined', "c$_"))) } 1 .. $n;
is scalar(grep { $_->response->{status} == 200 } @sockets), $n, 'stored';

my $auth = 'Authorization: ' . $t->admin_headers->{Authorization};
is $t->admin('/api/admin/events')->code, 200;

# held back until all of them wait
my $lock = $t->pg->connect(AutoCommit => 0);
$lock->do('LOCK TABLE tavus.events IN ACCESS EXCLUSIVE MODE');

for my $s (1 .. $n) {
    my $path = $s % 3
        ? "/api/admin/events?conversation_id=c$s" : "/api/admin/events?limit=$s";
    $sockets[$s - 1]->send("GET $path HTTP/1.1\r\nHost: x\r\n$auth\r\n\r\n");
}

# some do not wait for it
$_->abort for @sockets[60 .. 79];
$lock->rollback;

my @wrong;
for my $s (grep { $_ <= 60 || $_ > 80 } 1 .. $n) {
    my $res = $sockets[$s - 1]->response(20);
    my $events = $res && $res->{status} == 200
        && decode_json($res->{body})->{events};
    push @wrong, $s unless $events && ($s % 3
        ? @$events == 1 && $events->[0]{conversationId} eq "c$s"
        : @$events == $s);
}
is_deeply \@wrong, [], 'every one got what it asked for';

done_testing;
