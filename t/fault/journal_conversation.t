#!/usr/bin/perl

# A conversation can begin and end while PostgreSQL is away: its wish is in the
# journal before Tavus is asked, and all of it in PostgreSQL later.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(http => {tavus_store_timeout => '200ms',
    tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

$t->pg->stop;
my $res = $t->create(vertical => 'legal');
is $res->code, 200, 'created';
my ($id, $token) = $res->json->@{qw(conversation_id end_token)};
is scalar(() = glob $t->dir . '/journal/*'), 1, 'in the journal';
is $t->webhook(tavus_event('system.replica_joined', $id),
    token => $t->sandbox->token)->code, 200, 'a callback';
is $t->post('/api/tavus/end-conversation', {conversation_id => $id,
    end_token => $token})->code, 200, 'ended';
is $t->admin('/api/admin/events')->code, 503, 'the admin API has to wait';

$t->pg->start;
wait_ok { !(() = glob $t->dir . '/journal/*') } 'replayed', 20;
wait_ok { $t->admin("/api/admin/conversations/$id")->code == 200 } 'is there';
my $c = $t->admin("/api/admin/conversations/$id")->json;
is $c->{vertical}, 'legal';
ok $c->{endedAt}, 'ended';
is_deeply [sort map { $_->{event_type} } grep { $_->{source} ne 'tavus' }
    $c->{events}->@*], [qw(conversation.created conversation.ended)];
is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.intents
    WHERE due_at IS NOT NULL}), 0, 'nothing is left to look after';

done_testing;
