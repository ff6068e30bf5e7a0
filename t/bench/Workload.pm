package Workload;

# Events as Tavus sends them, signed, each of its own.
#
#   my ($headers, $body) = event($i, secret => $secret, bytes => 350);
#   print request($path, $headers, $body);          the bytes of HTTP

use v5.36;
use Exporter qw(import);

use Digest::SHA qw(hmac_sha256_hex);
use POSIX qw(strftime);

our @EXPORT_OK = qw(event request);

# The i'th of them: eight a conversation, a millisecond apart from an hour ago
# on.  All are of the length that is asked for.
my $from = time - 3600;

sub event ($i, %opt) {
    my $time = strftime('%Y-%m-%dT%H:%M:%S', gmtime $from + $i / 1000)
        . sprintf '.%06dZ', $i % 1000 * 1000 + 7;
    my $body = sprintf '{"message_type":"application","event_type":'
        . '"application.perception_unavailable","conversation_id":"c%012d"'
        . ',"timestamp":"%s","webhook_url":"https://example.com/api/tavus/'
        . 'webhook","properties":{"replica_id":"r9f8e7d6c5b4","reason":"'
        . 'no_vision_history ', $i / 8, $time;
    $body .= 'x' x (($opt{bytes} // 350) - length($body) - 3) . '"}}';

    return ({'X-Tavus-Signature' => hmac_sha256_hex($body, $opt{secret})},
        $body);
}

sub request ($path, $headers, $body) {
    return "POST $path HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        . join('', map { "$_: $headers->{$_}\r\n" } sort keys %$headers)
        . "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n\r\n$body";
}

1;
