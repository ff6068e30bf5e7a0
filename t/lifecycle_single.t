#!/usr/bin/perl

# One process alone: master_process off.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(alive spawn);

my $t = Tavus::Test->new(main => 'master_process off;');
$t->configure;

my $nginx = $t->{nginx};
for my $signal (qw(QUIT TERM QUIT)) {
    $nginx->{pid} = spawn([$nginx->command($t->dir . '/nginx.conf')],
        out => $t->dir . '/stderr.log');
    wait_ok { eval { $t->get('/healthz')->code == 200 } } 'it runs';
    is $t->create->code, 200;
    is $t->webhook(tavus_event('system.replica_joined', $signal))->code, 200;
    is $t->admin('/api/admin/events')->code, 200;
    my $pid = $t->pid;
    $t->signal($signal);
    wait_ok { !alive($pid) } "it ends with $signal", 5;
    $t->stop;
}
is $t->error_log =~ /open socket/, '', 'no socket left';

done_testing;
