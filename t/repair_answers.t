#!/usr/bin/perl

# Whatever Tavus answers when it is asked for a conversation: nothing is
# overwritten, nothing is closed without its word, and it is asked again.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Repair;
use Mojo::JSON qw(decode_json encode_json true);
use POSIX qw(strftime);

my $t = repair_test(http => {tavus_api_timeout => '2s'});
my ($box, $db) = ($t->sandbox, $t->db);

sub path ($id) { return (method => 'GET', path => "/v2/conversations/$id") }
sub answer ($id, %body) {
    $box->fault(path($id), kind => 'status', status => 200,
        body => {conversation_id => $id, status => 'ended', %body});
    return $id;
}
sub asked ($id, $n = 1) {
    wait_ok { fetched($t, $id) >= $n } "$id is asked for, $n", 30;
}
my $closed = sub ($id) { $db->selectrow_array(q{SELECT
    convert_from(body, 'UTF8')::json ->> 'reason' FROM tavus.events
    WHERE conversation_id = ? AND event_type = 'conversation.ended'}, undef,
    $id) };
my $stored = sub ($id) { join ' ', sort $db->selectcol_arrayref(q{SELECT
    event_type FROM tavus.events WHERE conversation_id = ?
    AND source = 'tavus'}, undef, $id)->@* };
my $quarantined = sub { scalar $db->selectrow_array(
    q{SELECT count(*) FROM tavus.quarantine}) };

subtest 'what cannot be used' => sub {
    my %bad = (
        garbage     => {kind => 'garbage'},
        'no HTTP'   => {kind => 'garbage', raw => 1},
        cut         => {kind => 'cut'},
        accepted    => {kind => 'status', status => 202, body => {}},
        moved       => {kind => 'status', status => 301, body => '',
                        headers => {Location => '/elsewhere'}},
        'not found' => {kind => 'status', status => 404, body => '<html>'},
        late        => {kind => 'status', status => 408, body => {}},
        broken      => {kind => 'status', status => 500, body => {}},
        hang        => {kind => 'hang'},
    );
    my %id;
    my @round;
    for my $case (sort keys %bad) {
        my ($good) = lost($t, 1);
        ($id{$case}) = lost($t, 1);
        $box->fault(path($id{$case}), %{$bad{$case}});
        push @round, $id{$case}, $good;
    }
    ask($t, @round);
    wait_ok { whole($t, $round[-1]) } 'those between are repaired', 60;
    is scalar(grep { whole($t, $round[$_ * 2 + 1]) } 0 .. keys(%bad) - 1),
        scalar keys %bad, 'all of them';
    for my $case (sort keys %bad) {
        is row($t, $id{$case}, q{row(ended, shutdown_id, closed_id,
            repair_tries, repair_at BETWEEN now() + interval '9 minutes'
                          AND now() + interval '10 minutes')::text}),
            '(f,,,1,t)', "$case: nothing is known, it is asked later";
        is scalar(my @said = $t->grep_log(
            qr/"$id{$case}" could not be repaired: status/)), 1, "$case: told";
        is scalar fetched($t, $id{$case}), 1, "$case: asked for once";
    }
    is scalar $t->grep_log(qr/no conversation is repaired for/), 0,
        'one now and then keeps nobody';

    $box->no_faults;
    ask($t, values %id);
    wait_ok { !grep { !whole($t, $_) } values %id } 'then they are', 30;
    done_testing;
};

subtest 'fewer, more, and nonsense' => sub {
    my ($id) = lost($t, 1);
    my @true = $t->ua->get("@{[$box->url]}/v2/conversations/$id?verbose=true",
        {'x-api-key' => $box->api_key})->result->json->{events}->@*;
    $box->events(conversation_id => $id, events => [@true[0, 1]]);
    ask($t, $id);
    wait_ok { row($t, $id, 'shutdown_id IS NOT NULL') } 'what there is', 30;
    is row($t, $id, 'transcript_id'), undef;
    wait_ok { row($t, $id, 'repair_answers') == 1 } 'one answer', 30;
    is row($t, $id, q{repair_at > now()}), 1, 'and asked again';

    my $at = $true[0]{timestamp};
    $box->fault(path($id), kind => 'status', status => 200, times => 1,
        body => {conversation_id => $id, status => 'ended', events => [
            @true, 1, 'x', [], {}, {event_type => 'x.no_time'},
            {timestamp => $at}, {event_type => 7, timestamp => $at},
            {event_type => 'x' x 300, timestamp => $at},
            {event_type => 'x.bad_time', timestamp => 'soon'},
            {event_type => 'x.new', timestamp => $at, more => [1]},
            {message_type => 'x.named', timestamp => $at, properties => {}},
            {event_type => 'x.old', timestamp => '2020-01-01T00:00:00Z'},
        ]});
    ask($t, $id);
    wait_ok { whole($t, $id) } 'the rest', 30;
    is $stored->($id), 'application.perception_analysis '
        . 'application.transcription_ready system.pal_joined system.shutdown '
        . 'x.named x.new x.old', 'what is an event, in any case';
    done_testing;
};

