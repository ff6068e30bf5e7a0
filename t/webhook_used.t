#!/usr/bin/perl

# When each secret last verified something: by metrics and by the admin API,
# over all workers and reloads.  What is refused is no use of one.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Metrics;

my @SECRET = map { "secret-number-$_-of-the-tests-$_$_$_$_" } 0 .. 2;

my $t = Tavus::Test->new(workers => 2, http => {tavus_journal => '%%DIR%%/journal'},
    locations => {'= /metrics' => 'tavus_metrics;'});
my @file = map { $t->secret("webhook$_", $SECRET[$_]) } 0 .. 2;
my $keys = sub { return [map { "file:$file[$_] id=key$_" } @_] };
my $stripe = "tavus_webhook stripe; tavus_webhook_secret file:$file[2] id=key0;";
$t->configure(http => {tavus_webhook_secret => $keys->(1, 0)}, locations => {'= /stripe' => $stripe});
$t->start;
my $began = time;

sub used ($scheme, $id) {
    return metrics($t)->('tavus_webhook_secret_used_timestamp_seconds', scheme => $scheme, id => $id);
}

sub at ($scheme, $id) {
    my ($key) = grep { $_->{scheme} eq $scheme && $_->{id} eq $id }
        map { $_->{keys}->@* } $t->admin('/api/admin/nodes')->json->{nodes}->@*;
    return $key ? $key->{used_at} // 'never' : 'none';
}

sub signed ($n) {
    my $body = tavus_event('system.shutdown', 'c1');
    return $t->webhook($body, unsigned => 1, sign_header($SECRET[$n], $body))->code;
}

is used('tavus', "key$_"), 0, "key$_ is not used yet" for 0, 1;
is used('stripe', 'key0'), 0, 'nor is the one of Stripe with the same id';
is signed(2), 401, 'a callback of none of them';
is used('tavus', "key$_"), 0, "is no use of key$_" for 0, 1;

is signed(0), 200, 'a callback';
cmp_ok used('tavus', 'key0'), '>=', $began, 'tells of its secret';
is used('tavus', 'key1'), 0, 'of no other';
is used('stripe', 'key0'), 0, 'nor of one with its id';

my $created = $t->create(vertical => 'legal')->json;
is used('tavus', 'key1'), 0, 'to sign is no use';
is $t->post('/api/tavus/end-conversation', {map { $_ => $created->{$_} } qw(conversation_id end_token)})->code,
    200, 'an end token';
cmp_ok used('tavus', 'key1'), '>=', $began, 'is one';

wait_ok { at('tavus', 'key1') =~ /^20\d\d-.*Z\z/ } 'the node tells of it';
is at('stripe', 'key0'), 'never', 'and of who was not used';

# the one behind moves up, and a new one comes
my $before = used('tavus', 'key1');
$t->configure(http => {tavus_webhook_secret => $keys->(2, 1)}, locations => {'= /stripe' => $stripe});
$t->reload(drained => 1);
is used('tavus', 'key1'), $before, 'known over a reload';
is used('tavus', 'key2'), 0, 'one that is new';
is used('tavus', 'key0'), undef, 'one that is gone';
wait_ok { at('tavus', 'key0') eq 'none' } 'for the owner as well';

done_testing;
