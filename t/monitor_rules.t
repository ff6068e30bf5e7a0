#!/usr/bin/perl

# The alerting rules: Prometheus can read them, each is tested, and none fires
# while all is well.

use v5.36;
use Test::More;

my $RULES = 'docs/operate/monitor/tavus.rules.yml';
my $TESTS = 't/monitor/rules.yml';

sub slurp ($file) {
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

for (["check rules $RULES", 'they are read'],
    ["test rules $TESTS", 'they fire when they should, and not otherwise'])
{
    my ($command, $name) = @$_;
    my $said = `promtool $command 2>&1`;
    is $?, 0, $name or diag $said;
}

my @rules = slurp($RULES) =~ /^ +- alert: (\w+)$/mg;
my ($wrong) = slurp($TESTS) =~ /^  - name: all is wrong\n(.*)/ms;
is_deeply [$wrong =~ /alertname="(\w+)"/g], \@rules, 'each is tested';

done_testing;
