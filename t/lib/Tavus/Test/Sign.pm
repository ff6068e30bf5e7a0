package Tavus::Test::Sign;

# Webhooks as their senders make and sign them.

use v5.36;
use Exporter qw(import);

use Digest::SHA qw(hmac_sha256 hmac_sha256_hex);
use MIME::Base64 qw(decode_base64 encode_base64);
use Mojo::JSON qw(encode_json);
use POSIX qw(strftime);
use Time::HiRes qw(gettimeofday);

our @EXPORT = our @EXPORT_OK = qw(now_iso sign_end_token
    sign_header sign_in_body
    sign_standard sign_stripe sign_token tavus_event);

# Micros, and never twice the same.
my $last = 0;
sub now_iso ($offset = 0) {
    my ($s, $us) = gettimeofday;
    my $t = $s * 1_000_000 + $us;
    $t = $last + 1 if $t <= $last;
    $last = $t;
    return strftime('%Y-%m-%dT%H:%M:%S',
        gmtime int($t / 1_000_000) + $offset)
        . sprintf '.%06dZ', $t % 1_000_000;
}

# tavus_event('system.shutdown', 'c123', {shutdown_reason => …}, timestamp => …):
# the bytes of a callback
sub tavus_event ($type, $conversation_id, $properties = {}, %more) {
    return encode_json({
        message_type    => $type =~ /^([^.]+)/ ? $1 : $type,
        event_type      => $type,
        conversation_id => $conversation_id,
        timestamp       => now_iso(),
        properties      => $properties,
        %more,
    });
}

# X-Tavus-Signature over the raw bytes
sub sign_header ($secret, $body) {
    return ('X-Tavus-Signature' => 'sha256=' . hmac_sha256_hex($body, $secret));
}

# The seed's form: a last member "signature", its MAC over the bytes without
# that member and the comma before it.
sub sign_in_body ($secret, $body) {
    my $mac = hmac_sha256_hex($body, $secret);
    return $body =~ /^\s*\{\s*\}\s*\z/
        ? $body =~ s/\}/"signature":"$mac"}/r
        : $body =~ s/\}(\s*)\z/,"signature":"$mac"}$1/r;
}

# The token of a callback URL, as core/tavus_signature.c makes it:
# sign_token($secret, id => 'k1', nonce => 32 hex, expiry => time, label => …)
sub sign_token ($secret, %in) {
    my $label = $in{label} // 'tavus callback v1';
    # HKDF-SHA256 without a salt, for the 32 bytes that one block gives
    my $key = hmac_sha256("$label\x01", hmac_sha256($secret, "\0" x 32));
    my $text = join '.', $in{id} // 'k1', $in{nonce}
        // join('', map { sprintf '%02x', rand 256 } 1 .. 16),
        $in{expiry} // time + 600;
    return "$text." . hmac_sha256_hex($text, $key);
}

# An end token, as endpoint/ngx_tavus_conversation_read.c makes it.
sub sign_end_token ($secret, $conversation_id, $expiry, $nonce = 'ab' x 16) {
    my $key = hmac_sha256("tavus end v1\x01", hmac_sha256($secret, "\0" x 32));
    return join '.', 'k1', $nonce, $expiry,
        hmac_sha256_hex("$conversation_id.$nonce.$expiry", $key);
}

# The whole secret, whsec_ included, is the key.
sub sign_stripe ($secret, $body, $time = time) {
    return ('Stripe-Signature' => "t=$time,v1="
        . hmac_sha256_hex("$time.$body", $secret));
}

# Here the key is what stands behind whsec_, decoded.
sub sign_standard ($secret, $id, $body, $time = time) {
    my $key = decode_base64($secret =~ s/^whsec_//r);
    return ('webhook-id' => $id, 'webhook-timestamp' => $time,
        'webhook-signature' =>
            'v1,' . encode_base64(hmac_sha256("$id.$time.$body", $key), ''));
}

1;
