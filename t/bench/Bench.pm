package Bench;

# Runs candidates in turn and keeps what they reached; makes the table.
#
#   my $bench = Bench->new(runs => 3, seconds => 5, connections => 64);
#   $bench->compare('title', {name => …, before => sub {…}, after => sub ($r)
#       {…}, run => sub { $bench->wrk('replay.lua', $url, args => [...]) }}, …);
#   $bench->note('a line under the last table');
#   print $bench->table;
#
# A result has requests, rps, p50 and p99 (ms), errors, and cpu: cores that the
# load generator took.  Ratios are of runs of the same round, against the first;
# of requests a second, or with compare_by('p99', …) of that.  Where all answers
# are errors, and the same requests do, a candidate says so: refused => 1.
#
# What an event costs is counted where a candidate says by whom:
#
#   accounts => {server => sub { $pid }, database => sub { $pid }}
#       CPU time of that process, its threads and all its descendants, those
#       that have ended too; the generator is none of them
#   rows => sub { [rows, commits] }, two counters; or the number itself

use v5.36;

use File::Temp ();
use IO::Handle;
use POSIX ();
use Time::HiRes qw(time);

sub new ($class, %opt) {
    return bless {runs => 3, seconds => 5, connections => 64, out => [], %opt},
        $class;
}

