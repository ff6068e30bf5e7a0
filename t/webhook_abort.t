#!/usr/bin/perl

# A client that goes away when its body was sent: the event is stored all the
# same; one that goes away before is nothing.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new->start;
my $secret = $t->webhook_secret;

sub stored ($id) {
    return $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id = ?}, {}, $id);
}

sub request ($id, $cut = 0) {
    my $body = tavus_event('system.shutdown', $id);
    my %h = sign_header($secret, $body);
    my $bytes = "POST /api/tavus/webhook HTTP/1.1\r\nHost: x\r\n"
        . join('', map { "$_: $h{$_}\r\n" } keys %h)
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
    return substr $bytes, 0, length($bytes) - $cut;
}

for my $how (qw(abort close)) {
    subtest $how => sub {
        for my $n (1 .. 20) {
            my $s = $t->socket;
            $s->send(request("c-$how-$n"));
            $s->$how;
        }
        wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
            WHERE conversation_id LIKE ?}, {}, "c-$how-%") == 20 } 'stored';
        done_testing;
    };
}

# while the database takes its time
subtest 'in flight' => sub {
    $t->pg->freeze;
    my @all = map { $t->socket } 1 .. 10;
    $all[$_]->send(request("c-flight-$_")) for 0 .. 9;
    $all[$_]->abort for grep { $_ % 2 } 0 .. 9;
    wait_ok { $t->grep_log(qr/client prematurely closed connection/) >= 5 }
        'nginx has seen it', 5;
    $t->pg->thaw;
    is $all[$_]->response->{status}, 200, 'the others are answered'
        for grep { !($_ % 2) } 0 .. 9;
    wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id LIKE 'c-flight-%'}) == 10 } 'all are stored';
    done_testing;
};

subtest 'too early' => sub {
    my $s = $t->socket;
    $s->send(request('c-early', 1));
    $s->close;
    is $t->webhook(tavus_event('x.y', 'c-later'))->code, 200;
    wait_ok { $t->access_log =~ /" 400 / } 'it is over';
    is stored('c-early'), 0;
    done_testing;
};

# more is sent than was announced, or something that is no request
subtest 'too much' => sub {
    my $s = $t->socket;
    $s->send(request('c-much') . 'garbage');
    is $s->response->{status}, 200;
    $s->send("\r\n\r\n");
    is $s->response->{status}, 400, 'what comes after is another request';
    is stored('c-much'), 1;
    done_testing;
};

done_testing;
