#!/usr/bin/perl

# When the buffer is full, the next event is refused at once; what is in it is
# stored, and then there is room again.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(sandbox => 0, http => {
    tavus_store_buffer => '100k', tavus_store_timeout => '20s'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $event = sub ($id) {
    return tavus_event('application.transcription_ready', $id,
        {text => 'x' x 40_000});
};
is $t->webhook($event->('c0'))->code, 200;

$t->pg->freeze;
my @kept = map { $t->socket->send(webhook_bytes($t, $event->("kept$_"))) } 1, 2;
$t->settle;
my $res = $t->webhook($event->('refused'));
is $res->code, 503, 'full';
is $res->json->{code}, 'storage_unavailable';
ok $res->headers->header('Retry-After');

# a client that leaves makes no room: its event is stored all the same
$kept[1]->abort;
wait_ok { $t->access_log =~ / 499 / } 'one leaves';
is $t->webhook($event->('refused'))->code, 503, 'still full';

$t->pg->thaw;
is $kept[0]->response->{status}, 200;
wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE conversation_id LIKE 'kept%'}) == 2 } 'stored';
is $t->webhook($event->('refused'))->code, 200, 'room again';

# one that is larger than all of it, alone
is $t->webhook(tavus_event('application.transcription_ready', 'large',
    {text => 'x' x 400_000}))->code, 200, 'larger than the buffer';

done_testing;
