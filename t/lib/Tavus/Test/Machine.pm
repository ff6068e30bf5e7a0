package Tavus::Test::Machine;

# One machine of several, made of namespaces: a network card, a name, and /etc,
# /run, /var/lib, /var/log and /dev/shm of its own.  Who uses it uses
# Tavus::Test::Root, whose namespaces all of them are in.
#
#   Tavus::Test::Machine::network('10.0.0.1', name => 'address', …);
#   my $m = Tavus::Test::Machine->new('db1');
#   $m->folder('/var/lib/etcd', user => 'etcd', mode => 0700);
#   $m->file('/etc/patroni/config.yml', $bytes, user => …, mode => …);
#   $m->path('/var/log/nginx/error.log')     the same from outside
#   $m->service(etcd => ['/usr/bin/etcd'], user => 'etcd', env => {…});
#   $m->start; $m->start('etcd');    what does not run of its services, or one
#   $m->kill; $m->kill('etcd');      all there is, as without power, or one
#   $m->cut('10.0.0.21', …)          no packet comes from there, or goes there
#   $m->cut; $m->mend                the same of everywhere; no more of it
#   $m->logs                         (name => the end of what a service said)

use v5.36;
use Carp qw(croak);
use File::Path qw(make_path);

use Tavus::Test::Process qw(alive new_dir release slurp spawn spew stop_process
    wait_for);

my %address;

sub command (@command) {
    my $out = qx{@{[join ' ', map { quotemeta } @command]} 2>&1 < /dev/null};
    croak "@command: $out" if $?;
    return $out;
}

# What all of them, and who tests, find each other by.
sub network ($own, %of) {
    my $hosts = "$ENV{TAVUS_ROOT}/hosts";

    %address = %of;
    spew($hosts, join '', "127.0.0.1 localhost\n",
        map { "$of{$_} $_\n" } sort keys %of);
    command('mount', '--bind', $hosts, '/etc/hosts');

    command(qw(ip link set lo up));
    command(qw(ip link add lan type bridge));
    command(qw(ip address add), "$own/24", qw(dev lan));
    command(qw(ip link set lan up));
    return;
}

my $BOOT = <<'EOF_BOOT';
for dir in /run /var/lib /var/log; do
    mount -t tmpfs -o mode=755 tmpfs "$dir"
done
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /mnt
cp -a /etc/. /mnt/
mount --move /mnt /etc
hostname "$1"
touch /run/machine
exec sleep infinity
EOF_BOOT

sub new ($class, $name) {
    my $self = bless {name => $name, dir => new_dir(), owner => $$,
        service => {}, order => [], running => {}}, $class;

    $self->{pid} = spawn(['unshare', qw(--net --mount --uts --ipc sh -ec),
        $BOOT, 'sh', $name], out => "$self->{dir}/boot");
    wait_for { -e $self->path('/run/machine') } 20
        or croak "$name does not begin: " . slurp("$self->{dir}/boot");

    command(qw(ip link add), "to-$name", qw(type veth peer name eth0 netns),
        $self->{pid});
    command(qw(ip link set), "to-$name", qw(master lan up));
    $self->run(qw(ip link set lo up));
    $self->run(qw(ip address add), "$address{$name}/24", qw(dev eth0));
    $self->run(qw(ip link set eth0 up));
    $self->run(qw(ip route add default via), $address{$name} =~ s/\d+\z/1/r);
    return $self;
}

sub name ($self)    { return $self->{name} }
sub address ($self) { return $address{$self->{name}} }

sub path ($self, $path) { return "/proc/$self->{pid}/root$path" }

sub inside ($self) {
    return ('nsenter', '-t', $self->{pid}, qw(--net --mount --uts --ipc));
}

sub run ($self, @command) { return command($self->inside, @command) }

# ---- its disk ----------------------------------------------------------------

sub give ($path, $user) {
    my (undef, undef, $uid, $gid) = getpwnam $user or croak "no user $user";
    chown $uid, $gid, $path;
    return;
}

sub folder ($self, $path, %opt) {
    make_path($self->path($path));
    chmod $opt{mode} // 0755, $self->path($path);
    give($self->path($path), $opt{user} // 'root');
    return $self;
}

sub file ($self, $path, $bytes, %opt) {
    make_path($self->path($path) =~ s{/[^/]+\z}{}r);
    give(spew($self->path($path), $bytes, $opt{mode} // 0644),
        $opt{user} // 'root');
    return $self;
}

# ---- what runs there ---------------------------------------------------------

sub service ($self, $name, $command, %opt) {
    push $self->{order}->@*, $name unless $self->{service}{$name};
    $self->{service}{$name} = {user => 'root', env => {}, %opt,
        command => $command};
    return $self;
}

sub runs ($self, $name) {
    my $pid = $self->{running}{$name};
    return $pid && alive($pid);
}

sub start ($self, @names) {
    for my $name (@names ? @names : $self->{order}->@*) {
        next if $self->runs($name);
        my $service = $self->{service}{$name};
        my (undef, undef, $uid, $gid, undef, undef, undef, $home)
            = getpwnam $service->{user} or croak "no user $service->{user}";
        $self->{running}{$name} = spawn([$self->inside, '-S', $uid, '-G', $gid,
            $service->{command}->@*], out => "$self->{dir}/$name",
            env => {HOME => $home, $service->{env}->%*});
    }
    return $self;
}

# Who has just been started by somebody who is killed is met in the next round.
sub kill ($self, @names) {
    my $net = readlink "/proc/$self->{pid}/ns/net"
        or croak "$self->{name} is not there";

    CORE::kill KILL => map { $self->{running}{$_} // () } @names;
    wait_for {
        my @pids = grep { $_ != $self->{pid}
                && (readlink("/proc/$_/ns/net") // '') eq $net }
            map { m{(\d+)} } glob '/proc/[0-9]*';
        CORE::kill KILL => @pids;
        !@pids;
    } or croak "$self->{name} cannot be killed" unless @names;

    for (@names ? @names : keys $self->{running}->%*) {
        my $pid = delete $self->{running}{$_} // next;
        stop_process($pid, KILL => 10);
    }
    return $self;
}

sub cut ($self, @from) {
    my %rules = @from
        ? (input => [map { "ip saddr $_ drop" } @from],
            output => [map { "ip daddr $_ drop" } @from])
        : (input => ['iifname != "lo" drop'], output => ['oifname != "lo" drop']);

    $self->file('/run/cut', join "\n", 'table inet cut {', map({ ("chain $_ {",
        "type filter hook $_ priority 0; policy accept;", $rules{$_}->@*, '}')
    } sort keys %rules), "}\n");
    $self->run(qw(nft -f /run/cut));
    return $self;
}

sub mend ($self) {
    $self->run(qw(nft delete table inet cut));
    return $self;
}

sub logs ($self) {
    return map {
        my @lines = split /\n/, slurp("$self->{dir}/$_") // '';
        ("$self->{name}, $_" => join "\n", grep { defined } @lines[-25 .. -1]);
    } $self->{order}->@*;
}

# what runs there ends with the namespaces of Tavus::Test::Root
sub DESTROY ($self) {
    release($self);
    return;
}

1;
