#!/usr/bin/perl

# memcheck

# /leads: what visitors wrote in the contact form, by filters and in pages, and
# that somebody has seen to it, which is an event.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(false true);
use Mojo::Util qw(url_escape);

my $t = Tavus::Test->new->start;
my ($db, $list) = ($t->db, '/api/admin/leads');
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json');
wait_ok { $t->admin($list)->code == 200 } 'ready';
is_deeply $t->admin($list)->json, {leads => [], next_cursor => undef}, 'empty';

sub page {
    my (%query) = @_;
    my $res = $t->admin("$list?" . join '&',
        map { "$_=" . url_escape($query{$_}) } sort keys %query);
    $res->code == 200 or die $res->to_string;
    return $res->json;
}
sub names { return join ' ', map { $_->{name} } page(@_)->{leads}->@* }

my %form = (message => 'What does it cost?', email => 'ada@example.com');
for (['Ada'], ['Grace', email => 'grace+news@example.com', phone => '+1 5',
    company => "Ma\x{df}werk", session_id => 's1', user_id => 'u1',
    utm_source => 'ad', utm_medium => 'cpc', utm_campaign => 'May',
    consent => 'granted', conversation_id => 'c1'],
    ['Edsger', email => 'ADA@Example.com'])
{
    my ($name, %more) = @$_;
    is $t->post('/api/contact', {%form, name => $name, %more})->code, 200;
    wait_ok { names() =~ /^$name\b/ } "$name wrote, and is a lead";
}

# ---- what is shown, by the names of docs/http-api.md
my ($edsger, $grace, $ada) = page()->{leads}->@*;
is_deeply {%$grace, id => 1, created_at => 1}, {id => 1, created_at => 1,
    name => 'Grace', email => 'grace+news@example.com', phone => '+1 5',
    company => "Ma\x{df}werk", message => 'What does it cost?', orders => [],
    session_id => 's1', user_id => 'u1', utm_source => 'ad',
    utm_medium => 'cpc', utm_campaign => 'May', consent => 'granted',
    conversation_id => 'c1', handled => false}, 'all that was said';
is_deeply [sort keys %$ada],
    [qw(created_at email handled id message name orders)], 'and no more';
like $ada->{created_at}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z\z/;
is $t->admin("/api/admin/events/$ada->{id}")->json->{event_type},
    'contact.submitted', 'the event is to be looked at';

# ---- filters and pages
is names(email => 'ada@example.COM'), 'Edsger Ada', 'an address, in any case';
is names(email => 'grace+news@example.com'), 'Grace', 'and with a plus';
is names(email => '%'), '', 'no pattern';
is names(conversation_id => 'c1'), 'Grace', 'of a conversation';
is names(conversation_id => 'c1', email => 'ada@example.com'), '', 'and of an address';
is names(from => $grace->{created_at}), 'Edsger Grace', 'from inclusive';
is names(to => $grace->{created_at}), 'Ada', 'to exclusive';
is names(handled => 'false'), 'Edsger Grace Ada', 'nobody has seen to any';
is names(handled => 'true'), '';
is names(map { $_ => '' } qw(handled email from to limit cursor)),
    'Edsger Grace Ada', 'empty is none';
my $first = page(limit => 2);
is join(' ', map { $_->{name} } $first->{leads}->@*), 'Edsger Grace', 'a page';
is $first->{next_cursor}, $grace->{id};
my $rest = page(limit => 2, cursor => $first->{next_cursor});
is_deeply [map { $_->{name} } $rest->{leads}->@*], ['Ada'], 'the rest';
is $rest->{next_cursor}, undef;

for my $bad (qw(handled=1 handled=TRUE handled=yes limit=0 limit=201 limit=x
    cursor=x cursor=1 from=2026 from=1795900000 to=x email=%ff email=%00
    limit=1&limit=2), 'email=' . 'x' x 321)
{
    my $res = $t->admin("$list?$bad");
    is_deeply [$res->code, $res->json->@{qw(code parameter)}],
        [400, 'invalid_parameter', $bad =~ /^(\w+)/], substr $bad, 0, 20;
}
is $t->admin("$list?$_=1")->json->{code}, 'unknown_parameter', $_
    for qw(state name Handled);

