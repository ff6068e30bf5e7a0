#!/usr/bin/perl

# memcheck

# GET /api/admin/documents: the knowledge base at Tavus, with the verticals
# that use it.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new->start;
my $box = $t->sandbox;
my $list = '/api/admin/documents';
$box->config(document_ms => 3_600_000);

sub tavus {
    my ($method, $path, $json) = @_;
    my $tx = $t->ua->build_tx($method => $box->url . "/v2/documents$path",
        {'x-api-key' => $box->api_key, 'X-No-Faults' => 1},
        $json ? (json => $json) : ());
    return $t->ua->start($tx)->result->json;
}
sub known {
    my ($name, %more) = @_;
    return tavus(POST => '', {document_name => $name,
        document_url => "https://docs.example.com/$name.pdf", %more})
        ->{document_id};
}
sub ids { return [map { $_->{document_id} } $_[0]->json->{documents}->@*] }

# ---- none yet
my $res = $t->admin($list);
is $res->code, 200 or diag $res->to_string;
is $res->headers->content_type, 'application/json';
is $res->headers->cache_control, 'no-store';
my $tags = [
    {tag => 'kb-healthcare', verticals => ['healthcare']},
    {tag => 'kb-global', verticals => [qw(healthcare legal ecommerce general)]},
    {tag => 'kb-legal', verticals => ['legal']},
    {tag => 'kb-ecommerce', verticals => ['ecommerce']},
    {tag => 'kb-general', verticals => ['general']},
];
is_deeply $res->json, {documents => [], total_count => 0, page => 0,
    limit => 50, tag_verticals => $tags,
    missing_tags => [map { $_->{tag} } @$tags]}, 'nothing is there yet';

# ---- some
my $a = known('alpha', tags => ['kb-legal', 'kb-global', 'own']);
my $b = known('beta');
my $c = known('gamma', tags => ['kb-general'],
    crawl => {depth => 2, max_pages => 3},
    callback_url => 'https://hooks.example/?token=hook-secret');
$box->document(document_id => $b, status => 'error',
    error_message => 'file_empty');

$res = $t->admin($list);
is_deeply ids($res), [$c, $b, $a], 'newest first';
is_deeply $res->json->{missing_tags}, [qw(kb-healthcare kb-ecommerce)],
    'what verticals ask for in vain';
is_deeply $res->json->{documents}[2]{tag_verticals}, [
    {tag => 'kb-legal', verticals => ['legal']},
    {tag => 'kb-global', verticals => [qw(healthcare legal ecommerce general)]},
    {tag => 'own', verticals => []},
], 'of each tag the verticals that use it';
is_deeply [$res->json->{documents}[1]->@{qw(status error_message error_detail)}],
    ['error', 'file_empty', 'There is nothing in the file.'], 'in plain words';
unlike $res->body, qr/hook|callback/, 'nobody needs the callback';
my $call = (grep { $_->{path} eq '/v2/documents' && $_->{method} eq 'GET' }
    $box->calls('/v2/'))[-1];
is $call->{query}, 'limit=50&page=0&sort=descending', 'as Tavus is asked';
is $call->{headers}{'x-api-key'}, 'valid';

# ---- filters and pages
my %asked = (
    'limit=2'                => ['limit=2&page=0&sort=descending', $c, $b],
    'limit=2&page=1'         => ['limit=2&page=1&sort=descending', $a],
    'page=0&limit=1&sort=ascending' => ['limit=1&page=0&sort=ascending', $a],
    'page=7'                 => ['limit=50&page=7&sort=descending'],
    'status=error'           =>
        ['limit=50&page=0&sort=descending&status=error', $b],
    'tags=kb-legal%2Ckb-general' =>
        ['limit=50&page=0&sort=descending&tags=kb-legal%2Ckb-general', $c, $a],
    'q=ALPH'                 =>
        ['limit=50&page=0&sort=descending&name_or_uuid=ALPH', $a],
    "q=$b"                   =>
        ["limit=50&page=0&sort=descending&name_or_uuid=$b", $b],
    'q=a%26limit%3D1%20%2B%C3%A4%2F%25' => ['limit=50&page=0&sort=descending'
        . '&name_or_uuid=a%26limit%3D1%20%2B%C3%A4%2F%25'],
    'q=&status=&limit='      =>
        ['limit=50&page=0&sort=descending', $c, $b, $a],
);
for my $args (sort keys %asked) {
    my ($query, @ids) = $asked{$args}->@*;
    $box->forget;
    $res = $t->admin("$list?$args");
    is_deeply [$res->code, ids($res)], [200, \@ids], $args;
    is +(grep { $_->{path} eq '/v2/documents' } $box->calls('/v2/'))[0]{query},
        $query, 'and so is Tavus asked';
}
is $t->admin("$list?limit=2")->json->{missing_tags}, undef,
    'who sees not all cannot say what is missing';
is $t->admin("$list?limit=2")->json->{total_count}, 3;
is $t->admin("$list?status=ready")->json->{missing_tags}, undef,
    'nor with a filter';

