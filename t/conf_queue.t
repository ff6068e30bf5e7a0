#!/usr/bin/perl

# What the waiting line needs, and what stands in its way.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Conf;

my $t = conf_test();
my ($create, $end, $hook, $queue) = map { "= /api/tavus/$_" }
    qw(create-conversation end-conversation webhook queue);
my %none = map { $_ => undef } '/api/admin/', $create, $end, '= /api/track',
    '= /api/contact';

sub http { return (http => {tavus_budget => 'active=3 line=20', @_}) }
sub loc  { return (locations => {$queue => 'tavus_queue;', @_}) }

accepted('a line', http(), loc());
my $nobody = qr/"line=" of "tavus_budget" without "tavus_queue"/;
like(accepted('a line without its location', http()), $nobody, 'is warned of');
unlike(accepted('a line with it', http(), loc()), $nobody, 'is not');
accepted("hold=$_", http(), loc($queue => "tavus_queue hold=$_;"))
    for qw(2s 30s 2500ms);

my $queued = qr/tavus_queue/;
refused("hold=$_", qr/invalid "hold=\Q$_\E" of "tavus_queue", it may be 2s to 30s/,
    $queued, http(), loc($queue => qq(tavus_queue "hold=$_";)))
    for qw(0 1999ms 31s 1h x -1s 99999999999d), '';
refused('another parameter', qr/"tavus_queue" has no parameter "held=5s"/, $queued,
    http(), loc($queue => 'tavus_queue held=5s;'));
refused('two parameters', qr/invalid number of arguments in "tavus_queue"/,
    $queued, http(), loc($queue => 'tavus_queue hold=5s hold=5s;'));
refused('twice', qr/the location has a handler already/, $queued, http(),
    loc($queue => "tavus_queue;\ntavus_queue;"));
refused('of a server', qr/"tavus_queue" directive is not allowed here/, $queued,
    http(), server => 'tavus_queue;');

for my $budget (undef, 'active=3', 'day=9 minutes=600') {
    refused('with ' . ($budget // 'no budget'),
        qr/"tavus_queue" needs a "tavus_budget" with "line=", or nobody ever waits/,
        $queued, http(tavus_budget => $budget), loc());
}
for (qw(tavus_public_origin tavus_vertical tavus_api_key)) {
    refused("without $_", qr/"$_" is missing/, $queued, http($_ => undef),
        loc(%none));
}
refused('without a webhook',
    qr{no location with "tavus_webhook tavus" at the path "/api/tavus/webhook"},
    $queued, http(), loc(%none, $hook => undef));
accepted('with another path of callbacks', http(), loc($hook => undef,
    '= /hook' => 'tavus_webhook tavus;', $create => undef, $end => undef,
    '= /api/track' => undef,
    $queue => 'tavus_queue; tavus_callback /hook;'));

done_testing;
