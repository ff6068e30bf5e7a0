#!/usr/bin/perl

# Workers of two configurations share zones.  Requests that old workers finish
# while new ones are busy lock them in one order, whatever the order of lines.
# TAVUS_RELOADS (6) says how often; each is a throw of dice.

use lib 't/lib';
use List::Util qw(shuffle);
use Tavus::Test;
use Tavus::Test::Locks;

my $RELOADS = $ENV{TAVUS_RELOADS} // 6;
my $PARKED = 300;
my $CLIENTS = 4;
my $EACH = 250;

srand 602_959;

# a zone is known by its size
my %size = map { ("z$_", (16 + $_) * 4096) } 1 .. 8;

sub site (@names) {
    return (
        http => {tavus_limit_zone => [map { "all zone=$_:$size{$_} "
            . 'rate=1000000r/s capacity=1000000' } @names]},
        locations => {'= /a' => join '',
            map({ "tavus_limit zone=$_; " } shuffle(@names)), 'empty_gif;'},
    );
}

for my $n (8, 2) {
    my @names = map { "z$_" } 1 .. $n;
    my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0,
        workers => 2, log_level => 'notice',
        http_extra => 'keepalive_requests 100000; access_log off;',
        site(@names))->start;

    my $whole = 0;
    for my $turn (1 .. $RELOADS) {
        my @parked = map { $t->socket->send("GET /a HTTP/1.1\r\nHost: x\r\n") }
            1 .. $PARKED;

        @names = $turn % 2 ? reverse sort @names : shuffle(@names);
        $t->configure(site(@names))->reload;

        my @busy = map { $t->socket } 1 .. $CLIENTS;
        my $asked = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n" x $EACH;
        $_->send($asked) for @busy;
        $_->send("\r\n") for @parked;

        my $answers = 0;
        for my $s ((@busy) x $EACH, @parked) {
            my $res = $s->response(10) or last;
            $answers++ if $res->{status} == 200;
        }
        $_->close for @busy, @parked;
        last if $answers != $PARKED + $CLIENTS * $EACH;
        $whole++;
    }

    is $whole, $RELOADS, "$n zones: all is answered after every reload"
        or do {
            diag stuck($t, map { $_ => $size{$_} } @names);
            kill KILL => $t->all_workers;
            $t->allow_alerts(qr/exited on signal|was locked by/);
        };
    $t->stop;
}

done_testing;
