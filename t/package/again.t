#!/usr/bin/perl

# Packages that are built twice, in two folders, are the same bytes.

use lib 't/lib';
use Tavus::Test;
use File::Basename qw(basename);
use Tavus::Test::Process qw($ROOT slurp);

my @debs = glob "$ROOT/build/package/*.deb";
ok scalar @debs, 'the packages';
is system("$ROOT/debian/build", "$ROOT/build/package-again"), 0, 'built again';
for my $deb (@debs) {
    my $again = slurp("$ROOT/build/package-again/" . basename($deb));
    ok $again && $again eq slurp($deb), basename($deb);
}

done_testing;
