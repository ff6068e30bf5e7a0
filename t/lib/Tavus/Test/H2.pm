package Tavus::Test::H2;

# An HTTP/2 client (RFC 9113), prior knowledge, one stream, a window of its own.
#
#   my $c = Tavus::Test::H2->new($port, window => 100);
#   $c->get($path, authorization => $value);
#   $c->more(1)             reads for a second at most; 0 at the end
#   $c->grant(100)          lets the stream have so many bytes more
#   $c->body, $c->state     'open', 'whole' (END_STREAM), 'reset', 'gone'
#   $c->left                bytes that the window has room for
#   $c->abort

use v5.36;
use Carp qw(croak);
use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER);

use constant {DATA => 0, HEADERS => 1, RST_STREAM => 3, SETTINGS => 4, PING => 6,
    GOAWAY => 7, WINDOW_UPDATE => 8};

sub new ($class, $port, %opt) {
    my $fh = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$port") or croak "connect: $!";
    my $self = bless {fh => $fh, in => '', body => '', state => 'open',
        left => $opt{window} // 65_535, headers => 0}, $class;
    syswrite $fh, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    $self->frame(SETTINGS, 0, 0, pack 'nN', 4, $self->{left});
    # the connection's own window is not what is tried
    $self->frame(WINDOW_UPDATE, 0, 0, pack 'N', 0x7fff_ffff - 65_535);
    return $self;
}

sub frame ($self, $type, $flags, $stream, $payload) {
    local $SIG{PIPE} = 'IGNORE';
    return syswrite $self->{fh}, substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}

# a literal without index, of a new name (RFC 7541, 6.2.2)
sub literal ($name, $value) {
    return pack('C', 0) . join '', map {
        (length() < 127 ? pack 'C', length : pack 'CC', 127, length() - 127) . $_ } $name, $value;
}

sub get ($self, $path, %headers) {
    my $block = join '', map { literal(@$_) } [':method', 'GET'], [':scheme', 'http'],
        [':path', $path], [':authority', 'x'], map { [$_, $headers{$_}] } sort keys %headers;
    return $self->frame(HEADERS, 5, 1, $block);     # END_STREAM, END_HEADERS
}

sub grant ($self, $n) {
    $self->{left} += $n;
    return $self->frame(WINDOW_UPDATE, 0, 1, pack 'N', $n);
}

sub more ($self, $seconds) {
    return 0 if $self->{state} ne 'open';
    return 1 unless IO::Select->new($self->{fh})->can_read($seconds);
    my $n = sysread $self->{fh}, $self->{in}, 65_536, length $self->{in};
    while (length $self->{in} >= 9) {
        my ($high, $low, $type, $flags, $stream) = unpack 'CnCCN', $self->{in};
        my $size = $high << 16 | $low;
        last if length $self->{in} < 9 + $size;
        my $payload = substr $self->{in}, 9, $size;
        substr $self->{in}, 0, 9 + $size, '';
        $self->take($type, $flags, $payload);
    }
    $self->{state} = 'gone' if !$n && $self->{state} eq 'open';
    return $n;
}

sub take ($self, $type, $flags, $payload) {
    if ($type == DATA) {
        $self->{body} .= $payload;
        $self->{left} -= length $payload;
    }
    elsif ($type == HEADERS)    { $self->{headers}++ }
    elsif ($type == RST_STREAM) { $self->{state} = 'reset' }
    elsif ($type == SETTINGS && !($flags & 1)) { $self->frame(SETTINGS, 1, 0, '') }
    elsif ($type == PING && !($flags & 1))     { $self->frame(PING, 1, 0, $payload) }

    $self->{state} = 'whole' if $type <= HEADERS && $flags & 1 && $self->{state} eq 'open';
    return;
}

sub body ($self)    { return $self->{body} }
sub state ($self)   { return $self->{state} }
sub left ($self)    { return $self->{left} }
sub answered ($self) { return $self->{headers} }

sub abort ($self) {
    setsockopt $self->{fh}, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0;
    return close $self->{fh};
}

1;
