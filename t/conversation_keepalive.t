#!/usr/bin/perl

# Kept connections to Tavus that die meanwhile: creates go on, none twice.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new->start;
my $box = $t->sandbox;

sub create_ok {
    my ($name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $box->forget;
    is $t->create->code, 200, $name;
    is scalar $box->calls('/v2/'), 1, 'one request';
}

# established connections between nginx and the sandbox
sub kept {
    my $hex = sprintf ':%04X', $box->port;
    my %worker = map {
        my $pid = $_;
        map { (readlink($_) // '') =~ /^socket:\[(\d+)\]/ ? ($1 => 1) : () }
            glob "/proc/$pid/fd/*";
    } $t->workers;
    open my $in, '<', '/proc/net/tcp' or die $!;
    return grep {
        my @f = split ' ';
        ($f[2] // '') =~ /$hex\z/ && $worker{$f[9] // ''};
    } <$in>;
}

create_ok('the first');
is scalar kept(), 1, 'its connection is kept';
create_ok('the second');
is scalar kept(), 1, 'and used again';

# the other side closes it while idle
$box->stop;
$box->start;
create_ok('after a restart of the other side');

# closed in answer to the request: nobody knows whether it was read
$box->forget;
$box->fault(kind => 'cut', bytes => 0, times => 1);
is $t->create->code, 502, 'closed when the request was sent';
is scalar(grep { $_->{method} eq 'POST' } $box->calls('/v2/')), 1,
    'not sent again';
create_ok('and the next is served');

$box->fault(kind => 'reset', times => 1);
is $t->create->code, 502, 'reset';
create_ok('and the next is served');

# many at a time, each its own
$box->forget;
$box->fault(kind => 'delay', ms => 200);
my @sockets = map { $t->socket } 1 .. 20;
$_->send("POST /api/tavus/create-conversation HTTP/1.1\r\nHost: x\r\n"
    . "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    for @sockets;
my %ids = map { ($_->response->{body} =~ /"conversation_id":"([^"]+)/)[0] => 1 }
    @sockets;
is scalar keys %ids, 20, 'twenty at once are twenty';
is scalar $box->calls('/v2/'), 20;
$box->no_faults;
create_ok('the last');

done_testing;