# ---- one
$res = $t->admin("$list/$a");
is $res->code, 200;
is_deeply [$res->json->@{qw(document_id document_name document_url status
        progress tags)}],
    [$a, 'alpha', 'https://docs.example.com/alpha.pdf', 'started', undef,
        ['kb-legal', 'kb-global', 'own']], 'one document';
ok !exists $res->json->{crawl}, 'which is no site';
$box->document(document_id => $a, status => 'processing', progress => 42);
is $t->admin("$list/$a")->json->{progress}, 42, 'how far it is';

my %words = (
    file_download_failed => qr/fetch the file/, file_size_too_large => qr/50 MB/,
    file_format_unsupported => qr/does not read/, file_empty => qr/nothing/,
    invalid_file_url => qr/leads to no file/,
    document_processing_failed => qr/damaged/,
    website_processing_failed => qr/the site/, chunking_failed => qr/apart/,
    embedding_failed => qr/index/, vector_store_failed => qr/store the text/,
    contact_support => qr/ask its support/,
);
for my $code (sort keys %words) {
    $box->document(document_id => $a, status => 'error',
        error_message => $code);
    my $got = $t->admin("$list/$a")->json;
    is $got->{error_message}, $code;
    like $got->{error_detail}, $words{$code}, "$code, in words";
}
$box->document(document_id => $a, status => 'error',
    error_message => 'Traceback <b>secret</b> at /srv/x.py');
$res = $t->admin("$list/$a");
is $res->json->{error_message}, 'other', 'a reason that is not documented';
unlike $res->body, qr/Traceback|secret|srv/, 'is not repeated';

# ---- a site
$box->config(document_ms => 0);
$res = $t->admin("$list/$c")->json;
is_deeply [$res->@{qw(status crawl crawl_count crawled_pages crawled_urls)}],
    ['ready', {depth => 2, max_pages => 3}, 1, 3,
        [map { "https://docs.example.com/gamma.pdf$_" } '/', '/page-1',
            '/page-2']], 'a site that was read';
like $res->{last_crawled_at}, qr/^20\d\d-/;
my ($in_list) = grep { $_->{document_id} eq $c }
    $t->admin($list)->json->{documents}->@*;
is $in_list->{crawled_pages}, 3, 'in a list how many';
ok !exists $in_list->{crawled_urls}, 'and not which';

# ---- HEAD, and what is not there
my $head = $t->ua->start($t->ua->build_tx(HEAD => $t->url("$list/$c"),
    $t->admin_headers))->res;
is $head->code, 200, 'HEAD';
for my $path ("$list/nosuch") {
    $res = $t->admin($path);
    is_deeply [$res->code, $res->json->{code}], [404, 'not_found'], $path;
}
$box->forget;
for my $path ("$list/", "$list/a%2Fb", "$list/a.b", "$list/$a/", "$list/$a/x",
    "$list/$a/recrawl/x", "$list/" . 'x' x 65, "$list/%01", "$list/..%2fx",
    "${list}x", "$list/a\@b")
{
    $res = $t->admin($path);
    is_deeply [$res->code, ($res->json // {})->{code}], [404, 'not_found'],
        $path;
}
for my $args ('limit=0', 'limit=101', 'limit=x', 'page=-1', 'page=1000001',
    'sort=up', 'status=Ready', 'nonsense=1', 'limit=1&limit=2', 'q=%ff',
    'q=' . 'x' x 201, 'tags=' . 'x' x 401, 'page=1.5')
{
    $res = $t->admin("$list?$args");
    is $res->code, 400, "refused: $args";
    like $res->json->{code}, qr/^(?:unknown|invalid)_parameter\z/;
}
is $t->admin("$list/$a?verbose=1")->json->{code}, 'unknown_parameter';
is scalar(grep { $_->{method} eq 'GET' && $_->{path} =~ m{^/v2/documents} }
    $box->calls('/v2/')), 0, 'and nobody asked Tavus';

# ---- who may ask
for my $headers ({}, {Authorization => 'Basic eDp5'}) {
    is $t->get($list, $headers)->code, 401, 'a login is needed';
}
is_deeply [grep { $_->{path} =~ m{^/v2/documents} } $box->calls('/v2/')], [],
    'before anything is asked';
for ([$list, 'GET, HEAD, POST', qw(PUT DELETE PATCH)],
    ["$list/$a", 'GET, HEAD, PATCH, DELETE', qw(PUT POST)],
    ["$list/$a/recrawl", 'POST', qw(GET HEAD PUT DELETE PATCH)])
{
    my ($path, $allow, @methods) = @$_;
    for (@methods) {
        $res = $t->ua->start($t->ua->build_tx($_ => $t->url($path),
            $t->admin_headers))->res;
        is_deeply [$res->code, $res->headers->header('Allow')], [405, $allow],
            "$_ $path";
    }
}

# ---- without a key
my $none = Tavus::Test->new(sandbox => 0, db => $t->pg, http => {
    tavus_api_key => undef, tavus_api_url => undef}, locations => {
    map { ("= /api/tavus/$_" => undef) } qw(create-conversation
        end-conversation)})->start;
$res = $none->admin($list);
is_deeply [$res->code, $res->json->{code}], [503, 'no_api_key'],
    'without a key there is nobody to ask';

done_testing;
