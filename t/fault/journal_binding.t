#!/usr/bin/perl

# That a token is another conversation's may only be found when the journal is
# replayed: the event was acknowledged, so it is kept, in quarantine.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(http => {tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $res = $t->create;
is $res->code, 200;
my $id = $res->json->{conversation_id};
my $token = $t->sandbox->token;

is $t->webhook(tavus_event('system.replica_joined', 'another'),
    token => $token)->code, 401, 'with PostgreSQL it is refused';

$t->pg->stop;
is $t->webhook(tavus_event('system.replica_joined', 'another'),
    token => $token)->code, 200, 'without it is taken';
is $t->webhook(tavus_event('system.replica_joined', $id), token => $token)
    ->code, 200;
$t->pg->start;

wait_ok { !(() = glob $t->dir . '/journal/*') } 'replayed', 20;
is_deeply $t->db->selectall_arrayref(q{SELECT conversation_id, reason
    FROM tavus.quarantine}), [['another',
    q{the token is another conversation's}]], 'and quarantined';
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE conversation_id = 'another'}), 0;
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE conversation_id = ? AND source = 'tavus'}, {}, $id), 1;

done_testing;
