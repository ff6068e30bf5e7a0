#!/usr/bin/perl

# memcheck

# Tavus refuses, stumbles, stalls or is not there while documents are read and
# changed: who asked is told whether it may have been done, and it is done once
# at most.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json false from_json true);

my $t = Tavus::Test->new(http => {tavus_api_timeout => '3s'})->start;
my ($box, $db) = ($t->sandbox, $t->db);
my $list = '/api/admin/documents';
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json');
my $marker = 'upstream-text-9d3f';
$box->config(document_ms => 0, recrawl_seconds => 0);

sub ask {
    my ($method, $path, $body) = @_;
    return $t->request($method => "$list$path",
        defined $body ? encode_json($body) : undef, {%json});
}
my %new = (document_url => 'https://a.example/b?s3cret', tags => ['t'],
    crawl => {depth => 1});
my $doc = ask(POST => '', \%new)->json->{document_id};
$db->do('DELETE FROM tavus.events');

# what there is to ask: the operation, its request, and the one to Tavus
my %ops = (
    list    => [GET    => '',               undef,         'GET'],
    read    => [GET    => "/$doc",          undef,         'GET'],
    create  => [POST   => '',               \%new,         'POST'],
    update  => [PATCH  => "/$doc",          {tags => ['u']}, 'PATCH'],
    delete  => [DELETE => "/$doc",          undef,         'DELETE'],
    recrawl => [POST   => "/$doc/recrawl",  undef,         'POST'],
);
my @all = sort keys %ops;
my @changes = grep { !/^(?:list|read)\z/ } @all;

# One that fails: what is answered, and what is on record of a change.
sub trouble {
    my ($name, $fault, $ops, $status, $code, %more) = @_;
    for my $op (@$ops) {
        my ($method, $path, $body, $upstream) = $ops{$op}->@*;
        subtest "$name: $op" => sub {
            $box->forget if $box->pid;
            # what is done to a document lies under it
            my $at = '/v2/documents' . (length $path ? '/' : '');
            $box->fault(path => $at, times => 1, method => $upstream, %$fault)
                if $fault;

            my $res = ask($method, $path, $body);
            my $got = $res->json // {};
            my $unknown = $code eq 'outcome_unknown';

            is $res->code, $status or diag $res->to_string;
            is $got->{code}, $code, $code;
            is $res->headers->content_type, 'application/problem+json';
            unlike $res->to_string, qr/\Q$marker\E|sandbox|fault|s3cret/i,
                'nothing of the upstream';
            is $res->headers->header('Retry-After'), $more{retry};
            is $got->{retry_after}, $more{retry}, 'and again in the body';
            is_deeply [$got->@{qw(outcome recorded)}],
                $unknown ? ['unknown', true] : [undef, undef],
                $unknown ? 'it may have been done' : 'it has not been done';
            if ($box->pid) {
                is scalar(grep { $_->{method} eq $upstream }
                    $box->calls('/v2/documents')), 1, 'asked once';
                $box->no_faults;
            }

            my @rows = $db->selectall_arrayref(q{SELECT event_type, kind,
                convert_from(body, 'UTF8') FROM tavus.events
                WHERE event_type LIKE 'document.%'})->@*;
            $db->do('DELETE FROM tavus.events');
            is_deeply [map { [@$_[0, 1]] } @rows],
                $unknown ? [['document.change_unknown', 1]] : [], 'on record'
                or return;
            return unless $unknown;
            my $event = from_json($rows[0][2]);
            is_deeply [$event->@{qw(operation outcome reason http_status user
                    request_id)}],
                [$op, 'unknown', $more{reason}, $more{http} // 0, 'admin',
                    $res->headers->header('X-Request-Id')], $more{reason};
            unlike $rows[0][2], qr/s3cret|\Q$marker\E/, 'no secret in it';
            is $event->{document_id}, $op eq 'create' ? undef : $doc;
            is $event->{document_url}, 'https://a.example/b', 'which one it is'
                if $op =~ /^(?:create|delete)\z/;
        };
    }
}

