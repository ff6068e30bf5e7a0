#!/usr/bin/perl

# A token belongs to one conversation: the first that comes with it, from
# Tavus's answer or from a callback.

use lib 't/lib';
use Tavus::Test;
use Mojo::Promise;

my $t = Tavus::Test->new(workers => 2)->start;
my $secret = $t->webhook_secret;

sub stored ($id) {
    return $t->db->selectrow_array(
        q{SELECT count(*) FROM tavus.events
           WHERE source = 'tavus' AND conversation_id = ?}, {}, $id);
}

sub code ($token, $id, $type = 'application.recording_ready', %more) {
    return $t->webhook(tavus_event($type, $id, {}, %more),
        token => $token)->code;
}

subtest 'by the first callback' => sub {
    my $token = sign_token($secret);
    is code($token, 'c-first'), 200;
    is code($token, 'c-second'), 401, 'another one';
    is code($token, 'c-first'), 200, 'the same one again';
    is stored('c-first'), 2;
    is stored('c-second'), 0, 'not stored';
    is $t->db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0,
        'nor in quarantine';
    done_testing;
};

subtest 'by the answer of Tavus' => sub {
    my $id = $t->create(vertical => 'legal')->json->{conversation_id};
    my $token = $t->sandbox->token;
    is code($token, 'c-third'), 401;
    is stored('c-third'), 0;
    is code($token, $id), 200;
    done_testing;
};

subtest 'two conversations' => sub {
    my @token = (sign_token($secret), sign_token($secret));
    is code($token[$_], "c-own-$_"), 200 for 0, 1;
    is code($token[$_], 'c-own-' . (1 - $_)), 401, 'crosswise' for 0, 1;
    is stored("c-own-$_"), 1 for 0, 1;
    done_testing;
};

subtest 'nothing weakens it' => sub {
    my $token = sign_token($secret);
    is code($token, 'c-bound'), 200;

    my $body = tavus_event('system.shutdown', 'c-signed');
    my $res = $t->webhook($body, token => $token,
        sign_header($secret, $body));
    is $res->code, 401, 'a signature besides';
    is $res->json->{code}, 'invalid_signature';
    is stored('c-signed'), 0;

    is code($token, 'c-bound '), 401, 'a blank more';
    is code($token, 'C-bound'), 401, 'another case';

    $body = '{"conversation_id":"c-bound","event_type":"x",'
        . '"conversation_id":"c-double"}';
    is $t->webhook($body, token => $token)->code, 200, 'the first one counts';
    is stored('c-double'), 0;

    $body = '{"conversation_id":"c-double","event_type":"x",'
        . '"conversation_id":"c-bound"}';
    is $t->webhook($body, token => $token)->code, 401, 'the second does not';

    # JSON can say the same in several ways
    $body = tavus_event('x.y', 'c-bound') =~ s/c-bound/\\u0063-bound/r;
    is $t->webhook($body, token => $token)->code, 200, 'escaped';

    is $t->webhook('{"event_type":"x.none"}', token => $token)->code, 200,
        'no conversation';
    is $t->db->selectrow_array(q{SELECT conversation_id FROM tavus.events
        WHERE event_type = 'x.none'}), undef;
    is code($token, 'c-other'), 401, 'and it is still bound';
    done_testing;
};

subtest 'an event that is known' => sub {
    my $body = tavus_event('system.shutdown', 'c-known');
    is $t->webhook($body, token => sign_token($secret))->code, 200;
    my $token = sign_token($secret);
    is code($token, 'c-else'), 200;
    is $t->webhook($body, token => $token)->code, 401,
        'a redelivery with a foreign token';
    done_testing;
};

subtest 'who binds nothing' => sub {
    my $token = sign_token($secret);
    is $t->webhook('{"event_type":"x","conversation_id":"c-unfit\\u0000"}',
        token => $token)->code, 200, 'quarantined';
    is code('k1' . substr($token, 2) =~ s/.\z/$& eq '0' ? 1 : 0/er, 'c-bad'),
        401, 'forged';
    is code($token, 'c-good'), 200;
    is code($token, 'c-bad'), 401;
    done_testing;
};

# Whatever the order, one wins and all others are refused.
subtest 'at the same time' => sub {
    my (%won, @odd);
    for my $round (1 .. 20) {
        my $token = sign_token($secret);
        my @id = map { "c-race-$round-$_" } 1 .. 6;
        my %code;
        my @all = map {
            my $id = $_;
            # a connection each, so that both workers take part
            $t->ua->post_p($t->url("/api/tavus/webhook?token=$token"),
                {Connection => 'close'}, tavus_event('system.shutdown', $id))
                ->then(sub ($tx) { $code{$id} = $tx->result->code });
        } @id;
        Mojo::Promise->all(@all)->wait;

        my @good = grep { ($code{$_} // 0) == 200 } @id;
        push @odd, map { "$_ $code{$_}" } @id
            if @good != 1 || grep { $code{$_} !~ /^(?:200|401)\z/ } @id;
        push @odd, map { "$_ stored" }
            grep { stored($_) != ($code{$_} == 200) } @id;
        $won{$good[0] =~ s/.*-//r}++ if @good;
    }
    is "@odd", '', 'one each, and only that one is stored';
    note join ' ', map { "$_:$won{$_}" } sort keys %won;
    done_testing;
};

done_testing;
