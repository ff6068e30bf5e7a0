#!/usr/bin/perl

# memcheck

# Stores whose names are made for a request, and whose visitors may have one
# of their own: those whom ops allow it, or who have granted it.

use lib 't/lib';
use Tavus::Test;

# who is logged in is for nginx to say, so the test says it in a header
my $t = Tavus::Test->new(http => {
    map => [
        '$http_x_member $member { default $http_x_member; none ""; }',
        '$http_x_member $long { default ""; long ' . 'x' x 198 . '; '
            . 'longer ' . 'x' x 199 . '; }',
        '$http_x_member $odd { default ""; odd "a' . "\t" . 'b"; '
            . qq(bytes "\xff"; }),
        '$http_accept_language $speaks { default ""; ~^de de; ~^en en; }',
    ],
    tavus_vertical => [
        'general { persona_id p01; memory_stores shared $member '
            . '"${member}_p01" l_$long o$odd shop-$speaks; }',
        'legal { persona_id p02; memory_stores team '
            . '"m_${MEMBER}_$speaks"; visitor_memory consent; }',
        'healthcare { persona_id p03; memory_stores $member; '
            . 'visitor_memory on; }',
        'ecommerce { persona_id p04; memory_stores one one $member; }',
    ],
})->start;

# (stores that Tavus was told, cookies that were set)
sub visit {
    my ($request, %headers) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $t->ua->cookie_jar->empty;
    $t->sandbox->forget;
    my $res = $t->post('/api/tavus/create-conversation', $request, \%headers);
    is $res->code, 200 or diag $res->body;
    my ($call) = grep { $_->{method} eq 'POST' } $t->sandbox->calls('/v2/');
    return ($call->{body}{memory_stores},
        $res->headers->every_header('Set-Cookie'));
}
sub stores { return (visit(@_))[0] }
sub member { return ('X-Member' => $_[0]) }

# ---- variables
is_deeply stores({}), ['shared'],
    'a store of which a variable is empty is left out';
is_deeply stores({}, member('none')), ['shared'], 'a map that says so';
is_deeply stores({}, member('eve-7')), ['shared', 'eve-7', 'eve-7_p01'],
    'evaluated for the request';
is_deeply stores({}, member('ada')), ['shared', 'ada', 'ada_p01'],
    'and for the next';
is_deeply stores({}, member("J\xc3\xbcrgen \"x\"")),
    ['shared', "J\x{fc}rgen \"x\"", "J\x{fc}rgen \"x\"_p01"],
    'whatever is UTF-8';
is_deeply stores({}, 'Accept-Language' => 'de-AT'), ['shared', 'shop-de'],
    'after a literal part';
is_deeply stores({vertical => 'legal'}, member('eve')), ['team'],
    'of two variables one is empty: nobody is in a store of all these';
is_deeply stores({vertical => 'legal'}, member('eve'),
    'Accept-Language' => 'en'), ['team', 'm_eve_en'], 'both are there';
is_deeply stores({vertical => 'ecommerce'}, member('one')), ['one', 'one'],
    'what is there already is not added';
is scalar stores({vertical => 'healthcare'}, member('none'))->@*, 1,
    "none but the visitor's own";

# ---- what no store can be called
is_deeply [grep { /^l_/ } stores({}, member('long'))->@*], ['l_' . 'x' x 198],
    '200 bytes';
ok !grep({ /^l_/ } stores({}, member('longer'))->@*), '201 are too many';
wait_ok { $t->error_log =~ /memory store "l_\$long" of vertical "general" is left/ }
    'as the log says';
unlike $t->error_log, qr/xxxx/, 'without its value';
ok !grep({ /^o(?!dd)/ } stores({}, member($_))->@*), "not with $_" for qw(odd bytes);
is_deeply stores({}, member("a\xffb")), ['shared'], 'nor not in UTF-8';
is scalar(() = $t->error_log =~ /memory store/g), 1, 'said once a minute';

# ---- a browser names the literal ones only
is_deeply stores({memory_stores => []}, member('eve')), ['eve', 'eve_p01'],
    'what is made for the request is not for it to leave out';
is_deeply stores({memory_stores => ['shared']}, member('eve')),
    ['shared', 'eve', 'eve_p01'];
for my $name ('eve', '$member', '${member}_p01', 'eve_p01') {
    my $res = $t->create(memory_stores => [$name]);
    is_deeply [$res->code, $res->json->{code}], [400, 'foreign_memory_store'],
        "not $name";
}

