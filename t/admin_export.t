#!/usr/bin/perl

# memcheck

# /events/export: all events of a filter as CSV or NDJSON, with the end told.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json true);
use Mojo::Util qw(decode url_escape);

my $t = Tavus::Test->new(locations => {'/plain/' => q{
    tavus_admin; tavus_admin_users %%SECRETS%%/admin.htpasswd;
    chunked_transfer_encoding off;}, '/paced/' => q{
    tavus_admin; tavus_admin_users %%SECRETS%%/admin.htpasswd; limit_rate 100k;}})->start;
my $db = $t->db;

sub get {
    my ($q, %headers) = @_;
    return $t->get("/api/admin/events/export$q", {$t->admin_headers->%*, %headers});
}
sub lines { return map { decode_json $_ } split /\n/, get(@_)->body }

# Rows as RFC 4180 has them, and nothing else.
sub csv {
    my ($text) = @_;
    my @rows;
    my $cell = qr/"((?:[^"]++|"")*+)"|([^",\r\n]*)/;
    while (length $text) {
        my @row;
        while (1) {
            $text =~ s/^$cell// or die;
            push @row, $1 // $2;
            $row[-1] =~ s/""/"/g;
            last if $text =~ s/^\r\n//;
            $text =~ s/^,// or die 'not CSV: ' . substr $text, 0, 80;
        }
        push @rows, \@row;
    }
    return @rows;
}

# ---- what there is
my @bodies = (
    ['one', 'c1', '{"a":"quoted \"x\", and, commas"}'],
    ['two', 'c1', qq({\n  "a": 1,\r\n  "b": "two lines"\n})],
    ['=cmd|x!A1', "\tc2", '-1'],
    [' +two', '@c', '"=1+1"'],
    ['＝wide', "-c", qq(\t{"tab":true})],
    ['Grüße', 'c"3"', '{"ü":"ß\u0000"}'],
    ['six', 'c1', "\xff\xfe no UTF-8"],
    ['large', 'c1', '{"x":"' . 'y' x 100_000 . '"}'],
    ['huge', 'c1', '{"x":"' . 'y' x 1_100_000 . '"}'],
);
my $n = 0;
for (@bodies) {
    my ($type, $conversation, $body) = @$_;
    utf8::encode($body) if utf8::is_utf8($body);
    my $insert = $db->prepare(q{SELECT tavus.record(
        ARRAY[tavus.uuid_floor(now() - ?::int * interval '1 minute')], '{NULL}', '{NULL}',
        '{NULL}', ARRAY['browser'], ARRAY[?::text], ARRAY[?::text], '{NULL}', ARRAY[?::text],
        ARRAY[?::bytea], '{NULL}')});
    $insert->bind_param(1, 60 - $n);
    $insert->bind_param(2, $type);
    $insert->bind_param(3, $conversation);
    $insert->bind_param(4, $n ? undef : '{"method":"repair"}');
    $insert->bind_param(5, $body, {pg_type => DBD::Pg::PG_BYTEA()});
    $insert->execute;
    $n++;
}
is $db->selectrow_array('SELECT count(*) FROM tavus.events'), @bodies;

# ---- CSV
my $res = get('');
is $res->code, 200 or diag $res->to_string;
is $res->headers->content_type, 'text/csv; charset=utf-8; header=present';
like $res->headers->content_disposition,
    qr/^attachment; filename="events-\d{8}T\d{6}Z\.csv"$/;
is $res->headers->cache_control, 'no-store, no-transform';
is $res->headers->header('X-Accel-Buffering'), 'no';
like $res->headers->header('X-Export-Until'), qr/^\d+$/;
like $res->body, qr/\r\n\z/;

my ($header, @rows) = csv(decode 'UTF-8', $res->body);
is_deeply $header, [qw(id timestamp type source conversationId event_type
    received_at repaired data)];
@rows = grep { $_->[3] eq 'browser' } @rows;
is @rows, @bodies or diag $res->body;
my %of = map { ($_->[5] => $_) } @rows;
is_deeply [map { $_->[5] } @rows], [map { $_ =~ /^\s*[=+＝]/ ? "'$_" : $_ }
    map { $_->[0] } reverse @bodies], 'newest first';
is $of{one}[8], $bodies[0][2], 'quotes';
is $of{one}[7], 'true';
is $of{two}[7], '';
is $of{two}[8], $bodies[1][2], 'line ends within a cell';
is_deeply [@{$of{"'=cmd|x!A1"}}[4, 5, 8]], ["'\tc2", "'=cmd|x!A1", "'-1"],
    'no formula';
is_deeply [@{$of{"' +two"}}[4, 5, 8]], ["'\@c", "' +two", '"=1+1"'],
    'behind spaces neither';
