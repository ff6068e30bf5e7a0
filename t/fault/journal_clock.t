#!/usr/bin/perl

# The age of the journal is a time that went by, whatever becomes of the clock
# meanwhile: it is set back and forth below, for nginx alone.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Clock;
use Mojo::Date;

plan skip_all => 'another library comes first'
    unless Tavus::Test::Clock::possible();

my $clock = Tavus::Test::Clock->new;
my $t = Tavus::Test->new(sandbox => 0,
    env => $clock->env,
    http => {tavus_store_timeout => '200ms',
        tavus_journal => '%%DIR%%/journal'},
    locations => {'= /metrics' => 'tavus_metrics;', '= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $ahead = sub {
    return Mojo::Date->new($t->get('/')->headers->date)->epoch - time;
};
my $set = sub ($step) {
    $clock->set($step);
    wait_ok { abs($ahead->() - $step) < 100 } "the clock is set by $step s";
};
my $metric = sub {
    my ($age) = $t->get('/metrics')->body
        =~ /^tavus_journal_oldest_age_seconds (\S+)$/m;
    return $age;
};
my $ages = sub ($name) {
    my $before = $metric->();
    wait_ok { $metric->() != $before } 'the metrics are new';
    my $metrics = $metric->();
    my $health = $t->admin('/healthz?full')->json->{journal}{age};
    ok $_ >= 0 && $_ < 120, "$name: $_ s" for $metrics, $health;
};

$t->pg->stop;
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200,
    'journaled';
$ages->('as it is');

for my $step (-7200, 7200, -86400) {
    $set->($step);
    $ages->('the file of a worker');
}

$t->kill_worker;
wait_ok { $t->grep_log(qr/of a worker that is gone is adopted/) } 'adopted', 20;
$ages->('an adopted one, of the future');

# a log that is reopened is told again
$t->signal('USR1');
wait_ok { $t->grep_log(qr/journal holds 1 records, .*oldest for \d{1,2} s/) }
    'and in the log';

$set->(0);
$t->pg->start;
wait_ok { !(() = glob $t->dir . '/journal/*.journal') } 'replayed', 30;
wait_ok { $metric->() == 0 } 'nothing is old';

done_testing;
