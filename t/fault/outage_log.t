#!/usr/bin/perl

# What keeps events from the database is in the log within a second, with its
# cause and with what the journal holds; again each minute, and in a log that
# was reopened; and once when it is over.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(sandbox => 0,
    http => {tavus_journal => '%%DIR%%/journal'},
    locations => {'= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $n = 0;
my $send = sub {
    return $t->webhook(tavus_event('system.replica_joined', 'c' . ++$n))->code;
};
# what is said from here on
my $mark = 0;
my $said = sub ($pattern) { substr($t->error_log, $mark) =~ $pattern };
my $here = sub { $mark = length $t->error_log };

is $send->(), 200, 'stored';
ok !$said->(qr/the database/), 'nothing to say';

# frozen: nobody else would notice

$t->pg->freeze;
is $send->(), 200, 'journaled';
wait_ok { $said->(qr/\[error\].*journaled.*no answer to 1 events.*1 records/) }
    'a frozen server is named, and how much waits';
my ($since) = substr($t->error_log, $mark)
    =~ /no answer to \d+ events sent (\d+) ms/;
cmp_ok $since, '<', 3000, 'soon';

$here->();
$t->pg->thaw;
wait_ok { $said->(qr/\[notice\].*events reach the database again/) }
    'and that it is over';
# what the frozen server took in the end is in the journal until that knows
wait_ok { $t->admin('/healthz?full')->json->{journal}{records} == 0 }
    'the journal holds nothing';

# gone

$here->();
$t->pg->stop;
wait_ok { $said->(qr/\[error\].*events are journaled.*\(.*\.s\.PGSQL.*\)/) }
    'a stopped server is named';
($since) = substr($t->error_log, $mark) =~ /the database since (\d+) ms/;
cmp_ok $since, '<', 3000, 'soon';

# a log that was rotated away

$send->() for 1 .. 5;
rename $t->dir . '/error.log', $t->dir . '/error.log.1' or die $!;
$t->signal('USR1');
$mark = 0;
wait_ok { -e $t->dir . '/error.log'
    && $said->(qr/\[error\].*events are journaled.*holds 5 records/) }
    'said again in the new log';

# the same outage, a minute on

$here->();
wait_ok { $said->(qr/\[error\].*events are journaled.*the oldest for (\d+) s/) }
    'said again each minute', 75;
my ($age) = substr($t->error_log, $mark) =~ /the oldest for (\d+) s/;
cmp_ok $age, '>=', 55, 'with the age of what waits';
wait_ok { $said->(qr/\[error\].*database \($_\): connection to server/) }
    "each session: $_", 15 for qw(record query upkeep);
is +(() = substr($t->error_log, $mark) =~ /events are journaled/g), 1, 'once';

$t->pg->start;
wait_ok { $said->(qr/events reach the database again/) } 'over again';

done_testing;
