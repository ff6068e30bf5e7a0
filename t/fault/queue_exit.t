#!/usr/bin/perl

# A worker that is told to stop at once while the conversation of a ticket is being recorded: who waits
# is told of it, as the journal has it, and the worker ends as it should.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;
use Tavus::Test::Process qw(alive);

my $t = line_test(budget => 'active=1 line=20', hold => '20s', http => {
    tavus_store_timeout => '20s', tavus_journal => '%%DIR%%/journal'});
my ($box, $db, $lock) = ($t->sandbox, $t->db, $t->pg->connect);

my $talking = talks($t, 1);
my $ticket = wait_in_line($t, 2);
$box->forget;
$box->fault(kind => 'delay', ms => 2000, times => 1,
    holds => 'conversation_name');

my $body = qq({"ticket":"$ticket"});
my $s = $t->socket->send("POST /api/tavus/queue HTTP/1.1\r\nHost: x\r\n"
    . 'X-Real-IP: ' . address(2) . "\r\nContent-Type: application/json\r\n"
    . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
is leave($t, $talking)->code, 200, 'a place is free';
wait_ok { grep { $_->{path} eq '/v2/conversations' } $box->calls('/v2/') }
    'the turn has come';

$lock->begin_work;
$lock->do('LOCK TABLE tavus.conversations IN ACCESS EXCLUSIVE MODE');
wait_ok { $db->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE '%tavus.record(%'}) }
    'its conversation is being recorded';
my $pid = $t->pid;
$t->signal('TERM');
is +($s->response(30) // {})->{status}, 200, 'who waits is told';
wait_ok { !alive($pid) } 'nginx has ended';
unlike $t->error_log, qr/exited on signal/, 'as it should';
$lock->commit;

$t->stop;
$t->{nginx}->start;
wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.created'}) == 2 } 'both are on record';

done_testing;
