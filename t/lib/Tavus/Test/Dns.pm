package Tavus::Test::Dns;

# A name server of the test's own, on UDP.
#
#   my $dns = Tavus::Test::Dns->new('api.test' => ['127.0.0.1']);
#   $dns->port
#   $dns->set('api.test' => [], 'db.test' => 'hang');   adds or replaces
#   $dns->queries                                       the names asked for
#
# Names that are not set do not exist; those set to 'hang' get no answer.

use v5.36;
use Carp qw(croak);
use IO::Socket::INET;
use Mojo::JSON qw(decode_json encode_json);
use Socket qw(inet_aton);
use Tavus::Test::Process qw(background new_dir release slurp stop_process);

sub new ($class, %names) {
    my $socket = IO::Socket::INET->new(Proto => 'udp',
        LocalAddr => '127.0.0.1:0') or croak "udp: $!";
    my $self = bless {
        dir => new_dir(), port => $socket->sockport, names => {},
        owner => $$,
    }, $class;
    $self->set(%names);

    $self->{pid} = background(sub { $self->serve($socket) });
    return $self;
}

sub port ($self) { return $self->{port} }

sub set ($self, %names) {
    $self->{names}{$_} = $names{$_} for keys %names;
    my $file = "$self->{dir}/names";
    Tavus::Test::Process::spew("$file.new", encode_json($self->{names}));
    rename "$file.new", $file or croak "$file: $!";
    return $self;
}

sub queries ($self) {
    return split /\n/, slurp("$self->{dir}/queries") // '';
}

sub serve ($self, $socket) {
    open my $log, '>>', "$self->{dir}/queries";
    $log->autoflush(1);

    while (my $from = $socket->recv(my $query, 4096)) {
        my ($id, $flags) = unpack 'n n', $query;
        my ($at, @labels) = (12);
        while (my $len = ord substr $query, $at, 1) {
            push @labels, substr $query, $at + 1, $len;
            $at += $len + 1;
        }
        my $type = unpack 'n', substr $query, $at + 1, 2;
        my $question = substr $query, 12, $at + 5 - 12;
        my $name = lc join '.', @labels;
        print $log "$name\n";

        my $found = decode_json(slurp("$self->{dir}/names"))->{$name};
        next if ($found // '') eq 'hang';

        my @ips = $found && $type == 1 ? @$found : ();
        $socket->send(pack('n6', $id, 0x8180 | ($found ? 0 : 3), 1,
            scalar @ips, 0, 0) . $question
            . join('', map { pack 'n n n N n a4', 0xc00c, 1, 1, 1, 4,
                inet_aton($_) } @ips), 0, $from);
    }
}

sub DESTROY ($self) {
    release($self, sub {
        stop_process(delete $self->{pid}, TERM => 5) if $self->{pid};
    });
    return;
}

1;
