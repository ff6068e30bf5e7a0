#!/usr/bin/perl

# alone

# An answer of many megabytes to a client that reads slowly, or leaves, keeps
# nobody waiting.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Mojo::JSON qw(decode_json);

my $t = Tavus::Test->new(sandbox => 0, http => {tavus_store_timeout => '20s'},
    locations => {
    '= /api/tavus/webhook' => 'client_max_body_size 8m; '
        . 'client_body_buffer_size 16k; tavus_webhook tavus;',
})->start;

wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $event = tavus_event('application.transcription_ready', 'big', {text => ''});
my $pad = 8 * 1024 * 1024 - length $event;
$event = tavus_event('application.transcription_ready', 'big',
    {text => 'x' x $pad});
is length $event, 8 * 1024 * 1024;
is $t->webhook($event)->code, 200, '8 MiB are stored';
is $t->db->selectrow_array(
    q{SELECT octet_length(body) FROM tavus.events}), length $event;
is $t->webhook("$event ")->code, 413, 'and not one byte more';

my $get = sub ($conversation) {
    my ($id) = $t->db->selectrow_array(q{SELECT id FROM tavus.events
        WHERE conversation_id = ?}, {}, $conversation);
    return "GET /api/admin/events/$id HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: " . $t->admin_headers->{Authorization} . "\r\n\r\n";
};
# a busy machine may need more than the 5 s that an answer has
my $res;
wait_ok {
    $res = $t->socket->send($get->('big'))->response(30) // {};
    ($res->{status} // 0) == 200;
} '8 MiB are given', 60;
cmp_ok length $res->{body}, '>', 8 * 1024 * 1024;

# several at once: smaller ones, as PostgreSQL takes a second for the largest
is $t->webhook(tavus_event('application.transcription_ready', 'large',
    {text => 'x' x (2 * 1024 * 1024)}))->code, 200;
my $large = $get->('large');

my $probe = Tavus::Test::Fault::Probe->new($t->port);
my @slow = map { $t->socket->send($large) } 1 .. 3;
my @gone = map { $t->socket->send($large) } 1, 2;
$_->read_until(qr/\r\n\r\n/) for @slow;
$_->abort for @gone;

is $t->admin('/api/admin/events')->code, 200, 'others meanwhile';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;

for (@slow) {
    $res = $_->response(30);
    is $res->{status}, 200;
    is length $res->{body}, $res->{headers}{'content-length'}, 'whole';
}
is $t->socket->send($large)->response->{status}, 200, 'once more';
$probe->ok;

done_testing;
