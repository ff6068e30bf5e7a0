#!/usr/bin/perl

# A rolling upgrade: a node of before, which knows of no log, goes on storing on
# the connections that it has, while a new one delivers: all that it has stored
# goes, once, from before the upgrade and since.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Pg;
use Tavus::Test::Process qw($ROOT);
use Tavus::Test::Sandbox;

my $pg = Tavus::Test::Pg->new(schema => 0, config => ['lc_messages=C']);
my @psql = ('psql', '-XAtq', '-h', $pg->socket_dir, '-p', $pg->port,
    '-U', 'postgres', '-v', 'ON_ERROR_STOP=1');
$pg->db->do('CREATE DATABASE tavus');
my ($was) = reverse sort glob "$ROOT/t/upgrade/*.sql";
is system(@psql, '-d', 'tavus', '-f', $was), 0, "as it was: $was";
my $db = $pg->{db} = $pg->connect(db => 'tavus');
is $db->selectrow_array(q{SELECT to_regclass('tavus.log')}), undef, 'no log';

# the module of today plays that of then, which calls record() the same
my ($newest) = map { m{/0*(\d+)_} } reverse sort glob "$ROOT/sql/[0-9]*.sql";
$db->do(qq{CREATE OR REPLACE FUNCTION tavus.schema_version() RETURNS int
    LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT $newest'});
$db->do('ALTER ROLE tavus_app LOGIN');

my $box = Tavus::Test::Sandbox->new;
my ($old, $new) = map { Tavus::Test->new(db => $pg, sandbox => $box,
    workers => 1) } 1 .. 2;
my $before = Tavus::Test::Deliver->new($old);
$old->{http}{tavus_deliver} = undef;
my $d = Tavus::Test::Deliver->new($new, whole => 'from=beginning events *;',
    late => 'events *;');

my @more = (consent => 'granted', session => 's');
$old->start;
wait_ok { $old->get('/healthz')->code == 200 } 'the old one is ready';
$before->track('page_view', @more, n => 30);

is system(@psql, '-d', 'tavus', '-f', "$ROOT/sql/install.sql"), 0, 'upgraded';
$before->track('page_view', @more, n => 20);
$new->start;
wait_ok { $d->ready } 'the new one delivers';
wait_ok { $d->idle } 'all that was there';
$before->track('page_view', @more, n => 10);
$d->track('page_view', @more, n => 5);
wait_ok { $box->hook_messages('late') >= 15 } 'what both have stored since', 30;
wait_ok { $box->hook_messages('whole') >= 65 } 'and from before', 60;
wait_ok { $d->idle } 'to the end';
is scalar $box->hook_messages('late'), 15, 'one since it was there';
is scalar $box->hook_messages('whole'), 65, 'one from the beginning';
is $box->received('hooks')->{duplicates}, 0, 'each once';

done_testing;
