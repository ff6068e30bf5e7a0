#!/usr/bin/perl

# memcheck

# The seed's form: a top-level member "signature" of the body, over the exact
# bytes without that member and one comma beside it.

use lib 't/lib';
use Tavus::Test;
use Digest::SHA qw(hmac_sha256_hex);

my $t = Tavus::Test->new->start;
my $secret = $t->webhook_secret;

# %s is where the MAC goes that signs the second
sub code ($text, $signed, %more) {
    my $mac = hmac_sha256_hex($signed, $secret);
    no warnings 'redundant';
    return $t->webhook(sprintf($text, map { $mac } 1 .. 9), unsigned => 1,
        %more)->code;
}

my $n = 0;
sub id { return sprintf 'c%d', ++$n }

sub stored ($id) {
    return $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id = ?}, {}, $id);
}

subtest 'where it stands' => sub {
    my %form = (
        first => ['{"signature":"%s",A,B}', '{A,B}'],
        middle => ['{A,"signature":"%s",B}', '{A,B}'],
        last => ['{A,B,"signature":"%s"}', '{A,B}'],
        'spaces first' => ["{ \"signature\" : \"%s\" ,\n A,B}", "{ \n A,B}"],
        'spaces in the middle' =>
            ["{A,\n  \"signature\": \"%s\",\n  B}", "{A,\n  \n  B}"],
        'spaces last' => ["{A,B ,\n\t\"signature\" :\"%s\" \r\n} ",
            "{A,B  \r\n} "],
        'an escaped name' => ['{A,"\u0073ign\u0061ture":"%s",B}', '{A,B}'],
        'an escaped value' => ['{A,"signature":"\u0073ha256=%s",B}', '{A,B}'],
        'with sha256=' => ['{A,B,"signature":"sha256=%s"}', '{A,B}'],
        'a comma in a string' => ['{A,"x":",","signature":"%s",B}',
            '{A,"x":",",B}'],
    );
    for my $name (sort keys %form) {
        my $id = id();
        my ($text, $signed) = map {
            s/A/"event_type":"x.y"/r =~ s/B/"conversation_id":"$id"/r
        } $form{$name}->@*;
        is code($text, $signed), 200, $name;
        is stored($id), 1, "$name: stored";
    }

    is code('{"signature":"%s"}', '{}'), 200, 'alone';
    is code(' {  "signature" : "%s"  } ', ' {    } '), 200, 'alone in spaces';
    done_testing;
};

subtest 'stored as it came' => sub {
    my $body = sign_in_body($secret, tavus_event('x.raw', id()));
    is $t->webhook($body, unsigned => 1)->code, 200;
    is $t->db->selectrow_array(q{SELECT convert_from(body, 'UTF8')
        FROM tavus.events WHERE event_type = 'x.raw'}), $body;
    done_testing;
};

subtest 'nested' => sub {
    my $id = id();
    my $body = tavus_event('x.y', $id, {signature => '0' x 64});
    is $t->webhook($body, unsigned => 1)->code, 401, 'it proves nothing';
    is stored($id), 0;

    $id = id();
    $body = tavus_event('x.y', $id, {signature => 'somebody'});
    is $t->webhook($body, token => sign_token($secret))->code, 200,
        'and harms nothing';
    is stored($id), 1;

    $body = sign_in_body($secret, tavus_event('x.y', id(),
        {signature => 'somebody', properties => {signature => 1}}));
    is $t->webhook($body, unsigned => 1)->code, 200, 'both';

    # only the name in an object, not text that looks like it
    $id = id();
    $body = qq({"event_type":"x","conversation_id":"$id",)
        . '"a":"\"signature\":\"' . '0' x 64 . '\"","b":"signature",'
        . '"Signature":"0","signature ":"0"}';
    is $t->webhook($body, unsigned => 1)->code, 401;
    is $t->webhook($body, token => sign_token($secret))->code, 200;
    done_testing;
};

subtest 'refused' => sub {
    my %form = (
        twice => ['{A,"signature":"%s","signature":"%s"}', '{A}'],
        'twice, cut out both' =>
            ['{"signature":"%s",A,"signature":"%s"}', '{A}'],
        'twice, the other escaped' =>
            ['{"signature":"%s",A,"signatur\u0065":"%s"}', '{A}'],
        'twice, over the second' => ['{"signature":"%s",A,"signature":""}',
            '{A,"signature":""}'],
        'twice, over the first' => ['{"signature":"",A,"signature":"%s"}',
            '{"signature":"",A}'],
        'over all of it' => ['{A,"signature":"%s"}', '{A,"signature":""}'],
        'over too little' => ['{A,"signature":"%s"}', '{A,}'],
        'another body' => ['{A,"signature":"%s"}', '{A }'],
        'cut' => ['{A,"signature":"%.63s"}', '{A}'],
        'empty' => ['{A,"signature":""}', '{A}'],
        'a list' => ['{A,"signature":["%s"]}', '{A}'],
        'an object' => ['{A,"signature":{"x":"%s"}}', '{A}'],
        'null' => ['{A,"signature":null}', '{A}'],
        'a number' => ['{A,"signature":1}', '{A}'],
        'long' => ['{A,"signature":"' . 'x' x 100_000 . '"}', '{A}'],
        'with a NUL' => ['{A,"signature":"%s\u0000"}', '{A}'],
        'not JSON' => ['{A,"signature":"%s"', '{A'],
        'in a list' => ['[{A,"signature":"%s"}]', '[{A}]'],
    );
    for my $name (sort keys %form) {
        my ($alone, $token) = (id(), id());
        my $code = sub ($id, %more) {
            my ($text, $signed) = map {
                s/A/"event_type":"x.y","conversation_id":"$id"/r
            } $form{$name}->@*;
            return code($text, $signed, %more);
        };
        is $code->($alone), 401, $name;
        is stored($alone), 0, "$name: not stored";

        # what has no member has none that is invalid
        next if $name =~ /^(?:not JSON|in a list)\z/;
        is $code->($token, token => sign_token($secret)), 401,
            "$name, beside a valid token";
        is stored($token), 0, "$name: not stored";
    }
    done_testing;
};

# the member's MAC covers the rest, the header's covers the member too
subtest 'beside a header' => sub {
    my $inner = sign_in_body($secret, tavus_event('x.y', id()));
    is $t->webhook($inner)->code, 200;
    is $t->webhook($inner, unsigned => 1, sign_header($secret,
        $inner =~ s/,"signature":"\w+"//r))->code, 401;
    done_testing;
};

done_testing;
