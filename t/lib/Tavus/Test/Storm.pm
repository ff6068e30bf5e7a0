package Tavus::Test::Storm;

# What t/fault/storm.t has beside the helpers of other tests.
#
#   my $load = Tavus::Test::Storm::Load->new(nodes => [$t, …], name => …,
#       connections => 64);
#   $load->count                {acked, refused, cut, odd}, so far
#   $load->stop;                no new event; the last ones are answered
#   $load->acked($code)         calls the code with lines of the ledger
#   $load->odd                  answers that there must not be
#   my $visitors = Tavus::Test::Storm::Visitors->new($t);
#   $visitors->stop;            {created => [ids], ended => [ids], odd => […]}
#   my $watch = Tavus::Test::Storm::Watch->new($t);
#   $watch->stop;               {count, cut, worst, odd, slow => [[when,
#                               seconds, those of them without a CPU]]}

use v5.36;

1;


package Tavus::Test::Storm::Load;

# Senders, as processes with some connections each.  An event that is not
# acknowledged is sent again until it is, to the next node, as a sender behind a
# balancer would; and so is one of eight that are acknowledged.  Its name, the
# conversation and the type of event, is in the ledger once it is acknowledged.

use Digest::SHA qw(hmac_sha256_hex);
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Socket qw(AF_INET IPPROTO_TCP SOCK_STREAM TCP_NODELAY inet_aton
    pack_sockaddr_in);
use Tavus::Test::Process qw(background new_dir release slurp stop_process);
use Tavus::Test::Sign qw(now_iso);
use Time::HiRes qw(time);

my $PER_PROCESS = 16;

# longer than PostgreSQL and journal may take together
my $PATIENCE = 20;

# A conversation's events, in their order; the third has no time of its own.
my @TYPES = ('system.replica_joined', 'storm.spoke', 'storm.untimed',
    'storm.listened', 'storm.spoke_again', 'system.shutdown',
    'application.transcription_ready', 'storm.over');

sub new ($class, %opt) {
    my $self = bless {dir => new_dir(), pids => [], owner => $$,
        connections => 64, %opt}, $class;
    my @nodes = delete($self->{nodes})->@*;
    my @ports = map { $_->port } @nodes;

    for (my $left = $self->{connections}, my $n = 1; $left > 0; $n++) {
        my $some = $left < $PER_PROCESS ? $left : $PER_PROCESS;
        push $self->{pids}->@*, background(sub {
            $self->run($n, $some, $nodes[0]->webhook_secret, @ports);
        });
        $left -= $some;
    }
    return $self;
}

sub run ($self, $n, $connections, $secret, @ports) {
    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    local $SIG{PIPE} = 'IGNORE';

    my $s = {self => $self, name => "$self->{name}-$n", made => 0,
        secret => $secret, count => [0, 0, 0, 0], published => 0,
        nodes => [map { pack_sockaddr_in($_, inet_aton('127.0.0.1')) } @ports]};
    open $s->{ledger}, '>', "$self->{dir}/$n.ledger" or die $!;
    open $s->{odd}, '>', "$self->{dir}/$n.odd" or die $!;
    open $s->{counts}, '>', "$self->{dir}/$n.count" or die $!;
    $s->{$_}->autoflush(1) for qw(odd counts);

    my @all = map { {ready => 0, at => @TYPES + 0, node => $_} }
        1 .. $connections;
    while (@all) {
        my $now = time;
        for my $c (@all) {
            next if $c->{fh} && $c->{sent} || $c->{ready} > $now;
            begin($s, $c, $now) unless $stop;
        }
        @all = grep { $_->{sent} } @all if $stop;

        my $in = '';
        vec($in, fileno $_->{fh}, 1) = 1 for grep { $_->{sent} } @all;
        select $in, undef, undef, 0.02;

        $now = time;
        for my $c (grep { $_->{sent} } @all) {
            if (vec $in, fileno $c->{fh}, 1) {
                receive($s, $c, $now);
            }
            elsif ($now - $c->{sent} > $PATIENCE) {
                say {$s->{odd}} sprintf '%.3f no answer in %d s: %s', $now,
                    $PATIENCE, $c->{key};
                lost($s, $c, 3, $now);
            }
        }
        publish($s) if $now - $s->{published} > 0.05;
    }
    publish($s);
    close $s->{ledger} or die $!;
}

