package Tavus::Test::Root;

# A machine for packages: a fresh Debian in a folder, and namespaces in which its
# processes, mounts and network are by themselves.  The file that uses this runs
# again in there, as root, and all of it ends with the file.
#
#   use Tavus::Test::Root;              as early as can be
#   my $root = Tavus::Test::Root->new;
#   my ($exit, $says) = $root->run('nginx -t', stdin => $text);
#   $root->dir                          where its files are
#   $root->packages($from)              those of a folder, to its /root
#   my @commands = commands($file, $heading);   those of a part of a document
#   $root->set_up($box, $ca);           all of docs/install.md, From packages
#   my ($code, $body) = $root->curl($path, @more)
#   $root->sql($query)                  what psql says
#   $root->admin($path)                 its JSON

use v5.36;
use Carp qw(croak);
use Exporter qw(import);
use Mojo::JSON qw(decode_json);
use Test::More ();

use Tavus::Test::Process qw($ROOT slurp spew wait_for);

our @EXPORT = qw(commands);

my $SUITE = $ENV{TAVUS_SUITE} // 'bookworm';
our $BUILT = "$ROOT/build/package" . ($SUITE eq 'bookworm' ? '' : "-$SUITE");

# Zombies of others are reaped by the shell, which is their init: what waits for
# a daemon to end would wait for good.
BEGIN {
    if (!$ENV{TAVUS_ROOT}) {
        if ($>) {
            say '1..0 # SKIP only root can make namespaces';
            exit 0;
        }
        my $dir = Tavus::Test::Process::new_dir();
        local $ENV{TAVUS_ROOT} = $dir;
        system qw(unshare --net --mount --pid --fork --kill-child --mount-proc
            --), 'bash', '-c', '"$@"; exit $?', 'bash', $^X, "-I$ROOT/t/lib",
            $0, @ARGV;
        my $exit = $?;
        Tavus::Test::Process::release({owner => $$, dir => $dir});
        exit($exit ? $exit >> 8 || 1 : 0);
    }
}

sub new ($class) {
    my $dir = "$ENV{TAVUS_ROOT}/root";
    my $tar = "$ROOT/build/root-$SUITE.tar";
    -f $tar or croak "$tar is missing: ./build.sh package --test makes it";

    mkdir $dir;
    command('tar', '-C', $dir, '-xpf', $tar);
    command('mount', '-t', 'proc', 'proc', "$dir/proc");
    command('mount', '-t', 'tmpfs', '-o', 'mode=1777', 'tmpfs', "$dir/dev/shm");
    command('ip', 'link', 'set', 'lo', 'up');

    # the site has a name, here and in there
    my $hosts = "$ENV{TAVUS_ROOT}/hosts";
    spew($hosts, "127.0.0.1 localhost example.com\n");
    spew("$dir/etc/hosts", slurp($hosts));
    command('mount', '--bind', $hosts, '/etc/hosts');

    return bless {dir => $dir}, $class;
}

sub command (@command) {
    system(@command) == 0 or croak "@command: $?";
    return;
}

sub dir ($self) { return $self->{dir} }

