#!/usr/bin/perl

# PgBouncer in between: in session mode everything works, whatever it does with
# what a client asks for when it logs in, and what is acknowledged is on disk
# although the database's own settings say otherwise; in the other two modes
# its sessions are refused by name, and the journal takes what comes.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::PgBouncer;

# only a wait for the commit writes the log: nothing else does in time
my $pg = Tavus::Test::Pg->new(config => ['wal_writer_delay=10s']);
my $admin_users = 'tavus_admin_users %%SECRETS%%/admin.htpasswd;';
my $n = 0;

sub nginx ($pooler, %http) {
    my $conninfo = $pooler->conninfo;
    return Tavus::Test->new(db => $pg, workers => 2,
        http => {tavus_database => qq{"$conninfo"}, %http}, locations => {
            '= /healthz' => "tavus_health; $admin_users"})->start;
}

sub hook ($t) {
    my $id = 'c' . ++$n;
    return $t->webhook(tavus_event('system.replica_joined', $id))->code == 200
        ? $id : undef;
}

sub stored (@ids) {
    return scalar $pg->db->selectrow_array(q{SELECT count(DISTINCT
        conversation_id) FROM tavus.events WHERE conversation_id = ANY (?)},
        undef, \@ids);
}

$pg->db->do('ALTER DATABASE tavus SET synchronous_commit = off');

for my $ignored ('', 'options', 'extra_float_digits,options') {
    my $pooler = Tavus::Test::PgBouncer->new($pg, pool_mode => 'session',
        $ignored ? (ignore_startup_parameters => $ignored) : ());
    my $t = nginx($pooler);
    my $name = $ignored || 'stock';

    wait_ok { $t->get('/healthz')->code == 200 } "$name: healthy";
    my $kept = stored(my @ids = map { hook($t) } 1 .. 5);
    is $kept, 5, 'stored';
    is $t->create(vertical => 'legal')->code, 200, 'a conversation';
    my $res;
    wait_ok { ($res = $t->admin('/api/admin/events?limit=5'))->code == 200 }
        'asked';
    is scalar $res->json->{events}->@*, 5;
    wait_ok { $t->grep_log(qr/database is maintained/) } 'upkeep';

    # a server session that another client of the pooler had goes to the next
    $pg->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = 'tavus_app'});
    wait_ok { hook($t) } 'after the sessions were ended';
    $t->reload(drained => 1);
    wait_ok { hook($t) } 'after a reload';
    is $t->admin('/healthz?full')->json->{database}{error}, undef;
    ok !$t->grep_log(qr/not ours alone|instead of/), 'nothing is amiss';

    my @acknowledged = map { hook($t) } 1 .. 5;
    is scalar(grep { defined } @acknowledged), 5, 'acknowledged';
    $pg->stop('QUIT')->start;
    is stored(@acknowledged), 5, 'there after a crash';
    $t->stop;
}

for my $mode (qw(transaction statement changed)) {
    my $changed = $mode eq 'changed';
    my $pooler = Tavus::Test::PgBouncer->new($pg,
        pool_mode => $changed ? 'session' : $mode);
    my $t = nginx($pooler, tavus_journal => '%%DIR%%/journal max_size=16m');
    my @ids;

    # under open sessions
    if ($changed) {
        wait_ok { $t->get('/healthz')->code == 200 && hook($t) } 'in session';
        $pooler->change(pool_mode => 'transaction');
        @ids = map { hook($t) } 1 .. 10;
    }
    my $shared = qr/the session is not ours alone: a pooler in transaction/;

    wait_ok { $t->grep_log(qr/\[error\].*database \(record\): .*$shared/) }
        "$mode: events are not sent there, and the log says why";
    wait_ok { ($t->admin('/healthz?full')->json->{database}{error} // '')
        =~ $shared } 'health too';
    wait_ok { $t->grep_log(qr/\[error\].*database \(query\): .*$shared/) }
        'nothing is asked there';

    push @ids, map { hook($t) } @ids .. 19;
    is scalar(grep { defined } @ids), 20, 'acknowledged all the same';
    $pg->stop('QUIT')->start;

    # sessions of the pooler that are left must be another's no more
    $pooler->change(pool_mode => 'session');
    wait_ok { stored(@ids) == 20 } 'all there in session mode', 30;
    $t->stop;
}

# more sessions than the pooler has room for: one of them gets no answer
my $pooler = Tavus::Test::PgBouncer->new($pg, pool_mode => 'session',
    default_pool_size => 1);
my $t = nginx($pooler);
wait_ok { $t->grep_log(qr/first answer of host "[^"]+" port \d+ timed out/) }
    'a session without a server is named', 20;
$t->stop;

done_testing;
