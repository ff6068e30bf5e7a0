#!/usr/bin/perl

# A visitor who asks to be forgotten, through the admin API: what is held of
# them, what is left when they are erased, and that Tavus's copy goes.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Erase;
use Mojo::JSON qw(false true);

my $t = Tavus::Test->new(http => {tavus_vertical =>
    ['legal { persona_id p1; memory_stores everybody; }']});
my $d = Tavus::Test::Deliver->new($t, crm => 'events *; consent not_needed;');
$t->start;
my ($db, $box) = ($t->db, $t->sandbox);
wait_ok { $d->ready } 'ready';
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json');

# ---- what somebody leaves
my $call = $t->create(vertical => 'legal', session_id => 'session-of-ada',
    utm_source => 'utm-of-ada')->json;
my $id = $call->{conversation_id};
is $t->post('/api/contact', {name => 'Ada Marked', email => 'Ada@Example.com',
    message => 'words of Ada', session_id => 'session-of-ada'})->code, 200,
    'a form';
is $t->post('/api/track', {events => [{name => 'page_view', properties =>
    {session_id => 'session-of-ada', where => 'page of Ada'}}]})->code, 202,
    'a page';
is $t->post('/api/contact', {name => 'Grace', email => 'grace@example.com',
    message => 'words of Grace', session_id => 'session-of-grace'})->code, 200,
    'somebody else';
wait_ok { 2 == $t->admin('/api/admin/leads')->json->{leads}->@* } 'two leads';
wait_ok { $box->received('hooks')->{unique} >= 2 } 'the owner was told';

# ---- what is held
my $held = $t->admin('/api/admin/visitors/ada%40example.com');
is $held->code, 200 or diag $t->error_log;
$held = $held->json;
is_deeply [$held->{complete}, $held->{sessions}, $held->{emails},
    map { scalar $held->{$_}->@* } qw(conversations leads orders quarantine)],
    [true, ['session-of-ada'], ['ada@example.com'], 1, 1, 0, 0], 'all of Ada';
is_deeply [sort map { $_->{event_type} } $held->{events}->@*],
    [qw(contact.submitted conversation.created conversation.requested
    page_view)], 'her events';
is $held->{next_cursor}, undef;
is_deeply $t->admin('/api/admin/visitors/nobody')->json->{events}, [],
    'of somebody who was not here: nothing';

# ---- who may
for my $case (
    [401, 'unauthorized', Authorization => undef],
    [403, 'origin_not_allowed', Origin => 'https://evil.example'],
    [403, 'origin_not_allowed', 'Sec-Fetch-Site' => 'cross-site'],
    [415, 'unsupported_media_type', 'Content-Type' => 'text/plain'],
) {
    my ($status, $code, @header) = @$case;
    for my $path ('visitors/ada@example.com', "conversations/$id") {
        my $res = erase($t, $path, @header);
        is_deeply [$res->code, $res->json->{code}], [$status, $code],
            "$header[0]: $status";
    }
}
for my $case (
    ['kind', 'visitors/x?kind=nobody'], ['key', 'visitors/' . 'x' x 321],
    ['key', 'visitors/%ff'], ['id', 'conversations/' . 'x' x 201],
) {
    my $res = erase($t, $case->[1]);
    is_deeply [$res->code, $res->json->@{qw(code parameter)}],
        [400, 'invalid_parameter', $case->[0]], substr $case->[1], 0, 20;
}
is_deeply [map { my $res = erase($t, "visitors/everybody$_");
    ($res->code, $res->json->{code}) } '', '?kind=memory_store'],
    [(409, 'shared_memory') x 2], 'what all visitors share is nobody\'s';
is $t->admin('/api/admin/visitors/' . 'x' x 321)->json->{parameter}, 'key';
is $t->admin('/api/admin/visitors/x?kind=nobody')->json->{parameter}, 'kind';
is $t->admin("/api/admin/visitors/x?limit=$_")->code, 400 for 0, 201, 'x';
for (qw(POST PUT PATCH)) {
    my $res = $t->request($_ => '/api/admin/visitors/x', undef, \%json);
    is_deeply [$res->code, $res->headers->header('Allow')],
        [405, 'GET, HEAD, DELETE'], $_;
}
is $db->selectrow_array('SELECT count(*) FROM tavus.erasures'), 0,
    'nothing was erased';

# ---- gone
my $res = erase($t, 'visitors/ADA@example.com');
is $res->code, 200, 'she is erased' or diag $res->to_string;
my $done = $res->json;
is $done->{state}, 'done';
is_deeply $done->{erased}, {events => 4, scrubbed => 0, leads => 1,
    orders => 0, consents => 0, quarantine => 0, conversations => 1},
    'so much';
my %remains = map { $_->{where} => $_ } $done->{remains}->@*;
is_deeply [sort keys %remains], [qw(backups tavus webhook)], 'what remains';
is_deeply [map { $_->{ids} } grep { $_->{what} =~ /^Memory/ }
    $done->{remains}->@*], [['everybody']], 'and what cannot be erased';
is $remains{webhook}{destination}, 'crm', 'by name';

for my $word ('Marked', 'words of Ada', 'session-of-ada', 'ada@example.com',
    'Ada@Example.com', 'page of Ada', 'utm-of-ada')
{
    is_deeply [found($t, $word)], [], "nowhere: $word";
}
is $t->admin("/api/admin/conversations/$id")->code, 404, 'no conversation';
is_deeply [$t->admin('/api/admin/visitors/ada@example.com')->json->@{
    qw(events leads)}], [[], []], 'nothing is held';
is_deeply [map { $_->{name} } $t->admin('/api/admin/leads')->json->{leads}->@*],
    ['Grace'], 'somebody else is there';
is_deeply $t->admin("/api/admin/erasures/$done->{id}")->json,
    {map { $_ => $done->{$_} } grep { $_ ne 'remains' } keys %$done},
    'a receipt, which names nobody';
is $t->admin('/api/admin/erasures/00000000-0000-4000-8000-000000000000')
    ->code, 404;

# ---- what comes later
is $t->webhook(tavus_event('application.transcription_ready',
    $id))->code, 200, 'a late transcript is taken';
is $db->selectrow_array('SELECT count(*) FROM tavus.events
    WHERE conversation_id = ?', undef, $id), 0, 'and not stored';

# ---- others are told
wait_ok { 2 == grep { ($_->{type} // $_->{name} // '') =~ /\A(?:visitor|conversation)\.erased\z/ }
    $box->hook_messages('crm') } 'the owner is told';

# ---- Tavus's copy
wait_ok { my @calls = map { "$_->{method} $_->{path}" }
    $box->calls("/v2/conversations/$id");
    "@calls" =~ m{POST /v2/conversations/$id/end.*DELETE /v2/conversations/$id}s
} 'it is ended at Tavus, and deleted';
wait_ok { my ($own) = grep { $_->{name} eq 'tavus.erase' }
    $d->shown->{destinations}->@*; $own && $own->{delivered} == 1
        && $own->{waiting} == 0 } 'which is told of';

unlike $t->error_log, qr/example\.com/i, 'no log has the address';
done_testing;
