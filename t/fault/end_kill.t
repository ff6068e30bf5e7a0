#!/usr/bin/perl

# A worker that dies after Tavus has ended a conversation, and before that is on
# record: its visitor was not told so, asks again, at another node, and then it is known.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Budget;
use Tavus::Test::Fault;
use Mojo::JSON qw(encode_json);

my %http = (tavus_budget => 'active=1', tavus_store_timeout => '20s');
my $t = Tavus::Test->new(http => \%http)->start;
my $two = Tavus::Test->new(db => $t->pg, sandbox => $t->sandbox, http => \%http)->start;
my ($db, $lock) = ($t->db, $t->pg->connect);

my %c = $t->create->json->%{qw(conversation_id end_token)};
is held($t), 1, 'its place is held';

my $asked = q{SELECT count(*) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE '%tavus.record(%'};
sub ends { return scalar grep { $_->{path} =~ m{/end\z} } $t->sandbox->calls('/v2/') }

$lock->begin_work;
$lock->do('LOCK TABLE tavus.events IN ACCESS EXCLUSIVE MODE');
my $s = $t->socket;
$s->send(post_bytes('/api/tavus/end-conversation', encode_json(\%c)));
wait_ok { $lock->selectrow_array($asked) } 'it is being recorded';
is ends(), 1, 'Tavus has ended it';
$t->kill_worker;
is $s->response(10), undef, 'its visitor is told nothing';
$db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE wait_event_type = 'Lock' AND query LIKE '%tavus.record(%'});
$lock->rollback;

wait_ok { $two->post('/api/tavus/end-conversation', {%c})->code == 200 }
    'asked again, another node knows';
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.ended'}), 1, 'and on record';
granted($two, 'its place is free');
$t->allow_alerts(qr/worker process \d+ exited on signal 9/);
done_testing;
