package Tavus::Test::Tail;

# Who listens to the live tail, as a browser's EventSource does, but that a
# test says when to come back.
#
#   my $tail = Tavus::Test::Tail->new($t, query => 'type=info', last => $id,
#       headers => {Name => 'value'}, port => another);
#   $tail->status                   of the answer, which is waited for
#   $tail->read                     takes in what is there; itself
#   $tail->wait_for($n)             events, at least; itself, or undef
#   $tail->events                   {id, event, data} each; data is decoded
#   $tail->ids                      those of the events' data
#   $tail->last                     the id to go on from
#   $tail->retry, $tail->beats      milliseconds; comments that came
#   $tail->open                     nobody has closed it
#   $tail->whole                    it was ended, not cut
#   $tail->back(%more)              another one, from where this one was
#   $tail->socket                   its Tavus::Test::Socket

use v5.36;
use Mojo::JSON qw(decode_json);
use Mojo::Util qw(url_escape);
use Time::HiRes qw(time);

sub new ($class, $t, %opt) {
    my $query = join '&', $opt{query} // (),
        defined $opt{argument} ? "last_event_id=$opt{argument}" : ();
    my %headers = (Host => 'x', Accept => 'text/event-stream',
        $t->admin_headers->%*,
        defined $opt{last} ? ('Last-Event-ID' => $opt{last}) : (),
        ($opt{headers} // {})->%*);
    my $self = bless {t => $t, opt => \%opt, body => '', events => [],
        beats => 0, last => $opt{last}}, $class;

    $self->{socket} = $opt{port} ? Tavus::Test::Socket->new($opt{port}) : $t->socket;
    $self->{socket}->send('GET /api/admin/events/stream'
        . (length $query ? "?$query" : '') . " HTTP/1.1\r\n"
        . join('', map { "$_: $headers{$_}\r\n" }
            grep { defined $headers{$_} } sort keys %headers) . "\r\n");
    return $self;
}

sub socket ($self) { return $self->{socket} }

sub status ($self, $seconds = 30) {
    return $self->{status} if $self->{status};
    my $s = $self->{socket};
    $s->read_until(qr/\r\n\r\n/, $seconds);
    $s->{in} =~ s{^HTTP/1\.1 (\d+)[^\r\n]*\r\n(.*?)\r\n\r\n}{}s or return 0;
    $self->{status} = $1;
    $self->{headers} = {map { lc($_->[0]) => $_->[1] }
        map { [/^([^:]+):\s*(.*?)\s*$/] } split /\r\n/, $2};
    return $self->{status};
}

sub headers ($self) { return $self->{headers} }

# At most so many bytes of what is there.
sub read ($self, $wait = 0) {
    my $s = $self->{socket};
    $self->status if !$self->{status};
    my $deadline = time + $wait;
    do { $s->more(time + ($wait ? 0.02 : 0.0001)) }
        while time < $deadline && !$s->eof && !length $s->{in};
    1 while !$s->eof && IO::Select->new($s->{fh})->can_read(0)
        && $s->more(time + 0.01);

    if (($self->{headers}{'transfer-encoding'} // '') eq 'chunked') {
        while ($s->{in} =~ /^([0-9a-f]+)\r\n/) {
            my ($n, $at) = (hex $1, $+[0]);
            last if length $s->{in} < $at + $n + 2;
            $self->{body} .= substr $s->{in}, $at, $n;
            substr $s->{in}, 0, $at + $n + 2, '';
            $self->{whole} = 1 if $n == 0;
        }
    }
    else {
        $self->{body} .= $s->{in};
        $s->{in} = '';
    }
    $self->parse;
    return $self;
}

# WHATWG HTML 9.2.6
sub parse ($self) {
    while ((my $end = index $self->{body}, "\n\n") >= 0) {
        my %event;
        for (split /\n/, substr $self->{body}, 0, $end + 2, '') {
            if (/^:/) { $self->{beats}++; next }
            my ($name, $value) = /^([a-z]+): ?(.*)\z/s or die "not a field: $_";
            $event{$name} = defined $event{$name} ? "$event{$name}\n$value"
                : $value;
        }
        $self->{retry} = $event{retry} if defined $event{retry};
        $self->{last} = $event{id} if defined $event{id};
        next unless defined $event{data};
        # a large one takes a busy machine too long
        $event{data} = length $event{data} < 20_000 ? decode_json $event{data}
            : {map { $_ => $event{data} =~ /"$_":"([^"]*)"/ ? $1 : undef }
                qw(id conversationId event_type)};
        push $self->{events}->@*, \%event;
    }
}

sub wait_for ($self, $n, $seconds = 30) {
    my $deadline = time + $seconds;
    while (1) {
        $self->read(0.05);
        return $self if $self->events >= $n;
        return undef if time > $deadline || $self->{socket}->eof;
    }
}

sub wait_last ($self, $seconds = 30) {
    my $deadline = time + $seconds;
    1 while !defined $self->read(0.05)->{last} && time < $deadline;
    return $self->{last};
}

sub events ($self) { return $self->{events}->@* }
sub ids ($self)    { return map { $_->{data}{id} // $_->{event} } $self->events }
sub last ($self)   { return $self->{last} }
sub retry ($self)  { return $self->{retry} }
sub beats ($self)  { return $self->{beats} }
sub open ($self)   { return !$self->read->{socket}->eof }
sub whole ($self)  { return $self->{whole} }
sub close ($self)  { $self->{socket}->close }

sub back ($self, %more) {
    return (ref $self)->new($more{t} // $self->{t}, $self->{opt}->%*,
        last => $self->{last}, %more);
}

1;
