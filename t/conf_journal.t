#!/usr/bin/perl

# What nginx -t makes of tavus_journal.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;

my $t = conf_test();
my $dir = $t->dir . '/journal';

# a test makes nothing, only a start does
accepted('a folder', http => {tavus_journal => $dir});
accepted('with a size', http => {tavus_journal => "$dir/// max_size=2g"});
accepted('relative', http => {tavus_journal => 'journal'});
ok !-e $dir, 'that is not made by nginx -t';
mkdir $dir, 0755;
my @before = (stat $dir)[2, 4, 9];
accepted('that is there', http => {tavus_journal => $dir});
is_deeply [(stat $dir)[2, 4, 9]], \@before, 'and stays as it is';

my $not = qr/cannot be made in/;
refused('in no folder', qr{: the folder "$dir/a/b" $not "$dir/a/" },
    qr/tavus_journal/, http => {tavus_journal => "$dir/a/b"});
refused('relative, in no folder', qr{: the folder "/\S+/a/b" $not "/\S+/a/" },
    qr/tavus_journal/, http => {tavus_journal => 'a/b'});
$t->file('plain', 'x');
my $plain = $t->dir . '/html/plain';
refused('a file', qr{"tavus_journal": "$plain" is not a folder},
    qr/tavus_journal/, http => {tavus_journal => $plain});
refused('in a file', qr{"tavus_journal": stat\(\) "$plain/x" failed \(20: },
    qr/tavus_journal/, http => {tavus_journal => "$plain/x"});
symlink "$dir/nowhere", "$dir/link" or die $!;
refused('a link to nothing', qr{"tavus_journal": stat\(\) "$dir/link" failed},
    qr/tavus_journal/, http => {tavus_journal => "$dir/link"});
refused('the root', qr{invalid path "//"}, qr/tavus_journal/,
    http => {tavus_journal => '//'});
my $cache = "proxy_cache_path $dir keys_zone=c:64k;";
my ($exit, $out) = $t->nginx_t(http_extra => $cache,
    http => {tavus_journal => $dir});
is $exit, 1, "another's folder";
like $out, qr/the same path name "$dir" used in/;

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

done_testing;
