package Tavus::Test::Fault;

# What tests of faults need beside Tavus::Test.
#
#   my $load = Tavus::Test::Fault::Load->new($t, clients => 4);
#   …                               webhooks, each of its own conversation
#   $load->acked                    how many so far
#   my $result = $load->stop;       {acked => [conversation ids], status =>
#                                   {503 => n, none => n, …}}
#   my $probe = Tavus::Test::Fault::Probe->new($t->port);
#   …                               a static file is fetched at 100 Hz
#   my ($count, $worst) = $probe->stop;         seconds; every one was a 200
#   my %status = answers(@sockets)              how many of each; closes them
#   post_bytes($path, $body, %headers)          a request, for a socket
#   webhook_bytes($t, $body)                    one signed
#   open_files($pid), tasks($pid), rss($pid)    of a process
#   Tavus::Test->new(measured(), …)             for who asserts an rss
#   silent_port()                               takes connections, says nothing
#   refused_port()                              nobody listens there

use v5.36;
use Exporter qw(import);

use IO::Socket::INET;
use Tavus::Test::Process qw(free_port slurp);
use Tavus::Test::Sign qw(sign_header tavus_event);

our @EXPORT = our @EXPORT_OK = qw(answers measured open_files post_bytes
    refused_port rss silent_port tasks webhook_bytes);

sub post_bytes ($path, $body, %headers) {
    %headers = (Host => 'x', 'Content-Type' => 'application/json',
        'Content-Length' => length $body, %headers);
    return "POST $path HTTP/1.1\r\n"
        . join('', map { "$_: $headers{$_}\r\n" } sort keys %headers)
        . "\r\n$body";
}

