#!/usr/bin/perl

# Only POST; what is refused is told as RFC 9457 has it, and nothing of the
# inside with it.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new->start;
my $secret = $t->webhook_secret;
my $path = '/api/tavus/webhook';

sub problem ($res, $status, $code, $name) {
    is $res->code, $status, $name;
    is $res->headers->content_type, 'application/problem+json',
        "$name: its type";
    my $json = $res->json;
    is join(',', sort keys %$json),
        'code,detail,request_id,status,title,type', "$name: its members";
    is $json->{status}, $status;
    is $json->{code}, $code, "$name: $code";
    is $json->{type}, 'about:blank';
    is $json->{request_id}, $res->headers->header('X-Request-Id');
    like $json->{request_id}, qr/^[0-9a-f]{32}\z/;
    like $json->{title}, qr/^[A-Z][\w -]+\z/;
    like $json->{detail}, qr/^[A-Z].*\.\z/;
    is $res->headers->cache_control, 'no-store', "$name: not for a cache";
    return $json;
}

subtest 'methods' => sub {
    my $body = tavus_event('system.shutdown', 'c1');
    for my $method (qw(GET PUT DELETE PATCH OPTIONS TRACE PROPFIND)) {
        my $res = $t->request($method, "$path?token=" . sign_token($secret),
            $body, {sign_header($secret, $body)});
        # nginx itself refuses TRACE
        next if $method eq 'TRACE' && is $res->code, 405, $method;
        problem($res, 405, 'method_not_allowed', $method);
        is $res->headers->header('Allow'), 'POST', "$method: Allow";
    }

    my $res = $t->request(HEAD => $path);
    is $res->code, 405, 'HEAD';
    is $res->headers->header('Allow'), 'POST';
    is $res->body, '';
    is $t->db->selectrow_array('SELECT count(*) FROM tavus.events'), 0;

    is $t->webhook($body)->code, 200;
    done_testing;
};

subtest 'refusals' => sub {
    my $body = tavus_event('system.shutdown', 'c2');
    problem($t->webhook($body, unsigned => 1), 401, 'missing_signature',
        'missing');
    problem($t->webhook($body, unsigned => 1, 'X-Tavus-Signature' => 'x'),
        401, 'invalid_signature', 'malformed');
    problem($t->webhook($body, token => sign_token($secret, expiry => 1)),
        401, 'expired_signature', 'expired');
    problem($t->webhook('x' x (8 << 20 | 1)), 413, 'body_too_large', 'large');

    my $token = sign_token($secret);
    $t->webhook($body, token => $token);
    problem($t->webhook(tavus_event('system.shutdown', 'c3'),
        token => $token), 401, 'invalid_signature', 'of another');
    done_testing;
};

# wrong in all ways is told in one: an attacker learns nothing from it
subtest 'no oracle' => sub {
    my $body = tavus_event('system.shutdown', 'c4');
    my ($id, $nonce, $expiry, $mac) = split /\./, sign_token($secret);
    my %text;
    for (sign_token($secret, id => 'other'), "$id.$nonce.$expiry." . '0' x 64,
        'garbage', sign_token('another-secret-0123456789', expiry => 1))
    {
        my $json = $t->webhook($body, token => $_)->json;
        delete $json->{request_id};
        $text{Mojo::JSON::encode_json($json)}++;
    }
    is scalar keys %text, 1, 'one text';
    done_testing;
};

subtest 'what is accepted' => sub {
    my $res = $t->webhook(tavus_event('system.shutdown', 'c5'));
    is $res->code, 200;
    is $res->body, '{"received":true}';
    is $res->headers->content_type, 'application/json';
    is $res->headers->content_length, 17;
    is $res->headers->cache_control, 'no-store';
    like $res->headers->header('X-Request-Id'), qr/^[0-9a-f]{32}\z/;

    # a sender may call it what it likes
    my $n = 0;
    for my $type ('text/plain', 'application/octet-stream', '') {
        my $body = tavus_event('system.shutdown', 'c6-' . $n++);
        is $t->webhook($body, 'Content-Type' => $type)->code, 200,
            "as '$type'";
    }
    done_testing;
};

done_testing;
