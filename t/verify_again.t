#!/usr/bin/perl

# memcheck

# POST events/{id}/verify: stored bytes are verified again, with the secrets of
# now.  What was changed in the database is found out; what cannot be told is
# said to be so.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(decode_json encode_json true false);
use MIME::Base64 qw(encode_base64);

my @TAVUS = map { "secret-of-tavus-0123456789$_" } 0, 1;
my $STANDARD = 'whsec_' . encode_base64('a' x 32, '');
my $STRIPE = 'whsec_of_stripe_0123456789';

my $t = Tavus::Test->new(workers => 1);
my %file = map { $_->[0] => 'file:' . $t->secret(@$_) } [old => $TAVUS[0]],
    [new => $TAVUS[1]], [standard => $STANDARD], [stripe => $STRIPE];
$t->configure(
    http => {tavus_webhook_secret => ["$file{old} id=old"]},
    locations => {
        '= /stripe' => "tavus_webhook stripe; tavus_webhook_secret $file{stripe} id=s1;",
        '= /standard' =>
            "tavus_webhook standard; tavus_webhook_secret $file{standard} id=w1;",
    })->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $n = 0;
sub newest {
    return $t->db->selectrow_array(q{SELECT id FROM tavus.events WHERE source IN
        ('tavus', 'standard', 'stripe') ORDER BY received_at DESC, id DESC LIMIT 1});
}
sub verify ($id, $body = '{}', %headers) {
    return $t->post("/api/admin/events/$id/verify", $body,
        {$t->admin_headers->%*, 'Content-Type' => 'application/json', %headers});
}
sub again ($id) {
    my $res = verify($id);
    is $res->code, 200 or diag $res->body;
    is $res->json->{id}, $id;
    return [$res->json->@{qw(verified reason method key_id agrees)}];
}
sub change ($set, $id, @value) {
    $t->db->do("UPDATE tavus.events SET $set WHERE id = ?", {}, @value, $id);
}
sub event { return tavus_event('system.replica_joined', 'c' . ++$n) }

