package Tavus::Test::Export;

# Exports, and clients who do with them what they want.
#
#   fill($t, 40_000);               events, 1 ms apart, of some 600 bytes
#   my $e = export($t, '?format=ndjson', receive => 4096);
#   $e->take(100_000);              reads until the body has so many bytes
#   $e->rest(60)                    to its end: 'whole', 'cut' or 'open'
#   $e->body, $e->head, $e->ids, $e->last_id, $e->until
#   $e->abort
#
# The ids are those of whole lines or rows.

use v5.36;
use Carp qw(croak);
use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);
use Time::HiRes qw(time);

our @EXPORT = our @EXPORT_OK = qw(export fill);

sub fill ($t, $n) {
    $t->db->do(q{INSERT INTO tavus.events (id, received_at, kind, source, event_type,
            conversation_id, body)
        SELECT tavus.uuid_floor(now() - n * interval '1 ms'), now(), 0, 'tavus',
               'system.replica_joined', 'c' || n % 97,
               convert_to(format('{"n":%s,"text":"%s"}', n, repeat('x', 400)), 'UTF8')
          FROM generate_series(1, ?) n}, {}, $n);
    return $n;
}

sub export ($t, $query, %opt) {
    my $fh = IO::Socket::INET->new(Proto => 'tcp') or croak "socket: $!";
    setsockopt $fh, SOL_SOCKET, SO_RCVBUF, $opt{receive} if $opt{receive};
    connect $fh, Socket::pack_sockaddr_in($opt{port} // $t->port,
        Socket::inet_aton('127.0.0.1')) or croak "connect: $!";
    syswrite $fh, "GET /api/admin/events/export$query HTTP/1.1\r\nHost: x\r\n"
        . 'Authorization: ' . $t->admin_headers->{Authorization} . "\r\n\r\n";
    return bless {fh => $fh, in => '', body => '', state => 'open'}, __PACKAGE__;
}

sub body ($self) { return $self->{body} }
sub head ($self) { return $self->{head} // '' }

sub status ($self) { return $self->head =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0 }
sub until ($self)  { return $self->head =~ /^X-Export-Until: (\d+)/mi ? $1 : undef }

sub ids ($self) {
    return $self->body =~ /^[ ]*\{?"(?:id":")?([0-9a-f]{8}-[0-9a-f-]{27})"(?=.*\n)/mg;
}
sub last_id ($self) { return ($self->ids)[-1] }

sub parse ($self) {
    if (!defined $self->{head}) {
        $self->{in} =~ s/^(.*?\r\n)\r\n//s or return;
        $self->{head} = $1;
        if ($self->{head} !~ /^Transfer-Encoding: chunked/mi) {
            $self->{state} = 'plain';
            return;
        }
    }
    while ($self->{in} =~ /^([0-9a-f]+)\r\n/i) {
        my ($from, $n) = ($+[0], hex $1);
        last if length $self->{in} < $from + $n + 2;
        $self->{body} .= substr $self->{in}, $from, $n;
        substr $self->{in}, 0, $from + $n + 2, '';
        $self->{state} = 'whole' if $n == 0;
    }
    return;
}

# Reads once.
sub more ($self, $seconds) {
    return 0 if $self->{state} ne 'open' || $seconds <= 0;
    return 1 unless IO::Select->new($self->{fh})->can_read($seconds);
    my $n = sysread $self->{fh}, $self->{in}, $self->{step} // 65536, length $self->{in};
    $self->parse;
    $self->{state} = 'cut' if !$n && $self->{state} eq 'open';
    return $n;
}

sub take ($self, $n, $seconds = 30) {
    my $end = time + $seconds;
    1 while length $self->{body} < $n && $self->more($end - time);
    return length $self->{body} >= $n;
}

sub rest ($self, $seconds = 60) {
    my $end = time + $seconds;
    1 while $self->{state} eq 'open' && time < $end && defined $self->more($end - time);
    return $self->{state};
}

sub state ($self) { return $self->{state} }

sub abort ($self) {
    setsockopt $self->{fh}, SOL_SOCKET, SO_LINGER, pack 'll', 1, 0;
    return close $self->{fh};
}

1;
