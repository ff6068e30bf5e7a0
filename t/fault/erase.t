#!/usr/bin/perl

# An erasure ends, whoever dies in between: the client, the worker that does it,
# PostgreSQL while it waits or in the middle of it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Erase;

my $t = Tavus::Test->new(http => {tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $n = 0;

# somebody with a conversation, a page and a form
sub visit {
    my $who = 'visitor-' . ++$n;
    my $id = $t->create(vertical => 'legal', session_id => $who)->json
        ->{conversation_id} // die 'no conversation';
    $t->webhook(tavus_event('conversation.utterance', $id, {speech => $who}));
    my $res = $t->post('/api/contact', {name => $who, session_id => $who,
        email => "$who\@example.com", message => "words of $who"});
    $res->code == 200 or die $res->to_string;
    wait_for { grep { $_->{name} eq $who }
        $t->admin('/api/admin/leads')->json->{leads}->@* } or die 'no lead';
    return $who;
}

sub state_of ($receipt) {
    my $res = $t->admin("/api/admin/erasures/$receipt->{id}");
    return $res->code == 200 ? $res->json->{state} : $res->code;
}

sub ends ($receipt, $who, $how) {
    wait_ok { state_of($receipt) eq 'done' } "$how: it ends", 60;
    is_deeply [found($t, $who)], [], "$how: and nothing is left";
}

# ---- something of theirs is being recorded, and the worker dies
my $who = visit();
my $held = hold_log($t);
is $held->selectrow_array(q{SELECT tavus.record(ARRAY[overlay(
    gen_random_uuid()::text PLACING left(tavus.uuid_floor(now())::text, 13)
    || '-7' FROM 1)::uuid], ARRAY[now()], '{NULL}', '{2}', '{browser}',
    '{page_view}', '{NULL}', '{NULL}', '{NULL}',
    ARRAY[convert_to(json_build_object('session_id', ?::text)::text, 'UTF8')],
    '{NULL}')}, undef, $who), 's', 'by who has not seen the tombstone';
my $res = erase($t, "visitors/$who");
is $res->code, 202, 'it takes longer than anybody waits';
is $res->json->{state}, 'running';
ok scalar(found($t, $who)), 'nothing is erased yet';
my ($worker) = $t->workers;
$t->kill_worker;
wait_ok { my ($w) = $t->workers; $w && $w != $worker } 'another worker';
$held->commit;
ends($res->json, $who, 'a worker is killed');

# ---- somebody holds a row that is to be deleted, and PostgreSQL is killed
$who = visit();
my $db = $t->pg->connect;
$db->begin_work;
$db->do('SELECT FROM tavus.leads WHERE session_id = ? FOR UPDATE', undef, $who);
$res = erase($t, "visitors/$who");
is $res->code, 202, 'somebody holds a row';
$t->pg->kill;
$db->{InactiveDestroy} = 1;
$t->pg->start;
ends($res->json, $who, 'PostgreSQL is killed');

# ---- PostgreSQL is restarted while it waits
$who = visit();
$held = hold_log($t);
$res = erase($t, "visitors/$who");
is $res->code, 202;
$held->{InactiveDestroy} = 1;
$t->pg->restart;
ends($res->json, $who, 'PostgreSQL is restarted');

# ---- the client goes away at once
$who = visit();
$held = hold_log($t);
my $socket = $t->socket;
my %json = ($t->admin_headers->%*, Host => 'x',
    'Content-Type' => 'application/json');
$socket->send("DELETE /api/admin/visitors/$who HTTP/1.1\r\n"
    . join('', map { "$_: $json{$_}\r\n" } sort keys %json) . "\r\n");
wait_ok { $t->db->selectrow_array('SELECT count(*) FROM tavus.erasures
    WHERE done_at IS NULL') } 'it has begun';
$socket->abort;
$t->settle;
$held->rollback;
wait_ok { !$t->db->selectrow_array('SELECT count(*) FROM tavus.erasures
    WHERE done_at IS NULL') } 'it ends without them';
is_deeply [found($t, $who)], [], 'and nothing is left';

# ---- two at once
$who = visit();
my @sockets = map { $t->socket } 1, 2;
$_->send("DELETE /api/admin/visitors/$who HTTP/1.1\r\n"
    . join('', map { "$_: $json{$_}\r\n" } sort keys %json) . "\r\n")
    for @sockets;
is_deeply [map { ($_->response(20) // {})->{status} } @sockets], [200, 200],
    'two at once';
is_deeply [found($t, $who)], [], 'and nothing is left';

# ---- no database
$t->pg->stop;
is erase($t, "visitors/$who")->code, 503, 'not without a database';
$t->pg->start;
$t->allow_alerts(qr/worker process \d+ exited on signal 9/);
done_testing;
