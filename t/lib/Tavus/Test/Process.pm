package Tavus::Test::Process;

# Processes, ports and folders of a test, and their end: whatever happens to
# the test, even kill -9, nothing of it stays behind.

use v5.36;
use Exporter qw(import);

use Carp qw(croak);
use Cwd qw(abs_path);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Handle;
use IO::Socket::INET;
use POSIX qw(WNOHANG _exit setgid setsid setuid);
use Time::HiRes qw(time);

our @EXPORT_OK = qw($ROOT alive background children crew descendants free_port
    new_dir pause release slurp spawn spew stop_process suspend wait_for);

# the checkout
our $ROOT = abs_path(__FILE__ =~ s{[^/]+\z}{../../../..}r);

my ($reaper, $reaper_pid, %watched);
my $owner = $$;
my @locks;

# A second process that outlives this one by the moment it takes to clean up.
# It learns by lines what there is, and by end of file that we are gone.
sub reaper () {
    return $reaper if $reaper && $owner == $$;

    $owner = $$;
    pipe my $in, $reaper or die "pipe: $!";
    $reaper->autoflush(1);
    $reaper_pid = fork // die "fork: $!";
    return $reaper if $reaper_pid;

    close $reaper;
    setsid();
    $SIG{$_} = 'IGNORE' for qw(INT TERM HUP QUIT PIPE);
    # prove waits for whoever holds its pipe
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';

    my (%pids, %dirs);
    while (my $line = <$in>) {
        chomp $line;
        my ($verb, $what) = split / /, $line, 2;
        if    ($verb eq '+pid') { $pids{$what} = 1 }
        elsif ($verb eq '-pid') { delete $pids{$what} }
        elsif ($verb eq '+dir') { $dirs{$what} = 1 }
        elsif ($verb eq '-dir') { delete $dirs{$what} }
    }

    for (1 .. 100) {
        my @all = map { crew($_) } keys %pids;
        last unless grep { alive($_) } @all;
        kill KILL => @all;
        pause(0.05);
    }
    remove_tree(keys %dirs) if %dirs;
    _exit(0);
}

sub watch ($kind, $what) {
    $watched{"$kind $what"} = 1;
    print {reaper()} "+$kind $what\n";
}

sub unwatch ($kind, $what) {
    return unless $owner == $$ && delete $watched{"$kind $what"};
    print {reaper()} "-$kind $what\n";
}

# What every DESTROY of an object with a new_dir() does, if it is called where the
# object was made and not in a child.
sub release ($self, $stop = undef) {
    return unless $self->{owner} == $$;

    local ($@, $!, $?);
    $stop->() if $stop;
    remove_tree($self->{dir}, {error => \my $ignored});
    unwatch(dir => $self->{dir});
    return;
}

END {
    if ($owner == $$ && $reaper) {
        # END must not change how the test ends
        local ($?, $!);
        close $reaper;
        waitpid $reaper_pid, 0;
        # objects that are destroyed later find nothing left to do
        %watched = ();
    }
}

