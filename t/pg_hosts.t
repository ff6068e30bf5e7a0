#!/usr/bin/perl

# Of several hosts the first that will do is taken: one may refuse, another
# may never answer.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Fault;
use Tavus::Test::Pg;

my $pg = Tavus::Test::Pg->new(tcp => 1);
my ($refused, $silent) = (refused_port(), silent_port());

my $t = Tavus::Test->new(db => $pg, sandbox => 0, http => {
    tavus_database => qq{"host=127.0.0.1,127.0.0.1,127.0.0.1 }
        . qq{port=$refused,$silent,%%PGPORT%% dbname=tavus user=tavus_app }
        . 'sslmode=disable"',
})->start;

my $probe = Tavus::Test::Fault::Probe->new($t->port);

is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 503,
    'not yet';
wait_ok { $t->get('/healthz')->code == 200 } 'the third one', 15;
$probe->ok;
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200;

my ($line) = $t->grep_log(qr/\[error\].*database \(record\)/);
like $line, qr/port $refused failed: Connection refused/, 'why not the first';
like $line, qr/"127.0.0.1" port \d+ timed out/, 'why not the second';

done_testing;
