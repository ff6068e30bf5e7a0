package Tavus::Test::Sender;

# One of t/senders, which answers a line of JSON with one.
#
#   # npm                             in the head of the test
#   my $sender = Tavus::Test::Sender->new('verify');
#   my $answer = $sender->ask({secret => …, headers => {…}, body => …});
#   is $sender->close, 0;             how it ended

use v5.36;
use Carp qw(croak);
use IPC::Open2 qw(open2);
use Mojo::JSON qw(decode_json encode_json);

use Tavus::Test::Process qw($ROOT);

sub new ($class, $name) {
    -d "$ROOT/build/senders/node_modules"
        or Test::More::BAIL_OUT('the senders are missing: ./build.sh npm');

    # where build.sh brings a Node of its own
    local $ENV{PATH} = "$ROOT/build/node/bin:$ENV{PATH}";
    my $self = bless {name => $name}, $class;
    $self->{pid} = open2($self->{out}, $self->{in}, 'node',
        "$ROOT/t/senders/$name.mjs");
    return $self;
}

sub ask ($self, $message) {
    my ($in, $out) = $self->@{qw(in out)};

    # to Node's readline U+2028 and U+2029 end a line, too
    print {$in} encode_json($message)
        =~ s/\xe2\x80([\xa8\xa9])/'\u202' . ($1 eq "\xa8" ? 8 : 9)/ger, "\n";
    $in->flush;
    return decode_json(<$out> // croak "no answer of t/senders/$self->{name}");
}

sub close ($self) {
    close $self->{in};
    waitpid delete $self->{pid}, 0;
    return $?;
}

sub DESTROY ($self) {
    local ($?, $!);
    $self->close if $self->{pid};
    return;
}

1;