# A short name, as sockets go there: 107 bytes at most.  Others (postgres,
# www-data) may pass through, but not look around.
sub new_dir () {
    my $dir = tempdir('tavus-test.XXXXXX', DIR => $ENV{TAVUS_TEST_TMP} // '/tmp');
    chmod 0711, $dir;
    watch(dir => $dir);
    return $dir;
}

# A port nobody listens on.  The UDP port of the same number stays ours to the
# end of the test, so that tests side by side never pick the same.
sub free_port () {
    for (1 .. 200) {
        my $port = 20_000 + int rand 12_000;
        my $lock = IO::Socket::INET->new(Proto => 'udp',
            LocalAddr => "127.0.0.1:$port") or next;
        IO::Socket::INET->new(Listen => 1, ReuseAddr => 1,
            LocalAddr => "127.0.0.1:$port") or next;
        push @locks, $lock;
        return $port;
    }
    croak 'no free port';
}

sub pause ($seconds) { select undef, undef, undef, $seconds }

# Calls the block until it returns something true, and returns that; after the
# deadline (30 s) returns nothing.
sub wait_for :prototype(&;$) ($block, $seconds = 30) {
    my $deadline = time + $seconds;
    my $gap = 0.005;

    while (1) {
        my $got = $block->();
        return $got if $got;
        return undef if time > $deadline;
        pause($gap);
        $gap *= 1.5 if $gap < 0.05;
    }
}

# spawn(\@command, user => …, out => FILE, env => {…}): its pid, with standard
# output and error in the file.
sub spawn ($command, %opt) {
    my (undef, undef, $uid, $gid) = $opt{user} && $> == 0
        ? getpwnam $opt{user} : ();
    croak "no user $opt{user}" if $opt{user} && $> == 0 && !defined $uid;

    reaper();
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $opt{out} // '/dev/null';
        open STDERR, '>&', \*STDOUT;
        setsid();
        chdir($opt{dir} // '/');
        if (defined $uid) {
            $( = $gid;
            $) = "$gid $gid";
            setgid($gid);
            setuid($uid);
        }
        delete @ENV{grep /^PG/, keys %ENV};
        $ENV{$_} = $opt{env}{$_} for keys(($opt{env} // {})->%*);
        exec { $command->[0] } @$command or do {
            print STDERR "$command->[0]: $!\n";
            _exit(127);
        };
    }

    watch(pid => $pid);
    return $pid;
}

# background(sub { … }): the pid of a process of ours that runs the code.  Such
# a process must not hold the pipe whose end the other one waits for.
sub background ($code) {
    my $to = reaper();
    my $pid = fork // die "fork: $!";

    if (!$pid) {
        close $to;
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null' unless $ENV{TAVUS_TEST_VERBOSE};
        eval { $code->(); 1 } or print STDERR $@;
        _exit(0);
    }

    watch(pid => $pid);
    return $pid;
}

# Also true for processes that are not our children; a zombie is not alive.
# One of ours that is dead is reaped as well: a zombie has its number still, and
# PostgreSQL would take its lock file for that of a server that runs.
sub alive ($pid) {
    my $stat = slurp("/proc/$pid/stat") // return 0;
    return 1 unless $stat =~ /\) [ZX] /;
    return waitpid($pid, WNOHANG) == 0;
}

# Until they go on (CONT).  Who is only told to stop may yet take what comes.
sub suspend (@pids) {
    kill STOP => @pids;
    wait_for {
        !grep { (slurp("/proc/$_/stat") // '') =~ /\) [^TtZX] / } @pids;
    } or croak 'a process does not stop';
    return;
}

# stop_process($pid, SIGNAL, seconds, …): true if it ended by one of these
# signals, false if it had to be killed.
sub stop_process ($pid, @how) {
    return 1 unless $pid;

    while (my ($signal, $seconds) = splice @how, 0, 2) {
        kill $signal => $pid;
        if (wait_for { !alive($pid) } $seconds) {
            unwatch(pid => $pid);
            return 1;
        }
    }

    my @all = crew($pid);
    kill KILL => @all;
    wait_for { !grep { alive($_) } @all } 10;
    unwatch(pid => $pid);
    return 0;
}

sub children ($pid) {
    my @found;
    opendir my $proc, '/proc' or return;
    for (grep { /^\d+$/ } readdir $proc) {
        my $stat = slurp("/proc/$_/stat") // next;
        push @found, $_ if $stat =~ /\) \S (\d+) / && $1 == $pid;
    }
    return sort { $a <=> $b } @found;
}

sub descendants ($pid) {
    return map { ($_, descendants($_)) } children($pid);
}

# What spawn() started, what that started, and what stays in its session where
# a parent of theirs was killed: workers of nginx live on without their master.
sub crew ($pid) {
    my %all = map { $_ => 1 } $pid, descendants($pid);
    for (map { m{/(\d+)/} } glob '/proc/[0-9]*/stat') {
        my $stat = slurp("/proc/$_/stat") // next;
        $all{$_} = 1 if $stat =~ /\) [^ZX] \d+ \d+ (\d+) / && $1 == $pid;
    }
    return sort { $a <=> $b } keys %all;
}

sub slurp ($file) {
    open my $fh, '<:raw', $file or return undef;
    local $/;
    return scalar <$fh> // '';
}

sub spew ($file, $bytes, $mode = 0644) {
    utf8::encode($bytes) if utf8::is_utf8($bytes);
    unlink $file;
    sysopen my $fh, $file, POSIX::O_WRONLY | POSIX::O_CREAT | POSIX::O_TRUNC,
        $mode or croak "$file: $!";
    print $fh $bytes or croak "$file: $!";
    close $fh or croak "$file: $!";
    chmod $mode, $file;
    return $file;
}

1;