# ---- consent
my ($got, $set) = visit({vertical => 'legal'});
is_deeply [$got, $set], [['team'], []], 'no answer is a no';
($got, $set) = visit({vertical => 'legal', consent => 'denied'});
is_deeply [$got, $set], [['team'], []], 'nor is a no a yes';
($got, $set) = visit({vertical => 'legal', consent => 'granted'});
is scalar @$set, 1, 'granted';
my ($cookie, $id) = ($set->[0] // '') =~ /^(tavus_visitor=([0-9a-f]{32})[^;]+)/;
is_deeply $got, ['team', "visitor_${id}_legal"];

($got, $set) = visit({vertical => 'legal', consent => 'granted'},
    Cookie => $cookie);
is_deeply [$got, $set], [['team', "visitor_${id}_legal"], []], 'known again';
($got, $set) = visit({vertical => 'legal'}, Cookie => $cookie);
is_deeply [$got, $set], [['team'], []], 'a cookie is not a consent';
($got, $set) = visit({vertical => 'legal', consent => 'denied'},
    Cookie => $cookie);
is_deeply [$got, $set], [['team'], ['tavus_visitor=; Path=/; Max-Age=0; '
    . 'HttpOnly; SameSite=Lax']], 'a no of later takes it away';

sub decided {
    my ($name, $consent, %headers) = @_;
    my $res = $t->post('/api/track', {consent => $consent,
        events => [{name => $name, properties => {session_id => 's1'}}]},
        \%headers);
    is $res->code, 202;
    return [$res->headers->set_cookie // ()];
}
is_deeply decided(consent => 'denied', Cookie => $cookie),
    ['tavus_visitor=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax'],
    'a withdrawal takes it away at once';
is_deeply decided(@$_), [], "not so @$_[0, 1]" for ['consent', 'denied'],
    ['consent', 'granted', Cookie => $cookie],
    ['page_view', 'denied', Cookie => $cookie];

($got, $set) = visit({vertical => 'healthcare', consent => 'denied'},
    Cookie => $cookie);
is_deeply [$got, $set], [["visitor_${id}_healthcare"], []],
    'with "on" it is the server that allows it';
($got, $set) = visit({vertical => 'general', consent => 'granted'},
    Cookie => $cookie);
is_deeply [$got, $set], [['shared'], []], 'and where it is off it is off';

# what was said is on record, with the wish and with the conversation
wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'conversation.created'}) >= 25 } 'recorded';
is_deeply $t->db->selectall_arrayref(q{
    SELECT event_type, data->>'consent', count(DISTINCT data->>'nonce')::int
    FROM (SELECT event_type, convert_from(body, 'UTF8')::jsonb AS data
        FROM tavus.events WHERE event_type IN
            ('conversation.requested', 'conversation.created')) e
    WHERE data->>'consent' IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2}),
    [map { my $e = $_; map { [$e, @$_] } [denied => 3], [granted => 3] }
        qw(conversation.created conversation.requested)], 'as it was said';

for my $said ('Granted', 'yes', '', 1, undef, [], {}, ['granted'], 'granted ',
    "granted\x{e9}")
{
    my $res = $t->create(vertical => 'legal', consent => $said);
    is_deeply [$res->code, $res->json->@{qw(code field)}],
        [400, 'invalid_field', 'consent'], 'neither one nor the other';
    is $res->headers->set_cookie, undef;
}

# ---- over https, and a new name
$t->configure(http => {$t->{http}->%*,
    tavus_public_origin => 'https://example.com'})->reload(drained => 1);
($got, $set) = visit({vertical => 'legal', consent => 'granted'},
    Cookie => $cookie);
is_deeply [map { s/=[^;]*//r } @$set], ['__Host-tavus_visitor; Path=/; '
    . 'Max-Age=31536000; HttpOnly; SameSite=Lax; Secure'], 'over https';
my $host = $set->[0] =~ s/;.*//r;
($got, $set) = visit({vertical => 'legal', consent => 'denied'},
    Cookie => "$cookie; $host");
is_deeply $set, ['__Host-tavus_visitor=; Path=/; Max-Age=0; HttpOnly; '
    . 'SameSite=Lax; Secure'], 'one cookie at most, and taken away as set';

done_testing;
