#!/usr/bin/perl

# What is in the folder of a former configuration comes to PostgreSQL, whatever
# the reload did to tavus_journal, and whoever still writes there.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Process qw(slurp);

my %bare = map { $_ => undef } '= /api/tavus/create-conversation',
    '= /api/tavus/end-conversation', '= /api/tavus/webhook', '/api/admin/',
    '= /api/track', '= /api/contact';

my $t = Tavus::Test->new(sandbox => 0, log_level => 'notice',
    http => {tavus_journal => '%%DIR%%/one'},
    locations => {'= /metrics' => 'tavus_metrics;', '= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my %all = $t->{locations}->%*;
my $n = 0;
my @acked;
my $event = sub {
    push @acked, 'c' . ++$n;
    return tavus_event('system.replica_joined', "c$n");
};
my $stored = sub { $t->db->selectcol_arrayref(q{SELECT conversation_id
    FROM tavus.events ORDER BY length(conversation_id), 1}) };
my $arrive = sub ($name) {
    wait_ok { @{$stored->()} >= @acked } $name, 20;
    is_deeply $stored->(), \@acked, 'each once';
    wait_ok { !(() = glob $t->dir . '/*/*.journal') } 'no file is left', 20;
};
my $journal = sub { $t->admin('/healthz?full')->json->{journal} // {} };
my $of = sub ($folder) { my @f = glob $t->dir . "/$folder/*"; return @f };

# to another folder
$t->pg->stop;
is $t->webhook($event->())->code, 200, 'in the first folder';
ok scalar $of->('one');
$t->configure(http => {tavus_journal => '%%DIR%%/two'})->reload(drained => 1);
wait_ok { $t->grep_log(qr/"tavus_journal" was ".*one" before/) } 'said';
wait_ok { ($journal->()->{former} // 0) == 1 } 'health shows it';
wait_ok { $t->get('/metrics')->body =~ /^tavus_journal_files 1$/m }
    'and the metrics';
is $t->webhook($event->())->code, 200, 'in the second';
is slurp($t->dir . '/two/.node'), slurp($t->dir . '/one/.node'),
    'the node is the same';
$t->pg->start;
$arrive->('both arrive');
wait_ok { $journal->()->{former} == 0 } 'and no other is left';

# an old worker writes there when the reload is long over
$t->pg->stop;
wait_ok { $t->get('/healthz')->code == 200 } 'without PostgreSQL';
my $bytes = webhook_bytes($t, $event->());
my $parked = $t->socket->send(substr $bytes, 0, -5);
$t->settle;
$t->configure(http => {tavus_journal => '%%DIR%%/one/'})->reload;
wait_ok { $t->admin('/healthz?full')->code == 200 } 'new workers';
is scalar(() = $of->('two')), 0, 'nothing there yet';
$parked->send(substr $bytes, -5);
is $parked->response->{status}, 200, 'an old worker has it in its journal';
$parked->close;
is scalar(() = $of->('two')), 1, 'in the folder that it knows';
wait_ok { $t->all_workers == 1 } 'it is gone';
wait_ok { ($journal->()->{former} // 0) == 1 } 'its file was found';

# the file lies where the database is out of reach for good
$t->configure(http => {tavus_journal => undef})->reload(drained => 1);
is $t->webhook(tavus_event('x.y', 'refused'))->code, 503, 'no journal';
wait_ok { ($journal->()->{former} // 0) == 1 } 'health shows the file';
$t->configure(http => {tavus_database => undef}, locations => \%bare)
    ->reload(drained => 1);
wait_ok { $t->grep_log(qr/there is no "tavus_database"/) } 'said';
wait_ok { $t->get('/metrics')->body =~ /^tavus_journal_files 1$/m }
    'still counted';
$t->pg->start;
$t->configure(http => {tavus_database => '"%%CONNINFO%%"',
    tavus_journal => '%%DIR%%/three'}, locations => {'= /api/tavus/webhook' =>
    'tavus_webhook tavus;'})->reload(drained => 1);
$arrive->('it arrives after three reloads');

# to the same folder by another name, and back
symlink $t->dir . '/three', $t->dir . '/link' or die $!;
$t->pg->stop;
wait_ok { $t->webhook($event->())->code == 200 } 'in the third';
$t->configure(http => {tavus_journal => '%%DIR%%/link'})
    ->reload(drained => 1);
wait_ok { $t->get('/metrics')->body =~ /^tavus_journal_files 1$/m }
    'one folder, one file';
$t->pg->start;
$arrive->('it arrives');

# who ends with something in the folder says so
$t->pg->stop;
wait_ok { $t->webhook($event->())->code == 200 } 'journaled';
ok $t->stop, 'ended';
wait_ok { $t->grep_log(qr/\[warn\].*journal ".*link": 1 files? .*left/) }
    'and said';
$t->pg->start;
$t->{nginx}->start;
$arrive->('it arrives after a restart');

done_testing;
