#!/usr/bin/perl

# memcheck

# X-Tavus-Signature: HMAC-SHA256 over the raw bytes, in hex.

use lib 't/lib';
use Tavus::Test;
use Digest::SHA qw(hmac_sha256 hmac_sha256_hex);

my $t = Tavus::Test->new(locations => {
    '= /named' => 'tavus_webhook tavus; '
        . 'tavus_webhook_signature_header X-Hook-HMAC;',
})->start;
my $secret = $t->webhook_secret;

my $n = 0;
sub event { return tavus_event('system.shutdown', 'c' . $n++) }

sub stored {
    my ($id) = 'c' . ($n - 1);
    return $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id = ?}, {}, $id);
}

# 1 if it is accepted and stored, 0 if neither, else what was odd
sub taken ($body, @headers) {
    my $res = $t->post('/api/tavus/webhook', $body, {@headers});
    my $stored = stored();
    return 1 if $res->code == 200 && $stored == 1;
    return 0 if $res->code == 401 && $stored == 0;
    return $res->code . " and $stored";
}

sub header ($make) {
    my $body = event();
    local $_ = hmac_sha256_hex($body, $secret);
    return taken($body, 'X-Tavus-Signature' => $make->($body));
}

subtest 'good' => sub {
    is header(sub { $_ }), 1, 'hex';
    is header(sub { "sha256=$_" }), 1, 'with sha256=';
    is header(sub { uc }), 1, 'upper case';
    is header(sub { 'sha256=' . uc }), 1;
    is header(sub { "  $_  " }), 1, 'blanks around it';

    my $body = "\xef\xbb\xbf" . event();
    my $res = $t->post('/api/tavus/webhook', $body, {sign_header($secret,
        $body)});
    is $res->code, 200, 'the bytes count, whatever they are';

    $body = event();
    is taken($body, 'x-tavus-signature' => hmac_sha256_hex($body, $secret)),
        1, 'the name in lower case';
    done_testing;
};

subtest 'not good' => sub {
    is taken(event()), 0, 'missing';
    is header(sub { hmac_sha256_hex($_[0], 'whsec-of-others-0123456789') }), 0,
        'another key';
    is header(sub { hmac_sha256_hex("$_[0] ", $secret) }), 0, 'another body';
    is header(sub { substr $_, 0, 63 }), 0, 'a digit less';
    is header(sub { substr $_, 0, 32 }), 0, 'half of it';
    is header(sub { "${_}0" }), 0, 'a digit more';
    is header(sub { "$_$_" }), 0, 'twice';
    is header(sub { "$_, $_" }), 0, 'a list';
    is header(sub { substr($_, 0, 63) . 'g' }), 0, 'not hex';
    is header(sub { '' }), 0, 'empty';
    is header(sub { 'sha256=' }), 0, 'the prefix alone';
    is header(sub { "SHA256=$_" }), 0, 'another prefix';
    is header(sub { "sha256=sha256=$_" }), 0, 'two prefixes';
    is header(sub { "sha1=$_" }), 0, 'another algorithm';
    is header(sub { unpack 'H*', hmac_sha256($_[0], '') }), 0, 'no key';
    is header(sub { '0' x 64 }), 0, 'zeros';
    is header(sub { 'x' x 4000 }), 0, 'far too long';

    my $body = event();
    is taken($body, 'X-Tavus-Signature' => hmac_sha256_hex('', $secret)), 0,
        'of an empty body';

    # the MACs of other uses are no signatures
    $body = event();
    is taken($body, 'X-Tavus-Signature' => hmac_sha256_hex($body,
        hmac_sha256("tavus callback v1\x01",
            hmac_sha256($secret, "\0" x 32)))), 0, 'a subkey';
    done_testing;
};

# of two nobody could say which one is meant
subtest 'two headers' => sub {
    for my $case ([good => good => 401], [good => bad => 401],
        [bad => good => 401])
    {
        my $body = event();
        my %mac = (good => hmac_sha256_hex($body, $secret), bad => '0' x 64);
        my $s = $t->socket;
        $s->send("POST /api/tavus/webhook HTTP/1.1\r\nHost: x\r\n"
            . "X-Tavus-Signature: $mac{$case->[0]}\r\n"
            . "X-Tavus-Signature: $mac{$case->[1]}\r\n"
            . 'Content-Length: ' . length($body) . "\r\n\r\n$body");
        is $s->response->{status}, $case->[2], "@$case[0, 1]";
        is stored(), 0;
    }
    done_testing;
};

subtest 'another name' => sub {
    my $body = event();
    my $mac = hmac_sha256_hex($body, $secret);
    is $t->post('/named', $body, {'X-Tavus-Signature' => $mac})->code, 401,
        'the usual one is nothing here';
    is stored(), 0;
    is $t->post('/named', $body, {'X-Tavus-Signature' => '0',
        'X-HOOK-hmac' => $mac})->code, 200;
    is stored(), 1;
    done_testing;
};

done_testing;
