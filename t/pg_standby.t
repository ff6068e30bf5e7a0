#!/usr/bin/perl

# A standby is passed over; when it is promoted, events go there.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::Process qw(free_port new_dir spawn spew stop_process slurp);

my $pg = Tavus::Test::Pg->new(config => ['wal_level=replica',
    'max_wal_senders=4', 'hot_standby=on']);

my $dir = new_dir();
my $port = free_port();
mkdir "$dir/sock";
spew("$dir/log", '');
Tavus::Test::Pg::give($dir, "$dir/sock", "$dir/log");

my $pid = spawn([Tavus::Test::Pg::bin('pg_basebackup'), '-h', $pg->socket_dir,
    '-p', $pg->port, '-U', 'postgres', '-D', "$dir/data", '-R', '-X', 'stream',
    '-c', 'fast', '--no-sync'], user => 'postgres', out => "$dir/log");
wait_for { !Tavus::Test::Process::alive($pid) } 60;
ok -f "$dir/data/standby.signal", 'a standby' or diag slurp("$dir/log");

my $standby = spawn([Tavus::Test::Pg::bin('postgres'), '-D', "$dir/data",
    '-c', "port=$port", '-c', "unix_socket_directories=$dir/sock", '-c',
    'listen_addresses=', '-c', 'fsync=off', '-c', 'hot_standby=on'],
    user => 'postgres', out => "$dir/log");
my $db = sub {
    DBI->connect("dbi:Pg:dbname=tavus;host=$dir/sock;port=$port", 'postgres',
        '', {RaiseError => 1, PrintError => 0});
};
wait_ok { eval { $db->()->selectrow_array('SELECT pg_is_in_recovery()') } }
    'that follows', 30;

my $t = Tavus::Test->new(db => $pg, sandbox => 0, http => {
    tavus_database => qq{"host=$dir/sock,%%PGDIR%% port=$port,%%PGPORT%% }
        . 'dbname=tavus user=tavus_app target_session_attrs=read-write"',
})->start;

wait_ok { $t->get('/healthz')->code == 200 } 'the second host';
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;
wait_ok { $t->admin('/api/admin/events')->code == 200 }
    'a read-only session finds the primary, too';
ok $t->grep_log(qr/\[error\].*\(record\): .*session is read-only/),
    'why not the first';

wait_ok { $db->()->selectrow_array('SELECT count(*) FROM tavus.events') }
    'replicated';
$pg->freeze->kill;
is $t->webhook(tavus_event('system.replica_joined', 'c2'))->code, 503,
    'none that can write';
$db->()->do('SELECT pg_promote()');
wait_ok { $t->webhook(tavus_event('system.replica_joined', 'c3'))->code == 200 }
    'promoted', 20;
is_deeply $db->()->selectcol_arrayref(
    q{SELECT DISTINCT conversation_id FROM tavus.events
      WHERE conversation_id <> 'c2' ORDER BY 1}), ['c1', 'c3'], 'all is there';

stop_process($standby, INT => 20);

done_testing;
