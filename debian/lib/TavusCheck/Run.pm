package TavusCheck::Run;

# Other programs, and curl: each has a deadline, and no secret on its command
# line.
#
#   my $r = run(['psql', …], in => $text, env => {NAME => $value},
#       as => $user, timeout => 10);    {exit, out, err, late, missing}
#                                       of the environment here it has PATH alone,
#                                       or with keep_env all
#   as($user, sub { … })                what it returns (a string), as that user;
#                                       undef if it died, LATE if it hangs
#   my $res = http(GET => $url, headers => ['Name: value'], body => $bytes,
#       …);                             {status, header, body, error, …}

use v5.36;
use utf8;

use Encode ();
use Exporter qw(import);
use IO::Select;
use JSON::PP ();
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(LATE as http json run);

use constant MOST => 4 * 1024 * 1024;
use constant LATE => 'no answer in 5 seconds';

sub text ($bytes) { return Encode::decode('UTF-8', $bytes) }

sub json ($text) {
    return eval { JSON::PP->new->allow_nonref->decode($text) };
}

# In a child: everything that is that user's, and nothing more.
sub become ($user) {
    return unless $user && $> == 0 && $user->{uid} != 0;
    $) = join ' ', $user->{gid}, $user->{gid}, $user->{groups}->@*;
    $( = $user->{gid};
    $< = $> = $user->{uid};
    POSIX::_exit(126) if $> != $user->{uid} || $< != $user->{uid};
    return;
}

