#!/usr/bin/perl

# The database is away while documents are changed: the journal has the event,
# and where there is none either, the answer says that it is not on record.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(false true);

my $t = Tavus::Test->new(http => {tavus_store_timeout => '200ms',
    tavus_journal => '%%DIR%%/journal'})->start;
my $list = '/api/admin/documents';
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

$t->pg->stop;
my $res = $t->post($list, {document_url => 'https://a.example/x.pdf'},
    $t->admin_headers);
is_deeply [$res->code, $res->json->{recorded}], [201, true], 'made';
my $id = $res->json->{document_id};
is scalar(() = glob $t->dir . '/journal/*'), 1, 'in the journal';
is $t->admin("$list/$id")->code, 200, 'to read it needs no database';
$t->sandbox->fault(path => '/v2/documents', method => 'DELETE',
    kind => 'status', status => 500, times => 1);
$res = $t->delete("$list/$id", '', {$t->admin_headers->%*,
    'Content-Type' => 'application/json'});
is_deeply [$res->code, $res->json->@{qw(code recorded)}],
    [502, 'outcome_unknown', true], 'what is not known is there, too';

$t->pg->start;
wait_ok { !(() = glob $t->dir . '/journal/*') } 'replayed', 20;
is_deeply $t->db->selectall_arrayref(q{SELECT event_type, conversation_id
    FROM tavus.events WHERE source = 'server' ORDER BY event_type}),
    [['document.change_unknown', undef], ['document.created', undef]],
    'and in the database';

# ---- neither
my $none = Tavus::Test->new(db => $t->pg, sandbox => $t->sandbox, http => {
    tavus_store_timeout => '200ms'})->start;
wait_ok { $none->get('/healthz')->code == 200 } 'ready, without a journal';
$t->pg->stop;
$res = $none->post($list, {document_url => 'https://a.example/y.pdf'},
    $none->admin_headers);
is_deeply [$res->code, $res->json->{recorded}], [201, false],
    'made, and it says that it is not on record' or diag $res->to_string;
$id = $res->json->{document_id};
like $none->error_log,
    qr/documents: create of "\Q$id\E" by "admin" is not recorded/,
    'so does the log';
is $none->admin("$list/$id")->code, 200, 'it is there';

done_testing;
