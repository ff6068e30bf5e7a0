#!/usr/bin/perl

# Two nodes repair many conversations: no faster, together, than they may, each
# once, and in no more memory than a few take.  TAVUS_REPAIRS: so many instead
# of 200; 10,000 take a quarter of an hour.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Process qw(slurp);
use Mojo::JSON qw(encode_json);
use POSIX qw(strftime);
use Time::HiRes qw(time);

my $many = $ENV{TAVUS_REPAIRS} || 200;
my ($rate, $burst) = (10, 100);     # a second, and at once

# Tavus: any conversation has ended, with a transcript of 20 KB
my $api = Tavus::Test->new(module => 0, db => 0, sandbox => 0,
    http_extra => 'log_format times "$msec $arg_id";',
    locations => {
        '/v2/conversations/' =>
            'rewrite ^/v2/conversations/(\w+)$ /answer.json?id=$1 last;',
        '= /answer.json' => 'root %%HTML%%; ssi on; '
            . 'ssi_types application/json; default_type application/json; '
            . 'access_log %%DIR%%/times.log times;',
    });
my $at = strftime('%Y-%m-%dT%H:%M:%S', gmtime);
my @events = (
    ['system.replica_joined', {replica_id => 'r1'}],
    ['system.shutdown', {reason => 'participant_left_timeout reached'}],
    ['application.transcription_ready', {transcript => [map {
        {role => 'user', content => 'word ' x 40} } 1 .. 80]}],
    ['application.perception_analysis', {analysis => 'all is well'}],
);
my $n = 0;
my $answer = encode_json({conversation_id => 'ID', status => 'ended',
    events => [map { {event_type => $_->[0], properties => $_->[1],
        timestamp => "$at." . ++$n . 'Z'} } @events]});
$api->file('answer.json', $answer =~ s/ID/<!--#echo var="arg_id" -->/r);
$api->start;

my @site;
push @site, Tavus::Test->new(measured(), sandbox => 0,
    db => @site ? $site[0]->pg : 1, http => {tavus_api_url => $api->url(''),
        tavus_repair => "rate=${rate}r/s"}) for 1, 2;
$_->start for @site;
wait_ok { $_->get('/healthz')->code == 200 } 'ready' for @site;
my $db = $site[0]->db;

sub known ($count, $from) {
    $db->do(q{INSERT INTO tavus.conversations (id, first_id, repair_at)
        SELECT 'c' || lpad(n::text, 6, '0'), tavus.uuid_floor(now()), now()
          FROM generate_series(?::int, ?) n}, undef, $from, $from + $count - 1);
}
sub left () {
    return scalar $db->selectrow_array('SELECT count(*)
        FROM tavus.conversations WHERE repair_at IS NOT NULL');
}
sub memory () {
    my ($most) = sort { $b <=> $a } map { rss($_) } map { $_->workers } @site;
    return $most;
}

known(40, 1);
wait_ok { !left() } 'a few', 60;
my $before = memory();

my $begun = time;
known($many, 1001);
my $most = $before;
wait_ok {
    my $now = memory();
    $most = $now if $now > $most;
    !left();
} "$many are repaired", 60 + 3 * $many / $rate;
my $took = time - $begun;

is $db->selectrow_array('SELECT count(*) FROM tavus.conversations
    WHERE ended AND started_id IS NOT NULL AND transcript_id IS NOT NULL
      AND perception_id IS NOT NULL AND shutdown_id IS NOT NULL'), $many + 40,
    'whole';
is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
    WHERE source = 'tavus'}), 4 * ($many + 40), 'with all their events';

my @asked = map { [split / /] } split /\n/, slurp($api->dir . '/times.log');
is scalar @asked, $many + 40, 'each was asked for once';
my @when = sort { $a <=> $b } map { $_->[0] } grep { $_->[1] gt 'c001' } @asked;
my ($worst, $first) = (0, 0);
for my $last (0 .. $#when) {
    $first++ while $when[$last] - $when[$first] > 10;
    $worst = $last - $first + 1 if $last - $first + 1 > $worst;
}
cmp_ok $worst, '<=', 10 * $rate + $burst, "at most $worst within 10 s";
cmp_ok $took, '>=', ($many - $burst) / $rate - 5, 'and no faster in all';
cmp_ok $most - $before, '<', 4 * 1024 * 1024, 'in the memory of a few';
note sprintf '%d repaired in %.0f s, %d KiB before, %d KiB at most', $many,
    $took, $before / 1024, $most / 1024;

done_testing;
