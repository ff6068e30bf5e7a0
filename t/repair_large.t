#!/usr/bin/perl

# An answer of Tavus is taken up to 8 MiB, as a callback is, and not beyond;
# more events than anybody has are bounded, too.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Repair;
use Mojo::JSON qw(encode_json);
use POSIX qw(strftime);

# Tavus, whose answers are files
my $api = Tavus::Test->new(module => 0, db => 0, sandbox => 0,
    locations => {'/v2/conversations/' => 'alias %%HTML%%/;'})->start;
my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_api_url => $api->url(''), tavus_repair => 'rate=10r/s'})
    ->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';
my $db = $t->db;

my $MAX = 8 * 1024 * 1024;
my $at = strftime('%Y-%m-%dT%H:%M:%S', gmtime);

sub answer ($id, @events) {
    return encode_json({conversation_id => $id, status => 'ended',
        events => \@events});
}
sub transcript ($id, $size) {
    my $text = answer($id, {event_type => 'application.transcription_ready',
        timestamp => "$at.1Z",
        properties => {transcript => [{role => 'user', content => 'PAD'}]}});
    return $text =~ s/PAD/'x' x ($size - length($text) + 3)/er;
}
sub known ($id, $text) {
    $api->file($id, $text);
    is $t->webhook(tavus_event('system.replica_joined', $id))->code, 200, $id;
}

known('large', transcript('large', $MAX + 1));
known('most', transcript('most', $MAX));
known('many', answer('many', map { {event_type => "x.$_",
    timestamp => "$at.2Z"} } 1 .. 1001));
due($t);

wait_ok { row($t, 'many', 'repair_answers') } 'the last is answered', 60;
is row($t, 'most', 'transcript_id IS NOT NULL'), 1,
    '8 MiB are taken';
is $db->selectrow_array(q{SELECT octet_length(body) FROM tavus.events
    WHERE conversation_id = 'most'
      AND event_type = 'application.transcription_ready'}),
    $MAX - length answer('most') , 'as they came';
is row($t, 'large', 'ended'), 0, 'nothing is known of what is larger';
is row($t, 'large', 'repair_tries'), 1;
is scalar $t->grep_log(qr/failed: its answer is too large/), 1, 'why';
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE event_type LIKE 'x.%'}), 1000, 'a thousand events';
wait_ok { $t->grep_log(qr/"many" has more than 1000 events, the rest is left out/) }
    'the log says so';

done_testing;
