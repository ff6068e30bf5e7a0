#!/usr/bin/perl

# psql_tap.pl FILE.sql: runs a pgTAP file in a copy of the database, so that no
# file sees what another left behind.

use v5.36;

my $file = shift // die "usage: psql_tap.pl FILE\n";
my $name = "t_$$";
my @psql = qw(psql -XAtq -v ON_ERROR_STOP=1 -P pager=off);

system(@psql, '-d', 'postgres', '-c',
    "CREATE DATABASE $name TEMPLATE $ENV{PGDATABASE}") == 0 or exit 2;
my $rc = system @psql, '-d', $name, '-f', $file;
system @psql, '-d', 'postgres', '-c', "DROP DATABASE $name WITH (FORCE)";
exit($rc >> 8 || ($rc ? 2 : 0));
