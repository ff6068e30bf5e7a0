#!/usr/bin/perl

# Callbacks are lost at random, a tenth, half or all of them: in the end both
# tables are what they are where none is lost.  TAVUS_SEED: what is lost.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Repair;
use Mojo::JSON qw(encode_json);

my $seed = $ENV{TAVUS_SEED} // int rand 1e6;
note "TAVUS_SEED=$seed";

my $t = repair_test();
my $box = $t->sandbox;
$box->config(twins => 1, seed => $seed);

# a site to which all that Tavus sends comes
my $other = Tavus::Test->new(sandbox => 0, http => {tavus_repair => 'off'})
    ->start;
wait_ok { $other->get('/healthz')->code == 200 } 'ready';

# but for the name that of two came first, and when
sub tables ($site) {
    my $db = $site->db;
    return [
        $db->selectcol_arrayref(q{SELECT conversation_id || ' '
            || replace(event_type, 'pal_', 'replica_') || ' ' || id
            FROM tavus.events WHERE source = 'tavus' ORDER BY 1}),
        $db->selectcol_arrayref(q{SELECT concat_ws(' ', id, started_id,
            shutdown_id, shutdown_reason, transcript_id, recording_id,
            perception_id, ended) FROM tavus.conversations ORDER BY 1}),
    ];
}

my @reason = ('participant_left_timeout reached', 'max_call_duration reached',
    'end_conversation_endpoint_hit');

for my $share ('0.1', '0.5', '1') {
    $box->config(callback_drop => $share);
    my $n = @{tables($t)->[1]};
    my @id = map {
        my $id = $t->create(vertical => (qw(legal general))[$_ % 2])
            ->json->{conversation_id};
        # some that nobody joins
        if ($_ % 5) {
            $box->play(conversation_id => $id, story => 'plain',
                reason => $reason[$_ % @reason]);
        } else {
            $t->ua->post("@{[$box->url]}/v2/conversations/$id/end",
                {'x-api-key' => $box->api_key});
        }
        $id;
    } 1 .. 20;
    wait_ok { !grep { !defined $_->{status} && !$_->{lost} } $box->callbacks }
        "$share: all callbacks were sent, or lost";

    my %of = map { $_ => 1 } @id;
    my @sent = grep { $of{$_->{conversation_id}} } $box->callbacks;
    my $lost = grep { $_->{lost} } @sent;
    is $lost, scalar @sent, "$share: all are lost" if $share == 1;
    cmp_ok $lost, '>', 0, "$share: $lost of @{[scalar @sent]} are lost";

    is +(grep { $other->webhook(encode_json($_->{body}))->code != 200 } @sent),
        0, "$share: the other has them all";

    # those of which nothing is left to be asked in the end
    wait_ok {
        due($t);
        !$t->db->selectrow_array('SELECT count(*) FROM tavus.conversations
            WHERE repair_at IS NOT NULL');
    } "$share: nothing is left to be asked", 90;

    is_deeply tables($t), tables($other), "$share: as if none had been lost";

    # and then they come after all
    my $before = tables($t);
    is +(grep { $t->webhook(encode_json($_->{body}))->code != 200 } @sent), 0,
        "$share: all come late";
    is_deeply tables($t), $before, "$share: which changes nothing";
}

is $t->db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0,
    'and contradicts nothing';

done_testing;
