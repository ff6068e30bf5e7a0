#!/usr/bin/perl

# What config refuses when nginx is configured with the module, and why.  Of
# nginx's own scripts it calls auto/feature, which here finds what it is told.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw($ROOT new_dir spew);

my $dir = new_dir();
mkdir "$dir/auto";
spew("$dir/auto/feature", <<'EOF');
case "$ngx_feature" in
    $LACKS) ngx_found=no ;;
    *)      ngx_found=yes ;;
esac
EOF
spew("$dir/auto/$_", ":\n") for qw(define module);

sub configure {
    my %with = (ngx_ptr_size => 8, USE_THREADS => 'YES', LACKS => 'nothing',
        ngx_module_link => 'DYNAMIC', ngx_addon_dir => $ROOT, @_);
    my $set = join '', map { "$_='$with{$_}'; " } sort keys %with;
    my $out = `cd $dir && sh -c "$set . $ROOT/config" 2>&1`;
    return $? >> 8, $out;
}

# perls that lack something, and a copy of the sources without docs
for (['v5.36', 'old'], ['YAML::XS', 'bare']) {
    mkdir "$dir/$_->[1]";
    spew("$dir/$_->[1]/perl", qq{#!/bin/sh\ncase "\$*" in *$_->[0]*) exit 1; esac\n});
    chmod 0755, "$dir/$_->[1]/perl";
}
mkdir "$dir/bare_addon";
symlink "$ROOT/$_", "$dir/bare_addon/$_" for qw(ngx_tavus_module sql);

my ($exit, $out) = configure();
is $exit, 0, 'a machine that has all of it' or diag $out;
is $out, '', 'and nothing is said';

for (
    ['32 bits', qr/is for 64 bits, and this is a build for\n32 bits\./,
        ngx_ptr_size => 4],
    ['no threads', qr/needs nginx configured with --with-threads\./,
        USE_THREADS => 'NO'],
    ['an old libcurl', qr/needs libcurl 7\.87 or newer/, LACKS => 'libcurl*'],
    ['an old libpq', qr/needs libpq 14 or newer/, LACKS => 'libpq*'],
    ['an old cJSON', qr/needs cJSON 1\.7\.13 or newer/, LACKS => 'cJSON*'],
    ['an old Perl', qr/needs Perl 5\.36 or newer/, PATH => "$dir/old:$ENV{PATH}"],
    ['Perl without YAML', qr/needs Perl .* with YAML::XS/, PATH => "$dir/bare:$ENV{PATH}"],
    ['no docs', qr/needs its folder docs/, ngx_addon_dir => "$dir/bare_addon"],
    ['an old OpenSSL', qr/needs OpenSSL 3\.0 or newer/, LACKS => 'OpenSSL*'],
) {
    my ($name, $says, @with) = @$_;
    ($exit, $out) = configure(@with);
    is $exit, 1, $name;
    like $out, qr/: error: the Tavus module $says/, 'which is told';
}

done_testing;
