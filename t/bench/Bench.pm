package Bench;

# Runs candidates in turn and keeps what they reached; makes the table.
#
#   my $bench = Bench->new(runs => 3, seconds => 5, connections => 64);
#   $bench->compare('title', {name => …, before => sub {…}, after => sub ($r)
#       {…}, run => sub { $bench->wrk('replay.lua', $url, args => [...]) }}, …);
#   $bench->note('a line under the last table');
#   print $bench->table;
#
# A result has rps, p50 and p99 (ms), errors, and cpu: cores that the load
# generator took.  Ratios are of runs of the same round, against the first.
# Where all answers are errors, and the same requests do, a candidate says so:
# refused => 1.

use v5.36;

use File::Temp ();
use IO::Handle;
use POSIX qw(strftime);
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

sub warn ($self, $text) { return print STDERR "  $text\n" }

sub compare ($self, $title, @candidates) {
    my %got;

    print STDERR "$title\n";
    for my $run (1 .. $self->{runs}) {
        for my $c (@candidates) {
            $c->{before}->() if $c->{before};
            my $r = $c->{run}->();
            $c->{after}->($r) if $c->{after};
            $r->@{qw(errors repeated)} = (0, 0) if $c->{refused};
            $self->warn("$r->{repeated} requests were repeated: make more")
                if $r->{repeated};
            push $got{$c->{name}}->@*, $r;
            printf STDERR "  %-40s %8.0f/s  p50 %7.2f  p99 %7.2f ms  "
                . "errors %d  generator %.2f\n",
                $c->{name}, $r->@{qw(rps p50 p99 errors cpu)};
        }
    }

    push $self->{out}->@*, '', "| $title | requests/s | p50 | p99 | ratio "
        . '| generator |', '|---|--:|--:|--:|--:|--:|';
    my $first = $got{$candidates[0]{name}};
    for my $c (@candidates) {
        my @r = $got{$c->{name}}->@*;
        my $of = sub ($field) { median(map { $_->{$field} } @r) };
        my @ratio = map { $r[$_]{rps} / $first->[$_]{rps} } 0 .. $#r;
        my $errors = $of->('errors');
        push $self->{out}->@*, sprintf
            '| %s | %s | %.2f ms | %.2f ms | %.2f | %.2f cores |%s',
            $c->{name}, thousands($of->('rps')), $of->('p50'), $of->('p99'),
            median(@ratio), $of->('cpu'),
            $errors ? " $errors errors" : '';
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

# Markdown, as capacity.md has it; dir is on the disk of the database.
sub table ($self, $dir) {
    my ($cpu) = map { /model name\s*:\s*(.*)/ ? $1 : () } do {
        open my $fh, '<', '/proc/cpuinfo' or die "/proc/cpuinfo: $!\n";
        <$fh>;
    };
    chomp(my $cores = `nproc`);

    return join "\n", sprintf('%s, %s cores, fsync of 8 KB %.2f ms, %s; '
        . 'medians of %d paired runs of %g s.', $cpu, $cores, fsync_ms($dir),
        strftime('%Y-%m-%d', gmtime), $self->@{qw(runs seconds)}),
        $self->{out}->@*, '';
}

1;
