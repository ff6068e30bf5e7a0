#!/usr/bin/perl

# Each proof that is given away is good for what it was given for alone, and of
# no use anywhere else: as it is, with its MAC in the shape that another place
# wants, and as what the same secret would sign for another use.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;
use Digest::SHA qw(hmac_sha256 hmac_sha256_hex);

my $t = line_test(http => {tavus_vertical =>
    ['general { persona_id p01; visitor_memory on; }']});
my $secret = $t->webhook_secret;

# ---- what a visitor and Tavus are given

my $talk;
wait_for { ($talk = come($t, 1))->code == 200 } 30;
my $id = $talk->json->{conversation_id};
my ($cookie) = ($talk->headers->set_cookie // '') =~ /^tavus_visitor=([^;]+)/;
$t->ua->cookie_jar->empty;
my %proof = (
    callback => $t->sandbox->token,
    end => $talk->json->{end_token},
    ticket => wait_in_line($t, 2),
    cookie => $cookie,
);
is scalar(grep { ($_ // '') =~ /\bk1\b.*[0-9a-f]{64}\z/ } values %proof), 4,
    'a proof of each kind' or diag explain \%proof;
$t->ua->cookie_jar->empty;

# ---- where one is asked for: what is answered to that proof

my $n = 0;
my %place = (
    callback => sub ($proof) {
        my $res = $t->webhook(tavus_event('conversation.x', $id, {n => $n++}),
            token => $proof);
        return join ' ', $res->code, $res->json->{code} // 'taken';
    },
    end => sub ($proof) {
        my $res = $t->post('/api/tavus/end-conversation',
            {conversation_id => $id, end_token => $proof});
        return join ' ', $res->code, $res->json->{code} // 'taken';
    },
    track => sub ($proof) {
        my $res = $t->post('/api/track', {conversation_id => $id,
            end_token => $proof, events => [{name => 'a', properties =>
                {session_id => 's' . $n++}}]});
        return join ' ', $res->code, $res->json->{code} // 'taken';
    },
    ticket => sub ($proof) {
        my $res = ask($t, 2, $proof);
        return join ' ', $res->code, $res->json->{code} // 'taken';
    },
    # who is not known to be somebody becomes somebody else
    cookie => sub ($proof) {
        my $res = $t->post('/api/tavus/create-conversation', {},
            {'X-Real-IP' => address(100 + $n++), Cookie => "tavus_visitor=$proof"});
        $t->ua->cookie_jar->empty;
        return $res->code . ($res->headers->set_cookie ? ' new' : ' taken');
    },
);
my %refusal = (callback => '401 invalid_signature', end => '401 invalid_end_token',
    track => '401 invalid_end_token', ticket => '401 invalid_ticket',
    cookie => '202 new');
my %own = (callback => 'callback', end => 'end', track => 'end',
    ticket => 'ticket', cookie => 'cookie');

# the end of the conversation comes last
my @places = (qw(callback track ticket cookie), 'end');

for my $place (@places) {
    for my $kind (grep { $_ ne $own{$place} } sort keys %proof) {
        is $place{$place}->($proof{$kind}), $refusal{$place},
            "$place: what $kind is given";
    }
}

# ---- its MAC in the shape that is wanted there

my %shape = map {
    my ($head) = $proof{$own{$_}} =~ /^(.*)\.[0-9a-f]{64}\z/;
    $_ => $head;
} @places;
for my $place (@places) {
    for my $kind (grep { $_ ne $own{$place} } sort keys %proof) {
        my ($mac) = $proof{$kind} =~ /([0-9a-f]{64})\z/;
        is $place{$place}->("$shape{$place}.$mac"), $refusal{$place},
            "$place: with the MAC of $kind";
    }
}

# ---- the very text, signed by the same secret for something else

sub text ($place) {
    my ($first, $nonce, $expiry) = split /\./, $shape{$place};
    return $place eq 'callback' ? $shape{$place}
        : $place =~ /^(?:end|track)\z/ ? "$id.$nonce.$expiry" : $first;
}

sub key ($label) {
    return $secret if $label eq 'sender';
    return hmac_sha256("tavus $label v1\x01", hmac_sha256($secret, "\0" x 32));
}

my @labels = qw(sender callback end visitor relay budget line seal);
my %label = (callback => 'callback', end => 'end', track => 'end',
    ticket => 'line', cookie => 'visitor');
for my $place (@places) {
    my ($own) = $proof{$own{$place}} =~ /([0-9a-f]{64})\z/;
    is hmac_sha256_hex(text($place), key($label{$place})), $own,
        "$place: what is signed, and how";
    for my $label (grep { $_ ne $label{$place} } @labels) {
        is $place{$place}->("$shape{$place}."
            . hmac_sha256_hex(text($place), key($label))), $refusal{$place},
            "$place: signed as $label";
    }
}

# ---- each where it belongs

like $place{$_}->($proof{$own{$_}}), qr/^20[02] taken\z/, "$_: its own" for @places;

done_testing;
