#!/usr/bin/perl

# sql/install.sql: keeps what is there when it is run again, stops on the first error, and needs
# no superuser.  Wants DATABASE_URL (or PG* variables), as a superuser, and install.sql run before.

use strict;
use warnings;

use Cwd qw( abs_path );
use DBI;
use File::Basename qw( dirname );
use File::Temp qw( tempdir );
use Test::More;

my $install = dirname(abs_path(__FILE__)) . '/../../sql/install.sql';
my $url = $ENV{DATABASE_URL} || '';
my $dbh = DBI->connect("dbi:Pg:$url", undef, undef, { RaiseError => 1, PrintError => 0 });

my $name = "tavus_test_$$";

sub psql {
    my (@args) = @_;

    open(my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh', 'psql', '-X', '-v', 'ON_ERROR_STOP=1',
         @args) or die $!;
    my $out = do { local $/; <$pipe> };
    close $pipe;

    return ($? >> 8, $out // '');
}

# a connection string to the test's own database

sub own {
    my $own = $url;

    return "dbname=$name" if $own eq '';
    $own =~ s{^(postgres(?:ql)?://[^/?]*)(?:/[^?]*)?}{$1/$name}
        or $own .= " dbname=$name";

    return $own;
}

$dbh->do("CREATE ROLE $name CREATEROLE");
$dbh->do("CREATE DATABASE $name OWNER $name TEMPLATE template0 ENCODING 'UTF8'");

# who did not make the roles
if ($dbh->{pg_server_version} >= 160000) {
    $dbh->do("GRANT tavus_owner TO $name");
}

my ($rc, $out) = psql('-d', own(), '-c', "SET SESSION AUTHORIZATION $name", '-f', $install);
is($rc, 0, 'installs without superuser');
is($out, "SET\n", 'and without a word');

my $db = DBI->connect('dbi:Pg:' . own(), undef, undef, { RaiseError => 1, PrintError => 0 });
my ($last) = map { m{/0*(\d+)_[^/]*\z} } reverse glob dirname($install) . '/[0-9]*.sql';
is($db->selectrow_array('SELECT tavus.schema_version()'), $last,
    'the version is that of the last migration');
is($db->selectrow_array('SELECT count(*) FROM tavus.migrations'),
   scalar(() = glob dirname($install) . '/[0-9]*.sql'), 'and each was applied');

my @row = ("ARRAY[overlay(tavus.uuid_floor(now())::text PLACING '7' FROM 15)::uuid]",
           'ARRAY[now()]', "'{NULL}'", "'{0}'", "'{tavus}'", "'{a.b}'", "'{kept}'", "'{NULL}'",
           "'{NULL}'", "ARRAY['{}'::bytea]", "'{NULL}'");
is($db->selectrow_array('SELECT tavus.record(' . join(', ', @row) . ')'), 's', 'it records');

my $shape = q{
    SELECT md5(string_agg(line, '' ORDER BY line)) FROM (
        SELECT oid || proname || proacl::text || prosrc FROM pg_proc
         WHERE pronamespace = 'tavus'::regnamespace
        UNION ALL
        SELECT oid || relname || coalesce(relacl, acldefault('r', relowner))::text FROM pg_class
         WHERE relnamespace = 'tavus'::regnamespace) x (line)
};
my $before = $db->selectrow_array($shape);

($rc, $out) = psql('-q', '-d', own(), '-f', $install);
is($rc, 0, 'runs again, as a superuser now');
is($out, '', 'and without a word');
is($db->selectrow_array($shape), $before, 'and changes nothing');
is($db->selectrow_array(q{SELECT conversation_id FROM tavus.events}), 'kept', 'data is kept');

$db->do('GRANT EXECUTE ON FUNCTION tavus.admin_events TO PUBLIC, tavus_app');
psql('-q', '-d', own(), '-f', $install);
is($db->selectrow_array($shape), $before, 'rights that crept in are taken away');

# older than what is there
sub refused {
    my ($pattern, $what) = @_;

    my ($rc, $out) = psql('-q', '-d', own(), '-f', $install);
    is($rc, 3, $what);
    like($out, $pattern, 'for that reason');
    is($db->selectrow_array($shape), $before, 'and changes nothing');
}

$db->do('INSERT INTO tavus.migrations VALUES (?)', undef, $last + 1);
my ($next, $hint) = ($last + 1, 'docs/operate/upgrade\.md');
refused(qr/ERROR:  the schema is of version $next, and this install\.sql of $last\n.*^HINT:.*$hint/sm,
        'it does not go over a newer schema');
$db->do('DELETE FROM tavus.migrations WHERE version = ?', undef, $last + 1);

# as pg_restore leaves it where the roles are missing
for ([FUNCTION => 'tavus.uuid_time', 'uuid_time\(\)'], [TABLE => 'tavus.intents', 'intents, '],
     [SCHEMA => 'tavus', 'the schema'])
{
    my ($kind, $object, $named) = @$_;

    $db->do("ALTER $kind $object OWNER TO current_user");
    $before = $db->selectrow_array($shape);
    refused(qr/ERROR:  tavus_owner does not own .*$named.*^HINT:.*docs\/operate\/backup\.md/sm,
            "a \L$kind\E of somebody else");
    $db->do("ALTER $kind $object OWNER TO tavus_owner");
}
$db->do('ALTER SCHEMA tavus OWNER TO ' . $db->quote_identifier($name));
refused(qr/the schema\n/, 'and no more than that is named');
$db->do('ALTER SCHEMA tavus OWNER TO tavus_owner');
$db->do("SET ROLE tavus_owner");
$db->do("CREATE FUNCTION tavus.f$_() RETURNS int LANGUAGE sql AS 'SELECT 1'") for 1 .. 9;
$db->do('RESET ROLE');
$db->do("ALTER FUNCTION tavus.f$_() OWNER TO current_user") for 1 .. 9;
$before = $db->selectrow_array($shape);
refused(qr/: tavus\.f1\(\), tavus\.f2\(\), tavus\.f3\(\) and 6 more\n/, 'of many, some are');
$db->do("DROP FUNCTION tavus.f$_()") for 1 .. 9;

# a numbered file that forgets to ask for the table it changes, beside a reader: it fails, as all that
# comes after it would wait behind it
my $dir = tempdir(CLEANUP => 1);
system('cp', '-R', dirname($install), "$dir/sql") == 0 or die 'cp';
open(my $file, '>', "$dir/sql/next.sql") or die $!;
print $file "ALTER TABLE tavus.intents ADD forgotten int;\n";
close $file;
open(my $in, '<', $install) or die $!;
my $text = do { local $/; <$in> };
close $in;
is($text =~ s/^(?=-- What is not numbered)/BEGIN;\n\\ir next.sql\nCOMMIT;\n\n/m, 1, 'another file');
open(my $out_file, '>', "$dir/sql/install.sql") or die $!;
print $out_file $text;
close $out_file;

my $reader = DBI->connect('dbi:Pg:' . own(), undef, undef,
                          { RaiseError => 1, PrintError => 0, AutoCommit => 0 });
$reader->do('LOCK TABLE tavus.intents IN ACCESS SHARE MODE');
my $result = `timeout 60 psql -Xq -d '@{[own()]}' -f $dir/sql/install.sql 2>&1`;
is($? >> 8, 3, 'it stops');
like($result, qr/next\.sql:1: ERROR:  canceling statement due to lock timeout/, 'in time');
$reader->rollback;
$reader->disconnect;
$result = `timeout 60 psql -Xq -d '@{[own()]}' -f $dir/sql/install.sql 2>&1`;
is($?, 0, 'without a reader it does not') or diag $result;
$db->do('ALTER TABLE tavus.intents DROP forgotten');

$db->do('SET ROLE tavus_owner');
$db->do('DROP FUNCTION tavus.admin_event');
$db->do('CREATE FUNCTION tavus.admin_event(id uuid) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$');
$db->do('DROP FUNCTION tavus.type_name CASCADE');
($rc, $out) = psql('-q', '-d', own(), '-f', $install);
is($rc, 3, 'an error stops it');
is($db->selectrow_array(q{SELECT count(*) FROM pg_proc WHERE proname = 'type_name'}), 0,
   'and nothing of it stays');

$db->disconnect;
$dbh->do("DROP DATABASE $name");
$dbh->do("DROP OWNED BY $name");
$dbh->do("DROP ROLE $name");

done_testing();