sub median (@n) {
    @n = sort { $a <=> $b } @n;
    return @n % 2 ? $n[$#n / 2] : ($n[@n / 2 - 1] + $n[@n / 2]) / 2;
}

# Options: connections, seconds, args (of the script).
sub wrk ($self, $script, $url, %opt) {
    my $connections = $opt{connections} // $self->{connections};
    my $threads = $connections > 1 ? 2 : 1;
    my $seconds = $opt{seconds} // $self->{seconds};
    my ($home) = __FILE__ =~ m{^(.*)/};

    state $ready = File::Temp->newdir;
    state $n = 0;
    local $ENV{WRK_READY} = join '-', "$ready/$$", ++$n;

    return $self->generate('wrk', "-t$threads", "-c$connections",
        "-d${seconds}s", '--timeout', '30s', '--latency', '-s',
        "$home/$script", $url, '--', $threads, ($opt{args} // [])->@*);
}

# Any program that prints a line of RESULT.
sub generate ($self, @cmd) {
    my @before = times;
    my $start = time;
    open my $pipe, '-|', @cmd or die "$cmd[0]: $!\n";
    my $out = do { local $/; <$pipe> };
    close $pipe or die "$cmd[0] failed:\n$out\n";
    my @after = times;

    my %r = $out =~ /RESULT (.*)/ ? map { split /=/ } split ' ', $1
        : die "$cmd[0] said:\n$out\n";
    $r{cpu} = ($after[2] + $after[3] - $before[2] - $before[3])
        / (time - $start);
    return \%r;
}

# Requests at a steady rate (steady.c): rate, path, file, and as for wrk.
sub steady ($self, $port, %opt) {
    return $self->generate("$self->{programs}/steady", $port,
        $opt{file}, $opt{path}, $opt{rate}, $opt{seconds} // $self->{seconds},
        $opt{connections} // $self->{connections});
}

sub warn ($self, $text) { return print STDERR "  $text\n" }


# ---- what it cost -----------------------------------------------------------

# Seconds of CPU that a process, its threads and its descendants took, by the
# scheduler's accounts; of those that have ended by its parent's, in ticks.
sub cpu_seconds ($pid) {
    my $ticks = POSIX::sysconf(POSIX::_SC_CLK_TCK());
    my %children;

    for my $stat (map { slurp($_) // () } glob '/proc/[0-9]*/stat') {
        my ($id, $parent) = $stat =~ /^(\d+) .*\) \S (\d+) /s or next;
        push $children{$parent}->@*, $id;
    }

    my ($sum, @all) = (0, $pid);
    while (defined(my $id = shift @all)) {
        push @all, ($children{$id} // [])->@*;
        for (glob "/proc/$id/task/*/schedstat") {
            $sum += $1 / 1e9 if (slurp($_) // '') =~ /^(\d+)/;
        }
        $sum += ($1 + $2) / $ticks if (slurp("/proc/$id/stat") // '')
            =~ /\) \S (?:\S+ ){12}(\d+) (\d+) /;
    }
    return $sum;
}

sub slurp ($file) {
    open my $fh, '<', $file or return undef;
    local $/;
    return scalar <$fh>;
}

# What the counters of a candidate say now.
sub counters ($c) {
    return {
        (map { $_ => cpu_seconds($c->{accounts}{$_}->()) }
            keys(($c->{accounts} // {})->%*)),
        ref $c->{rows} ? (rows => $c->{rows}->()) : (),
    };
}

# CPU microseconds a request, and rows a commit, between two of them.
sub account ($c, $r, $before, $after) {
    $r->{$_} = ($after->{$_} - $before->{$_}) * 1e6 / ($r->{requests} || 1)
        for keys(($c->{accounts} // {})->%*);
    if (ref $c->{rows}) {
        my ($rows, $commits) = map { $after->{rows}[$_] - $before->{rows}[$_] }
            0, 1;
        $r->{rows} = $commits ? $rows / $commits : 0;
    }
    elsif ($c->{rows}) {
        $r->{rows} = $c->{rows};
    }
    return;
}


# ---- one beside the other ---------------------------------------------------

sub compare ($self, @args) { return $self->compare_by('rps', @args) }

sub run_once ($self, $c) {
    $c->{before}->() if $c->{before};
    my $before = counters($c);
    my $r = $c->{run}->();
    account($c, $r, $before, counters($c));
    $c->{after}->($r) if $c->{after};
    $r->@{qw(errors repeated)} = (0, 0) if $c->{refused};
    $self->warn("$r->{repeated} requests were repeated: make more")
        if $r->{repeated};
    return $r;
}

sub compare_by ($self, $by, $title, @candidates) {
    my %got;

    print STDERR "$title\n";
    for my $run (1 .. $self->{runs}) {
        for my $c (@candidates) {
            my $r = $self->run_once($c);
            push $got{$c->{name}}->@*, $r;
            printf STDERR "  %-40s %8.0f/s  p50 %7.2f  p99 %7.2f ms  "
                . "errors %d  generator %.2f%s\n",
                $c->{name}, $r->@{qw(rps p50 p99 errors cpu)},
                join '', map { defined $r->{$_} ? sprintf "  $_ %.1f", $r->{$_}
                    : () } qw(server database rows p999 max waited late);
        }
    }

    push $self->{out}->@*, '', "| $title | requests/s | p50 | p99 | ratio "
        . ($by eq 'rps' ? '' : "of $by ") . '| server | database '
        . '| rows a commit | generator |', '|---|' . '--:|' x 8;
    my $first = $got{$candidates[0]{name}};
    for my $c (@candidates) {
        my @r = $got{$c->{name}}->@*;
        my $of = sub ($field) {
            my @n = grep { defined } map { $_->{$field} } @r;
            return @n ? median(@n) : undef;
        };
        my $shown = sub ($field, $format) {
            my $n = $of->($field);
            return defined $n ? sprintf $format, $n : '';
        };
        my @ratio = map { $r[$_]{$by} / ($first->[$_]{$by} || 1) } 0 .. $#r;
        my @more = map { $of->($_->[0]) ? $shown->(@$_) : () }
            ['errors', '%.0f errors'], ['p999', 'p99.9 %.2f ms'],
            ['max', 'max %.1f ms'], ['waited', '%.0f waited'],
            ['unsent', '%.0f not sent'], ['late', 'late %.2f ms'];
        push $self->{out}->@*, sprintf
            '| %s | %s | %.2f ms | %.2f ms | %.2f | %s | %s | %s | '
            . '%.2f cores |%s', $c->{name}, thousands($of->('rps')),
            $of->('p50'), $of->('p99'), median(@ratio),
            $shown->('server', '%.1f µs'), $shown->('database', '%.1f µs'),
            $shown->('rows', '%.1f'), $of->('cpu'),
            @more ? ' ' . join(', ', @more) : '';
    }
    return \%got;
}

sub thousands ($n) {
    my $text = sprintf '%.0f', $n;
    1 while $text =~ s/^(\d+)(\d{3})/$1,$2/;
    return $text;
}

sub note ($self, $text) {
    print STDERR "  $text\n";
    push $self->{out}->@*, '', $text;
    return;
}

# What a commit cannot be faster than: milliseconds to have 8 KB on the disk.
sub fsync_ms ($dir) {
    my $name = "$dir/fsync";
    open my $fh, '>', $name or die "$name: $!\n";

    my @ms = map {
        my $start = time;
        syswrite $fh, 'x' x 8192;
        $fh->sync or die "fsync: $!\n";
        (time - $start) * 1000;
    } 1 .. 200;

    close $fh;
    unlink $name;
    return median(@ms);
}

# What no latency can be better than: milliseconds that the same work takes with nothing beside it, half of the
# time, for five seconds: median, 99th percentile, worst.  Where the machine is another's guest it stops now and then.
sub work_ms () {
    my ($until, $x, @ms) = (time + 5, 0);

    while (time < $until) {
        my $start = time;
        $x += $_ for 1 .. 20_000;
        push @ms, (time - $start) * 1000;
        Time::HiRes::sleep($ms[-1] / 1000);
    }
    @ms = sort { $a <=> $b } @ms;
    return (median(@ms), $ms[0.99 * @ms], $ms[-1]);
}

# Markdown, as capacity.md has it; dir is on the disk of the database.
sub table ($self, $dir) {
    my ($cpu) = map { /model name\s*:\s*(.*)/ ? $1 : () } do {
        open my $fh, '<', '/proc/cpuinfo' or die "/proc/cpuinfo: $!\n";
        <$fh>;
    };
    chomp(my $cores = `nproc`);

    return join "\n", sprintf('%s, %s cores, fsync of 8 KB %.2f ms, %.1f ms of work take '
        . '%.1f at p99 and %.1f at worst, %s; medians of %d paired runs of %g s.',
        $cpu, $cores, fsync_ms($dir), work_ms(),
        POSIX::strftime('%Y-%m-%d', gmtime), $self->@{qw(runs seconds)}),
        $self->{out}->@*, '';
}

1;
