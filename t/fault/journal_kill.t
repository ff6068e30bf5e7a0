#!/usr/bin/perl
# alone

# Workers are killed and nginx is reloaded while 64 clients send webhooks and
# PostgreSQL is stopped, killed and frozen: what was acknowledged is stored,
# once.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Time::HiRes qw(time);

my $t = Tavus::Test->new(sandbox => 0, workers => 2,
    http => {tavus_journal => '%%DIR%%/journal'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $load = Tavus::Test::Fault::Load->new($t, clients => 64);
my $goes_on = sub ($name) {
    my $from = $load->acked;
    wait_ok { $load->acked > $from + 300 } $name, 40;
};

$goes_on->('begins');
for my $turn (1 .. 2) {
    $t->pg->stop;
    $goes_on->("$turn: without PostgreSQL");
    $t->kill_worker('KILL');
    $goes_on->("$turn: a worker killed");
    $t->reload;
    $goes_on->("$turn: reloaded");
    $t->pg->start;
    $goes_on->("$turn: with it again");
    $t->kill_worker('KILL');
    $t->pg->kill;
    $goes_on->("$turn: PostgreSQL killed");
    $t->pg->start;
    $t->reload;
    $goes_on->("$turn: both again");
    $t->pg->freeze;
    my $from = time;
    $goes_on->("$turn: frozen");
    $t->kill_worker('KILL');
    wait_for { time - $from > 3 } 4;
    $t->pg->thaw;
    $goes_on->("$turn: thawed");
}

my $result = $load->stop;
wait_ok { !(() = glob $t->dir . '/journal/*.journal') } 'all is replayed', 60;
my ($missing, $twice) = $load->missing($result, $t->db);
is_deeply $missing, [], 'all that was acknowledged is there';
is_deeply $twice, [], 'once';
is_deeply [grep { !/^(?:200|503|none)$/ } keys $result->{status}->%*], [],
    'no answer but 200, the designed 503, and those of killed workers';
is $t->db->selectrow_array('SELECT count(*) FROM tavus.quarantine'), 0;
is scalar(() = glob $t->dir . '/journal/*'), 0, 'nothing is left behind';
note join ', ', map { "$_: $result->{status}{$_}" }
    sort keys $result->{status}->%*;

done_testing;
