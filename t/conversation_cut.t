#!/usr/bin/perl

# A plan of Tavus's that allows shorter calls than a vertical has ends them
# without a word.  The owner is told, once for each.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(http => {
    tavus_journal => '%%DIR%%/journal',
    tavus_vertical => [
        'general { persona_id p01; max_call_duration 7200; }',
        'legal { persona_id p02; max_call_duration 31; }',
    ],
})->start;
my $box = $t->sandbox;

# A call that its visitor enters, and the body of its end once it is known.
sub call {
    my ($vertical) = @_;
    my $got = $t->create(vertical => $vertical)->json;
    my $id = $got->{conversation_id};
    is $t->ua->get($got->{conversation_url})->result->code, 200;
    wait_ok { over($id) } 'Tavus ends it', 30;
    return $id;
}

sub over {
    my ($id) = @_;
    my ($callback) = grep {
        ($_->{conversation_id} // '') eq $id && ($_->{status} // 0) == 200
            && ($_->{event_type} // '') eq 'system.shutdown'
    } $box->callbacks;
    return $callback;
}

sub told {
    my ($id) = @_;
    return grep { $_->{event_type} eq 'conversation.cut_short' }
        $t->admin("/api/admin/events?type=error&conversation_id=$id")
            ->json->{events}->@*;
}

sub lines {
    my ($id) = @_;
    return grep { /\[warn\].* conversation "\Q$id\E" of vertical "\w+" was cut short by Tavus: it lasted \d+ of \d+ s\z/ }
        split /\n/, $t->error_log;
}

$box->config(plan_limit => 1);
my $id = call('general');
my @told = told($id);
is scalar @told, 1, 'the owner is told';
is_deeply [$told[0]->@{qw(type source conversationId)}],
    ['error', 'server', $id];
my $data = $told[0]{data};
cmp_ok $data->{lasted}, '<', 60, 'how long it lasted';
is_deeply [$data->@{qw(conversation_id vertical reason max_call_duration)}],
    [$id, 'general', 'max_call_duration', 7200];
is scalar lines($id), 1, 'so is the log, in a line';

my $again = over($id);
is $box->callback(url => $again->{url}, body => $again->{body})->{status},
    200, 'the same callback again';
is scalar told($id), 1, 'tells nothing';
is scalar lines($id), 1, 'nor does the log';

my $short = call('legal');
is scalar told($short), 0, 'one of half a minute may have lasted that long';
is scalar lines($short), 0;

# ---- of which the database learns later
my $got = $t->create->json;
$t->pg->stop;
is $t->ua->get($got->{conversation_url})->result->code, 200;
wait_ok { over($got->{conversation_id}) } 'ended without a database', 30;
is scalar lines($got->{conversation_id}), 0;
$t->pg->start;
wait_ok { told($got->{conversation_id}) } 'told once it is back', 30;
wait_ok { lines($got->{conversation_id}) } 'and in the log';
is scalar told($got->{conversation_id}), 1;

done_testing;
