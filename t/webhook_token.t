#!/usr/bin/perl

# memcheck

# The token of a callback URL: only what a create of ours sent out, as it was
# and in its time.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new->start;
my $secret = $t->webhook_secret;

sub events ($id) {
    return $t->db->selectrow_array(
        'SELECT count(*) FROM tavus.events WHERE conversation_id = ?',
        {}, $id);
}

sub refused ($token, $code, $name) {
    state $n = 0;
    my $id = 'c-refused' . $n++;
    my $res = $t->webhook(tavus_event('system.shutdown', $id),
        token => $token);
    is $res->code, 401, $name;
    is $res->json->{code}, $code, "$name: $code";
    is events($id), 0, "$name: not stored";
}

subtest 'a real one' => sub {
    my $id = $t->create(vertical => 'legal')->json->{conversation_id};
    ok $id, 'created';
    like $t->sandbox->token, qr/^k1\.[0-9a-f]{32}\.\d+\.[0-9a-f]{64}\z/;

    my $before = events($id);
    my $entry = $t->sandbox->callback(conversation_id => $id,
        event_type => 'application.recording_ready');
    is $entry->{status}, 200;
    is events($id), $before + 1, 'stored when it is answered';

    my ($verification) = $t->db->selectrow_array(
        q{SELECT verification FROM tavus.events
           WHERE event_type = 'application.recording_ready'});
    like $verification, qr/^\{"method":"token","key_id":"k1","seal":"[0-9a-f]{64}"\}\z/,
        'and nothing of the token but its key';
    done_testing;
};

subtest 'our own making' => sub {
    my $res = $t->webhook(tavus_event('system.shutdown', 'c-own'),
        token => sign_token($secret));
    is $res->code, 200, 'HKDF-SHA256 of RFC 5869, label "tavus callback v1"';
    is $res->body, '{"received":true}';
    is events('c-own'), 1;
    done_testing;
};

subtest 'not there' => sub {
    my $res = $t->webhook(tavus_event('system.shutdown', 'c-none'),
        unsigned => 1);
    is $res->code, 401;
    is $res->json->{code}, 'missing_signature';
    refused('', 'missing_signature', 'empty');

    $res = $t->post('/api/tavus/webhook?Token=' . sign_token($secret),
        tavus_event('system.shutdown', 'c-none'));
    is $res->code, 401, 'another argument';
    is events('c-none'), 0;
    done_testing;
};

subtest 'not right' => sub {
    my $good = sign_token($secret);
    my ($id, $nonce, $expiry, $mac) = split /\./, $good;
    my $changed = $mac =~ s/^(.)/$1 eq '0' ? '1' : '0'/er;

    refused("$id.$nonce.$expiry.$changed", 'invalid_signature', 'wrong MAC');
    refused("$id.$nonce.$expiry." . uc($mac =~ s/^./a/r),
        'invalid_signature', 'wrong MAC in upper case');
    refused("$id.$nonce.$expiry." . substr($mac, 0, 63) . 'g',
        'invalid_signature', 'not hex');
    refused("$id.$nonce.$expiry." . substr($mac, 0, 62),
        'invalid_signature', 'cut');
    refused("$good" . '00', 'invalid_signature', 'too long');
    refused("$id.$nonce.$expiry", 'invalid_signature', 'without a MAC');
    refused("$good.", 'invalid_signature', 'a dot more');
    refused(".$nonce.$expiry.$mac", 'invalid_signature', 'no key id');
    refused('x' x 5000, 'invalid_signature', 'far too long');

    refused($id . '.' . ('0' x 32) . ".$expiry.$mac", 'invalid_signature',
        'another nonce');
    refused("$id.$nonce." . ($expiry + 1) . ".$mac", 'invalid_signature',
        'a later expiry');
    refused(sign_token($secret, id => 'k2'), 'invalid_signature',
        'unknown key id');
    refused(sign_token('another-secret-0123456789'), 'invalid_signature',
        'another secret');

    # each digit may have been the one that is 'a'..'f'
    my $mixed = sign_token($secret, nonce => 'ab' x 16);
    refused($mixed =~ s/^(k1\.)(\w+)/$1 . uc $2/er, 'invalid_signature',
        'nonce in upper case');
    refused($mixed =~ s/(\w{64})\z/uc $1/er, 'invalid_signature',
        'MAC in upper case');
    done_testing;
};

subtest 'of another use' => sub {
    refused(sign_token($secret, label => "tavus $_ v1"), 'invalid_signature',
        $_) for qw(end visitor relay);
    done_testing;
};

subtest 'time' => sub {
    refused(sign_token($secret, expiry => time - 10), 'expired_signature',
        'expired');
    refused(sign_token($secret, expiry => 0), 'expired_signature', 'zero');
    refused(sign_token($secret, expiry => -1), 'invalid_signature',
        'negative');
    refused(sign_token($secret, expiry => '9' x 20), 'invalid_signature',
        'beyond 64 bits');
    is $t->webhook(tavus_event('system.shutdown', 'c-late'),
        token => sign_token($secret, expiry => time + 30))->code, 200,
        'just not expired';
    done_testing;
};

# a bad token is refused before the body is asked for
subtest 'Expect: 100-continue' => sub {
    my $s = $t->socket;
    my $head = "Host: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    $s->send('POST /api/tavus/webhook?token='
        . sign_token('another-secret-0123456789')
        . " HTTP/1.1\r\n$head");
    like $s->read_until(qr/\r\n\r\n/), qr/^HTTP\/1\.1 401 /, 'bad';

    $s = $t->socket;
    $s->send('POST /api/tavus/webhook?token=' . sign_token($secret)
        . " HTTP/1.1\r\n$head");
    like $s->read_until(qr/\r\n\r\n/), qr/^HTTP\/1\.1 100 /, 'good';
    $s->send('[]');
    is $s->response->{status}, 200;
    done_testing;
};

done_testing;