# ---- who may, and what
my $one = "$list/$ada->{id}";
sub patch {
    my ($path, $body, %headers) = @_;
    my %all = (%json, %headers);
    delete @all{grep { !defined $all{$_} } keys %all};
    my $res = $t->request(PATCH => $path, $body, \%all);
    return [$res->code, ($res->json // {})->{code}];
}
my $true = '{"handled":true}';
for my $case (
    [401, 'unauthorized', Authorization => undef],
    [403, 'origin_not_allowed', Origin => 'https://evil.example'],
    [403, 'origin_not_allowed', Origin => 'null'],
    map({ [403, 'origin_not_allowed', 'Sec-Fetch-Site' => $_] }
        qw(cross-site same-site none)),
    map({ [415, 'unsupported_media_type', 'Content-Type' => $_] }
        undef, 'text/plain', 'application/x-www-form-urlencoded'),
) {
    my ($status, $code, $header, $value) = @$case;
    is_deeply patch($one, $true, $header => $value), [$status, $code],
        "$header: " . ($value // 'none');
}
for my $case (
    ['not_found', "$list/00000000-0000-7000-8000-000000000000"],
    map({ ['not_found', "$list/$_"] } '', 'x', "$ada->{id}0", "$ada->{id}/x",
        substr $ada->{id}, 1),
    ['unknown_parameter', "$one?handled=true"],
    ['unknown_field', $one, '{"handled":true,"by":"somebody"}'],
    ['unknown_field', $one, '{"Handled":true}'],
    map({ ['invalid_field', $one, $_] } '{}', '{"handled":null}',
        '{"handled":1}', '{"handled":"true"}', '{"handled":[true]}'),
    map({ ['invalid_json', $one, $_] } '', '{', '[true]', 'true',
        '{"handled":true,"handled":false}'),
    ['body_too_large', $one, ' ' x 5000 . $true],
) {
    my ($code, $path, $body) = @$case;
    my $what = $path =~ s{^\Q$list\E/?}{}r;
    my $status = {not_found => 404, body_too_large => 413}->{$code} // 400;
    is_deeply patch($path, $body // $true), [$status, $code],
        "\"$what\" " . substr $body // '', 0, 40;
}
for (qw(GET HEAD POST PUT DELETE)) {
    my $res = $t->request($_ => $one, undef, \%json);
    is_deeply [$res->code, $res->headers->header('Allow')], [405, 'PATCH'], $_;
}
is_deeply patch($list, $true), [405, 'method_not_allowed'], 'not all at once';
is names(handled => 'false'), 'Edsger Grace Ada', 'nothing was changed';
is_deeply $t->admin('/api/admin/events?event_type=lead.handled')->json
    ->{events}, [], 'nor told';

# ---- seen to
sub handled {
    my ($value, %opt) = @_;
    my $res = $t->request(PATCH => $opt{path} // $one,
        $value ? $true : '{"handled":false}',
        {%json, ($opt{headers} // {})->%*});
    is $res->code, 200 or diag $res->to_string;
    return $res->json;
}
my $lead = handled(1, headers => {Origin => $t->url('') =~ s{/\z}{}r,
    'Sec-Fetch-Site' => 'same-origin'});
is_deeply [$lead->@{qw(id name handled handled_by)}],
    [$ada->{id}, 'Ada', true, 'admin'], 'from a page of our own';
like $lead->{handled_at}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z\z/;
is_deeply page(handled => 'true')->{leads}, [$lead], 'it is in the list';
is names(handled => 'false'), 'Edsger Grace', 'and in the other one no more';
is names(handled => 'false', email => 'ada@example.com'), 'Edsger', 'both';
my ($event, @more) = $t->admin('/api/admin/events?event_type=lead.handled')
    ->json->{events}->@*;
is_deeply [$event->@{qw(source type data)}, scalar @more], ['server', 'info',
    {lead_id => $ada->{id}, handled => true, by => 'admin'}, 0], 'an event';

my $again = handled(1);
is_deeply [$again->@{qw(handled handled_by)}], [true, 'admin'], 'once more';
cmp_ok $again->{handled_at}, 'gt', $lead->{handled_at}, 'is later';
is handled(0, path => uc($one) =~ s{^.*/}{$list/}r)->{handled}, false,
    'not after all, and an id in any case';
is names(handled => 'false'), 'Edsger Grace Ada';
handled(1, path => "$list/$grace->{id}");

# ---- who goes away has asked all the same
$t->pg->freeze;
my $socket = $t->socket;
$socket->send("PATCH $list/$edsger->{id} HTTP/1.1\r\nHost: x\r\n"
    . join('', map { "$_: $json{$_}\r\n" } sort keys %json)
    . 'Content-Length: ' . length($true) . "\r\n\r\n$true");
$t->settle;
$socket->abort;
$t->settle;
$t->pg->thaw;
wait_ok { names(handled => 'true') =~ /Edsger/ } 'it is done without them';

# ---- somebody else is at it
$db->begin_work;
$db->do('SELECT FROM tavus.leads WHERE id = ? FOR UPDATE', undef, $ada->{id});
is_deeply patch($one, $true), [503, 'storage_unavailable'], 'not now';
wait_ok { $t->grep_log(qr/database refused a change: canceling .* lock/) }
    'the log says why';
$db->rollback;
is_deeply patch($one, $true), [200, undef], 'but then';

# ---- what the readers of the log make of it is the same
my $before = page();
$db->do(q{DELETE FROM tavus.leads});
$db->do(q{UPDATE tavus.cursors SET pos = 0, ord = 0 WHERE name = 'leads'});
wait_ok { 3 == page()->{leads}->@* } 'made again';
is_deeply page(), $before, 'it is the same';

# ---- without a database
$t->pg->stop;
wait_ok { $t->request(PATCH => $one, $true, \%json)->code == 503 }
    'no database: 503';
is $t->admin($list)->json->{code}, 'storage_unavailable', 'nor a list';

done_testing;
