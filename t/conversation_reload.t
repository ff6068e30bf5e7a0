#!/usr/bin/perl

# A reload while Tavus works: the visitor still gets the answer, and the next
# one what is configured now.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(workers => 2)->start;
my ($box, $db) = ($t->sandbox, $t->db);

sub ask {
    my $s = $t->socket;
    $s->send("POST /api/tavus/create-conversation HTTP/1.1\r\nHost: x\r\n"
        . "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    return $s;
}

# Tavus answers neither before the reload nor before one of them is gone
$box->fault(kind => 'delay', ms => 3000, times => 2);
my ($stays, $leaves) = (ask(), ask());
wait_ok { 2 == $box->calls('/v2/') } 'Tavus is asked twice';
$box->freeze;

my $key = 'another-key-0123456789';
$t->configure(http => {
    tavus_api_key => 'file:' . $t->secret('new.key', $key),
    tavus_vertical => ['general { persona_id p99; }'],
})->reload;
$leaves->abort;
wait_ok { $t->access_log =~ m{/create-conversation HTTP/1\.1" 499 } }
    'one leaves';
$box->thaw;

is $stays->response->{status}, 200, 'who waits is answered';
$stays->close;
wait_ok { grep { $_->{path} =~ m{/end\z} } $box->calls('/v2/') }
    'what was left is ended, also by a worker on its way out';
wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.ended'}) } 'and recorded';
wait_ok { $t->all_workers == 2 } 'the old workers go';
is $db->selectrow_array('SELECT count(*) FROM tavus.conversations'), 2;

$box->forget;
is $t->create->code, 503, 'the new key is used';
my ($call) = $box->calls('/v2/');
is $call->{body}{pal_id}, 'p99', 'and the new vertical';

done_testing;
