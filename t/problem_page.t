#!/usr/bin/perl

# tavus_problem as the page of every error.

use lib 't/lib';
use Tavus::Test;

# 408 is not among them, as nginx closes the connection instead
my %title = (
    400 => ['bad_request', 'Bad Request'],
    401 => ['unauthorized', 'Unauthorized'],
    402 => ['payment_required', 'Payment Required'],
    403 => ['forbidden', 'Forbidden'],
    404 => ['not_found', 'Not Found'],
    405 => ['method_not_allowed', 'Method Not Allowed'],
    406 => ['not_acceptable', 'Not Acceptable'],
    409 => ['conflict', 'Conflict'],
    410 => ['gone', 'Gone'],
    411 => ['length_required', 'Length Required'],
    412 => ['precondition_failed', 'Precondition Failed'],
    413 => ['body_too_large', 'Content Too Large'],
    414 => ['uri_too_long', 'URI Too Long'],
    415 => ['unsupported_media_type', 'Unsupported Media Type'],
    416 => ['range_not_satisfiable', 'Range Not Satisfiable'],
    421 => ['misdirected_request', 'Misdirected Request'],
    422 => ['unprocessable_content', 'Unprocessable Content'],
    429 => ['rate_limited', 'Too Many Requests'],
    431 => ['headers_too_large', 'Request Header Fields Too Large'],
    500 => ['internal_error', 'Internal Server Error'],
    501 => ['not_implemented', 'Not Implemented'],
    502 => ['upstream_error', 'Bad Gateway'],
    503 => ['service_unavailable', 'Service Unavailable'],
    504 => ['upstream_timeout', 'Gateway Timeout'],
    505 => ['http_version_not_supported', 'HTTP Version Not Supported'],
    507 => ['insufficient_storage', 'Insufficient Storage'],
);

my @all = sort keys %title;
my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
    http => {tavus_limit_zone => 'all zone=a:64k rate=1r/h capacity=1'},
    server => 'recursive_error_pages on;',
    locations => {
        '= /.problem' => 'internal; tavus_problem;',
        map({ ("= /$_" => "error_page $_ /.problem; return $_;") }
            @all, 418, 451, 599),
        '= /open' => 'tavus_problem;',
        '/files/' => 'error_page 403 404 405 /.problem; root %%HTML%%;',
        '= /changed' => 'error_page 404 =410 /.problem; return 404;',
        '= /answered' => 'error_page 404 = /.problem; return 404;',
        '= /named' => 'error_page 404 = @problem; return 404;',
        '@problem' => 'tavus_problem;',
        '= /twice' => 'error_page 404 /limited; return 404;',
        '= /limited' => 'internal; error_page 429 /.problem; '
            . 'tavus_limit zone=a; empty_gif;',
        '= /nested' => 'error_page 429 /403; tavus_limit zone=a; empty_gif;',
        '= /hidden' => 'error_page 502 /.problem; proxy_intercept_errors on; '
            . 'error_page 500 503 /.problem; '
            . 'proxy_pass http://127.0.0.1:%%PORT%%/theirs;',
        '= /theirs' => 'add_header Retry-After 7 always; '
            . 'default_type text/plain; return 503 "secret stack trace\n";',
    });
mkdir $t->dir . '/html/files';
mkdir $t->dir . '/html/files/folder';
$t->file('files/folder/a.txt', "a\n");
$t->start;

sub problem {
    my ($res, $status, $code) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $json = $res->json // {};
    is_deeply [$res->code, $res->headers->content_type, $json->@{qw(status code
        request_id)}], [$status, 'application/problem+json', $status, $code,
        $res->headers->header('X-Request-Id')], "$status $code";
    return $json;
}

for my $status (@all) {
    my ($code, $title) = $title{$status}->@*;
    my $json = problem($t->get("/$status"), $status, $code);
    is $json->{title}, $title;
    like $json->{detail}, qr/^[A-Z].*\.\z/;
    is_deeply [sort keys %$json],
        [qw(code detail request_id status title type)];
}

# statuses that have no words here have those of their class
problem($t->get('/418'), 418, 'bad_request');
problem($t->get('/451'), 451, 'bad_request');
problem($t->get('/599'), 599, 'internal_error');

# its own address
my $json = problem($t->get('/open'), 404, 'not_found');
is $t->get('/.problem')->code, 404, 'nobody can ask for it';

problem($t->get('/files/none'), 404, 'not_found');
problem($t->get('/files/folder/'), 403, 'forbidden');
problem($t->post('/files/folder/a.txt', 'x' x 100_000), 405,
    'method_not_allowed');
my $res = $t->request(HEAD => '/files/none');
is $res->code, 404, 'HEAD';
is $res->body, '';
cmp_ok $res->headers->content_length, '>', 100, 'the length it would have';

problem($t->get('/changed'), 410, 'gone');
problem($t->get('/answered'), 404, 'not_found');
problem($t->get('/named'), 404, 'not_found');

# an upstream's own words do not come through
$json = problem($t->get('/hidden'), 503, 'service_unavailable');
unlike $json->{detail}, qr/secret/;

# what was left for another status does not show
is $t->get('/nested')->code, 200;
is $t->get('/nested')->code, 403, 'a page that fails';
$json = problem($t->get('/nested'), 403, 'forbidden');
is $json->{retry_after}, undef;

# each has an id of its own
my %ids = map { $t->get('/404')->json->{request_id} => 1 } 1 .. 5;
is scalar keys %ids, 5;

done_testing;
