#!/usr/bin/perl

# What sql/install.sql makes of each earlier state in t/upgrade is what it makes of nothing: no
# function, column or right is left over, and none is missing.  Wants DATABASE_URL (or PG* variables),
# as a superuser.

use strict;
use warnings;

use Cwd qw( abs_path );
use DBI;
use File::Basename qw( basename dirname );
use Test::More;

my $here = dirname(abs_path(__FILE__));
my $url = $ENV{DATABASE_URL} || '';
my $dbh = DBI->connect("dbi:Pg:$url", undef, undef, { RaiseError => 1, PrintError => 0 });
my $name = "tavus_upgraded_$$";

sub own {
    my $own = $url;

    return "dbname=$name" if $own eq '';
    $own =~ s{^(postgres(?:ql)?://[^/?]*)(?:/[^?]*)?}{$1/$name}
        or $own .= " dbname=$name";

    return $own;
}

# all of the schema as lines that know no oid and no order of columns

my $lines = q{
    SELECT concat_ws(' ', 'function', p.oid::regprocedure, p.prorettype::regtype, p.proretset,
                     p.proowner::regrole, p.prosecdef, p.provolatile, p.proisstrict, p.proparallel,
                     p.proconfig, (SELECT array_agg(a::text ORDER BY a::text)
                                     FROM unnest(p.proacl) a),
                     md5(concat(p.prosrc, pg_get_function_sqlbody(p.oid))))
      FROM pg_proc p WHERE p.pronamespace = 'tavus'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', 'relation', c.relname, c.relkind, c.relowner::regrole, c.reloptions,
                     (SELECT array_agg(a::text ORDER BY a::text)
                        FROM unnest(coalesce(c.relacl, acldefault('r', c.relowner))) a),
                     pg_get_indexdef(c.oid))
      FROM pg_class c
     WHERE c.relnamespace = 'tavus'::regnamespace AND c.relkind IN ('r', 'p', 'i', 'I', 'S', 'v')
    UNION ALL
    SELECT concat_ws(' ', 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
                     a.attnotnull, a.attgenerated, a.attidentity, a.attcollation, a.attcompression,
                     pg_get_expr(d.adbin, d.adrelid))
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
     WHERE c.relnamespace = 'tavus'::regnamespace AND c.relkind IN ('r', 'p')
       AND a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT concat_ws(' ', 'constraint', o.conrelid::regclass, o.conname, pg_get_constraintdef(o.oid))
      FROM pg_constraint o WHERE o.connamespace = 'tavus'::regnamespace
    UNION ALL
    SELECT concat_ws(' ', 'rights', nspowner::regrole, nspacl) FROM pg_namespace
     WHERE nspname = 'tavus'
    UNION ALL
    SELECT concat_ws(' ', 'defaults', defaclrole::regrole, defaclobjtype, defaclacl)
      FROM pg_default_acl
    UNION ALL
    SELECT concat_ws(' ', 'migration', version) FROM tavus.migrations
};

sub made_of {
    my (@files) = @_;

    $dbh->do("CREATE DATABASE $name TEMPLATE template0 ENCODING 'UTF8'");

    for my $file (@files, "$here/../../sql/install.sql") {
        is(system('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-d', own(), '-f',
                  $file), 0, 'psql -f ' . basename($file));
    }

    my $db = DBI->connect('dbi:Pg:' . own(), undef, undef, { RaiseError => 1, PrintError => 0 });
    my $made = $db->selectcol_arrayref("SELECT l FROM ($lines) x (l) ORDER BY l COLLATE \"C\"");
    $db->disconnect;
    $dbh->do("DROP DATABASE $name");

    return $made;
}

my $fresh = made_of();
cmp_ok(scalar(grep { /^function / } @$fresh), '>', 30, 'there are functions');
cmp_ok(scalar(grep { /^column / } @$fresh), '>', 50, 'and columns');

my @states = sort glob "$here/../upgrade/*.sql";
cmp_ok(scalar @states, '>', 0, 'there are earlier states');

for my $state (@states) {
    my $made = made_of($state);
    my %more = map { $_ => 1 } @$made;
    my @less = grep { !delete $more{$_} } @$fresh;

    is_deeply([sort keys %more], [], 'nothing is left of ' . basename($state));
    is_deeply(\@less, [], 'and nothing is missing');
}

done_testing();
