#!/usr/bin/perl

# with_pg.pl COMMAND…: runs it with a PostgreSQL of its own, which PGHOST,
# PGPORT, PGUSER and PGDATABASE name; sql/install.sql is applied to it.

use v5.36;
use FindBin;
use lib $FindBin::Bin;

use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new(alerts => 1);
@ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)}
    = ($pg->socket_dir, $pg->port, 'postgres', 'tavus');
$pg->db->do('CREATE EXTENSION IF NOT EXISTS pgtap');

# a database is copied from this one for each test: nobody may be in it
$pg->db->disconnect;
delete $pg->{db};

my $rc = system @ARGV;
undef $pg;
exit($rc == -1 ? 127 : $rc >> 8 || ($rc & 127 ? 128 + ($rc & 127) : 0));
