#!/usr/bin/perl

# memcheck

# Documents are made, renamed, crawled again and deleted: Tavus gets what was
# asked for, once, and each change is an event before it is answered.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(encode_json from_json true);

my $t = Tavus::Test->new->start;
my ($box, $db) = ($t->sandbox, $t->db);
my $list = '/api/admin/documents';
$box->config(document_ms => 3_600_000);

my %login = $t->admin_headers->%*;
my %json = (%login, 'Content-Type' => 'application/json');

sub change {
    my ($method, $path, $body, %headers) = @_;
    $box->forget;
    my $res = $t->request($method => "$list$path",
        ref $body ? encode_json($body) : $body, {%json, %headers});
    return ($res, $res->json // {});
}
sub sent {
    return map { [$_->{method}, $_->{path} =~ s{^/v2/documents}{}r, $_->{body}] }
        grep { $_->{method} ne 'GET' } $box->calls('/v2/documents');
}
my $seen = 0;
sub told {
    my @rows = $db->selectall_arrayref(q{SELECT event_type, kind, source,
        convert_from(body, 'UTF8') FROM tavus.events
        WHERE event_type LIKE 'document.%' ORDER BY received_at, id})->@*;
    my @new = @rows[$seen .. $#rows];
    $seen = @rows;
    return map { my ($type, $kind, $source, $body) = @$_;
        {type => "$type $kind $source", from_json($body)->%*} } @new;
}

# ---- made
my ($res, $got) = change(POST => '', {document_url =>
    'https://files.example/a/price%20list.pdf?sig=s3cret-query&x=1#page=2',
    document_name => "Pr\x{e4}zise \"Liste\"", tags => ['kb-legal', 'own one']});
is $res->code, 201 or diag $res->to_string;
my $id = $got->{document_id};
is_deeply [$got->@{qw(document_name document_url status tags recorded)}],
    ["Pr\x{e4}zise \"Liste\"",
    'https://files.example/a/price%20list.pdf?sig=s3cret-query&x=1#page=2',
    'started', ['kb-legal', 'own one'], true], 'made';
is_deeply $got->{tag_verticals}, [{tag => 'kb-legal', verticals => ['legal']},
    {tag => 'own one', verticals => []}], 'with who uses it';
is_deeply [sent()], [['POST', '', {document_url =>
    'https://files.example/a/price%20list.pdf?sig=s3cret-query&x=1#page=2',
    document_name => "Pr\x{e4}zise \"Liste\"", tags => ['kb-legal', 'own one']}]],
    'as it was asked for';
is +($box->calls('/v2/'))[0]{headers}{'content-type'}, 'application/json';
my $rid = $res->headers->header('X-Request-Id');
is_deeply [told()], [{type => 'document.created 2 server', user => 'admin',
    request_id => $rid, document_id => $id, tags => ['kb-legal', 'own one'],
    document_name => "Pr\x{e4}zise \"Liste\"",
    document_url => 'https://files.example/a/price%20list.pdf'}],
    'on record, and without the query';

(undef, $got) = change(POST => '', {document_url =>
    'https://site.example:8443', crawl => {depth => 10, max_pages => 100}});
my $site = $got->{document_id};
is_deeply $got->{crawl}, {depth => 10, max_pages => 100}, 'a site';
is_deeply [map { [$_->@{qw(type document_url crawl tags)}] } told()],
    [['document.created 2 server', 'https://site.example:8443',
        {depth => 10, max_pages => 100}, []]];

# ---- changed
($res, $got) = change(PATCH => "/$id", {tags => []});
is_deeply [$res->code, $got->@{qw(document_name tags recorded)}],
    [200, "Pr\x{e4}zise \"Liste\"", [], true], 'no tags any more';
is_deeply [sent()], [['PATCH', "/$id", {tags => []}]], 'the rest is left';
($res, $got) = change(PATCH => "/$id", {document_name => 'List'});
is_deeply [$res->code, $got->{document_name}], [200, 'List'], 'another name';
is_deeply [map { [$_->@{qw(type user document_id document_name tags)}] } told()],
    [map { ['document.updated 2 server', 'admin', $id, $_, []] }
        "Pr\x{e4}zise \"Liste\"", 'List'];

# ---- crawled again
$box->document(document_id => $site, status => 'ready');
($res, $got) = change(POST => "/$site/recrawl", '');
is_deeply [$res->code, $got->@{qw(status recorded)}],
    [202, 'recrawling', true], 'crawled again';
is_deeply [sent()], [['POST', "/$site/recrawl", {}]], 'as before';
$box->document(document_id => $site, status => 'error');
($res, $got) = change(POST => "/$site/recrawl", {crawl => {max_pages => 7}});
is_deeply [$res->code, $got->{crawl}], [202, {depth => 10, max_pages => 7}],
    'but less of it';
is_deeply [map { [$_->@{qw(type document_id crawl)}] } told()],
    [map { ['document.recrawled 2 server', $site,
        {depth => 10, max_pages => $_}] } 100, 7];

# ---- deleted
for my $body ('', '{}') {
    my $doc = (change(POST => '', {document_url => 'http://a.example/x.txt?q',
        document_name => 'Gone', tags => ['t']}))[1]{document_id};
    told();
    ($res, $got) = change(DELETE => "/$doc", $body);
    is_deeply [$res->code, $got->@{qw(document_id document_name deleted recorded)}],
        [200, $doc, 'Gone', (true) x 2], 'deleted';
    is_deeply [sent()], [['DELETE', "/$doc", '']], 'once';
    is_deeply [told()], [{type => 'document.deleted 2 server',
        user => 'admin', document_id => $doc, document_name => 'Gone',
        request_id => $res->headers->header('X-Request-Id'),
        document_url => 'http://a.example/x.txt', tags => ['t']}],
        'told of as it was';
    is $t->admin("$list/$doc")->code, 404, 'and gone';
}

# whoever made it elsewhere, with a password in its address, and no name
my $tx = $t->ua->build_tx(POST => $box->url . '/v2/documents',
    {'x-api-key' => $box->api_key}, json => {
        document_name => 'https://us:pw@b.example/c?s=s3cret',
        document_url => 'https://us:pw@b.example/c@d?s=s3cret'});
my $other = $t->ua->start($tx)->res->json->{document_id};
($res) = change(DELETE => "/$other");
is_deeply [map { [$_->@{qw(document_name document_url)}] } told()],
    [['https://b.example/c', 'https://b.example/c@d']], 'no secret is kept';

# ---- what Tavus refuses, in other words
my @no = (
    [DELETE => '/d0-nosuch', '', 404, 'not_found'],
    [PATCH => '/d0-nosuch', {tags => []}, 404, 'not_found'],
    [POST => '/d0-nosuch/recrawl', '', 404, 'not_found'],
    [POST => "/$id/recrawl", '', 409, 'not_crawled'],
    [POST => "/$site/recrawl", '', 409, 'document_busy'],
);
for (@no) {
    my ($method, $path, $body, $status, $code) = @$_;
    ($res, $got) = change($method => $path, $body);
    is_deeply [$res->code, $got->{code}], [$status, $code],
        "$method: $code" or diag $res->to_string;
}
$box->document(document_id => $site, status => 'ready', crawled => 600);
($res, $got) = change(POST => "/$site/recrawl");
is_deeply [$res->code, $got->{code}], [429, 'recrawl_cooldown'],
    'not again within an hour';
my $wait = $res->headers->header('Retry-After');
ok $wait > 2900 && $wait <= 3000 && $got->{retry_after} == $wait,
    'and how long that is';
$box->document(document_id => $site, status => 'ready', crawled => 3601);
$box->config(max_crawling => 0);
for ([POST => "/$site/recrawl"],
    [POST => '', {document_url => 'https://x.example/', crawl => {}}])
{
    ($res, $got) = change(@$_);
    is_deeply [$res->code, $got->@{qw(code retry_after)}],
        [429, 'crawl_busy', 60], 'too many sites at once';
}
$box->config(max_crawling => 5, max_crawls => 1);
($res, $got) = change(POST => '', {document_url => 'https://x.example/',
    crawl => {}});
is_deeply [$res->code, $got->{code}], [409, 'crawl_limit'], 'too many sites';
is_deeply [told()], [], 'nothing was changed, nothing is told';
unlike $t->access_log . $t->error_log, qr/s3cret/, 'no secret in a log';

# ---- what is not even asked
my $url = 'https://a.example/b.pdf';
my @bad = (
    map({ [POST => '', {document_url => $_}, 'document_url'] }
        'ftp://a.example/x', 'HTTPS://a.example', 'https://', 'https:///x', '//a.example', '', 1,
        undef, [$url], "https://a.example/\x{e4}", 'https://a.example/a b',
        'https://us:pw@a.example/', 'https://us@a.example', 'https://:80/',
        "https://a.example/\n", 'javascript:alert(1)', 'https://a.example/<',
        'https://a.example/' . 'x' x 2048),
    [POST => '', {}, 'document_url'],
    [POST => '', {tags => ['a']}, 'document_url'],
    map({ [POST => '', {document_url => $url, document_name => $_},
        'document_name'] } '', 'x' x 201, "a\nb", 1, undef, ['a']),
    map({ [POST => '', {document_url => $url, tags => $_}, 'tags'] }
        'a', [''], ['a', 'a'], ['a,b'], [' a'], ['a '], [1], [['a']], undef,
        {}, ['x' x 101], ["a\tb"], [map { "t$_" } 1 .. 33]),
    map({ [POST => '', {document_url => $url, crawl => $_}, 'crawl'] }
        1, undef, [], {depth => 0}, {depth => 11}, {depth => 1.5},
        {depth => '1'}, {max_pages => 0}, {max_pages => 101}, {pages => 1}),
    [PATCH => "/$id", {}, undef],
    [PATCH => "/$id", {document_name => ''}, 'document_name'],
    [POST => "/$site/recrawl", {crawl => {depth => 11}}, 'crawl'],
);
for (@bad) {
    my ($method, $path, $body, $field) = @$_;
    ($res, $got) = change($method => $path, $body);
    is_deeply [$res->code, $got->@{qw(code field)}],
        [400, 'invalid_field', $field],
        "$method $path " . substr encode_json($body), 0, 60;
    is_deeply [$box->calls('/v2/documents')], [];
}
for ([POST => '', {document_url => $url, callback_url => 'https://x.example'}],
    [POST => '', {document_url => $url, properties => {}}],
    [PATCH => "/$id", {document_url => $url}],
    [PATCH => "/$id", {crawl => {}}], [DELETE => "/$id", {tags => []}],
    [POST => "/$site/recrawl", {tags => []}])
{
    ($res, $got) = change(@$_);
    is_deeply [$res->code, $got->{code}], [400, 'unknown_field'],
        "$_->[0] $_->[1]: not a field";
}
for (['', POST => ''], ['[]', POST => ''], ['{', DELETE => "/$id"],
    ['', PATCH => "/$id"], ['{"tags":[],"tags":[]}', PATCH => "/$id"],
    ["{\"tags\":[\"\xff\"]}", PATCH => "/$id"],
    ['{"document_name":"\u0000"}', PATCH => "/$id"])
{
    my ($body, $method, $path) = @$_;
    ($res, $got) = change($method => $path, $body);
    is_deeply [$res->code, $got->{code}], [400, 'invalid_json'],
        "$method $path: not JSON";
}
($res, $got) = change(POST => '', '{"document_url":"' . 'x' x 70_000 . '"}');
is_deeply [$res->code, $got->{code}], [413, 'body_too_large'];

# ---- by whom
my %all = (POST => ['', {document_url => $url}], PATCH => ["/$id", {tags => []}],
    DELETE => ["/$id", {}]);
for my $method (sort keys %all) {
    my ($path, $body) = $all{$method}->@*;
    for my $case (
        [401, 'unauthorized', Authorization => undef],
        [403, 'origin_not_allowed', Origin => 'https://evil.example'],
        [403, 'origin_not_allowed', Origin => 'null'],
        [403, 'origin_not_allowed', Origin => $t->url('')=~ s{/\z}{}r . '0'],
        map({ [403, 'origin_not_allowed', 'Sec-Fetch-Site' => $_] }
            qw(cross-site same-site none)),
        map({ [415, 'unsupported_media_type', 'Content-Type' => $_] }
            undef, 'text/plain', 'application/x-www-form-urlencoded',
            'multipart/form-data', 'application/jsonp'),
    ) {
        my ($status, $code, $name, $value) = @$case;
        $box->forget;
        my %headers = (%json, $name => $value);
        delete $headers{$name} unless defined $value;
        $res = $t->request($method => "$list$path", encode_json($body),
            \%headers);
        is_deeply [$res->code, ($res->json // {})->{code}], [$status, $code],
            "$method, $name: " . ($value // 'none');
        is_deeply [$box->calls('/v2/documents')], [], 'Tavus is not asked';
    }
}
my $origin = $t->url('') =~ s{/\z}{}r;
($res) = change(PATCH => "/$id", {tags => ['from-a-page']},
    Origin => $origin, 'Sec-Fetch-Site' => 'same-origin',
    'Content-Type' => 'application/json; charset=utf-8');
is $res->code, 200, 'a page of our own may' or diag $res->to_string;
is_deeply [map { $_->{tags} } told()], [['from-a-page']];

# browsers have no say in what the server tells
is $t->post('/api/track', {events => [{name => 'document.deleted',
    properties => {session_id => 's'}}]})->json->{code}, 'invalid_event',
    'a name of the server';

done_testing;