# Readers find whole counts: one write, shorter than a page.
sub publish ($s) {
    seek $s->{counts}, 0, 0;
    syswrite $s->{counts}, pack 'Q<4', $s->{count}->@*;
    $s->{published} = time;
}

sub begin ($s, $c, $now) {
    make($s, $c) unless $c->{bytes};

    if (!$c->{fh}) {
        socket my $fh, AF_INET, SOCK_STREAM, 0 or die "socket: $!";
        setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
        if (!connect $fh, $s->{nodes}[$c->{node} % $s->{nodes}->@*]) {
            $s->{count}[2]++;
            $c->{ready} = $now + 0.05;
            return;
        }
        $fh->blocking(0);
        $c->{fh} = $fh;
    }

    # a request is far shorter than what the kernel takes at once
    my $n = syswrite $c->{fh}, $c->{bytes};
    return lost($s, $c, 2, $now)
        if !defined $n || $n < length $c->{bytes};
    $c->@{qw(sent in)} = ($now, '');
}

sub make ($s, $c) {
    if ($c->{at} >= @TYPES) {
        $c->{conversation} = "$s->{name}-" . $s->{made}++;
        $c->{at} = 0;
    }
    my $type = $TYPES[$c->{at}++];
    my $time = $type eq 'storm.untimed' ? ''
        : '"timestamp":"' . now_iso() . '",';
    my $body = qq({"message_type":"storm","event_type":"$type",$time)
        . qq("conversation_id":"$c->{conversation}","properties":)
        . qq({"shutdown_reason":"bot_could_not_join","text":")
        . ('words ' x 25) . '"}}';

    $c->{key} = "$c->{conversation}\t$type";
    $c->{bytes} = "POST /api/tavus/webhook HTTP/1.1\r\nHost: storm\r\n"
        . "Content-Type: application/json\r\nX-Tavus-Signature: sha256="
        . hmac_sha256_hex($body, $s->{secret})
        . "\r\nContent-Length: " . length($body) . "\r\n\r\n$body";
}

# The connection ends without an answer.
sub lost ($s, $c, $which, $now) {
    $s->{count}[$which]++;
    elsewhere($s, $c, $now + 0.02);
}

sub elsewhere ($s, $c, $when) {
    close delete $c->{fh} if $c->{fh};
    delete $c->{sent};
    $c->{node}++;
    $c->{ready} = $when;
}

sub receive ($s, $c, $now) {
    my $n = sysread $c->{fh}, $c->{in}, 16384, length $c->{in};
    return if !defined $n && ($!{EAGAIN} || $!{EINTR} || $!{EWOULDBLOCK});
    return lost($s, $c, 2, $now) unless $n;

    my $end = index $c->{in}, "\r\n\r\n";
    return if $end < 0;
    my $head = substr $c->{in}, 0, $end + 2;
    my ($length) = $head =~ /^Content-Length: (\d+)\r/mi;
    return if length $c->{in} < $end + 4 + ($length // 0);

    delete $c->{sent};
    close delete $c->{fh} if $head =~ /^Connection: close\r/mi;

    my $status = $head =~ m{^HTTP/1\.1 (\d+) } ? $1 : 0;
    if ($status == 200 && $c->{in} =~ /\{"received":true\}\z/) {
        if (!$c->{again}) {
            $s->{count}[0]++;
            printf {$s->{ledger}} "%.3f\t%s\n", $now, $c->{key};
            $c->{again} = $s->{count}[0] % 8 == 0
                and return elsewhere($s, $c, 0);
        }
        delete $c->@{qw(bytes again)};
        return;
    }

    # the designed one
    if ($status == 503 && $head =~ /^Retry-After: [1-9]\d*\r/mi) {
        $s->{count}[1]++;
    }
    else {
        $s->{count}[3]++;
        say {$s->{odd}} sprintf '%.3f %s: %s', $now, $c->{key} =~ s/\t/ /r,
            ($head =~ /\A([^\r]*)/)[0];
    }
    return elsewhere($s, $c, $now + 0.1);
}

sub count ($self) {
    my %sum;
    for (glob "$self->{dir}/*.count") {
        my @n = unpack 'Q<4', slurp($_) // '';
        $sum{$_} += shift(@n) // 0 for qw(acked refused cut odd);
    }
    return \%sum;
}

sub stop ($self) {
    kill TERM => $self->{pids}->@*;
    my $good = 1;
    stop_process($_, TERM => 60) or $good = 0 for splice $self->{pids}->@*;
    return $good;
}

# Hands over pieces of the ledger that end with a line: seconds, conversation
# and type of event with tabs between them.
sub acked ($self, $code) {
    for my $file (glob "$self->{dir}/*.ledger") {
        open my $fh, '<', $file or die "$file: $!";
        while (read $fh, my $piece, 65536) {
            my $rest = readline $fh;
            $code->($piece . ($rest // ''));
        }
    }
}

sub odd ($self) {
    return map { split /\n/, slurp($_) // '' } glob "$self->{dir}/*.odd";
}

sub DESTROY ($self) {
    release($self, sub { stop_process($_) for splice $self->{pids}->@* });
    return;
}


package Tavus::Test::Storm::Visitors;

# Some who begin conversations, of which they end three of four.

use Mojo::JSON qw(decode_json encode_json);
use Tavus::Test::Process qw(background new_dir pause release slurp stop_process);
use Tavus::Test::Socket;
use Time::HiRes qw(time);

sub new ($class, $t, %opt) {
    my $self = bless {dir => new_dir(), pids => [], owner => $$}, $class;
    for my $n (1 .. $opt{visitors} // 3) {
        push $self->{pids}->@*, background(sub { $self->run($n, $t->port) });
    }
    return $self;
}

sub run ($self, $n, $port) {
    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    open my $ledger, '>', "$self->{dir}/$n" or die $!;
    $ledger->autoflush(1);

    my $i = 0;
    until ($stop) {
        my ($status, $answer) = ask($port, 'create-conversation', {});
        print $ledger "create $status ", $answer->{conversation_id} // '-', ' ',
            $answer->{code} // '-', sprintf(' %.3f', time), "\n";
        if ($status eq '200' && ++$i % 4) {
            my $id = $answer->{conversation_id};
            print $ledger "end 0 $id\n";        # whatever becomes of it
            ($status, $answer) = ask($port, 'end-conversation', {
                conversation_id => $id, end_token => $answer->{end_token}});
            print $ledger "end $status $id ", $answer->{code} // '-',
                sprintf(' %.3f', time), "\n";
        }
        pause(0.1);
    }
}

sub ask ($port, $what, $request) {
    my $body = encode_json($request);
    my $socket = eval { Tavus::Test::Socket->new($port) }
        or return ('none', {});
    my $sent = $socket->send("POST /api/tavus/$what HTTP/1.1\r\n"
        . "Host: storm\r\nContent-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\nConnection: close\r\n\r\n$body");
    my $response = $sent && $socket->response(20);
    $socket->close;
    return ('none', {}) unless $response;
    my $answer = eval { decode_json($response->{body}) } // {};
    return ("$response->{status}" . ($response->{status} == 503
        && !$response->{headers}{'retry-after'} ? ' without Retry-After' : ''),
        $answer);
}

sub stop ($self) {
    kill TERM => $self->{pids}->@*;
    stop_process($_, TERM => 60) for splice $self->{pids}->@*;

    my (%created, %ended, %count, @odd);
    for (map { split /\n/, slurp($_) // '' } glob "$self->{dir}/*") {
        my ($what, $status, $id) = /^(\w+) (.*?) (\S+)(?: |$)/ or next;
        $count{"$what $status"}++ if $status ne '0';
        $created{$id} = 1 if $what eq 'create' && $status eq '200';
        $ended{$id} = 1 if $what eq 'end';

        # a sandbox that misbehaves makes 502, a full one or no storage 503;
        # an end that failed goes on by itself, 202
        push @odd, $_ unless $status =~ /^(?:0|200|202|502|503|none)$/;
    }
    return {created => \%created, ended => \%ended, odd => \@odd,
        count => \%count};
}

sub DESTROY ($self) {
    release($self, sub { stop_process($_) for splice $self->{pids}->@* });
    return;
}


package Tavus::Test::Storm::Watch;

# A page at 100 Hz.  A worker that is killed answers nobody: the page is asked
# for again, and its time goes on.  How long nginx, and this process, wanted to
# run and got no CPU is told apart: that is the machine's standstill.

use IO::Socket::INET;
use List::Util qw(max);
use Tavus::Test::Process qw(background new_dir release slurp stop_process);
use Time::HiRes qw(time);

sub new ($class, $t, $path = '/index.html') {
    my $self = bless {dir => new_dir(), owner => $$}, $class;
    $self->{pid} = background(sub { $self->run($t->port, $path, $t->pid) });
    return $self;
}

sub run ($self, $port, $path, $master) {
    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    local $SIG{PIPE} = 'IGNORE';
    open my $log, '>', "$self->{dir}/log" or die $!;
    $log->autoflush(1);

    my ($count, $cut, $worst) = (0, 0, 0);
    until ($stop && $count >= 50) {
        my $before = waited($master);
        my $start = time;
        my $line;
        while (!defined $line && time - $start < 20) {
            $line = get($port, $path);
            $cut++ unless defined $line;
        }
        my $took = time - $start;
        $count++;
        $worst = max($worst, $took);
        if ($took > 0.2) {
            my $after = waited($master);
            my $own = delete($after->{$$}) - delete $before->{$$};
            print $log "slow $start $took ", $own + max(0,
                map { $after->{$_} - ($before->{$_} // 0) } keys %$after), "\n";
        }
        print $log "odd $start ", $line // "no answer\n"
            unless ($line // '') =~ m{^HTTP/1\.1 200 };
        select undef, undef, undef, 0.01;
    }
    print $log "end $count $cut $worst\n";
}

# Seconds that each of nginx's processes, and this one, waited for a CPU.
sub waited ($master) {
    my %seconds;
    for my $pid ($$, $master, split ' ',
        slurp("/proc/$master/task/$master/children") // '')
    {
        my (undef, $ns) = split ' ', slurp("/proc/$pid/schedstat") // next;
        $seconds{$pid} = $ns / 1e9;
    }
    return \%seconds;
}

sub get ($port, $path) {
    my $socket = IO::Socket::INET->new(Timeout => 20,
        PeerAddr => "127.0.0.1:$port") or return undef;
    print $socket "GET $path HTTP/1.0\r\nHost: x\r\n\r\n";
    return readline $socket;
}

sub stop ($self) {
    stop_process(delete $self->{pid}, TERM => 30);
    my %got = (slow => [], odd => [], count => 0, cut => 0, worst => 99);
    for (split /\n/, slurp("$self->{dir}/log") // '') {
        my ($what, @rest) = split / /;
        push $got{slow}->@*, \@rest if $what eq 'slow';
        push $got{odd}->@*, "@rest" if $what eq 'odd';
        @got{qw(count cut worst)} = @rest if $what eq 'end';
    }
    return \%got;
}

sub DESTROY ($self) {
    release($self, sub { stop_process($self->{pid}) if $self->{pid} });
    return;
}

1;
