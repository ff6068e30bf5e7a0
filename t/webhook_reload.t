#!/usr/bin/perl

# memcheck

# Neither a reload, nor the end of nginx, nor that of a worker loses what was
# acknowledged; and what is on its way is answered.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(http => {tavus_store_timeout => '20s'})->start;
my $secret = $t->webhook_secret;
my %acknowledged;

sub start_requests (@ids) {
    return map {
        my $body = tavus_event('system.shutdown', $_);
        my %h = sign_header($secret, $body);
        my $s = $t->socket;
        $s->send("POST /api/tavus/webhook HTTP/1.1\r\nHost: x\r\n"
            . join('', map { "$_: $h{$_}\r\n" } keys %h)
            . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
        ($_ => $s);
    } @ids;
}

sub statuses (%sockets) {
    my %status;
    for my $id (sort keys %sockets) {
        my $res = $sockets{$id}->response;
        $acknowledged{$id} = 1 if $res && $res->{status} == 200;
        $status{$res ? $res->{status} : 'none'}++;
        $sockets{$id}->close;
    }
    return \%status;
}

sub lost {
    my %there = map { $_ => 1 } $t->db->selectcol_arrayref(
        'SELECT conversation_id FROM tavus.events')->@*;
    return grep { !$there{$_} } sort keys %acknowledged;
}

# the worker has them: it has answered a connection that came after theirs
sub received { return $t->settle }

is $t->webhook(tavus_event('x.y', 'c-first'))->code, 200, 'connected';

subtest 'a reload' => sub {
    $t->pg->freeze;
    my %s = start_requests(map { "c-reload-$_" } 1 .. 10);
    ok received();
    $t->reload;
    $t->pg->thaw;
    is_deeply statuses(%s), {200 => 10}, 'the old worker answers';
    is_deeply [lost()], [];
    wait_ok { $t->all_workers == 1 } 'and goes';
    is $t->webhook(tavus_event('x.y', 'c-new'))->code, 200, 'the new one';
    done_testing;
};

subtest 'a worker is killed' => sub {
    $t->pg->freeze;
    my %s = start_requests(map { "c-kill-$_" } 1 .. 10);
    ok received();
    $t->kill_worker;
    $t->pg->thaw;
    is_deeply statuses(%s), {none => 10}, 'nobody is told what is not so';
    wait_ok { $t->webhook(tavus_event('x.y', 'c-next'))->code == 200 }
        'its successor';
    is_deeply [lost()], [];

    # senders try again, whether or not the first was stored
    %s = start_requests(map { "c-kill-$_" } 1 .. 10);
    is_deeply statuses(%s), {200 => 10};
    done_testing;
};

subtest 'the end' => sub {
    $t->pg->freeze;
    my %s = start_requests(map { "c-quit-$_" } 1 .. 10);
    ok received();
    $t->signal('QUIT');
    $t->pg->thaw;
    is_deeply statuses(%s), {200 => 10}, 'it answers before it ends';
    ok $t->stop, 'it ends';
    is_deeply [lost()], [];
    done_testing;
};

done_testing;
