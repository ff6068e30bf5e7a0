#!/usr/bin/perl

# What the bench says an event costs: the CPU time of a process, of its
# descendants, and of those that have ended, by the scheduler's accounts.

use lib 't/lib', 't/bench';
use Tavus::Test;
use Tavus::Test::Process qw(background new_dir pause slurp spew);

use Bench;

my $dir = new_dir();
my $bench = Bench->new(runs => 2);

# as much of the processor as is asked for
sub burn ($seconds) {
    my @from = times;
    while (1) {
        my @now = times;
        return if $now[0] + $now[1] - $from[0] - $from[1] >= $seconds;
    }
}

sub mark ($name) { spew("$dir/$name", ''); return }

sub told ($name) {
    wait_for { -e "$dir/$name" } 60 or die "$name does not come\n";
    return;
}

# It works itself, then has one child that lives and one that ends.
my $server = background(sub {
    told('go');
    burn(0.2);
    my $lives = fork // die "fork: $!";
    if (!$lives) {
        burn(0.3);
        mark('lives');
        pause(1) while 1;
    }
    my $ends = fork // die "fork: $!";
    if (!$ends) {
        burn(0.4);
        POSIX::_exit(0);
    }
    waitpid $ends, 0;
    told('lives');
    mark('done');
    told('end');
    kill KILL => $lives;
    waitpid $lives, 0;
    mark('over');
    pause(1) while 1;
});

my ($rows, $commits) = (7, 3);
my $candidate = {
    name => 'server', accounts => {server => sub { $server }},
    rows => sub { [$rows, $commits] },
    run => sub {
        burn(0.5);      # the generator
        mark('go');
        told('done');
        ($rows, $commits) = (107, 28);
        return {requests => 1000, rps => 1, p50 => 1, p99 => 1, cpu => 0, errors => 0};
    },
};

my $r = $bench->run_once($candidate);
cmp_ok $r->{server}, '>', 890, 'all of it';
cmp_ok $r->{server}, '<', 1200, 'and not the generator';
is $r->{rows}, 4, 'rows a commit';

# who ends passes on what it took: nothing is lost, and nothing counted twice
my $before = Bench::cpu_seconds($server);
mark('end');
told('over');
my $after = Bench::cpu_seconds($server);
cmp_ok abs($after - $before), '<', 0.1, 'the same when a child has ended'
    or diag "$before, $after";

$candidate->@{qw(rows run)} = (1, sub { return {requests => 10, rps => 100,
    p50 => 1, p99 => 5, cpu => 0, errors => 0} });
my $got = $bench->compare_by('p99', 'title', $candidate,
    {$candidate->%*, name => 'slower', run => sub { return {requests => 10,
        rps => 100, p50 => 1, p99 => 15, cpu => 0, errors => 0} }});
is $got->{slower}[1]{rows}, 1, 'a number of rows that is known';
like $bench->table($dir), qr/^\| slower \|.* 15\.00 ms \| 3\.00 \|.*\| 1\.0 \|/m,
    'the ratio of what is asked' or diag $bench->table($dir);

done_testing;
