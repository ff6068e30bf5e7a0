#!/usr/bin/perl

# A visitor who has answered neither yes nor no looks at pages, talks and writes:
# nothing of that goes anywhere, and somebody else's goes on.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, map { $_ => 'events *
    conversation.utterance application.transcription_ready contact.submitted;' }
    qw(posthog ga4 crm));
my $box = $t->sandbox;
$t->start;
wait_ok { $d->ready } 'ready';

$d->track($_, session => 'silent') for qw(page_view cta_click);
my $res = $t->create(vertical => 'legal', session_id => 'silent',
    user_id => 'user-of-silent');
is $res->code, 200, 'a conversation';
my $id = $res->json->{conversation_id};
$d->track('page_view', session => 'silent', conversation_id => $id,
    end_token => $res->json->{end_token});
for (qw(system.replica_joined conversation.utterance
    application.transcription_ready system.shutdown)) {
    is $t->webhook(tavus_event($_, $id))->code, 200, $_;
}
is $t->post('/api/contact', {name => 'A B', email => 'a@example.com',
    message => 'A long message.', session_id => 'silent'})->code, 200, 'a form';
my $stored = $t->db->selectrow_array('SELECT count(*) FROM tavus.events');
cmp_ok $stored, '>=', 8, "all is stored: $stored";

$d->track('page_view', session => 'yes', consent => 'granted');
wait_ok { $d->idle } 'all is told of';
for my $kind (qw(posthog ga4 hooks)) {
    wait_ok { $box->received($kind)->{received} } "$kind: who said yes";
    is $box->received($kind)->{received}, 1, "$kind: and nobody else";
}
is scalar $d->failed, 0, 'nor does it wait';

done_testing;
