#!/usr/bin/perl

# npm

# What senders sign with their own libraries is verified again from what was
# kept of it, by any secret of theirs, however old it is; and a letter more or
# less in the database is found out.

use lib 't/lib';
use Tavus::Test;
use IPC::Open2 qw(open2);
use MIME::Base64 qw(encode_base64);
use Mojo::JSON qw(decode_json encode_json true false);
use Mojo::Util qw(decode);

# where build.sh brings a Node of its own
local $ENV{PATH} = "build/node/bin:$ENV{PATH}";

-d 'build/senders/node_modules/stripe'
    or BAIL_OUT('the senders are missing: ./build.sh test t/verify_senders.t');

my %SECRET = (
    standard => [map { 'whsec_' . encode_base64($_ x 32, '') } 'a', 'b'],
    stripe => [map { "whsec_of_stripe_0123456789$_" } 0, 1],
);
my $t = Tavus::Test->new(workers => 1, sandbox => 0);
sub location ($scheme, @keys) {
    return join ' ', "tavus_webhook $scheme;", map { "tavus_webhook_secret file:"
        . $t->secret("$scheme$_", $SECRET{$scheme}[$_]) . " id=k$_;" } @keys;
}
$t->configure(locations => {map { ("= /$_" => location($_, 0, 1)) } keys %SECRET})
    ->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $node = open2(my $out, my $in, 'node', 't/senders/sign.mjs');
sub library (%message) {
    print {$in} encode_json(\%message), "\n";
    $in->flush;
    return decode_json(scalar readline $out)->%*;
}
sub again ($id) {
    my $res = $t->post("/api/admin/events/$id/verify", {}, $t->admin_headers);
    is $res->code, 200 or diag $res->body;
    return [$res->json->@{qw(verified reason method key_id)}];
}

my $n = 0;
my @sent;
for my $sender (qw(stripe standard svix)) {
    my $scheme = $sender eq 'stripe' ? 'stripe' : 'standard';
    for my $key (0, 1) {
        for my $about (-200, 0) {
            my $id = ($scheme eq 'stripe' ? 'evt_' : 'msg_') . ++$n;
            # bytes beyond ASCII, and white space that a parser would lose
            my $body = $scheme eq 'stripe'
                ? qq({ "id":"$id","object":"event", "type":"invoice.paid","created":)
                    . time . qq(,"x":"\xc3\xa9\xf0\x9f\x98\x80 \\u00e9"\n})
                : qq({"type":"lead.created",  "timestamp":") . now_iso()
                    . qq(","x":"\xc3\xa9\xf0\x9f\x98\x80 \\u00e9"\n});
            my %headers = library(sender => $sender, id => $id,
                body => decode("UTF-8", $body),
                secret => $SECRET{$scheme}[$key], time => time + $about);
            is $t->post("/$scheme", $body, \%headers)->code, 200,
                "$sender, secret $key, $about s";
            my ($event) = $t->db->selectrow_array(q{SELECT id FROM tavus.events
                WHERE source = ? ORDER BY received_at DESC LIMIT 1}, {}, $scheme);
            push @sent, [$event, $scheme, "k$key"];
            is_deeply again($event), [true, undef, $scheme, "k$key"], 'verified again';
        }
    }
}

# days later, when it is long outside its tolerance
$t->db->do(q{UPDATE tavus.events SET received_at = received_at - interval '9 days'});
is_deeply again($_->[0]), [true, undef, $_->@[1, 2]], 'however old' for @sent;

# a byte of each changed, wherever it is
for (@sent) {
    my ($id) = @$_;
    my ($length) = $t->db->selectrow_array(
        'SELECT octet_length(body) FROM tavus.events WHERE id = ?', {}, $id);
    my $set = q{UPDATE tavus.events SET body = set_byte(body, ?, get_byte(body, ?) # 1)
        WHERE id = ?};
    for my $at (0, int $length / 2, $length - 1) {
        $t->db->do($set, {}, $at, $at, $id);
        is_deeply [again($id)->@[0, 1]], [false, 'mismatch'], "byte $at is another";
        $t->db->do($set, {}, $at, $at, $id);
    }
    is again($id)->[0], true, 'and as it was';
}

# the old one is removed
$t->configure(locations => {map { ("= /$_" => location($_, 1)) } keys %SECRET})
    ->reload(drained => 1);
for (@sent) {
    my ($id, $scheme, $key) = @$_;
    is_deeply again($id), $key eq 'k1' ? [true, undef, $scheme, $key]
        : [undef, 'key_not_configured', $scheme, $key], "$scheme, $key";
}

close $in;
waitpid $node, 0;
done_testing;
