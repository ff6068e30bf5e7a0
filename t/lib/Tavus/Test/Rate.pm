package Tavus::Test::Rate;

# Requests at a fixed rate, over connections that stay.
#
#   my $load = Tavus::Test::Rate->new($t, rate => 500, request => sub ($i) {
#       $bytes });
#   my $r = $load->stop;    {count => {status => n}, p50, p99, worst}
#
# One is sent at its time whatever becomes of those before, and what it took is
# counted from the moment it was meant to be sent.  Wants a large
# keepalive_requests.

use v5.36;

use IO::Socket::INET;
use Mojo::JSON qw(decode_json encode_json);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Tavus::Test::Process qw(background new_dir slurp spew stop_process);
use Time::HiRes qw(time);

sub new ($class, $t, %opt) {
    my $self = bless {rate => 500, connections => 64, port => $t->port,
        result => new_dir() . '/result', %opt}, $class;
    $self->{pid} = background(sub { $self->run });
    return $self;
}

sub stop ($self) {
    stop_process($self->{pid}, TERM => 30);
    return decode_json(slurp($self->{result}) // '{}');
}

sub run ($self) {
    my $end = 0;
    local $SIG{TERM} = sub { $end = 1 };
    local $SIG{PIPE} = 'IGNORE';

    my @idle = map { $self->connection } 1 .. $self->{connections};
    my (%busy, %count, @queue, @took);
    my ($n, $due) = (0, time);

    while (!$end || %busy) {
        my $now = time;
        for (; !$end && $due <= $now; $due += 1 / $self->{rate}) {
            push @queue, [$due, $n++];
        }
        while (@queue && @idle) {
            my ($when, $i) = (shift @queue)->@*;
            my $fh = pop @idle;
            syswrite $fh, $self->{request}->($i);
            $busy{fileno $fh} = [$fh, $when, ''];
        }

        my $in = '';
        vec($in, $_, 1) = 1 for keys %busy;
        select $in, undef, undef, 0.002;

        for my $fd (grep { vec $in, $_, 1 } keys %busy) {
            my $code = receive($busy{$fd}) or next;
            my ($fh, $when) = (delete $busy{$fd})->@*;
            push @took, time - $when;
            $count{$code}++;
            push @idle, $code eq 'closed' ? $self->connection : $fh;
        }
    }

    @took = sort { $a <=> $b } @took;
    spew($self->{result}, encode_json({count => \%count,
        p50 => $took[@took * 0.5], p99 => $took[@took * 0.99],
        worst => $took[-1]}));
    return;
}

sub connection ($self) {
    my $fh = IO::Socket::INET->new("127.0.0.1:$self->{port}") or die $!;
    setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
    return $fh;
}

# The status of a response that is whole.
sub receive ($c) {
    sysread $c->[0], $c->[2], 65536, length $c->[2] or return 'closed';
    my ($head, $body) = split /\r\n\r\n/, $c->[2], 2;
    return defined $body && $head =~ /content-length: (\d+)/i
        && length $body >= $1 ? substr($head, 9, 3) : undef;
}

1;
