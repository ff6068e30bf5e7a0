#!/usr/bin/perl

# sql/install.sql by a role with CREATEROLE, in a cluster that has none of the
# roles: from PostgreSQL 16 on who makes a role is not in it.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::Process qw($ROOT);

my $pg = Tavus::Test::Pg->new(schema => 0);
$pg->db->do('CREATE ROLE installer LOGIN CREATEROLE');
$pg->db->do('CREATE DATABASE tavus OWNER installer');
diag $pg->db->selectrow_array('SELECT version()');

my @psql = ('psql', '-XAtq', '-h', $pg->socket_dir, '-p', $pg->port,
    '-d', 'tavus', '-v', 'ON_ERROR_STOP=1');
my $run = sub ($user) {
    return qx{@{[join ' ', map { quotemeta } @psql, '-U', $user, '-f',
        "$ROOT/sql/install.sql"]} 2>&1};
};
is $run->('installer'), '', 'installs without a word';
is $run->('installer'), '', 'and again';

my $db = $pg->connect(db => 'tavus');
is $db->selectrow_array(q{SELECT count(*) FROM pg_proc
    WHERE pronamespace = 'tavus'::regnamespace
    AND proowner <> 'tavus_owner'::regrole}), 0, 'tavus_owner owns it';
is $db->selectrow_array(q{SELECT rolsuper OR rolcreaterole OR rolcreatedb
    FROM pg_roles WHERE rolname = 'tavus_owner'}), 0, 'who may nothing else';
is $db->selectrow_array(q{SELECT pg_has_role('tavus_app', 'tavus_owner',
    'MEMBER') OR pg_has_role('tavus_app', 'installer', 'MEMBER')}), 0,
    'nor may nginx';
is $run->('postgres'), '', 'a superuser goes on with it';

# another one that may make roles
$pg->db->do('CREATE ROLE other LOGIN');
like $run->('other'), qr/ERROR:.*(?:permission denied|must have admin option)/,
    'somebody else is refused';
$pg->db->do('GRANT tavus_owner TO other');
is $run->('other'), '', 'unless the owner\'s role was given';

my $t = Tavus::Test->new(db => $pg)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'nginx works with it';
wait_ok { $t->admin('/api/admin/events')->code == 200 } 'admin too';

done_testing;