sub run ($self, $command, %opt) {
    my ($in, $out) = map { "$ENV{TAVUS_ROOT}/$_" } qw(stdin stdout);

    spew($in, $opt{stdin} // '');
    system('sh', '-c', 'in=$1 out=$2; shift 2; "$@" < "$in" > "$out" 2>&1',
        'sh', $in, $out, 'chroot', $self->{dir}, qw(env -i HOME=/root
        LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin),
        'sh', '-ec', "cd /root; $command");
    return ($? >> 8, slurp($out));
}

# the same, and it must succeed: a test, after which nothing makes sense
sub ok ($self, $command, %opt) {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($exit, $says) = $self->run($command, %opt);
    Test::More::is($exit, 0, $opt{name} // $command)
        or croak $says;
    return $says;
}

sub packages ($self, $from) {
    my @debs = grep { !/-dbgsym_/ } glob "$from/*.deb";
    @debs == 3 or croak "$from has no three packages";
    unlink glob "$self->{dir}/root/*.deb";
    command('cp', @debs, "$self->{dir}/root/");
    return;
}

# The lines of the blocks of commands that stand under a heading, or behind a
# word, of a document.
sub commands ($file, $from) {
    my ($part) = slurp("$ROOT/$file") =~ /^\Q$from\E(.*?)(?=^\#\#|\z)/ms
        or croak "$file has no \"$from\"";
    return map { grep { length } split /\n/, $_ }
        $part =~ /^```\n(.*?)^```$/msg;
}

# What a test cannot have of the commands: a terminal, and the network.
my %TYPED = (
    '/etc/tavus/db.password' => 'the-password-of-this-test',
    '/etc/tavus/api.key' => 'sandbox-key-0123456789abcdef',
);

sub typed ($self, $command) {
    my %opt = (name => $command);

    $command =~ s/^apt-get install/$& -y --no-install-recommends/;
    $command =~ s/openssl passwd -6\)/openssl passwd -6 secret)/;
    $command =~ s/'\\password tavus_app'/"ALTER ROLE tavus_app PASSWORD '$TYPED{'\/etc\/tavus\/db.password'}'"/;
    $opt{stdin} = $TYPED{$1} if $command =~ /^cat > (\S+)/;
    return ($command, %opt);
}

# What is answered where something is to be filled in.
my %ANSWER = (
    tavus_public_origin => 'https://example.com',
    tavus_budget => 'active=3 day=100 minutes=600 visitor_day=50 line=5',
    persona_id => 'p0123456789ab',
    replica_id => 'r0123456789ab',
    server_name => 'example.com',
    'set' => '$contact_email hello@example.com',
);

# The whole way.  All that is there besides is the sandbox in the place of
# Tavus, which nginx allows for nobody from outside.
sub set_up ($self, $box, $ca) {
    my ($cert, $key) = $ca->cert(name => 'example.com', days => 90);
    my $dir = $self->{dir};

    command('cp', $cert, "$dir/root/tls.pem");
    command('cp', $key, "$dir/root/tls.key");

    my ($umask, $linked) = ('', 0);
    for my $line (commands('docs/install.md', '## From packages')) {
        my ($command, %opt) = $self->typed($line);

        if ($line =~ /^umask/) {
            $umask = "$line; ";
            next;
        }
        # each line has a shell of its own
        next if $line eq 'cd /';
        $command = "cd /; $command" if $line =~ /runuser/;

        if ($line eq 'nginx -t') {
            $self->fill_in;
            $self->play($box, $ca);
        }
        $self->ok("$umask$command", %opt) unless $line eq 'tavus-check';

        # where it starts by itself, but not here
        if ($line =~ /^apt-get install/) {
            $self->ok('pg_ctlcluster $(pg_lsclusters -h | cut -d" " -f1,2) start',
                name => 'PostgreSQL');
        }
    }
    return;
}

# nginx names each place by file and line, and nothing else.
sub fill_in ($self) {
    my $places = $self->ok(q{grep -rh 'FILL IN:' /etc/nginx/tavus }
        . '/etc/nginx/sites-available/tavus', name => 'what is to be filled in');
    my $left = () = $places =~ /\n/g;

    while ($left > 0) {
        my ($exit, $says) = $self->run('nginx -t');
        my ($file, $n) = $says =~ m{\[emerg\].* in (/etc/nginx/\S+):(\d+)$}m;
        $file = '/etc/nginx/sites-available/tavus'
            if ($file // '') eq '/etc/nginx/sites-enabled/tavus';
        my @line = split /^/, defined $file ? slurp("$self->{dir}$file") : '';

        if (!$exit || !@line || $line[$n - 1] !~ /FILL IN: /) {
            Test::More::fail('nginx names a place that is to be filled in');
            Test::More::diag($says);
            return;
        }
        my ($name) = $line[$n - 1] =~ /^\s*(\w+)/;
        $line[$n - 1] = "$name $ANSWER{$name};\n";
        spew("$self->{dir}$file", join('', @line));
        $left--;
    }
    Test::More::pass('nginx names each, by file and line');
    return;
}

sub play ($self, $box, $ca) {
    my $conf = "$self->{dir}/etc/nginx/tavus/tavus.conf";
    my $site = "$self->{dir}/etc/nginx/sites-available/tavus";
    my $url = $box->url;

    spew($conf, slurp($conf) =~ s{https://tavusapi\.com}{$url}r
        =~ s{^tavus_sandbox\s+off}{tavus_sandbox on}mr);
    spew($site, slurp($site) =~ s{^ +listen +\[::\].*\n}{}mgr
        =~ s{(listen +)(?=\d)}{${1}127.0.0.1:}gr);
    # the other site of Debian's nginx listens for everybody
    unlink "$self->{dir}/etc/nginx/sites-enabled/default";

    # as a certificate that is bought is known
    $self->{ca} = $ca->file;
    command('cp', $ca->file,
        "$self->{dir}/usr/local/share/ca-certificates/test.crt");
    $self->ok('update-ca-certificates', name => 'a CA');
    return;
}

sub curl ($self, $path, @more) {
    my $out = "$ENV{TAVUS_ROOT}/curl";
    open my $in, '-|', 'curl', '-s', '-o', $out, '-w', '%{http_code}',
        '--cacert', $self->{ca}, @more, "https://example.com$path"
        or croak "curl: $!";
    my $code = <$in>;
    close $in;
    return ($code, slurp($out) // '');
}

sub admin ($self, $path) {
    my ($code, $body) = $self->curl($path, '-u', 'admin:secret');
    return $code == 200 ? decode_json($body) : {code => $code};
}

sub sql ($self, $query) {
    my ($exit, $says) = $self->run('cd /; runuser -u postgres -- psql -XAtq '
        . '-d tavus', stdin => $query);
    chomp $says;
    return $says;
}

1;
