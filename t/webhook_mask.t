#!/usr/bin/perl

# Tavus echoes the callback URL in each body.  The token in it is not stored,
# unless a signature covers the body, which then stays as it is.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(b64_decode);

my $t = Tavus::Test->new->start;
my $secret = $t->webhook_secret;

sub raw ($type) {
    return $t->db->selectrow_array(
        q{SELECT convert_from(body, 'UTF8') FROM tavus.events
           WHERE event_type = ?
           UNION ALL
          SELECT convert_from(body, 'UTF8') FROM tavus.quarantine
           WHERE event_type = ?}, {}, $type, $type);
}

subtest 'of a real create' => sub {
    my $id = $t->create(vertical => 'legal')->json->{conversation_id};
    my $token = $t->sandbox->token;
    is $t->sandbox->callback(conversation_id => $id, event_type => 'x.real')
        ->{status}, 200;

    my $raw = raw('x.real');
    like $raw, qr/webhook_url/, 'the URL is there';
    is index($raw, $token), -1, 'the token is not';
    unlike $raw, qr/[0-9a-f]{64}/, 'nor is its MAC';
    my $stars = '*' x length $token;
    like $raw, qr/token=\Q$stars\E"/, 'masked in place';

    my ($event) = $t->db->selectrow_array(
        q{SELECT id FROM tavus.events WHERE event_type = 'x.real'});
    my $json = $t->admin("/api/admin/events/$event")->json;
    is b64_decode($json->{raw}), $raw, 'the same to the admin';
    done_testing;
};

subtest 'by hand' => sub {
    my $token = sign_token($secret);
    my %url = (webhook_url => "https://a.example/x?token=$token&a=b");

    my $body = tavus_event('x.token', 'c1', {}, %url, again => $token);
    is $t->webhook($body, token => $token)->code, 200;
    my $masked = $body =~ s/\Q$token\E/'*' x length $token/ger;
    is raw('x.token'), $masked, 'wherever it stands, and nothing else';

    $body = tavus_event('x.header', 'c1', {}, %url);
    is $t->webhook($body, token => $token, sign_header($secret, $body))
        ->code, 200;
    is raw('x.header'), $body, 'a header signs it';

    $body = sign_in_body($secret, tavus_event('x.member', 'c1', {}, %url));
    is $t->webhook($body, token => $token)->code, 200;
    is raw('x.member'), $body, 'a member signs it';

    # what is quarantined, too
    $body = tavus_event('x.unfit', 'c1', {}, %url) =~ s/\}\z/,"x":1e999999}/r;
    is $t->webhook($body, token => $token)->code, 200;
    is raw('x.unfit'), $body =~ s/\Q$token\E/'*' x length $token/ger,
        'in quarantine';
    done_testing;
};

# what identifies an event is what is stored
subtest 'redelivered' => sub {
    my $token = sign_token($secret);
    my $body = tavus_event('x.again', 'c2', {}, webhook_url => "?$token");
    is $t->webhook($body, token => $token)->code, 200 for 1, 2;

    my $none = qq({"event_type":"x.none","webhook_url":"?$token"});
    is $t->webhook($none, token => $token)->code, 200 for 1, 2;

    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type IN ('x.again', 'x.none')}), 2;
    is $t->db->selectrow_array(q{SELECT count(*) FROM tavus.quarantine
        WHERE reason = 'conflict'}), 0;
    done_testing;
};

done_testing;
