#!/usr/bin/perl

# A kept connection that is dead: where that shows before, another one is
# opened; where the request was sent, it is never sent again.

use lib 't/lib';
use Tavus::Test;
use IO::Socket::INET;
use Mojo::JSON qw(encode_json);
use Tavus::Test::Process qw(background new_dir slurp);
use POSIX qw(_exit);

# Answers a connection's first request, then does as the file says: "close" at
# once; "swallow" the next request and close; "reset" after it.
my $dir = new_dir();
my $listen = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1:0')
    or die;
my $port = $listen->sockport;
my $mode = sub ($text) { Tavus::Test::Process::spew("$dir/mode", $text) };

my $read = sub ($socket) {
    my ($in, $length) = ('');
    while (sysread $socket, $in, 65536, length $in) {
        $in =~ /\r\n\r\n/ or next;
        ($length) = $in =~ /Content-Length: (\d+)/i;
        last if length($in) >= $+[0] + ($length // 0);
    }
    return $in;
};
my $pid = background(sub {
    $SIG{CHLD} = 'IGNORE';
    my $serial = 0;
    open my $log, '>>', "$dir/log";
    $log->autoflush(1);
    while (my $socket = $listen->accept) {
        $serial++;
        next if fork;
        my $nth = 0;
        while (my $in = $read->($socket)) {
            my ($line) = $in =~ /\A([^\r]*)/;
            print $log ++$nth, " $line\n";
            my $what = slurp("$dir/mode");
            if ($nth > 1 && $what =~ /^(?:swallow|reset)/) {
                setsockopt $socket, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
                    pack 'll', 1, 0 if $what eq 'reset';
                _exit(0);
            }
            my $body = encode_json({conversation_id => "c$serial-$nth",
                conversation_url => 'http://127.0.0.1/c', status => 'active'});
            print $socket "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
            _exit(0) if $what eq 'close';
        }
        _exit(0);
    }
});

my $posts = sub {
    my @lines = split /\n/, slurp("$dir/log") // '';
    truncate "$dir/log", 0;
    return [map { /^(\d+) POST \/v2\/conversations / } @lines];
};

$mode->('keep');
my $t = Tavus::Test->new(sandbox => 0, http => {
    tavus_api_url => "http://127.0.0.1:$port", tavus_sandbox => 'on'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

is $t->create->code, 200 for 1 .. 3;
is_deeply $posts->(), [1, 2, 3], 'one connection';

for my $kind (qw(swallow reset)) {
    $mode->($kind);
    is $t->create->code, 502, $kind;
    my $got = $posts->();
    is scalar @$got, 1, 'sent once';
    cmp_ok $got->[0], '>', 1, 'on a kept connection';
    is $t->db->selectrow_array(q{SELECT convert_from(body, 'UTF8')::json
        ->> 'outcome' FROM tavus.events
        WHERE event_type = 'conversation.create_failed'
        ORDER BY received_at DESC LIMIT 1}) // 'none', 'unknown',
        'and who knows what became of it'
        if wait_for { $t->db->selectrow_array(q{SELECT count(*) FROM tavus.events
            WHERE event_type = 'conversation.create_failed'})
            == ($kind eq 'swallow' ? 1 : 2) };

    $mode->('keep');
    is $t->create->code, 200, 'on a new connection';
    $posts->();
}

# The other side has closed: CLOSE_WAIT.
my $closed = sub {
    my $hex = sprintf ':%04X 08', $port;
    return slurp('/proc/net/tcp') =~ /: \S+ \S+\Q$hex\E /;
};

$mode->('close');
for (1 .. 3) {
    is $t->create->code, 200, 'the other side closes after an answer';
    wait_ok { $closed->() } 'closed';
}
is_deeply [grep { $_ == 1 } $posts->()->@*], [1, 1],
    'each time a new connection';

kill KILL => $pid;
done_testing;
