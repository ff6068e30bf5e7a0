#!/usr/bin/perl
# What the module says of its version is what all else says.
use v5.36;

sub slurp ($file) {
    open my $in, '<', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

my ($version) = slurp('ngx_tavus_module/core/tavus_version.h')
    =~ /^#define TAVUS_VERSION  "(\d+\.\d+\.\d+)"$/m
    or die "core/tavus_version.h: no version\n";

# where it stands, and how often at least
my @said = (
    ['CHANGELOG.md', 1, qr/\A.*?^## \[?(\d[\w.]*)/ms],
    ['CHANGELOG.md', 0, qr{nginx-tavus/(\d[\w.]*\w)}],
    ['debian/changelog', 1, qr/\A\S+ \(([^)]+)\)/],
    ['docs/operate/monitor.md', 1, qr/"version":"([^"]+)"/],
    ['site/package.json', 1, qr/\A\{\n.*?^  "version": "([^"]+)"/ms],
    ['site/package-lock.json', 2, qr/\G.*?^\ +"name":\ "tavus-site",\n
        \ +"version":\ "([^"]+)"/msx],
);

my $bad = 0;

for (@said) {
    my ($file, $least, $where) = @$_;
    my @found = grep { defined } slurp($file) =~ /$where/g;

    if (@found < $least) {
        say "$file:1: no version where one should be";
        $bad = 1;
    }
    for (grep { $_ ne $version } @found) {
        say "$file:1: version $_, but the module's is $version";
        $bad = 1;
    }
}

exit $bad;
