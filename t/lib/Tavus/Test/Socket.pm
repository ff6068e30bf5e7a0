package Tavus::Test::Socket;

# A client that does what no good client does.
#
#   my $s = $t->socket;
#   $s->send("POST / HTTP/1.1\r\n", "Host: x\r\n");    one packet each
#   $s->dribble($bytes, pause => 0.01, size => 1);
#   $s->chunked("{", "}");                  as chunks, with the last one
#   my $response = $s->response;            {status, headers, body} or undef
#   $s->abort;                              RST       $s->close; FIN
#   $s->half_close;                         we send no more

use v5.36;
use Carp qw(croak);
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP SOL_SOCKET SO_LINGER TCP_NODELAY);
use Time::HiRes qw(time);

use Tavus::Test::Process qw(pause);

sub new ($class, $port) {
    my $fh = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port",
        Timeout => 5) or croak "connect: $!";
    setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
    return bless {fh => $fh, in => ''}, $class;
}

sub send ($self, @packets) {
    local $SIG{PIPE} = 'IGNORE';
    for my $bytes (@packets) {
        my $at = 0;
        while ($at < length $bytes) {
            my $n = syswrite $self->{fh}, $bytes, length($bytes) - $at, $at;
            return undef unless defined $n;
            $at += $n;
        }
    }
    return $self;
}

sub dribble ($self, $bytes, %opt) {
    for my $part (unpack '(a' . ($opt{size} // 1) . ')*', $bytes) {
        $self->send($part) or return undef;
        pause($opt{pause} // 0.002);
    }
    return $self;
}

sub chunked ($self, @chunks) {
    return $self->send(
        map({ sprintf "%x\r\n%s\r\n", length, $_ } @chunks), "0\r\n\r\n");
}

# Reads once; false at the end and after the deadline.
sub more ($self, $deadline) {
    my $left = $deadline - time;
    return 0 if $left <= 0;
    # a signal may have ended the wait; the next round tells
    return 1 unless IO::Select->new($self->{fh})->can_read($left);
    return 1 if sysread $self->{fh}, $self->{in}, 65536, length $self->{in};
    $self->{eof} = 1;
    return 0;
}

# Reads on until the pattern matches, the end, or the deadline; the bytes.
sub read_until ($self, $pattern, $seconds = 30) {
    my $deadline = time + $seconds;
    1 until $self->{in} =~ $pattern || !$self->more($deadline);
    return $self->{in};
}

sub fill ($self, $n, $deadline) {
    1 until length $self->{in} >= $n || !$self->more($deadline);
    return length $self->{in} >= $n;
}

sub eof ($self) { return $self->{eof} }

# The next response on this connection; undef if it does not come whole.
sub response ($self, $seconds = 30) {
    my $deadline = time + $seconds;

    my ($status, $lines) = (100);

    while ($status == 100) {
        $self->read_until(qr/\r\n\r\n/, $deadline - time);
        $self->{in} =~ s{^HTTP/1\.[01] (\d+)[^\r\n]*\r\n(|.*?\r\n)\r\n}{}s
            or return undef;
        ($status, $lines) = ($1, $2);
    }

    my %headers;
    for (split /\r\n/, $lines) {
        my ($name, $value) = /^([^:]+):\s*(.*?)\s*$/ or return undef;
        $headers{lc $name} = exists $headers{lc $name}
            ? "$headers{lc $name}, $value" : $value;
    }

    my $body = '';
    if (($headers{'transfer-encoding'} // '') eq 'chunked') {
        while (1) {
            $self->read_until(qr/^[0-9a-f]+\r\n/i, $deadline - time);
            $self->{in} =~ s/^([0-9a-f]+)\r\n//i or return undef;
            my $n = hex $1;
            $self->fill($n + 2, $deadline) or return undef;
            $body .= substr $self->{in}, 0, $n;
            substr $self->{in}, 0, $n + 2, '';
            last if $n == 0;
        }
    }
    elsif (defined(my $n = $headers{'content-length'})) {
        $self->fill($n, $deadline) or return undef;
        $body = substr $self->{in}, 0, $n, '';
    }
    elsif ($status != 204 && $status != 304) {
        $self->read_until(qr/(?!)/, $deadline - time);
        $body = $self->{in};
        $self->{in} = '';
    }

    return {status => $status, headers => \%headers, body => $body};
}

sub half_close ($self) { shutdown $self->{fh}, 1; return $self }

sub abort ($self) {
    setsockopt $self->{fh}, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0;
    close $self->{fh};
}

sub close ($self) { close $self->{fh} }

1;
