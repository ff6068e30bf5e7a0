#!/usr/bin/perl

# The sandbox's knowledge base takes what the documents name, counts and waits
# as they say, and goes through its statuses.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(false true);

use Tavus::Test::SandboxCalls;

my ($s, $call) = sandbox_calls();
my $docs = '/v2/documents';
my $url = 'https://docs.example.com/';
sub call (@args) { return $call->(@args) }
sub made (%more) {
    return call(POST => $docs, {document_url => $url, %more})->json;
}

is call(GET => $docs, undef, {})->code, 401, 'a key is needed';

# ---- what a create may say
my %good = (
    'no more than the address' => {},
    'all of it' => {document_name => 'n', callback_url => 'https://x.example/y',
        tags => ['a', 'b'], crawl => {depth => 10, max_pages => 100}},
    'a crawl by default' => {crawl => {}},
    'no tags' => {tags => []},
);
for (sort keys %good) {
    my $res = call(POST => $docs, {document_url => $url, $good{$_}->%*});
    is $res->code, 200, $_ or diag $res->body;
    is_deeply [sort keys $res->json->%*], [sort qw(document_id document_name
        document_url status progress error_message created_at updated_at
        callback_url tags crawl_config crawled_urls last_crawled_at
        crawl_count)], 'with all members';
}
my %bad = (
    'no address' => {document_url => undef},
    'no string' => {document_url => 1},
    'no URL' => {document_url => 'x'},
    'another scheme' => {document_url => 'ftp://x.example/'},
    'a name that is none' => {document_name => 1},
    'tags that are no list' => {tags => 'a'},
    'an empty tag' => {tags => ['']},
    'a tag that is none' => {tags => [1]},
    'too deep' => {crawl => {depth => 11}},
    'not deep' => {crawl => {depth => 0}},
    'half a page' => {crawl => {max_pages => 1.5}},
    'too many pages' => {crawl => {max_pages => 101}},
    'a crawl of something' => {crawl => {pages => 1}},
    'a crawl that is none' => {crawl => true},
    'an unknown field' => {properties => {}},
);
for (sort keys %bad) {
    my $res = call(POST => $docs, {document_url => $url, $bad{$_}->%*});
    is $res->code, 400, "refused: $_";
    ok length $res->json->{error};
}

# ---- a list
$s->reset;
my @ids = map { made(document_name => "Doc $_", tags => ["t$_", 'all'])
    ->{document_id} } 1 .. 12;
sub listed ($query) {
    my $res = call(GET => "$docs$query");
    return $res->code == 200
        ? [map { $_->{document_id} } $res->json->{data}->@*] : $res->code;
}
is_deeply listed(''), [@ids[0 .. 9]], 'ten, oldest first';
is_deeply listed('?page=1'), [@ids[10, 11]], 'pages from 0';
is_deeply listed('?page=0&limit=2&sort=descending'), [@ids[11, 10]];
is_deeply listed('?name_or_uuid=doc%2012'), [$ids[11]], 'by name';
is_deeply listed("?name_or_uuid=$ids[3]"), [$ids[3]], 'by id';
is_deeply listed('?tags=t2,t5'), [@ids[1, 4]], 'by tags';
is_deeply listed('?status=error'), [], 'by status';
is_deeply call(GET => "$docs?limit=1&page=3")->json->@{qw(total_count)}, 12;
is listed("?$_"), 400, "refused: $_" for 'limit=0', 'page=-1', 'sort=up',
    'status=done', 'q=x';

# ---- one
is_deeply [call(GET => "$docs/nosuch")->code,
    call(GET => "$docs/nosuch")->json], [404,
    {message => 'Document not found'}], 'no such document';
my $one = call(PATCH => "$docs/$ids[0]", {tags => ['x']})->json;
is_deeply [$one->@{qw(document_name tags)}], ['Doc 1', ['x']], 'other tags';
is call(PATCH => "$docs/$ids[0]", $_)->code, 400, 'not to be changed'
    for {document_url => $url}, {tags => 'x'}, {document_name => 1};
is call(DELETE => "$docs/$ids[0]")->code, 204, 'deleted';
is call(DELETE => "$docs/$ids[0]")->code, 404, 'once';

# ---- its life
$s->reset;
$s->config(document_ms => 300);
my $doc = made(crawl => {max_pages => 2});
is $doc->{status}, 'started';
my %seen;
wait_ok {
    my $now = call(GET => "$docs/$doc->{document_id}")->json;
    $seen{$now->{status}} = $now;
    $now->{status} eq 'ready';
} 'it gets ready';
is_deeply [$seen{ready}->@{qw(progress crawl_count crawled_urls)}],
    [undef, 1, [$url, "${url}page-1"]], 'a site of two pages';

my $again = "$docs/$doc->{document_id}/recrawl";
my $res = call(POST => $again);
is $res->code, 429, 'not again within an hour';
like $res->headers->header('Retry-After'), qr{^3[56]\d\d\z}, 'and says when';
$s->document(document_id => $doc->{document_id}, status => 'ready',
    crawled => 3601);
is call(POST => $again, {crawl => {depth => 11}})->code, 400;
is call(POST => $again, {tags => []})->code, 400;
$res = call(POST => $again, {crawl => {depth => 3}});
is_deeply [$res->code, $res->json->@{qw(status crawl_config)}],
    [202, 'recrawling', {depth => 3, max_pages => 2}], 'read again';
$s->document(document_id => $doc->{document_id}, status => 'recrawling');
is call(POST => $again)->code, 409, 'not while it is read';
my $plain = made();
$s->document(document_id => $plain->{document_id}, status => 'ready');
is call(POST => "$docs/$plain->{document_id}/recrawl")->json->{error},
    'Document was not created with crawl configuration';
is call(POST => "$docs/$plain->{document_id}/recrawl",
    {crawl => {}})->code, 202, 'unless it says so now';

# ---- how many
$s->reset;
$s->config(document_ms => 3_600_000);
is call(POST => $docs, {document_url => $url, crawl => {}})->code, 200
    for 1 .. 5;
like call(POST => $docs, {document_url => $url, crawl => {}})->body,
    qr/concurrent/, 'five sites at a time';
is call(POST => $docs, {document_url => $url})->code, 200, 'and any files';
$s->config(document_ms => 0);
is call(POST => $docs, {document_url => $url, crawl => {}})->code, 200
    for 6 .. 100;
$res = call(POST => $docs, {document_url => $url, crawl => {}});
is $res->code, 429, 'a hundred sites';
like $res->json->{error}, qr/limit reached \(100\)/;

done_testing;