subtest 'another than the callback' => sub {
    my @sent = talk($t);
    my $id = $sent[0]{conversation_id};
    wait_ok { whole($t, $id) } 'all came', 30;
    my $before = $db->selectall_arrayref('SELECT id, body FROM tavus.events
        WHERE conversation_id = ? ORDER BY id', undef, $id);
    my @other = map { $_->{event_type} eq 'system.shutdown'
        ? {$_->%{qw(event_type timestamp)}, properties => {reason => 'other'}}
        : {$_->%{qw(event_type timestamp properties)}} } @sent;
    $box->events(conversation_id => $id, events => \@other);
    for my $n (1, 2) {
        ask($t, $id);
        asked($id, $n);
        wait_ok { row($t, $id, 'repair_answers') == $n } 'answered', 30;
    }
    is $quarantined->(), 1, 'is in quarantine, once';
    is_deeply $db->selectall_arrayref('SELECT id, body FROM tavus.events
        WHERE conversation_id = ? ORDER BY id', undef, $id), $before,
        'and nothing is changed';
    is row($t, $id, 'shutdown_reason'), 'participant_left_timeout';
    done_testing;
};

subtest 'what is over, and what Tavus does not know' => sub {
    my ($said, $silent, $gone, $invalid, $html, $other) = lost($t, 6);
    my $end = strftime('%Y-%m-%dT%H:%M:%S.250000Z', gmtime time - 60);
    answer($said, events => undef, updated_at => $end,
        shutdown_reason => 'max_call_duration reached');
    answer($silent, events => []);
    $box->fault(path($gone), kind => 'status', status => 410, body => {});
    $box->fault(path($invalid), kind => 'status', status => 400,
        body => {error => 'Invalid conversation_id'});
    $box->fault(path($html), kind => 'status', status => 404,
        body => '<html>');
    $box->fault(path($other), kind => 'status', status => 400,
        body => {error => 'verbose is unknown'});
    ask($t, $html, $said, $silent, $other, $gone, $invalid);
    wait_ok { $closed->($invalid) } 'closed', 30;
    is $closed->($said), 'max_call_duration', 'with the reason that Tavus has';
    is $closed->($silent), 'ended', 'or none';
    is $closed->($_), 'unknown_to_tavus' for $gone, $invalid;
    is $closed->($_), undef, 'another refusal says nothing' for $html, $other;
    is_deeply $db->selectall_arrayref('SELECT id FROM tavus.conversations
        WHERE ended AND id IN (?, ?) ORDER BY 1', undef, $html, $other), [];
    is $t->admin("/api/admin/conversations/$said")->json->{endedAt},
        $end =~ s/000Z/Z/r, 'when it was';
    wait_ok { row($t, $_, 'repair_at IS NULL') } 'and done with', 30
        for $gone, $invalid, $silent;

    for my $n (2, 3) {
        ask($t, $html);
        asked($html, $n);
    }
    wait_ok { ($closed->($html) // '') eq 'unknown_to_tavus' }
        'a 404 is believed the third time', 30;
    $box->no_faults;
    done_testing;
};

subtest 'what goes on' => sub {
    my ($long, $short, $foreign) = lost($t, 3);
    my $created = strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time - 5200);
    answer($_, status => 'active', created_at => $created, events => [])
        for $long, $foreign;
    answer($short, status => 'active', events => [], created_at =>
        strftime('%Y-%m-%dT%H:%M:%SZ', gmtime time - 5000));
    # of which nobody said how long it may last
    $db->do('UPDATE tavus.conversations SET announced_id = NULL WHERE id = ?',
        undef, $foreign);
    ask($t, $short, $foreign, $long);
    wait_ok { $closed->($long) } 'long past its time it is ended', 30;
    is $closed->($long), 'overdue';
    my @ended = map { $_->{path} } grep { $_->{method} eq 'POST'
        && $_->{path} =~ m{/end\z} && $_->{path} !~ /^.room/ }
        $box->calls('/v2/conversations/');
    is_deeply \@ended, ["/v2/conversations/$long/end"], 'and no other';
    is row($t, $_, q{row(ended, repair_at > now())::text}), '(f,t)',
        'it is asked again' for $short, $foreign;
    $box->no_faults;
    done_testing;
};

done_testing;