sub status {
    my ($status, $body, %headers) = @_;
    return {kind => 'status', status => $status, body => $body // $marker,
        headers => \%headers};
}
sub error { return status($_[0], {error => "$_[1] $marker"}, @_[2 .. $#_]) }

# ---- said no
trouble('401', status(401, {message => "Invalid access token $marker"}),
    \@all, 502, 'api_key_refused');
trouble('403', error(403, 'Forbidden'), ['list', 'create'], 502,
    'api_key_refused');
trouble('402', error(402, 'out of credits'), \@all, 502, 'out_of_credits');
trouble('404', status(404, {message => "Document not found $marker"}),
    [qw(read update delete recrawl)], 404, 'not_found');
trouble('404', error(404, 'Not Found'), [qw(list create)], 502,
    'upstream_error');
trouble('409', error(409, 'state'), ['recrawl'], 409, 'document_busy');
trouble('429', error(429, 'slow down'), [qw(list read create update delete)],
    429, 'tavus_rate_limited', retry => 60);
trouble('429 that says when', error(429, 'x', 'Retry-After' => 7),
    [qw(list create)], 429, 'tavus_rate_limited', retry => 7);
trouble('429, again', error(429, 'too soon'), ['recrawl'], 429,
    'recrawl_cooldown', retry => 3600);
trouble('429, too many at once', error(429, 'Concurrent crawls'),
    [qw(create recrawl)], 429, 'crawl_busy', retry => 60);
trouble('429, too many', error(429, 'Crawl document LIMIT REACHED (100)'),
    [qw(create recrawl)], 409, 'crawl_limit');
trouble('400 of the URL', error(400, 'Invalid document_URL'), ['create'], 400,
    'invalid_document_url');
trouble('400 of something', error(400, 'Invalid request'),
    [qw(create update recrawl)], 400, 'document_refused');
trouble('400 where there is nothing to refuse', error(400, 'Invalid'),
    [qw(list read delete)], 502, 'upstream_error');
trouble('400, not crawled', error(400, 'not created with Crawl'), ['recrawl'],
    409, 'not_crawled');
trouble("$_, unknown", error($_, 'x'), \@all, 502, 'upstream_error')
    for 405, 418;

# ---- what leaves it open whether it was done
for my $case ([500, 'server_error'], [503, 'server_error'], [408, 'timeout'],
    [302, 'invalid_answer'], [206, 'invalid_answer'])
{
    my ($status, $reason) = @$case;
    trouble($status, status($status), \@changes, 502, 'outcome_unknown',
        reason => $reason, http => $status);
    trouble($status, status($status), [qw(list read)], 502, 'upstream_error');
}
trouble('202', status(202, {document_id => 'd1', status => 'started'}),
    [qw(create update delete)], 502, 'outcome_unknown',
    reason => 'invalid_answer', http => 202);

my @unfit = (
    [garbage => {kind => 'garbage'}],
    ['not an object' => {kind => 'garbage', body => '[]'}],
    ['no id' => {kind => 'garbage', body => '{"status":"ready","data":1}'}],
    ['a strange id' => {kind => 'garbage', body =>
        '{"document_id":"../x","data":[{"document_id":"../x"}],"total_count":1}'}],
    ['twice' => {kind => 'garbage', body => '{"document_id":"a",'
        . '"document_id":"b","data":[],"data":[],"total_count":0}'}],
    ['no total' => {kind => 'garbage', body => '{"data":[]}'}],
);
for (@unfit) {
    my ($name, $fault) = @$_;
    trouble($name, $fault, [qw(create update)], 502, 'outcome_unknown',
        reason => 'invalid_answer', http => 200);
    trouble($name, $fault, [qw(list read)], 502, 'upstream_error');
}
trouble('not HTTP', {kind => 'garbage', raw => 1}, \@changes, 502,
    'outcome_unknown', reason => 'connection_lost');
trouble('huge', {kind => 'huge', bytes => 6_000_000}, \@changes, 502,
    'outcome_unknown', reason => 'invalid_answer', http => 200);
trouble('huge', {kind => 'huge', bytes => 6_000_000}, [qw(list read)], 502,
    'upstream_error');

# ---- no answer
trouble('hang', {kind => 'hang'}, \@changes, 504, 'outcome_unknown',
    reason => 'timeout');
trouble('hang', {kind => 'hang'}, [qw(list read)], 504, 'upstream_timeout');
trouble('reset', {kind => 'reset'}, \@changes, 502,
    'outcome_unknown', reason => 'connection_lost');
trouble('cut', {kind => 'cut', bytes => 20}, [qw(create update)], 502,
    'outcome_unknown', reason => 'connection_lost', http => 200);

# before one is deleted it is looked at, and that changes nothing
for my $case ([{kind => 'hang'}, 504, 'upstream_timeout'],
    [status(500), 502, 'upstream_error'],
    [{kind => 'garbage'}, 502, 'upstream_error'])
{
    my ($fault, $status, $code) = @$case;
    $box->forget;
    $box->fault(path => '/v2/documents', method => 'GET', times => 1, %$fault);
    my $res = ask(DELETE => "/$doc");
    is_deeply [$res->code, $res->json->{code}], [$status, $code],
        "a look before a deletion: $code";
    is_deeply [grep { $_->{method} eq 'DELETE' } $box->calls('/v2/')], [],
        'then none is deleted';
}

# ---- it was done, and only the answer is lost
$box->fault(path => '/v2/documents', method => 'POST', kind => 'hang',
    after => 1, times => 1);
my $before = $t->admin($list)->json->{total_count};
is ask(POST => '', \%new)->json->{code}, 'outcome_unknown', 'made all the same';
is $t->admin($list)->json->{total_count}, $before + 1, 'once';
$db->do('DELETE FROM tavus.events');

# ---- nobody is there
$box->stop;
trouble('not there', undef, \@all, 502, 'upstream_error');
$box->start;
is $t->admin($list)->code, 200, 'there again';

unlike $t->error_log, qr/s3cret/, 'no secret in the log';
like $t->error_log, qr/documents: create failed: server_error, status 500 /;

done_testing;
