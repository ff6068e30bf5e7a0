#!/usr/bin/perl

# What is not a JSON object is told why, and at which byte, by every endpoint
# that takes one; what was in it is not repeated.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0)->start;

my %fault = (
    'nothing'        => ['', 'empty', 0],
    'blanks'         => [" \r\n\t", 'empty', 4],
    'cut'            => ['{"conversation_id":"a', 'unexpected_end', 21],
    'cut in a word'  => ['{"a":tru', 'unexpected_end', 8],
    'cut in \u'      => ['{"a":"\u00', 'unexpected_end', 10],
    'a name twice'   => ['{"a":1,"b":{},"a":2}', 'duplicate_name', 14],
    'twice, deep'    => ['{"a":[{"b":1,"\u0062":2}]}', 'duplicate_name', 13],
    'NUL'            => ['{"a":"a\u0000"}', 'nul_character', 7],
    'half a pair'    => ['{"a":"\ud83d"}', 'lone_surrogate', 6],
    '70 digits'      => ['{"a":' . '1' x 70 . '}', 'number_out_of_range', 5],
    'a list'         => ['[]', 'not_an_object', 0],
    'a word'         => ["\n true", 'not_an_object', 2],
    'a text'         => ['"secret-in-the-body"', 'not_an_object', 0],
    'a form'         => ['secret-in-the-body=1', 'syntax', 0],
    'a comma'        => ['{"a":1,}', 'syntax', 7],
    'a raw newline'  => [qq({"a":"x\ny"}), 'control_character', 7],
    'an escape'      => ['{"a":"\x41"}', 'invalid_escape', 6],
    'Latin-1'        => [qq({"a":"\xe9"}), 'invalid_utf8', 6],
    'two values'     => ['{} {}', 'trailing_bytes', 3],
    'too deep'       => ['{"a":' . '[' x 64, 'too_deep', 68],
    'at 16,000'      => ['{"a":"' . 'x' x 16_000 . '",}', 'syntax', 16_008],
);

for my $path (qw(/api/tavus/create-conversation /api/tavus/end-conversation
    /api/track /api/contact))
{
    for my $name (sort keys %fault) {
        my ($body, $reason, $offset) = $fault{$name}->@*;
        my $res = $t->post($path, $body,
            {'Content-Type' => 'application/json'});
        my $json = $res->json // {};

        is_deeply [$res->code, $json->@{qw(code reason offset)}],
            [400, 'invalid_json', $reason, $offset], "$path: $name";
        like $json->{detail}, qr/^The body cannot [\w +:,-]+, at byte $offset\.\z/a,
            "$path: $name, in words";
        unlike $res->body, qr/secret-in-the-body/, "$path: $name, no echo"
            if $body =~ /secret/;
    }
}

# the offset is that of the body, however it came
my $body = '{"a":1,}' . ' ' x 3000;
my $s = $t->socket->send("POST /api/track HTTP/1.1\r\nHost: x\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n");
$s->chunked(map { substr $body, $_ * 100, 100 } 0 .. length($body) / 100);
like $s->response->{body}, qr/"reason":"syntax","offset":7\}\z/, 'in chunks';

done_testing;
