#!/usr/bin/perl

# A server that took the session and refuses to write is left for the next
# host, also where target_session_attrs asks for nothing; and where that host
# was made read-only while a session was open.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new;
my $standby = Tavus::Test::Pg->new(from => $pg);
my $conninfo = $standby->conninfo_of($pg) =~ s/ target_session_attrs=\S+//r;
my $t = Tavus::Test->new(db => $pg, sandbox => 0,
    http => {tavus_database => qq{"$conninfo"}})->start;

# one that is refused may be stored later, and is another event each time
wait_ok { $t->webhook(tavus_event('system.replica_joined', 'c1'))->code == 200 }
    'the primary is found', 30;
wait_ok { $t->grep_log(qr/\(record\): .*transaction_read_only is "on" instead of "off"/) }
    'the standby would refuse';
is $pg->db->selectrow_array(q{SELECT count(DISTINCT conversation_id)
    FROM tavus.events WHERE conversation_id = 'c1'}), 1, 'stored';

# as some do before they promote the other one
$pg->db->do('ALTER DATABASE tavus SET default_transaction_read_only = on');
$pg->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE usename = 'tavus_app'});
wait_ok { $t->webhook(tavus_event('system.replica_joined', 'c2'))->code == 503 }
    'nobody writes';
$standby->promote;
$standby->db->do('SET default_transaction_read_only = off; '
    . 'ALTER DATABASE tavus RESET default_transaction_read_only');
wait_ok { $t->webhook(tavus_event('system.replica_joined', 'c3'))->code == 200 }
    'the new primary is found', 30;
is $standby->db->selectrow_array(q{SELECT count(DISTINCT conversation_id)
    FROM tavus.events WHERE conversation_id = 'c3'}), 1, 'stored there';

done_testing;
