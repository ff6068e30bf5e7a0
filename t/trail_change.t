#!/usr/bin/perl

# memcheck

# What an admin changes is on the trail, in the transaction of the change: who,
# from where, on what, and what came of it.  No statement of a change goes
# without.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json decode_json true false);
use Tavus::Test::Process qw($ROOT slurp);

my $t = Tavus::Test->new(http => {tavus_deliver => [
    'webhook name=crm { url http://127.0.0.1:9/x; secret file:%%SECRETS%%/crm; events lead.*; }']});
$t->secret(crm => 'whsec_' . 'A' x 32);
$t->start;
my ($box, $db) = ($t->sandbox, $t->db);
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json');

my %seen;
sub trail {
    my @rows = $db->selectall_arrayref(q{SELECT id, event_type, kind,
        conversation_id, convert_from(body, 'UTF8') FROM tavus.events
        WHERE source = 'server' AND event_type LIKE 'admin.%'
          AND event_type <> 'admin.viewed' ORDER BY received_at, id})->@*;
    return map { [$_->[1], decode_json $_->[4]] }
        grep { !$seen{$_->[0]}++ and $_->[2] == 2 && !defined $_->[3] } @rows;
}
sub change {
    my ($method, $path, $body) = @_;
    return $t->request($method => "/api/admin/$path",
        ref $body ? encode_json($body) : $body, {%json});
}

# ---- a lead
is $t->post('/api/contact', {name => 'Gwyn', email => 'gwyn@example.com',
    message => 'What does it cost?'})->code, 200;
my $lead;
wait_ok { $lead = $t->admin('/api/admin/leads')->json->{leads}[0] } 'a lead';
is_deeply [trail()], [], 'nobody has changed anything';
for my $handled (true, false) {
    my $res = change(PATCH => "leads/$lead->{id}", {handled => $handled});
    is $res->code, 200;
    is_deeply [trail()], [['admin.lead_handled', {user => 'admin',
        from => '127.0.0.1', request_id => $res->headers->header('X-Request-Id'),
        object => {lead_id => $lead->{id}}, outcome => 'done',
        result => {handled => $handled}}]], 'who, from where, on what';
}
unlike $db->selectrow_array(q{SELECT string_agg(convert_from(body, 'UTF8'), '')
    FROM tavus.events WHERE event_type LIKE 'admin.%'}),
    qr/gwyn|cost/i, 'and nothing of the lead';
my $none = '018f0000-0000-7000-8000-000000000000';
is change(PATCH => "leads/$none", {handled => true})->code, 404;
my @told = trail();
is_deeply [map { [$_->[0], $_->[1]->@{qw(outcome result object)}] } @told],
    [['admin.lead_handled', 'not_found', {}, {lead_id => $none}]],
    'nothing was changed, which is told';

# ---- deliveries
is change(POST => 'deliveries/retry?destination=crm&state=dead', {})->code, 200;
is_deeply [map { [$_->[0], $_->[1]->@{qw(outcome result object)}] } trail()],
    [['admin.deliveries_retried', 'done', {retried => 0, more => false},
        {destination => 'crm', state => 'dead'}]], 'a destination';
is change(POST => 'deliveries/77/retry', '')->code, 404;
is_deeply [map { [$_->[0], $_->[1]->@{qw(outcome object)}] } trail()],
    [['admin.deliveries_retried', 'not_found', {delivery_id => '77'}]], 'one';

# ---- what is refused before is no change
is change(PATCH => "leads/$lead->{id}", {handled => 1})->code, 400;
is $t->request(PATCH => "/api/admin/leads/$lead->{id}", '{"handled":true}',
    {%json, Origin => 'https://evil.example'})->code, 403;
is_deeply [trail()], [], 'nothing of it';

# ---- documents are Tavus's: asked for before, and what came of it
my $res = change(POST => 'documents', {document_url =>
    'https://files.example/x.pdf?s=pw', document_name => 'Prices'});
is $res->code, 201;
my %who = (user => 'admin', from => '127.0.0.1',
    request_id => $res->headers->header('X-Request-Id'));
wait_ok { push @told, trail(); @told >= 3 } 'two of them';
shift @told;
is_deeply \@told, [
    ['admin.document_asked', {%who, object => {operation => 'create'}}],
    ['admin.document_answered', {%who, outcome => 'done', object => {
        operation => 'create', document_id => $res->json->{document_id}}}]],
    'before and after';
unlike encode_json(\@told), qr/pw|Prices|files/, 'nothing of the document';

for (['{"status":500}', 'unknown'], ['{"status":400}', 'failed']) {
    my ($status, $outcome) = @$_;
    $box->fault(kind => 'status', decode_json($status)->%*, times => 1,
        path => '/v2/documents');
    @told = ();
    $res = change(PATCH => 'documents/d77', {tags => ['a']});
    isnt $res->code, 200;
    wait_ok { push @told, trail(); @told >= 2 } 'two again';
    is_deeply [map { [$_->[0], $_->[1]->@{qw(outcome object)}] } @told],
        [map { [$_->[0], $_->[1], {operation => 'update', document_id => 'd77'}] }
            ['admin.document_asked', undef], ['admin.document_answered', $outcome]],
        $outcome;
}

# ---- one place for all: each statement of a change is in the trail's function
my %sql = slurp("$ROOT/ngx_tavus_module/store/ngx_tavus_statements.c")
    =~ /\[ngx_tavus_stmt_(\w+)\] =\s+\{[^"]*?"(.*?)\s*\{/gs;
my $made = 0;
for my $file (glob "$ROOT/ngx_tavus_module/endpoint/*.c") {
    my $text = slurp($file);
    while ($text =~ /ngx_tavus_admin_change_make\(r,\s*\w+,\s*ngx_tavus_stmt_(\w+),\s*"([\w.]+)"/g) {
        $made++;
        like $sql{$1}, qr/^SELECT tavus\.trail_changed\(/, $1;
        like $2, qr/^admin\.[a-z_]+\z/, $2;
    }
}
cmp_ok $made, '>=', 2, 'changes';

# ---- and the panel finds them
my $list = $t->admin('/api/admin/events?event_type=admin.*&limit=200')->json;
my %types = map { $_->{event_type} => 1 } $list->{events}->@*;
is_deeply [sort keys %types], [map { "admin.$_" } qw(deliveries_retried
    document_answered document_asked lead_handled viewed)], 'by what they begin with';
is $t->admin('/api/admin/events?event_type=admin.lead_handled')
    ->json->{events}->@*, 3, 'and by a name';
is_deeply $t->admin('/api/admin/events?event_type=nobody.*')
    ->json->{events}, [], 'nothing else';

done_testing;
