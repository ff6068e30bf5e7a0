#!/usr/bin/perl
# What the documents name is there: the files of the repository, build.sh's
# commands, and the directives, each with a section of its own in README.md.
use v5.36;

my $bad = 0;

sub bad ($file, $line, $what) {
    say "$file:$line: $what";
    $bad = 1;
}

sub slurp ($file) {
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

my ($cases) = slurp('build.sh') =~ /^case \$command in\n(.*?)^esac/ms;
my %command = map { $_ => 1 } $cases =~ /^\s+(\w+)(?=[)|])/gm;
my %directive = map { $_ => 1 } slurp('ngx_tavus_module/ngx_tavus_module.c')
    =~ /\{ ngx_string\("(tavus_\w+)"\),\n/g;

for my $file (qw(README.md SECURITY.md CHANGELOG.md)) {
    my $n = 0;
    for my $line (split /\n/, slurp($file)) {
        $n++;
        for my $path ($line =~ m{(?<![\w./-])((?:t|sql|site|ngx_tavus_module)
            /[\w./*-]*[\w*])}gx)
        {
            bad($file, $n, "no $path") unless grep { -e } glob $path;
        }
        for my $command ($line =~ m{\./build\.sh (\w+)}g) {
            bad($file, $n, "no ./build.sh $command")
                unless $command{$command};
        }
        next unless $line =~ /^### (tavus_\w+)$/;
        bad($file, $n, "no directive $1") unless delete $directive{$1};
    }
}
bad('README.md', 1, "nothing about $_") for sort keys %directive;

exit $bad;
