#!/usr/bin/perl

# Several secrets at once: the first signs, all verify, and the one that did
# is known by its id.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Metrics;

my @SECRET = map { "secret-number-$_-of-the-tests-$_$_$_$_" } 1 .. 3;

my $t = Tavus::Test->new(locations => {'= /metrics' => 'tavus_metrics;'});
my @file = map { $t->secret("webhook$_", $SECRET[$_]) } 0 .. 2;

# keys(1, 0): secret 1 first, then 0
sub keys_conf (@n) {
    return [map { "file:$file[$_] id=key$_" } @n];
}

sub verified ($bytes, %headers) {
    my $res = $t->webhook($bytes, unsigned => 1, %headers);
    return $res->code unless $res->code == 200;
    return join ' ', $t->db->selectrow_array(
        q{SELECT verification::json->>'method',
                 verification::json->>'key_id'
            FROM tavus.events ORDER BY received_at DESC, id DESC LIMIT 1});
}

sub event { return tavus_event('system.shutdown', 'c1') }

$t->configure(http => {tavus_webhook_secret => keys_conf(0)});
$t->start;

$t->create(vertical => 'legal');
my $old = $t->sandbox->token;
like $old, qr/^key0\./, 'the only one signs';

subtest 'rotated' => sub {
    $t->configure(http => {tavus_webhook_secret => keys_conf(1, 0)});
    $t->reload(drained => 1);

    $t->create(vertical => 'legal');
    my $new = $t->sandbox->token;
    like $new, qr/^key1\./, 'the first signs';

    my $id = $t->create(vertical => 'legal')->json->{conversation_id};
    is verified(tavus_event('x.y', $id), token => $t->sandbox->token),
        'token key1';
    is verified(event(), token => sign_token($SECRET[0], id => 'key0')),
        'token key0', 'a token of the second';
    is verified(event(), token => sign_token($SECRET[0], id => 'key1')), 401,
        'with the id of the other';

    for (0, 1) {
        my $body = event();
        is verified($body, sign_header($SECRET[$_], $body)), "signature key$_";
        is verified(sign_in_body($SECRET[$_], event())), "signature key$_",
            'in the body';
    }
    my $body = event();
    is verified($body, sign_header($SECRET[2], $body)), 401, 'none of them';

    # the proofs may come from different keys
    $body = event();
    is verified($body, sign_header($SECRET[1], $body),
        token => sign_token($SECRET[0], id => 'key0')),
        'token+signature key1';
    for ([0, 1], [1, 0]) {
        $body = sign_in_body($SECRET[$_->[0]], event());
        is verified($body, sign_header($SECRET[$_->[1]], $body)),
            "signature key$_->[1]", 'in the body as well: of the header, as is kept';
    }
    done_testing;
};

subtest 'the token that is out there' => sub {
    my ($id) = $t->db->selectrow_array(
        q{SELECT conversation_id FROM tavus.intents
           ORDER BY requested_id LIMIT 1});
    is verified(tavus_event('x.y', $id), token => $old), 'token key0';
    done_testing;
};

subtest 'removed' => sub {
    $t->configure(http => {tavus_webhook_secret => keys_conf(1)});
    $t->reload(drained => 1);

    is verified(event(), token => $old), 401, 'its token';
    my $body = event();
    is verified($body, sign_header($SECRET[0], $body)), 401, 'its signature';
    is verified($body, sign_header($SECRET[1], $body)), 'signature key1';
    done_testing;
};

subtest 'the same id, another secret' => sub {
    my $file = $t->secret('replaced', $SECRET[2]);
    $t->configure(http => {tavus_webhook_secret => "file:$file id=key1"});
    $t->reload(drained => 1);
    is verified(event(), token => sign_token($SECRET[1], id => 'key1')), 401;
    is verified(event(), token => sign_token($SECRET[2], id => 'key1')),
        'token key1';
    done_testing;
};

subtest 'of a location' => sub {
    $t->configure(
        http => {tavus_webhook_secret => keys_conf(0)},
        locations => {'= /own' => 'tavus_webhook tavus; '
            . "tavus_webhook_secret file:$file[1] id=key1;"});
    $t->reload(drained => 1);

    my $post = sub ($path, $n) {
        my $body = event();
        return $t->post($path, $body, {sign_header($SECRET[$n], $body)})->code;
    };
    is $post->('/own', 1), 200, 'its own';
    is $post->('/own', 0), 401, 'in place of the inherited';
    is $post->('/api/tavus/webhook', 0), 200, 'and only there';
    is $post->('/api/tavus/webhook', 1), 401;
    done_testing;
};

# a node that was not given a new key refuses what another one's made: that is
# no secret to those who run it, and no way to fill their disk

subtest 'a key of another node' => sub {
    my $token = sign_token($SECRET[2], id => 'key-of-another-node');
    my $counted = sub { metrics($t)->('tavus_verifications_total',
        scheme => 'tavus', result => 'unknown_key') };
    my $before = $counted->();
    is verified(event(), token => $token), 401 for 1 .. 5;
    is $t->grep_log(
        qr/\[error\].*token of a key "key-of-another-node" that is not/), 1,
        'named once';
    unlike $t->error_log, qr/\Q$token\E/, 'but not the token';
    is $counted->(), $before + 5, 'counted each time';
};

like $t->nginx_t(http => {tavus_webhook_secret =>
    ["file:$file[0] id=one", "file:$file[1] id=two", "file:$file[0] id=three"]}),
    qr/\[emerg\] .*: secret "three" has the same value as "one" in .*\.conf:\d+/,
    'one value under two ids';

done_testing;
