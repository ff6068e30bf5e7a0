#!/usr/bin/perl
# nginx's style as far as a program can tell it, and the floors of the house:
# calls go down only, and http and jobs do not know each other.
# All of core/ is tested alone, and fuzzed.
use v5.36;
use File::Find;

my %floor = (core => 0, event => 1, store => 2, service => 3, jobs => 4,
    http => 4, guard => 5, endpoint => 6);
my ($bad, @files, %fuzzed, %tested) = (0);

find({no_chdir => 1, wanted => sub { push @files, $_ if /\.[ch]\z/ }},
    qw(ngx_tavus_module t/unit t/fuzz t/bench));

sub bad ($file, $line, $what) {
    say "$file:$line: $what";
    $bad = 1;
}

for my $file (sort @files) {
    open my $in, '<', $file or die "$file: $!\n";
    my @lines = <$in>;
    close $in;
    chomp @lines;

    my ($room) = $file =~ m{^ngx_tavus_module/(\w+)/};

    for my $n (1 .. @lines) {
        my $text = $lines[$n - 1];
        # what stands in quotes is no comment
        my $code = $text =~ s/"(?:[^"\\]|\\.)*"/""/gr;

        bad($file, $n, 'over 80 columns') if length $text =~ s/[\x80-\xbf]//gr
            > 80;
        bad($file, $n, 'a tab') if $text =~ /\t/;
        bad($file, $n, 'trailing blanks') if $text =~ /\s\z/;
        bad($file, $n, '// comment') if $code =~ m{(?<![:*])//};
        bad($file, $n, 'an else behind its brace') if $code =~ /^\}\s*else/;

        # a function begins two lines behind the one before or its comment
        bad($file, $n, 'two blank lines between functions')
            if $text eq '}' && $n < @lines
                && ($lines[$n] ne '' || ($n + 1 < @lines
                    && $lines[$n + 1] ne '' && $lines[$n + 1] !~ /^#/));

        if ($text =~ /^#\s*include\s+"(?:core\/)?(tavus_\w+)\.h"/) {
            my $name = $1;
            $fuzzed{$name} = 1 if $file =~ m{^t/fuzz/};
            $tested{$name} = 1 if $file =~ m{^t/unit/};
        }

        next unless defined $room && $text =~ /^#\s*include\s+[<"]([^>"]+)/;
        my $header = $1;

        bad($file, $n, 'core/ knows no nginx')
            if $room eq 'core' && $header =~ /(?:^|\/)ngx_/;
        bad($file, $n, "$room/ calls up to $1/")
            if $header =~ m{^(\w+)/} && exists $floor{$1} && $1 ne $room
                && $floor{$1} >= $floor{$room};
    }
}

for my $file (sort grep { m{/core/\w+\.c\z} } @files) {
    my ($name) = $file =~ m{(\w+)\.c\z};
    bad($file, 1, 'no fuzzer includes its header') unless $fuzzed{$name};
    bad($file, 1, 'no unit test includes its header') unless $tested{$name};
}

exit $bad;
