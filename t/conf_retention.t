#!/usr/bin/perl

# What nginx -t makes of tavus_retention, and what a page may tell of it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;

my $t = conf_test();

for my $text ('60d', '400d', 'events=60d', '60d browser=30d', '60d browser=60d',
    'browser=1d', 'events=400d browser=90d contacts=180d transcripts=180d trail=400d',
    'transcripts=30d events=60d', 'trail=30d', 'contacts=36h')
{
    accepted($text, http => {tavus_retention => $text});
}

for (
    ['59d', qr/must keep "events" for at least 60d/],
    ['events=59d', qr/must keep "events" for at least 60d/],
    ['60d browser=61d', qr/cannot keep "browser" longer than events, which are kept for 60d/],
    ['contacts=401d', qr/cannot keep "contacts" longer than events, which are kept for 400d/],
    ['transcripts=61d events=60d', qr/cannot keep "transcripts" longer than/],
    ['60d trail=61d', qr/cannot keep "trail" longer than/],
    ['60d browser=23h', qr/must keep "browser" for at least 1d/],
    ['60d contacts=0', qr/must keep "contacts" for at least 1d/],
    ['60d transcripts=1h', qr/must keep "transcripts" for at least 1d/],
    ['60d trail=29d', qr/must keep "trail" for at least 30d/],
    ['60d browser=x', qr/has an invalid time "browser=x"/],
    ['60d browser=', qr/has an invalid time "browser="/],
    ['long', qr/has an invalid time "long"/],
    ['60d source=30d', qr/has an unknown parameter "source=30d": it knows "events"/],
    ['60d 61d', qr/has an unknown parameter "61d"/],
    ['browser=1d 60d', qr/has an unknown parameter "60d"/],
    ['60d =30d', qr/has an unknown parameter "=30d"/],
    ['60d events=70d', qr/has "events" twice/],
    ['trail=60d trail=60d', qr/has "trail" twice/],
) {
    my ($text, $says) = @$_;
    refused($text, qr/"tavus_retention" $says/, qr/tavus_retention/,
        http => {tavus_retention => $text});
}

# ---- what is said, in days; a part of one counts
for (
    [undef, 400, 400, 400, 400, 400],
    ['60d', (60) x 5],
    ['events=100d browser=36h contacts=7d transcripts=1w trail=2M', 100, 2, 7, 7, 60],
) {
    my ($text, @days) = @$_;
    my $n = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
        http => {$text ? (tavus_retention => $text) : ()},
        locations => {'= /days' => 'return 200 $tavus_retention_days;'})->start;
    my %said;
    @said{qw(events browser contacts transcripts trail)} = @days;
    is_deeply $n->get('/days')->json, \%said, $text // 'the default';
}

done_testing;
