#!/usr/bin/perl

# memcheck

# /events/{id}: the whole event, with the bytes as they came.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json);
use Mojo::Util qw(b64_decode);

my $t = Tavus::Test->new->start;

sub event {
    my ($q) = @_;
    my $list = $t->admin("/api/admin/events?event_type=$q")->json->{events};
    is scalar @$list, 1, $q;
    my $res = $t->admin("/api/admin/events/$list->[0]{id}");
    is $res->code, 200 or diag $res->to_string;
    my $whole = $res->json;
    my ($raw, $verification) = delete $whole->@{qw(raw verification)};
    is_deeply $whole, $list->[0], 'as in the list' if $list->[0]{data};
    return ($whole, b64_decode($raw // ''), $verification);
}

# bytes that no JSON library would write
my $odd = "{ \"event_type\" :\"system.odd\",\r\n\t\"conversation_id\":\"c1\","
    . '"n":1.50,"big":12345678901234567890,"e":1E2,"s":"\u00e9\/' . "\xc3\xa9\""
    . ',"timestamp":"' . now_iso() . '" }' . "\n";
is $t->webhook($odd)->code, 200;
my ($event, $raw, $verification) = event('system.odd');
is $raw, $odd, 'byte for byte';
is $verification->{method} // $verification->{verify}, 'signature'
    or diag explain $verification;
like join(' ', grep { !ref } values %$verification), qr/\bk1\b/,
    'and by which key';

# a large one: in the list only its size, here all of it
my $large = tavus_event('system.large', 'c1', {text => 'x' x 200_000});
is $t->webhook($large)->code, 200;
my $list = $t->admin('/api/admin/events?event_type=system.large')->json;
is_deeply $list->{events}[0]{data},
    {truncated => Mojo::JSON::true, bytes => length $large};
my $res = $t->admin("/api/admin/events/$list->{events}[0]{id}");
is b64_decode($res->json->{raw}), $large;
is length $res->json->{data}{properties}{text}, 200_000;

# the token of a callback is masked, but of the same length
is $t->create(vertical => 'legal')->code, 200;
my ($token, $url) = ($t->sandbox->token, $t->sandbox->callback_url);
my ($id) = $t->db->selectrow_array('SELECT id FROM tavus.conversations
    WHERE url IS NOT NULL');
my $body = tavus_event('system.tokened', $id, {}, webhook_url => $url);
is $t->webhook($body, token => $token)->code, 200;
($event, $raw, $verification) = event('system.tokened');
like join(' ', grep { defined && !ref } values %$verification), qr/token/;
my $mac = (split /\./, $token)[3];
ok index($body, $mac) > 0;
ok index($raw, $mac) < 0, 'the token is not there';
is length $raw, length $body, 'and all the rest is';
my $outside = $raw;
substr $outside, index($body, $mac), length $mac, $mac;
is index($t->admin("/api/admin/events/$event->{id}")->body, $mac), -1,
    'nowhere in the answer';

# what cannot be an event is kept as well, with the reason
my $bad = '{"event_type":"system.bad","conversation_id":"c1",'
    . '"timestamp":"' . now_iso() . '","x":"\u0000"}';
is $t->webhook($bad)->code, 200;
my ($qid) = $t->db->selectrow_array('SELECT id FROM tavus.quarantine');
ok $qid, 'in quarantine';
$res = $t->admin("/api/admin/events/$qid");
is $res->code, 200;
is b64_decode($res->json->{raw}), $bad;
ok $res->json->{quarantine}{reason}, 'with the reason';
is $t->webhook("\x00\xff not JSON")->code, 200;
($qid) = $t->db->selectrow_array(
    q{SELECT id FROM tavus.quarantine ORDER BY seq DESC LIMIT 1});
$res = $t->admin("/api/admin/events/$qid");
is $res->code, 200;
is b64_decode($res->json->{raw} // ''), "\x00\xff not JSON", 'any bytes';

# ---- no such event
my $nil = '00000000-0000-0000-0000-000000000000';
for my $id ($nil, 'x', '1', "$event->{id}x", substr($event->{id}, 1), "$nil/",
    "$event->{id}/raw", "'$nil", '%00', '%ff', 'a' x 2000,
    $event->{id} =~ tr/-//dr, "{$event->{id}}", "$event->{id}%20", '%7b%7d')
{
    my $res = $t->admin("/api/admin/events/$id");
    my $status = $id eq '%00' ? 400 : 404;
    is $res->code, $status, 'id ' . substr $id, 0, 40;
    is $res->json->{code}, 'not_found' if $status == 404;
}
is $t->admin("/api/admin/events/$event->{id}?x=1")->code, 200;

done_testing;
