package Peers;

# The peers that are compiled, by Debian's toolchains and with its libraries
# alone: nothing is fetched.
#
#   my ($program, $missing) = Peers::build('go');
#
# The program is made anew where its source has changed; where packages are
# missing there is none, and $missing says which.

use v5.36;

use File::Path qw(make_path);

use Tavus::Test::Process qw($ROOT);

my $registry = '/usr/share/cargo/registry';
my $gopath = '/usr/share/gocode';

my %peers = (
    go => {
        needs => {
            '/usr/bin/go' => 'golang-go',
            "$gopath/src/github.com/jackc/pgx/v4"
                => 'golang-github-jackc-pgx-v4-dev',
        },
        program => 'webhook',
        build => "CGO_ENABLED=0 GO111MODULE=off GOPATH=$gopath "
            . 'GOCACHE=$PWD/cache go build -o webhook webhook.go',
    },
    rust => {
        needs => {
            '/usr/bin/cargo' => 'cargo',
            map { ("$registry/$_-[0-9]*" => 'librust-' . s/_/-/r . '-dev') }
                qw(chrono hex hmac http-body hyper serde serde_json sha2 tokio
                    tokio-postgres uuid),
        },
        program => 'target/release/webhook',
        build => 'CARGO_HOME=$PWD/home cargo build --release --offline '
            . '--target-dir target '
            . q(--config 'source.crates-io.replace-with="debian"' )
            . qq(--config 'source.debian.directory="$registry"'),
    },
);

sub build ($name) {
    my $peer = $peers{$name} // die "no peer $name\n";
    my $dir = "$ROOT/build/bench/peers/$name";

    my @missing = sort map { $peer->{needs}{$_} }
        grep { my ($found) = glob; !defined $found || !-e $found }
        keys $peer->{needs}->%*;
    return (undef, "not installed: @missing") if @missing;

    # with their times, by which cargo knows what has changed
    make_path($dir);
    system("cp -p $ROOT/t/bench/peers/$name/* $dir/") == 0 or die "cp: $?\n";
    system("cd $dir && exec env -i PATH=/usr/bin:/bin $peer->{build} "
        . '2> build.log') == 0 or die "$name does not compile: $dir/build.log\n";
    return "$dir/$peer->{program}";
}

1;
