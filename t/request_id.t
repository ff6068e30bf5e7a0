#!/usr/bin/perl

# Each answer has an id of its own, the log's $request_id as well: over
# workers, and over those that come after them.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(slurp);

my $EACH = 300;         # of a worker: more than it makes at once

my $t = Tavus::Test->new(workers => 2, db => 0, sandbox => 0, defaults => 0,
    http_extra => q{log_format id "$pid $request_id";},
    server => 'access_log %%DIR%%/id.log id;',
    locations => {'= /' => 'tavus_problem;'})->start;

my @answered;

# Over one connection, which is one worker's.
sub ask () {
    my $socket = $t->socket;
    for (1 .. $EACH) {
        $socket->send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        push @answered,
            ($socket->response // {})->{headers}{'x-request-id'} // 'none';
    }
    return;
}

sub logged () {
    return map { [split] } split /\n/, slurp($t->dir . '/id.log') // '';
}

# So many of each worker that there is now.
sub ask_all ($name) {
    my @workers = $t->workers;
    my $seen = wait_for {
        ask();
        my %n;
        $n{$_->[0]}++ for logged();
        !grep { ($n{$_} // 0) < $EACH } @workers;
    } 60;
    ok $seen, "$name: both workers answer";
    return;
}

ask_all('the first');
$t->reload;
ask_all('those that follow');
$t->kill_worker;
ask_all('and one that is there after a fault');

is scalar(grep { !/^[0-9a-f]{32}\z/ } @answered), 0, 'all have an id';

my %times;
$times{$_}++ for @answered;
is_deeply [grep { $times{$_} > 1 } keys %times], [], 'none twice';

wait_ok { logged() == @answered } 'all are in the log';
is_deeply [sort map { $_->[1] } logged()], [sort @answered],
    'by the same id';

done_testing;
