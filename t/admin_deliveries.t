#!/usr/bin/perl

# /deliveries: destinations and what failed, by filters and in pages; and that
# it is sent again, by who may.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;

my $t = Tavus::Test->new;
my $d = Tavus::Test::Deliver->new($t, crm => 'events *;', erp => 'events *;');
my ($box, $db) = ($t->sandbox, $t->db);
my $list = '/api/admin/deliveries';
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json');
$t->start;
wait_ok { $d->ready } 'the destinations are there';

my $empty = $d->shown;
is_deeply [sort keys %$empty], [qw(deliveries destinations next_cursor)];
is_deeply $empty->{deliveries}, [];
is $empty->{next_cursor}, undef;
is_deeply [map { $_->{name} } $empty->{destinations}->@*], [qw(crm erp)];

# five are dead at one, one waits at the other
$box->fault(path => '/hooks/crm', kind => 'status', status => 422, times => 5);
$box->fault(path => '/hooks/erp', holds => 'culprit', kind => 'status',
    status => 500);
$d->track('page_view', consent => 'granted', n => 4);
$t->post('/api/track', {consent => 'granted', events => [{name => 'page_view',
    properties => {session_id => 's', path => 'culprit'}}]});
wait_ok { 5 == $d->failed(destination => 'crm') } 'five are dead';
wait_ok { 1 == $d->failed(destination => 'erp') } 'one waits';

# ---- what is shown, by the names of docs/http-api.md
my $crm = $d->destination('crm');
is_deeply [sort keys %$crm], [qw(dead delivered failures in_flight kind lag
    missed name     paused_until reason said said_at seen_at state waiting)];
is_deeply [sort keys $crm->{lag}->%*], [qw(events seconds)];
is $crm->{kind}, 'webhook';
is $crm->{dead}, 5;

my ($row) = $d->failed(destination => 'erp');
is_deeply [sort keys %$row], [qw(changed_at conversation_id destination due_at
    event_id event_type first_failed_at id reason state status tries)];
is $row->{destination}, 'erp';
is $row->{state}, 'waiting';
like $row->{$_}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z\z/, $_
    for qw(due_at changed_at first_failed_at);
my $event = $t->admin("/api/admin/events/$row->{event_id}")->json;
is $event->{event_type}, $row->{event_type}, 'the event is to be looked at';

# ---- filters and pages
is scalar $d->failed(state => 'dead'), 5, 'dead';
is scalar $d->failed(state => 'waiting'), 1, 'waiting';
is scalar $d->failed(state => 'waiting', destination => 'crm'), 0, 'both';
is_deeply $d->shown(destination => 'none'),
    {destinations => [], deliveries => [], next_cursor => undef}, 'no such one';

my (@ids, $cursor, $pages);
do {
    my $page = $d->shown(limit => 2, $cursor ? (cursor => $cursor) : ());
    push @ids, map { $_->{id} } $page->{deliveries}->@*;
    $cursor = $page->{next_cursor};
} while ($cursor && ++$pages < 9);
is scalar @ids, 6, 'in pages';
is_deeply \@ids, [sort { $b <=> $a } @ids], 'newest first';

for my $bad ('cursor=x', 'limit=0', 'limit=201', 'state=gone',
    'destination=' . 'x' x 33)
{
    my $res = $t->admin("$list?$bad");
    is $res->code, 400, $bad;
    is $res->json->{code}, 'invalid_parameter';
}
is $t->admin("$list?nonsense=1")->json->{code}, 'unknown_parameter', 'nonsense';

