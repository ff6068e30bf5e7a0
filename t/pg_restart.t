#!/usr/bin/perl

# memcheck

# PostgreSQL is restarted, killed and loses its backends while webhooks come:
# nothing acknowledged is lost, nothing is there twice.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new(fsync => 1);
my $t = Tavus::Test->new(db => $pg, sandbox => 0, workers => 2)->start;

my $load = Tavus::Test::Fault::Load->new($t, clients => 6);

# some more are acknowledged
my $goes_on = sub ($name) {
    my $from = $load->acked;
    wait_ok { $load->acked > $from + 50 } $name, 20;
};

$goes_on->('begins');

for (1 .. 3) {
    $pg->db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = 'tavus_app'});
    $goes_on->('after backends were terminated');
}
$pg->restart;
$goes_on->('after a restart');
$pg->freeze->kill;       # frozen, no backend is forked meanwhile
$pg->start;
$goes_on->('after kill -9');
$pg->stop('QUIT');
$pg->start;
$goes_on->('after an immediate shutdown');

my $result = $load->stop;
my ($missing, $twice) = $load->missing($result, $pg->db);
is_deeply $missing, [], 'all that was acknowledged is there';
is_deeply $twice, [], 'once';
note explain $result->{status};
delete $result->{status}->@{200, 503};
is_deeply $result->{status}, {}, 'every request was answered, 200 or 503';
wait_ok { $t->grep_log(qr/terminating connection due to administrator command/) }
    'the log has the reason';

done_testing;
