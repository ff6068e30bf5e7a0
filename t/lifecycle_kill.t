#!/usr/bin/perl

# Workers are killed under load: nothing acknowledged is lost, and their
# successors work.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;

my $t = Tavus::Test->new(workers => 2)->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $load = Tavus::Test::Fault::Load->new($t, clients => 6);
my $goes_on = sub ($name) {
    my $from = $load->acked;
    wait_ok { $load->acked > $from + 200 } $name, 20;
};

$goes_on->('begins');
for (1 .. 4) {
    my @creates = map { $t->socket->send(
        post_bytes('/api/tavus/create-conversation', '{}')) } 1 .. 5;
    $t->kill_worker('KILL');
    $goes_on->('goes on');
}
is $t->create->code, 200;

my $result = $load->stop;
my ($missing, $twice) = $load->missing($result, $t->db);
is_deeply $missing, [], 'all that was acknowledged is there';
is_deeply $twice, [], 'once';
wait_ok { $t->db->selectrow_array(q{SELECT count(*) FROM pg_stat_activity
    WHERE usename = 'tavus_app'}) == 5 } 'no connection of the dead stays';

done_testing;