is_deeply [@{$of{"'＝wide"}}[4, 5, 8]], ["'-c", "'＝wide", qq('\t{"tab":true})];
is $of{'Grüße'}[4], 'c"3"';
is decode_json($of{six}[8] =~ s/^'//r), '\377\376 no UTF-8';
is length $of{large}[8], 100_008, 'more than the list tells';
is_deeply decode_json($of{huge}[8]), {truncated => true, bytes => 1_100_008};

# ---- NDJSON
$res = get('?format=ndjson&source=browser');
is $res->headers->content_type, 'application/x-ndjson';
like $res->headers->content_disposition, qr/\.ndjson"$/;
like $res->body, qr/\}\n\z/;
my @lines = map { decode_json $_ } split /\n/, $res->body;
is @lines, @bodies, 'a line each';
my $list = $t->admin('/api/admin/events?limit=200&source=browser')->json;
for (@lines, $list->{events}->@*) { delete $_->{data} if $_->{event_type} =~ /large|huge/ }
is_deeply \@lines, $list->{events}, 'as the list has them';

# ---- filters, and what is none
is_deeply [map { $_->{event_type} } lines('?format=ndjson&event_type=two')], ['two'];
is_deeply [map { $_->{event_type} } lines('?format=ndjson&q=two+lines')], ['two'];
is get('?format=ndjson&q=nothing+like+it')->body, '', 'nothing';
is get('?q=nothing+like+it')->body, join(',', @$header) . "\r\n", 'its header alone';
is get($_)->json->{code}, 'invalid_parameter', $_
    for '?format=xml', '?cursor=x', '?type=x', '?until=-1', '?from=2026';
is get('?limit=1')->json->{code}, 'unknown_parameter';
is $t->post('/api/admin/events/export', {}, $t->admin_headers)->code, 405;
is $t->get('/api/admin/events/export')->code, 401;
is $t->admin('/api/admin/events/export/')->code, 404;

# ---- on from a row
my @all = lines('?format=ndjson&source=browser');
is_deeply [map { $_->{id} } lines("?format=ndjson&source=browser&cursor=$all[3]{id}")],
    [map { $_->{id} } @all[4 .. $#all]], 'on from a row';

# ---- bounded where it began
my $until = get('?format=ndjson')->headers->header('X-Export-Until');
is $t->webhook(tavus_event('system.shutdown', 'c1', {}, timestamp => now_iso(-1800)))->code, 200;
is grep({ $_->{event_type} eq 'system.shutdown' } lines('?format=ndjson')), 1;
is grep({ $_->{event_type} eq 'system.shutdown' } lines("?format=ndjson&until=$until")), 0,
    'what came later is not in it';
is grep({ $_->{event_type} eq 'two' } lines("?format=ndjson&until=$until")), 1;
is grep({ $_->{event_type} eq 'system.shutdown' } lines('?format=ndjson&until=9007199254740993')),
    1, 'no position of the future';

# ---- the trail
is_deeply [map { my ($body) = @$_; my $d = decode_json $body;
        like delete $d->{request_id}, qr/^[0-9a-f]{32}$/; $d }
    $db->selectall_arrayref(q{SELECT convert_from(body, 'UTF8') FROM tavus.events
        WHERE event_type = 'admin.exported' AND convert_from(body, 'UTF8') ~ '"q"|shutdown|two'
        ORDER BY id LIMIT 2})->@*],
    [{user => 'admin', from => '127.0.0.1',
        object => {format => 'ndjson', event_type => 'two'}},
     {user => 'admin', from => '127.0.0.1', object => {format => 'ndjson', q => true}}],
    'who, and which; not what is looked for';
is grep({ $_->{event_type} eq 'admin.viewed' } lines('?format=ndjson')), 0, 'no looks';
is grep({ $_->{event_type} eq 'admin.viewed' } lines('?format=ndjson&event_type=admin.*')), 1,
    'but where they are asked for';

# ---- who may
my $told = $db->selectrow_array(q{SELECT count(*) FROM tavus.events WHERE event_type = 'admin.exported'});
is get('', 'Sec-Fetch-Site' => 'cross-site', 'Sec-Fetch-Mode' => 'navigate')->code, 403,
    'no link of another site';
is get('', 'Sec-Fetch-Site' => 'none', 'Sec-Fetch-Mode' => 'navigate')->code, 403,
    'nor a bookmark';
is get('', Origin => 'https://other.example')->json->{code}, 'origin_not_allowed';
my $head = $t->ua->head($t->url('/api/admin/events/export') => $t->admin_headers)->res;
is $head->code, 200;
is $head->headers->content_type, 'text/csv; charset=utf-8; header=present', 'HEAD';
is $t->get('/plain/events/export', $t->admin_headers)->code, 505, 'no chunks, no export';
my $old = $t->socket->send("GET /api/admin/events/export HTTP/1.0\r\nAuthorization: "
    . $t->admin_headers->{Authorization} . "\r\n\r\n")->response;
is $old->{status}, 505;
is decode_json($old->{body})->{code}, 'http_version_not_supported';
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events WHERE event_type = 'admin.exported'}),
    $told, 'nothing was exported';
is get('', 'Sec-Fetch-Site' => 'same-origin', 'Sec-Fetch-Mode' => 'navigate')->code, 200,
    'a link of the panel';

# ---- gzip is not in the way, and the connection goes on
$t->configure(http_extra => 'gzip on; gzip_types *; gzip_min_length 0;');
$t->reload(drained => 1);
my $two = $t->socket;
my $ask = "GET /api/admin/events/export?format=ndjson&source=browser HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n"
    . 'Authorization: ' . $t->admin_headers->{Authorization} . "\r\n\r\n";
for (1, 2) {
    my $r = $two->send($ask)->response;
    is $r->{headers}{'content-encoding'}, undef;
    is split(/\n/, $r->{body}), @bodies, "answer $_ of a connection";
}

# ---- no faster than limit_rate says
is split(/\n/, $t->get('/paced/events/export?format=ndjson&source=browser', $t->admin_headers)->body),
    @bodies, 'paced';

done_testing;