sub run ($command, %opt) {
    my %pipe;
    pipe $pipe{"$_\_r"}, $pipe{"$_\_w"} or die "pipe: $!\n"
        for qw(in out err);

    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        POSIX::setsid();
        become($opt{as});
        chdir '/' if $opt{as};
        open STDIN, '<&', $pipe{in_r};
        open STDOUT, '>&', $pipe{out_w};
        open STDERR, '>&', $pipe{err_w};
        close $_ for values %pipe;
        # that of who calls may have secrets, which /proc tells to all that runs
        # as the same user
        %ENV = (PATH => $ENV{PATH} // '/usr/sbin:/usr/bin:/sbin:/bin',
            LC_ALL => 'C.UTF-8') unless $opt{keep_env};
        $ENV{$_} = $opt{env}{$_} for keys(($opt{env} // {})->%*);
        no warnings 'exec';
        exec { $command->[0] } @$command or POSIX::_exit(127);
    }
    close $pipe{$_} for qw(in_r out_w err_w);

    # it is in a session of its own, which no Ctrl-C reaches, and no terminal
    local $SIG{INT} = local $SIG{TERM} = local $SIG{HUP} = sub {
        kill KILL => -$pid;
        POSIX::_exit(2);
    };
    my $r = talk($pid, \%pipe, $opt{in} // '', $opt{timeout} // 10);
    $r->{missing} = 1 if $r->{exit} == 127 && !length $r->{err};
    return $r;
}

sub talk ($pid, $pipe, $in, $timeout) {
    my $until = time + $timeout;
    my %got = (out => '', err => '');
    my $late = 0;

    local $SIG{PIPE} = 'IGNORE';
    utf8::encode($in) if utf8::is_utf8($in);
    $pipe->{in_w}->blocking(0);
    my $read = IO::Select->new($pipe->{out_r}, $pipe->{err_r});

    while ($read->count) {
        my $left = $until - time;
        if ($left <= 0) {
            $late = 1;
            last;
        }

        if (length $in) {
            my $n = syswrite $pipe->{in_w}, $in;
            substr $in, 0, $n, '' if $n;
            $in = '' if !defined $n && !$!{EAGAIN};
        }
        close delete $pipe->{in_w} if !length $in && $pipe->{in_w};

        for my $from ($read->can_read($pipe->{in_w} ? 0.02 : $left)) {
            my $which = $from == $pipe->{out_r} ? 'out' : 'err';
            my $n = sysread $from, my $bytes, 65536;
            $read->remove($from) unless $n;
            $got{$which} .= $bytes if $n && length $got{$which} < MOST;
        }
    }

    my ($status, $in_time) = ended($pid, $until);
    return {exit => $status & 127 ? 128 + ($status & 127) : $status >> 8,
        late => $late || !$in_time, out => text($got{out}), err => text($got{err}),
        bytes => $got{out}};
}

# Its status, and whether it ended by itself.  What waits for a file system that
# is gone cannot even be killed, and is not waited for.
sub ended ($pid, $until) {
    my $killed = 0;
    for (;;) {
        return ($?, !$killed) if waitpid($pid, WNOHANG) == $pid;
        if (time > $until) {
            return (9, 0) if $killed;
            kill KILL => -$pid, $pid;
            $killed = 1;
            $until = time + 1;
        }
        sleep 0.01;
    }
}

# What a function answers when that user calls it; undef if it died, LATE if it
# has not ended.
sub as ($user, $what) {
    pipe my $in, my $out or die "pipe: $!\n";
    my $pid = fork // die "fork: $!\n";
    if (!$pid) {
        POSIX::setsid();
        close $in;
        become($user);
        my $said = eval { $what->() };
        print $out Encode::encode('UTF-8', $said) if defined $said;
        close $out;
        POSIX::_exit(defined $said ? 0 : 1);
    }
    close $out;
    my $until = time + 5;
    my ($said, $read) = ('', IO::Select->new($in));
    while ((my $left = $until - time) > 0) {
        last if $read->can_read($left) && !sysread $in, $said, 65536, length $said;
    }
    my ($status, $in_time) = ended($pid, $until);
    return $in_time ? $status ? undef : text($said) : LATE;
}

# ---- curl ------------------------------------------------------------------

# A line of curl's configuration: from there, not from the command line, it has
# what is nobody else's business.
sub line ($name, $value) {
    utf8::encode($value) if utf8::is_utf8($value);
    $value =~ s/([\\"])/\\$1/g;
    $value =~ s/\n/\\n/g;
    $value =~ s/\r/\\r/g;
    return "$name = \"$value\"\n";
}

my $MARK = '==tavus-check==';

# Options: headers, body, cacert, insecure, connect_to (ADDRESS:PORT), unix,
# timeout, user ("name:password"), more ([name => value]).
sub http ($method, $url, %opt) {
    my $timeout = $opt{timeout} // 10;
    my $in = line(url => $url)
        . "silent\nshow-error\ninclude\ngloboff\n"
        . line('noproxy', '*') . line('connect-timeout', $timeout / 2)
        . line('max-time', $timeout) . line('user-agent', 'tavus-check')
        . line('proto', '=http,https')
        . line('write-out', "%{stderr}$MARK %{http_code} %{http_version} "
            . "%{remote_ip} %{time_total}\n");

    $in .= $method eq 'HEAD' ? "head\n" : line(request => $method);
    $in .= line('data-raw', $opt{body}) if defined $opt{body};
    $in .= line(header => $_) for 'Expect:', ($opt{headers} // [])->@*;
    $in .= line(header => 'Content-Type: application/json')
        if defined $opt{body}
            && !grep { /^Content-Type:/i } ($opt{headers} // [])->@*;
    $in .= line(cacert => $opt{cacert}) if defined $opt{cacert};
    $in .= line(user => $opt{user}) if defined $opt{user};
    $in .= "insecure\n" if $opt{insecure};
    $in .= line('connect-to', "::$opt{connect_to}")
        if defined $opt{connect_to};
    $in .= line('unix-socket', $opt{unix}) if defined $opt{unix};
    my @more = ($opt{more} // [])->@*;
    while (my ($name, $value) = splice @more, 0, 2) {
        $in .= defined $value ? line($name, $value) : "$name\n";
    }

    my $r = run(['curl', '-q', '-K', '-'], in => $in, timeout => $timeout + 5);
    die "curl is missing: install it\n" if $r->{missing};
    return answer($r);
}

sub answer ($r) {
    my ($status, $version, $ip) = $r->{err} =~ /^$MARK (\d+) (\S+) (\S*) /m;
    my ($error) = $r->{err} =~ /^(curl: .*)/m;
    my $res = {status => ($status // 0) + 0, version => $version, ip => $ip,
        exit => $r->{exit}, header => {}, body => ''};

    if (!$res->{status}) {
        $res->{error} = $error
            // ($r->{late} ? 'no answer in time' : "curl ends with $r->{exit}");
        return $res;
    }
    # an answer that was cut: it has a status, and is no answer
    $res->{cut} = $error if $r->{exit};

    my ($head, $body) = split /\r?\n\r?\n/, $r->{out}, 2;
    ($head, $body) = split /\r?\n\r?\n/, $body // '', 2
        while defined $head && $head =~ m{^HTTP/\S+ 1\d\d};
    for (split /\r?\n/, $head // '') {
        push $res->{header}{lc $1}->@*, $2 if /^([^:\s]+):\s*(.*)/;
    }
    $res->{body} = $body // '';
    return $res;
}

1;
