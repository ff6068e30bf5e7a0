#!/usr/bin/perl

# tavus.moment() reads times as tavus_event_time() does: the tables are those of the unit test of the
# latter.  Wants DATABASE_URL (or PG* variables).

use strict;
use warnings;

use Cwd qw( abs_path );
use DBI;
use File::Basename qw( dirname );
use JSON::PP qw( encode_json );
use Test::More;

my $source = dirname(abs_path(__FILE__)) . '/../unit/test_event.c';
my $dbh = DBI->connect('dbi:Pg:' . ($ENV{DATABASE_URL} || ''), undef, undef,
                       { RaiseError => 1, PrintError => 0 });

open my $in, '<', $source or die "$source: $!\n";
my $text = join '', <$in>;
close $in;

sub micros {
    my ($value) = @_;

    return $dbh->selectrow_array(
        'SELECT round(extract(epoch FROM tavus.moment(?)) * 1000000)::bigint', {}, $value);
}

my ($good) = $text =~ /^test_time_values\(.*?cases\[\] = \{(.*?)^    \};/ms;
my @good = $good =~ /\{\s*"([^"]*)",\s*(?:INT64_C\()?(-?\d+)/g;
cmp_ok(scalar(@good), '>', 100, 'times that can be read');

while (my ($value, $expected) = splice @good, 0, 2) {
    # a double holds no more of them
    my $apart = abs(micros($value) - $expected);
    cmp_ok($apart, '<=', abs($expected) > 2 ** 53 ? 1000 : 0, "at $value");
}

my ($bad) = $text =~ /^test_time_bad\(.*?bad\[\] = \{(.*?)^    \};/ms;
my @bad = $bad =~ /"([^"]*)"/g;
cmp_ok(scalar(@bad), '>', 50, 'and what cannot');

is(micros($_), undef, "not at " . encode_json([$_])) for @bad, "1777714180\n", "2026-05-02T09:29:40Z\n", "\x{661}";

done_testing();
