#!/usr/bin/perl

# The database is away while documents are changed: the journal has the event,
# and where there is none either, the answer says that it is not on record.

use lib 't/lib';
use Tavus::Test;
use Mojo::IOLoop;
use Mojo::JSON qw(false true);
use feature 'state';

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
    [(map { ["admin.document_$_", undef] } qw(answered answered asked asked)),
    ['document.change_unknown', undef], ['document.created', undef]],
    'and in the database';

# ---- neither
my $none = Tavus::Test->new(db => $t->pg, sandbox => $t->sandbox, http => {
    tavus_store_timeout => '200ms'})->start;
wait_ok { $none->get('/healthz')->code == 200 } 'ready, without a journal';
my %y = (document_url => 'https://a.example/y.pdf');
$t->sandbox->forget;
$t->sandbox->fault(path => '/v2/documents', method => 'POST',
    kind => 'delay', ms => 2000, times => 1);
my $promise = $none->ua->post_p($none->url($list), {$none->admin_headers->%*},
    json => \%y)->then(sub ($tx) { $res = $tx->res });
my $timer = Mojo::IOLoop->recurring(0.05 => sub ($loop) {
    return unless $t->sandbox->calls('/v2/documents');
    state $stopped = $t->pg->stop || 1;
});
$promise->wait;
Mojo::IOLoop->remove($timer);
is_deeply [$res->code, $res->json->{recorded}], [201, false],
    'made, and it says that it is not on record' or diag $res->to_string;
$id = $res->json->{document_id};
like $none->error_log,
    qr/trail: create of document "\Q$id\E" by "admin" is not recorded: done/,
    'nor on the trail';
like $none->error_log,
    qr/documents: create of "\Q$id\E" by "admin" is not recorded/,
    'so does the log';
is $none->admin("$list/$id")->code, 200, 'it is there';

# ---- and what cannot be told of is not asked for
$t->sandbox->forget;
$res = $none->post($list, \%y, $none->admin_headers);
is_deeply [$res->code, $res->json->{code}], [503, 'storage_unavailable'],
    'refused';
is_deeply [$t->sandbox->calls('/v2/documents')], [], 'Tavus is not asked';

done_testing;
