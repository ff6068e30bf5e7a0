#!/usr/bin/perl

# A worker that is to exit answers first whoever waits for a hash.

use lib 't/lib';
use Tavus::Test;
use Mojo::Util qw(b64_encode);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0);
my $file = $t->secret('users', 'admin:'
    . crypt('pass', '$6$rounds=1000000$saltstring$') . "\n");
$t->{locations} = {'= /a' => "tavus_admin_users $file; empty_gif;"};
$t->start;

sub ask {
    my ($password) = @_;
    my $s = $t->socket;
    $s->send("GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: Basic "
        . b64_encode("admin:$password", '') . "\r\n\r\n");
    return $s;
}

# it has come so far when its thread is at work
sub hashing {
    my ($worker) = @_;
    return grep { (Tavus::Test::Process::slurp($_) // '') =~ /\) R / }
        grep { !m{/\Q$worker\E/stat} } glob "/proc/$worker/task/*/stat";
}

for my $signal (qw(HUP QUIT)) {
    my ($worker) = $t->workers;
    my @asked = map { ask($_) } 'pass', 'wrong';
    wait_ok { hashing($worker) } 'a thread is at work';
    $t->signal($signal);
    is $asked[0]->response(30)->{status}, 200, "$signal: answered";
    is $asked[1]->response(30)->{status}, 401;
    wait_ok { !-d "/proc/$worker" } 'and then the worker ends', 30;
}

ok !$t->grep_log(qr/open socket/), 'nothing is left open';

done_testing;