# each way to prove it: what to send, and how the record calls it
my %WAY = (
    header => [signature => old => sub {
        my $body = event();
        ('/api/tavus/webhook', $body, {sign_header($TAVUS[0], $body)}) }],
    member => [signature => old => sub {
        ('/api/tavus/webhook', sign_in_body($TAVUS[0], event())) }],
    token => [token => old => sub {
        my $token = sign_token($TAVUS[0], id => 'old', nonce => sprintf '%032x', ++$n);
        ("/api/tavus/webhook?token=$token", event()
            =~ s{\}\z}{,"webhook_url":"http://x/?token=$token"\}}r) }],
    both => ['token+signature' => old => sub {
        my $token = sign_token($TAVUS[0], id => 'old', nonce => sprintf '%032x', ++$n);
        my $body = event();
        ("/api/tavus/webhook?token=$token", $body, {sign_header($TAVUS[0], $body)}) }],
    stripe => [stripe => s1 => sub {
        my $body = encode_json({id => 'evt_' . ++$n, object => 'event',
            type => 'invoice.paid', created => time});
        ('/stripe', $body, {sign_stripe($STRIPE, $body)}) }],
    standard => [standard => w1 => sub {
        my $body = encode_json({type => 'lead.created', timestamp => now_iso()});
        ('/standard', $body, {sign_standard($STANDARD, 'msg_' . ++$n, $body)}) }],
);
my %id;
for my $way (sort keys %WAY) {
    my ($method, $key, $make) = $WAY{$way}->@*;
    subtest $way => sub {
        is $t->post($make->())->code, 200;
        my $id = $id{$way} = newest();
        my ($was, $record) = $t->db->selectrow_array(q{SELECT convert_from(body, 'UTF8'),
            verification FROM tavus.events WHERE id = ?}, {}, $id);
        is_deeply again($id), [true, undef, $method, $key, true], 'as it came';

        change('body = body || $$ $$', $id);
        is_deeply again($id), [false, 'mismatch', $method, $key, true],
            'a blank more than came';
        change('body = convert_to(?, $$UTF8$$)', $id, $was =~ s/"/"x/r);
        is again($id)->[0], false, 'a letter more';
        change('body = convert_to(?, $$UTF8$$), event_type = $$forged$$', $id, $was);
        is_deeply again($id), [true, undef, $method, $key, false],
            'the row says another thing than its bytes';
        change('event_type = ?, verification = replace(verification, ?, ?)', $id,
            (decode_json($was)->{event_type} // decode_json($was)->{type}),
            qq("key_id":"$key"), '"key_id":"other"');
        is_deeply again($id), [undef, 'key_not_configured', $method, 'other', true],
            'a key that nobody knows';
        change('verification = ?', $id, qq({"method":"$method","key_id":"$key"}));
        my $kept = $way eq 'member' ? [true, undef] : [undef,
            $way eq 'token' ? 'not_sealed' : 'signature_not_kept'];
        is_deeply again($id), [@$kept, $method, $key, true],
            'a record of before, which has no more';
        for my $bad (undef, '', '7', '{', '{"method":7}', '{"method":"signature"}') {
            change('verification = ?', $id, $bad);
            is_deeply [again($id)->@[0, 1]], [undef, 'no_record'],
                'no record: ' . ($bad // 'none');
        }
        change('verification = ?', $id, $record);
        is again($id)->[0], true, 'all as before';
        done_testing;
    };
}

# what one has is no other's
for (['stripe', 'standard'], ['standard', 'tavus'], ['token', 'stripe'],
    ['header', 'standard'])
{
    my ($way, $source) = @$_;
    my ($was) = $t->db->selectrow_array('SELECT source FROM tavus.events WHERE id = ?',
        {}, $id{$way});
    change('source = ?', $id{$way}, $source);
    isnt again($id{$way})->[0], true, "$way is no $source";
    change('source = ?', $id{$way}, $was);
}
my ($seal) = $t->db->selectrow_array(q{SELECT verification::json->>'seal'
    FROM tavus.events WHERE id = ?}, {}, $id{token});
like $seal, qr/^[0-9a-f]{64}\z/, 'a seal';
for my $bad ('', 'x', 'A' x 64, $seal . '0', $seal =~ tr/0-9/1-90/r) {
    my ($is) = $t->db->selectrow_array('SELECT verification FROM tavus.events
        WHERE id = ?', {}, $id{token});
    change('verification = replace(verification, ?, ?)', $id{token}, $seal, $bad);
    isnt again($id{token})->[0], true, "no seal: $bad";
    change('verification = ?', $id{token}, $is);
}
is again($id{token})->[0], true;

# ---- a secret is rolled: the old one verifies as long as it is configured
$t->configure(http => {tavus_webhook_secret => ["$file{new} id=new", "$file{old} id=old"]})
    ->reload(drained => 1);
is again($id{$_})->[0], true, "$_, beside a new one" for qw(header member token);
$t->configure(http => {tavus_webhook_secret => ["$file{new} id=new"]})
    ->reload(drained => 1);
is_deeply [again($id{$_})->@[0, 1]], [undef, 'key_not_configured'],
    "$_, without it" for qw(header member token both);
is again($id{stripe})->[0], true, 'a location of its own';
$t->configure(http => {tavus_webhook_secret => ["$file{new} id=old"]})
    ->reload(drained => 1);
is_deeply [again($id{$_})->@[0, 1]], [false, 'mismatch'],
    "$_, another of the same name" for qw(header member token both);
$t->configure(locations => {'= /more' =>
    "tavus_webhook tavus; tavus_webhook_secret $file{old} id=old;"})
    ->reload(drained => 1);
is again($id{$_})->[0], true, "$_, of any location" for qw(header member token both);

# ---- what nobody has signed
is $t->post('/api/track', {events => [{name => 'page_view', properties => {session_id => 's1'}}]})->code, 202;
is $t->create->code, 200;
for my $source (qw(browser server)) {
    my $id;
    wait_ok { ($id) = $t->db->selectrow_array(q{SELECT id FROM tavus.events
        WHERE source = ? LIMIT 1}, {}, $source) } $source;
    is_deeply again($id), [undef, 'no_webhook', undef, undef, undef], 'no webhook';
}
change('verification = ?', $id{header}, '{"method":"repair"}');
is_deeply again($id{header}), [undef, 'repaired', 'repair', undef, undef],
    'a copy from the API, which says no conversation';

# in quarantine
is $t->post('/api/tavus/webhook', '{"a":', {sign_header($TAVUS[1], '{"a":')})->code, 200;
my ($in) = $t->db->selectrow_array('SELECT id FROM tavus.quarantine');
is_deeply again($in), [true, undef, 'signature', 'old', true], 'what is in quarantine';

# ---- it is a look, and asked for as a change is
my $none = '018f0000-0000-7000-8000-000000000000';
is verify($none)->code, 404;
is verify($none, '')->code, 404, 'without a body';
is verify($none, '{"x":1}')->json->{code}, 'unknown_field';
is verify($none, '{}', Origin => 'https://evil.example')->code, 403;
is verify($none, '{}', 'Content-Type' => 'text/plain')->code, 415;
is $t->admin("/api/admin/events/$none/verify")->code, 405;
is $t->post("/api/admin/events/$none/verify", {})->code, 401;
my ($looks) = $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type = 'admin.viewed' AND position(convert_to(?, 'UTF8') IN body) > 0
      AND position(convert_to('events/{id}/verify', 'UTF8') IN body) > 0}, {}, $id{token});
cmp_ok $looks, '>=', 1, 'on the trail';

done_testing;
