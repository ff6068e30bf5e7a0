#!/usr/bin/perl

# What nginx -t makes of tavus_journal and tavus_retention.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;

my $t = conf_test();
my $dir = $t->dir . '/journal';

accepted('a folder', http => {tavus_journal => $dir});
ok -d $dir, 'which nginx makes';
accepted('with a size', http => {tavus_journal => "$dir/ max_size=2g"});
accepted('relative', http => {tavus_journal => 'journal'});

refused('no path', qr/invalid path ""/, qr/tavus_journal/,
    http => {tavus_journal => '""'});
refused('a variable', qr/invalid path "\/x\/\$host"/, qr/tavus_journal/,
    http => {tavus_journal => '/x/$host'});
refused('twice', qr/"tavus_journal" directive is duplicate/, qr/tavus_journal/,
    http => {tavus_journal => [$dir, $dir]});
refused('another parameter', qr/invalid parameter "size=1g"/,
    qr/tavus_journal/, http => {tavus_journal => "$dir size=1g"});
for my $size ('', '15m', 'x', '-1', '1t') {
    refused("max_size=$size", qr/invalid "max_size=$size", it must be a size of at least 16m/,
        qr/tavus_journal/, http => {tavus_journal => "$dir max_size=$size"});
}
refused('without a database', qr/"tavus_journal" needs "tavus_database"/,
    qr/tavus_journal/, http => {tavus_journal => $dir,
        tavus_database => undef}, locations => {map { $_ => undef }
        '= /api/tavus/create-conversation', '= /api/tavus/end-conversation',
        '= /api/tavus/webhook', '/api/admin/', '= /api/track',
        '= /api/contact'});

accepted('60 days', http => {tavus_retention => '60d'});
refused('59 days', qr/"tavus_retention" directive must be at least 60d/,
    qr/tavus_retention/, http => {tavus_retention => '59d'});
accepted('browsers less', http => {tavus_retention => '60d browser=30d'});
accepted('browsers the same', http => {tavus_retention => '60d browser=60d'});
refused('browsers more', qr/"tavus_retention" directive takes for "browser="/,
    qr/tavus_retention/, http => {tavus_retention => '60d browser=61d'});
refused('browsers nothing', qr/"tavus_retention" directive takes for "browser="/,
    qr/tavus_retention/, http => {tavus_retention => '60d browser=23h'});
refused('browsers no time',
    qr/"tavus_retention" directive has an invalid time in "browser="/,
    qr/tavus_retention/, http => {tavus_retention => '60d browser=x'});
refused('another parameter', qr/"tavus_retention" directive has an unknown/,
    qr/tavus_retention/, http => {tavus_retention => '60d source=30d'});
refused('no time', qr/"tavus_retention" directive invalid value/,
    qr/tavus_retention/, http => {tavus_retention => 'long'});

done_testing;
