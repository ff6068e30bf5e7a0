#!/usr/bin/perl

# docs/openapi.yaml is served as JSON, by the module it belongs to; and who
# holds answers against it sees what is missing, new, or of another kind.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json encode_json);
use Mojo::Transaction::HTTP;

use Tavus::Test::OpenApi;

my $t = Tavus::Test->new(locations => {'/back' =>
    'tavus_admin; tavus_admin_users %%SECRETS%%/admin.htpasswd;',
    '= /healthz' => 'tavus_health; tavus_admin_users '
        . '%%SECRETS%%/admin.htpasswd;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

# ---- it is served ----------------------------------------------------------

my $json = `perl docs/openapi.pl`;
my $res = $t->admin('/api/admin/openapi.json');
is $res->code, 200;
is $res->headers->content_type, 'application/json';
ok $res->body . "\n" eq $json, 'as the repository has it';
is $res->json->{info}{version}, $t->admin('/healthz?full')->json->{version},
    'of this version';
ok $t->admin('/back/openapi.json')->body . "\n" eq $json,
    'wherever the admin API is';

my $head = $t->request(HEAD => '/api/admin/openapi.json', undef,
    $t->admin_headers);
is $head->headers->content_length, length($json) - 1, 'HEAD';
is $head->body, '';
is $t->get('/api/admin/openapi.json')->code, 401, 'with the login alone';
is $t->admin('/api/admin/openapi.json?x=1')->code, 400;
is $t->admin('/api/admin/openapi.jso')->code, 404;
$res = $t->request(POST => '/api/admin/openapi.json', '{}', $t->admin_headers);
is $res->code, 405;
is $res->headers->header('Allow'), 'GET, HEAD';

# ---- what is wrong is seen -------------------------------------------------

my $o = Tavus::Test::OpenApi->new('docs/openapi.yaml');

# An exchange as nobody has had it.
sub exchange ($method, $path, $status, $body, %headers) {
    my $tx = Mojo::Transaction::HTTP->new;
    $tx->req->method($method);
    $tx->req->url->parse("http://127.0.0.1$path");
    $tx->res->code($status);
    $tx->res->headers->header($_ => $headers{$_})
        for grep { defined $headers{$_} } keys %headers;
    $tx->res->body(ref $body ? encode_json($body) : $body);
    return $tx;
}

sub answered ($method, $path, $status, $body, %headers) {
    return $o->look(exchange($method, $path, $status, $body,
        'Content-Type' => $status < 400 ? 'application/json'
            : 'application/problem+json',
        'X-Request-Id' => 'a' x 32, %headers));
}

sub fits (@exchange) { return !scalar(my @wrong = answered(@exchange)) }

my %problem = (type => 'about:blank', title => 'x', status => 404,
    detail => 'x', code => 'not_found', request_id => 'a' x 32);
my $event = '/api/admin/events/01a2047b-5f23-7759-8cc1-c0198e7146ee';

is_deeply [answered(GET => '/healthz', 200, {status => 'ok'})], [], 'as it is';
is_deeply [answered(GET => $event, 404, \%problem)], [], 'a problem as it is';

my @wrong = (
    [qr/200 is no status/, PATCH => '/api/admin/leads/' . ($event =~ s{.*/}{}r),
        201, {}],
    [qr/no address of it/, GET => '/api/admin/nothing', 200, {}],
    [qr/is no method of it/, POST => '/healthz', 200, {status => 'ok'}],
    [qr/type text\/html is none/, GET => '/healthz', 200, '<html>',
        'Content-Type' => 'text/html'],
    [qr/no JSON/, GET => '/healthz', 200, '{"status":'],
    [qr/no X-Request-Id/, GET => '/healthz', 200, {status => 'ok'},
        'X-Request-Id' => undef],
    [qr/X-Request-Id: /, GET => '/healthz', 200, {status => 'ok'},
        'X-Request-Id' => 'x'],
    [qr/no WWW-Authenticate/, GET => $event, 401,
        {%problem, status => 401, code => 'unauthorized'}],
    [qr/code/, GET => $event, 404, {%problem, code => 'nothing_known'}],
    [qr/its status is not/, GET => $event, 404, {%problem, status => 400}],
    [qr/Retry-After differ/, GET => $event, 404, \%problem,
        'Retry-After' => 5],
    [qr/X-Request-Id differ/, GET => $event, 404,
        {%problem, request_id => 'b' x 32}],
    [qr/offset/, POST => '/api/track', 400,
        {%problem, status => 400, code => 'invalid_json', reason => 'empty'}],
    [qr/retry_after/, POST => '/api/track', 503,
        {%problem, status => 503, code => 'storage_unavailable'}],
    [qr/code/, POST => '/api/track', 429,
        {%problem, status => 429, code => 'crawl_busy', retry_after => 1},
        'Retry-After' => 1],
    [qr/allows PUT/, POST => '/healthz', 405,
        {%problem, status => 405, code => 'method_not_allowed'},
        Allow => 'GET, HEAD, PUT'],
);
$wrong[0][0] = qr/201 is no status/;

for my $case (@wrong) {
    my ($why, $method, $path, $status, $body, %headers) = @$case;
    my @found = answered($method, $path, $status, $body, %headers);
    ok scalar(grep { /$why/ } @found), "$method $path $status: $why"
        or diag explain \@found;
}

my $sent = exchange(POST => '/api/admin/deliveries/retry?destination=a&x=1', 200,
    {retried => 1, more => \0}, 'Content-Type' => 'application/json',
    'X-Request-Id' => 'a' x 32);
$sent->req->body('{"y":1}');
my $found = join ' ', $o->look($sent);
like $found, qr/parameter x is none/, 'a parameter that should not be taken';
like $found, qr/request: .*not allowed: y/, 'nor a body';

# ---- real answers, changed -------------------------------------------------

my $id = $t->create(vertical => 'legal', session_id => 's1')
    ->json->{conversation_id};
$t->webhook(tavus_event('application.transcription_ready', $id,
    {transcript => [{role => 'user', content => 'What is it?'},
        {role => 'system', content => 'x'}]}));
$t->post('/api/contact', {name => 'Ada', email => 'ada@example.com',
    message => 'What does it cost?', session_id => 's1',
    conversation_id => $id});
$t->webhook('not JSON');
wait_ok { @{$t->admin('/api/admin/leads')->json->{leads}} } 'a lead' , 60;
my ($last) = map { $_->{id} }
    @{$t->admin('/api/admin/events?source=tavus')->json->{events}};

# May be anything, or anything of a kind.
my %free = map { $_ => 1 } qw(/data /events/0/data /transcript_other/0/content
    /transcript_other/0/role);

# Each place in a value: its path, and how to change it there.
sub places ($value, $path, $do) {
    if (ref $value eq 'HASH') {
        for my $name (sort keys %$value) {
            $do->($value, $name, "$path/$name");
            places($value->{$name}, "$path/$name", $do);
        }
    }
    places($value->[0], "$path/0", $do) if ref $value eq 'ARRAY' && @$value;
}

my $changes = 0;
for my $path ('/api/admin/events?limit=2', "/api/admin/events/$last",
    '/api/admin/conversations', "/api/admin/conversations/$id",
    '/api/admin/quarantine', '/api/admin/deliveries', '/api/admin/budget',
    '/api/admin/leads', '/api/admin/orders', '/api/admin/subscriptions',
    '/api/admin/alerts', '/api/admin/visitors/s1', '/healthz?full')
{
    my $res = $t->admin($path);
    my $value = $res->json;
    my @unseen;

    is_deeply [answered(GET => $path, 200, $value)], [], $path;

    places($value, '', sub ($in, $name, $at) {
        return if grep { $at =~ m{^\Q$_\E(?:/|\z)} } keys %free;
        my $kept = $in->{$name};

        $in->{$name} = ref $kept eq 'HASH' ? [] : {};
        push @unseen, "$at of another type"
            if fits(GET => $path, 200, $value);

        $in->{$name} = $kept;
        # Tavus's rows are shown as they came
        return if $at =~ m{^/transcript};
        $in->{"x_$name"} = 1;
        push @unseen, "$at has a neighbour"
            if fits(GET => $path, 200, $value);
        delete $in->{"x_$name"};

        $changes += 2;
    });
    is_deeply \@unseen, [], "$path: what is changed is seen";
}
cmp_ok $changes, '>', 200, "$changes changes";

# each member that must be there: left out, it is missed
my %must = (
    '/api/admin/events' => [qw(/events /next_cursor /events/0/id
        /events/0/timestamp /events/0/type /events/0/source /events/0/event_type
        /events/0/received_at /events/0/data)],
    "/api/admin/events/$last" => [qw(/raw /verification)],
    "/api/admin/conversations/$id" => [qw(/outcome /url /vertical /transcript/0/n
        /createdAt /events_before /events_after)],
    '/api/admin/budget' => [qw(/active/limit /minutes/reserved /places /until)],
    '/api/admin/quarantine' => [qw(/events/0/quarantine
        /events/0/quarantine/reason)],
    '/api/admin/leads' => [qw(/leads/0/handled /leads/0/orders)],
    '/api/admin/visitors/s1' => [qw(/complete /related /quarantine)],
    '/healthz?full' => [qw(/version /database/connected /store/waiting)],
);
for my $path (sort keys %must) {
    my $text = $t->admin($path)->body;
    for my $at ($must{$path}->@*) {
        my $value = decode_json($text);
        my ($in, @path) = ($value, split m{/}, $at =~ s{^/}{}r);
        my $name = pop @path;
        $in = ref $in eq 'ARRAY' ? $in->[$_] : $in->{$_} for @path;
        ok exists $in->{$name}, "$path has $at";
        delete $in->{$name};
        ok !fits(GET => $path, 200, $value), 'it is missed';
    }
}

done_testing;
