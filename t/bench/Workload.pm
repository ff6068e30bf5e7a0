package Workload;

# Events as Tavus sends them, each of its own, with what proves them.
#
#   my $event = event($i, secret => $secret, bytes => 350);
#   print request($path, $event);           the bytes of HTTP
#   print line($event), "\n";               for replay.lua, steady.c, ceiling.c
#
#   proof   signature (default), or token: that of the callback's URL, the same
#           for all of a conversation
#   roles   1: what a conversation brings, from system.replica_joined to its
#           transcript, instead of one type that changes nothing
#   twins   10: each tenth is sent again, five later
#   bytes   350: of the body; with roles about that
#   strewn  1: conversations have ids that are in no order, as Tavus gives them;
#           with another number others

use v5.36;
use Exporter qw(import);

use Digest::MD5 qw(md5_hex);
use Digest::SHA qw(hmac_sha256_hex);
use POSIX qw(strftime);

use Tavus::Test::Sign qw(sign_token);

our @EXPORT_OK = qw(event request line);

# Eight a conversation.
my @role = (
    ['system', 'system.replica_joined', '"replica_id":"r9f8e7d6c5b4"'],
    map({ ['conversation', 'conversation.utterance',
        qq("role":"$_","speech":"I would like to know what it costs")] }
        qw(user replica user replica)),
    ['system', 'system.shutdown',
        '"shutdown_reason":"participant_left_timeout"'],
    ['application', 'application.transcription_ready',
        '"transcript":[{"role":"user","content":"What does it cost?"},'
        . '{"role":"assistant","content":"That depends on you."}]'],
    ['application', 'application.perception_analysis',
        '"analysis":"A visitor who looks at the screen"'],
);

# A millisecond apart from an hour ago on.
my $from = time - 3600;

my %token;

sub event ($i, %opt) {
    $i -= 5 if $opt{twins} && $i > 5 && $i % $opt{twins} == 0;

    my $conversation = sprintf 'c%012d', $i / 8;
    $conversation = 'c' . substr md5_hex("$conversation $opt{strewn}"), 0, 15 if $opt{strewn};
    my ($message, $type, $properties) = $opt{roles} ? $role[$i % 8]->@*
        : ('application', 'application.perception_unavailable',
            '"replica_id":"r9f8e7d6c5b4","reason":"no_vision_history"');
    my $start = sprintf '{"message_type":"%s","event_type":"%s",'
        . '"conversation_id":"%s","timestamp":"%s.%06dZ","webhook_url":'
        . '"https://example.com/api/tavus/webhook","properties":{%s,"pad":"',
        $message, $type, $conversation,
        strftime('%Y-%m-%dT%H:%M:%S', gmtime $from + $i / 1000),
        $i % 1000 * 1000 + 7, $properties;

    # the same for all of a file
    my $bytes = $opt{bytes} // 350;
    my $x = $bytes - ($opt{roles} ? 350 : length($start) + 3);
    $x = 0 if $x < 0;
    my $body = $start . 'x' x $x . '"}}';

    my $proof = ($opt{proof} // 'signature') eq 'token'
        ? '?token=' . ($token{"$conversation $opt{secret}"} //= sign_token(
            $opt{secret}, nonce => sprintf('%032x', $i / 8 + 1),
            expiry => $from + 7200))
        : hmac_sha256_hex($body, $opt{secret});
    # the token of a former conversation is not needed any more
    %token = () if keys %token > 1000;

    return {proof => $proof, start => $start, x => $x, body => $body};
}

sub request ($path, $event) {
    my ($proof, $body) = $event->@{qw(proof body)};
    return "POST $path" . ($proof =~ /^\?/ ? $proof : '') . " HTTP/1.1\r\n"
        . "Host: 127.0.0.1\r\nContent-Type: application/json\r\n"
        . ($proof =~ /^\?/ ? '' : "X-Tavus-Signature: $proof\r\n")
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

# What is long and the same in all is told by its length.
sub line ($event) {
    return join "\t", $event->{x} > 650 ? $event->@{qw(proof start x)}
        : $event->@{qw(proof body)};
}

1;