# ---- who may, and what
my $id = ($d->failed(destination => 'crm'))[-1]{id};
for my $path ("$list/$id/retry", "$list/retry?destination=crm") {
    for my $case (
        [401, 'unauthorized', Authorization => undef],
        [403, 'origin_not_allowed', Origin => 'https://evil.example'],
        [403, 'origin_not_allowed', Origin => 'null'],
        map({ [403, 'origin_not_allowed', 'Sec-Fetch-Site' => $_] }
            qw(cross-site same-site none)),
        map({ [415, 'unsupported_media_type', 'Content-Type' => $_] }
            undef, 'text/plain', 'application/x-www-form-urlencoded'),
    ) {
        my ($status, $code, $name, $value) = @$case;
        my %headers = (%json, $name => $value);
        delete $headers{$name} unless defined $value;
        my $res = $t->request(POST => $path, '{}', \%headers);
        is_deeply [$res->code, ($res->json // {})->{code}], [$status, $code],
            "$path, $name: " . ($value // 'none');
    }
    my $res = $t->request(GET => $path, undef, \%json);
    is $res->code, 405, 'GET changes nothing';
    is $res->headers->header('Allow'), 'POST';
}
for my $case (
    [404, "$list/999999999/retry"], [404, "$list/0/retry"],
    [404, "$list/-1/retry"], [404, "$list/" . '9' x 30 . '/retry'],
    [404, "$list/x/retry"], [404, "$list/$id/again"], [404, "$list/$id"],
    [404, "$list/retry?destination=none"],
    [400, "$list/retry"], [400, "$list/retry?destination="],
    [400, "$list/retry?destination=crm&state=gone"],
    [400, "$list/retry?destination=crm&more=1"],
    [400, "$list/$id/retry?destination=crm"],
    [400, "$list/$id/retry", '{"a":1}'], [400, "$list/$id/retry", '{'],
    [400, "$list/$id/retry", '[]'], [413, "$list/$id/retry", ' ' x 5000 . '{}'],
) {
    my ($status, $path, $body) = @$case;
    my $res = $t->request(POST => $path, $body // '{}', \%json);
    is $res->code, $status, "$path " . substr($body // '', 0, 9)
        or diag $res->body;
    is $res->headers->content_type, 'application/problem+json';
}
is scalar $d->failed(state => 'dead'), 5, 'nothing was sent again';

# ---- sent again
my $retried = sub ($res) { [$res->code, ($res->json // {})->{retried}] };
my $origin = $t->url('') =~ s{/\z}{}r;
is_deeply $retried->($t->request(POST => "$list/$id/retry", '', {%json,
    Origin => $origin, 'Sec-Fetch-Site' => 'same-origin'})), [200, 1],
    'one, from a page of our own';
wait_ok { 4 == $d->failed(destination => 'crm') } 'it is delivered';
is $t->request(POST => "$list/$id/retry", '{}', \%json)->code, 404,
    'it is there no more';

is_deeply $retried->($d->retry(undef, destination => 'crm',
    state => 'waiting')), [200, 0], 'none waits there';
is_deeply $retried->($d->retry(undef, destination => 'crm', state => 'dead')),
    [200, 4], 'all that are dead';
wait_ok { 0 == $d->failed(destination => 'crm') } 'they are delivered';
is scalar $box->hook_messages('crm'), 5, 'each';

$box->no_faults;
is_deeply $retried->($d->retry(undef, destination => 'erp')), [200, 1],
    'what waits, at once';
wait_ok { 0 == $d->failed(destination => 'erp') } 'it is delivered';

# ---- one that is taken out of the configuration
$d->{block} = {crm => 'events *;'};
$t->configure(http => {tavus_deliver => [$d->directives]})
    ->reload(drained => 1);
$db->do("UPDATE tavus.destinations SET seen_at = now() - interval '6 minutes'
    WHERE name = 'erp'");
is $d->destination('erp')->{state}, 'absent', 'absent';

# ---- a thousand at a time
$db->do(q{INSERT INTO tavus.deliveries (destination, event_id, dead, tries,
    due_at, reason) SELECT 'erp', gen_random_uuid(), true, 1, now(), 'made up'
    FROM generate_series(1, 1500)});
my $first = $d->retry(undef, destination => 'erp')->json;
is_deeply [$first->@{qw(retried more)}], [1000, Mojo::JSON::true()], 'a thousand';
is_deeply [$d->retry(undef, destination => 'erp')->json->@{qw(retried more)}],
    [500, Mojo::JSON::false()], 'the rest';

# ---- without a database
$t->pg->stop;
wait_ok { $d->retry(undef, destination => 'erp')->code == 503 }
    'no database: 503';

done_testing;