# As a client does: a worker that ends lingers for those that do not close.
sub answers (@sockets) {
    my %status;
    for (@sockets) {
        $status{($_->response(20) || {})->{status} // 'none'}++;
        $_->close;
    }
    return %status;
}

sub webhook_bytes ($t, $body) {
    return post_bytes('/api/tavus/webhook', $body,
        sign_header($t->webhook_secret, $body));
}

sub open_files ($pid) {
    opendir my $dir, "/proc/$pid/fd" or return 0;
    return scalar grep { /^\d+$/ } readdir $dir;
}

sub tasks ($pid) {
    opendir my $dir, "/proc/$pid/task" or return 0;
    return scalar grep { /^\d+$/ } readdir $dir;
}

# bytes
sub rss ($pid) {
    my (undef, $pages) = split ' ', slurp("/proc/$pid/statm") // '0 0';
    return $pages * 4096;
}

# What is freed stays in the address sanitizer's quarantine, which would be
# measured as growth: hundreds of megabytes.
sub measured () {
    return () unless defined $ENV{ASAN_OPTIONS};
    return (env => {ASAN_OPTIONS => "$ENV{ASAN_OPTIONS}:quarantine_size_mb=0"
        . ':thread_local_quarantine_size_kb=0'});
}

# The kernel completes its connections; nobody ever takes or answers them.
my @silent;
sub silent_port () {
    my $port = free_port();
    # as free_port() looks: connections of a test before may linger there
    my $socket = IO::Socket::INET->new(Listen => 128, ReuseAddr => 1,
        LocalAddr => "127.0.0.1:$port") or die "listen: $!";
    push @silent, $socket;
    return $port;
}

sub refused_port () { return free_port() }


package Tavus::Test::Fault::Load;

use Tavus::Test::Process qw(background new_dir pause release slurp stop_process);
use Tavus::Test::Sign qw(tavus_event);
use Tavus::Test::Socket;

sub new ($class, $t, %opt) {
    my $self = bless {dir => new_dir(), pids => [], owner => $$}, $class;

    for my $n (1 .. $opt{clients} // 4) {
        push $self->{pids}->@*, background(sub { $self->run($t, $n) });
    }
    return $self;
}

sub run ($self, $t, $n) {
    my $stop = 0;
    local $SIG{TERM} = sub { $stop = 1 };
    open my $ledger, '>>', "$self->{dir}/$n" or die;
    $ledger->autoflush(1);

    my ($socket, $i);
    until ($stop) {
        my $id = "c$$-" . ++$i;
        my $bytes = Tavus::Test::Fault::webhook_bytes($t,
            tavus_event('system.replica_joined', $id));
        $socket //= eval { Tavus::Test::Socket->new($t->port) };
        my $res = $socket && $socket->send($bytes) && $socket->response(20);
        last if !$res && $stop;         # the signal ended the wait
        print $ledger $res ? $res->{status} : 'none', " $id\n";
        undef $socket
            if !$res || ($res->{headers}{connection} // '') eq 'close';
        pause(0.01) unless $res && $res->{status} == 200;
    }
}

sub lines ($self) {
    return map { split /\n/, slurp($_) // '' } glob "$self->{dir}/*";
}

sub acked ($self) { return scalar grep { /^200 / } $self->lines }

sub stop ($self) {
    kill TERM => $self->{pids}->@*;
    stop_process($_, TERM => 30) for splice $self->{pids}->@*;
    my %result = (acked => [], status => {});
    for ($self->lines) {
        my ($status, $id) = split / /;
        $result{status}{$status}++;
        push $result{acked}->@*, $id if $status eq '200';
    }
    return \%result;
}

# Those of the ledger that the table does not have, and those it has twice.
sub missing ($self, $result, $db) {
    my %stored = map { $_->[0] => $_->[1] } $db->selectall_arrayref(
        q{SELECT conversation_id, count(*) FROM tavus.events
           WHERE source = 'tavus' GROUP BY 1})->@*;
    return ([grep { !$stored{$_} } $result->{acked}->@*],
        [grep { $stored{$_} > 1 } keys %stored]);
}

sub DESTROY ($self) {
    release($self, sub {
        stop_process($_, TERM => 5) for splice $self->{pids}->@*;
    });
    return;
}


package Tavus::Test::Fault::Probe;

use IO::Select;
use IO::Socket::INET;
use Tavus::Test::Process qw(background stop_process);
use Time::HiRes qw(time);

# A process of its own: what it measures is nobody else's delay.
sub new ($class, $port, $path = '/index.html') {
    pipe my $in, my $out or die "pipe: $!";
    pipe my $stop, my $go or die "pipe: $!";
    my $pid = background(sub {
        close $_ for $in, $go;
        my ($count, $worst, $bad) = (0, 0, 0);
        my $select = IO::Select->new($stop);

        # told to stop, it goes on until it has seen enough
        until ($select->can_read(0.01) && $count >= 50) {
            my $start = time;
            my $socket = IO::Socket::INET->new(Timeout => 20,
                PeerAddr => "127.0.0.1:$port");
            my $line = '';
            if ($socket) {
                print $socket "GET $path HTTP/1.0\r\nHost: x\r\n\r\n";
                $line = readline($socket) // '';
            }
            $bad++ unless $line =~ m{^HTTP/1\.1 200 };
            $count++;
            my $took = time - $start;
            $worst = $took if $took > $worst;
        }
        syswrite $out, "$count $worst $bad\n";
    });

    close $_ for $out, $stop;
    return bless {pid => $pid, in => $in, go => $go}, $class;
}

# (how many, the longest in seconds, how many were no 200)
sub stop ($self) {
    close $self->{go};
    my ($count, $worst, $bad) = split ' ', readline($self->{in}) // '0 99 99';
    stop_process($self->{pid}, TERM => 5);
    return ($count, $worst, $bad);
}

# The one assertion about time that tests make.
sub ok ($self, $name = 'nothing else stalled') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($count, $worst, $bad) = $self->stop;
    my $tb = Test::More->builder;
    $tb->ok(!$bad && $worst < 0.5, $name)
        or $tb->diag("$count probes, $bad failed, the longest took ${worst} s");
    $tb->note(sprintf '%d probes, the longest took %.1f ms', $count,
        $worst * 1000);
}

1;
