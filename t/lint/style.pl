#!/usr/bin/perl
# nginx's style as far as a program can tell it, and the floors of the house:
# looks go down only, http and jobs do not know each other, and nothing is a
# circle; how many of both there are is printed.  All of core/ is tested
# alone, and fuzzed.
use v5.36;
use File::Find;

# what stands in no folder is the roof, and the module's own file is its top
my %floor = (core => 0, event => 1, store => 2, service => 3, jobs => 4,
    http => 4, guard => 5, endpoint => 6, '' => 7);
# A room of several files: theirs are the name of its face and one more word,
# or they are told here, since they speak for it.
my %room = map { ("store/ngx_tavus_$_" => 'store/ngx_tavus_store') }
    qw(batch encode wish);
my ($bad, $upwards, @files, %fuzzed, %tested, %looks) = (0, 0);

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

    # a header and what it declares are one
    my ($unit, $room) = $file =~ m{^ngx_tavus_module/((?:(\w+)/)?\w+)\.[ch]\z};
    $room //= '' if defined $unit;

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

        next unless defined $unit && $text =~ /^#\s*include\s+[<"]([^>"]+)/;
        my $header = $1;

        bad($file, $n, 'core/ knows no nginx')
            if $room eq 'core' && $header =~ /(?:^|\/)ngx_/;

        my ($other, $below) = $header =~
            m{^((?:(\w+)/)?(?:ngx_)?tavus_\w+)\.h\z} or next;
        ($other, $below) = ("core/$other", 'core')
            if $room eq 'core' && !defined $below;
        $below //= '';
        next if $other eq $unit || !-e "ngx_tavus_module/$other.h";

        $looks{$unit}{$other} = [$file, $n];

        if ($below ne $room ? $floor{$below} >= $floor{$room}
            : $other eq 'ngx_tavus_module')
        {
            bad($file, $n, "looks up at $header");
            $upwards++;
        }
    }
}

my $circles = circles(rooms());
say "floors: $circles circles, $upwards looks upwards";

for my $file (sort grep { m{/core/\w+\.c\z} } @files) {
    my ($name) = $file =~ m{(\w+)\.c\z};
    bad($file, 1, 'no fuzzer includes its header') unless $fuzzed{$name};
    bad($file, 1, 'no unit test includes its header') unless $tested{$name};
}

exit $bad;


# what looks at what, by rooms
sub rooms () {
    my (%rooms, %face);

    for my $unit (sort keys %looks) {
        my ($face) = grep { index($unit, "${_}_") == 0 } sort keys %looks;
        $face{$unit} = $room{$unit} // $face // $unit;
    }

    for my $unit (keys %looks) {
        for my $other (keys $looks{$unit}->%*) {
            my ($from, $to) = ($face{$unit}, $face{$other} // $other);
            $rooms{$from}{$to} = $looks{$unit}{$other} if $from ne $to;
        }
    }

    return \%rooms;
}

# rooms that are reached from themselves, each circle said once
sub circles ($looks) {
    my ($n, %reach, %said) = (0);

    for my $from (sort keys %$looks) {
        my @next = keys $looks->{$from}->%*;
        while (defined(my $room = shift @next)) {
            next if $reach{$from}{$room}++;
            push @next, keys(($looks->{$room} // {})->%*);
        }
    }

    for my $room (sort keys %reach) {
        next unless $reach{$room}{$room} && !$said{$room};
        my @circle = grep { $reach{$room}{$_} && $reach{$_}{$room} }
            sort keys %reach;
        @said{@circle} = (1) x @circle;
        my ($place) = grep { defined } map { $looks->{$room}{$_} } @circle;
        bad(@$place, "a circle of @circle");
        $n++;
    }

    return $n;
}
