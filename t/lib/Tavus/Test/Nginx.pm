package Tavus::Test::Nginx;

# A real nginx with a configuration of its own; see Tavus::Test.

use v5.36;
use Carp qw(croak);

use Tavus::Test::Process qw($ROOT alive children crew free_port new_dir release
    slurp spawn spew stop_process suspend wait_for);
use Tavus::Test::Socket;

my $NGINX = $ENV{TAVUS_NGINX} // '/usr/sbin/nginx';

sub new ($class, %opt) {
    my $self = bless {
        workers   => 1,
        log_level => 'info',
        owner     => $$,
        %opt,
    }, $class;

    $self->{dir} = new_dir();
    $self->{port} //= free_port();
    mkdir "$self->{dir}/$_" for qw(html tmp);
    mkdir "$self->{dir}/secrets", 0700;
    spew($self->log_file, '');
    return $self;
}

sub dir ($self)      { return $self->{dir} }
sub port ($self)     { return $self->{port} }
sub pid ($self)      { return $self->{pid} }
sub url ($self)      { return "http://127.0.0.1:$self->{port}" }
sub log_file ($self) { return "$self->{dir}/error.log" }

# "static" is an nginx that has the module in it.
sub module () {
    return $ENV{TAVUS_MODULE} // "$ROOT/build/module/ngx_tavus_module.so";
}

# For what the worker itself writes to.
sub give ($self, @files) {
    return @files if $> != 0;
    my (undef, undef, $uid, $gid) = getpwnam 'www-data'
        or croak 'no user www-data';
    chown $uid, $gid, @files;
    return @files;
}

# nginx.conf around the http block's content.
sub conf ($self, $http, %opt) {
    my $load = $opt{module} && module() ne 'static'
        ? 'load_module ' . module() . ';' : '';
    my $user = $> == 0 ? 'user www-data;' : '';
    my $main = $opt{main} // '';
    my $events = $opt{events} // '';
    my $temp = join "\n    ", map {
        my $name = $_ eq 'body' ? 'client_body' : $_;
        "${name}_temp_path $self->{dir}/tmp/$_;";
    } qw(body proxy fastcgi uwsgi scgi);

    return <<"EOF";
$load
$user
daemon off;
worker_processes $self->{workers};
pid $self->{dir}/nginx.pid;
error_log $self->{dir}/error.log $self->{log_level};
$main
events {
    worker_connections 1024;
    $events
}
http {
    access_log $self->{dir}/access.log;
    $temp
$http
}
EOF
}

sub write_conf ($self, $text, $name = 'nginx.conf') {
    return spew("$self->{dir}/$name", $text, 0600);
}

sub command ($self, $conf, @more) {
    return ($NGINX, '-p', $self->{dir}, '-e', $self->log_file, '-c', $conf,
        @more);
}

# (exit status, what it printed)
sub test_conf ($self, $text) {
    my $conf = $self->write_conf($text, 'test.conf');
    my $out = "$self->{dir}/test.out";
    unlink $out;
    my $pid = spawn(['/bin/sh', '-c', '"$@"; echo "exit $?"', 'sh',
        # not into error.log, where an [emerg] fails the test
        $NGINX, '-p', $self->{dir}, '-e', 'stderr', '-c', $conf, '-t'],
        out => $out, env => $self->{env});
    wait_for { !alive($pid) } 30 or croak 'nginx -t hangs';
    Tavus::Test::Process::unwatch(pid => $pid);
    my $text_out = slurp($out);
    $text_out =~ s/exit (\d+)\n\z// or croak "nginx -t: $text_out";
    return ($1, $text_out);
}

sub start ($self) {
    my $conf = "$self->{dir}/nginx.conf";
    my $from = length $self->log;
    $self->{pid} = spawn([$self->command($conf)], env => $self->{env},
        out => "$self->{dir}/stderr.log");

    wait_for {
        die 'nginx ended: ' . substr($self->log, $from)
            . (slurp("$self->{dir}/stderr.log") // '')
            unless alive($self->{pid});
        $self->workers;
    } 60 or croak 'nginx does not start: ' . substr $self->log, $from;

    # a worker is there when it answers
    wait_for { eval { Tavus::Test::Socket->new($self->{port}) } } 60
        or croak 'nginx does not listen';
    return $self;
}

# Its workers that are not on their way out.
sub workers ($self) {
    return grep { $self->title($_) !~ /shutting down/ } $self->all_workers;
}

# Those of a former configuration, too.
sub all_workers ($self) {
    return grep { $self->title($_) =~ /^nginx: worker process/ }
        children($self->{pid});
}

# What nginx calls a process.  Under valgrind it can not, and its log tells.
sub title ($self, $pid) {
    return slurp("/proc/$pid/cmdline") // '' unless $ENV{TAVUS_CHECKED};
    return 'nginx: worker process'
        . ($self->log =~ / $pid#\d+: gracefully shutting down/
            ? ' is shutting down' : '');
}

# HUP, and until the new workers have taken over; with drained => 1 until the
# old ones are gone.
sub reload ($self, %opt) {
    my %old = map { $_ => 1 } $self->all_workers;
    my $from = length $self->log;
    kill HUP => $self->{pid};

    wait_for {
        my @new = grep { !$old{$_} } $self->workers;
        croak 'the reload failed: ' . substr $self->log, $from
            if !@new && substr($self->log, $from) =~ /\[emerg\]/;
        # the old ones are told after the new ones have been started
        @new && !grep { $old{$_} } $self->workers;
    } 20 or croak 'the reload does not come about';

    wait_for { !grep { $old{$_} } $self->all_workers } $opt{seconds} // 30
        or croak 'old workers stay' if $opt{drained};
    return $self;
}

# Kills one worker and waits for its successor.
sub kill_worker ($self, $signal = 'KILL') {
    my ($pid) = $self->workers or croak 'no worker';
    kill $signal => $pid;
    # during a reload there may have been twice as many
    wait_for {
        my @now = $self->workers;
        @now >= $self->{workers} && !grep { $_ == $pid } @now;
    } 30 or croak 'no new worker';
    return $pid;
}

# The whole node at once, as a machine that loses power.
sub crash ($self) {
    my $pid = delete $self->{pid} or croak 'nginx does not run';
    # who is stopped starts no worker that would be missed
    suspend($pid);
    my @all = crew($pid);
    kill KILL => @all;
    wait_for { !grep { alive($_) } @all } or croak 'nginx cannot be killed';
    Tavus::Test::Process::unwatch(pid => $pid);
    return $self;
}

sub signal ($self, $name) { kill $name => $self->{pid}; return $self }

# True if nginx ended by QUIT alone.
sub stop ($self, $seconds = 15) {
    my $pid = delete $self->{pid} or return 1;
    kill CONT => $pid, children($pid);
    kill QUIT => $pid;
    my $good = wait_for { !alive($pid) } $seconds;
    stop_process($pid, TERM => 5) unless $good;
    # a worker may outlive its master
    if (my @left = grep { alive($_) } crew($pid)) {
        kill KILL => @left;
        $good = 0;
    }
    Tavus::Test::Process::unwatch(pid => $pid);
    return $good ? 1 : 0;
}

sub log ($self) { return slurp($self->log_file) // '' }

sub access_log ($self) { return slurp("$self->{dir}/access.log") // '' }

sub DESTROY ($self) {
    release($self, sub {
        stop_process(delete $self->{pid}, TERM => 3) if $self->{pid};
    });
    return;
}

1;
