#!/usr/bin/perl

# However many workers and connections ask for one bucket, and whatever becomes
# of the workers: never one too many.

use lib 't/lib';
use Tavus::Test;
use IO::Select;
use POSIX qw(_exit);

my $t = Tavus::Test->new(db => 0, sandbox => 0, defaults => 0, workers => 4,
    log_level => 'crit',
    main => 'worker_rlimit_nofile 4096;',
    http => {tavus_limit_zone => [
        '$arg_key zone=keys:1m rate=1r/h capacity=1000',
        '$arg_key zone=long:64k rate=1r/h capacity=8000',
        'all zone=all:64k rate=1r/h capacity=1000000',
    ]},
    http_extra => 'keepalive_requests 100000;',
    locations => {
        '= /key' => 'tavus_limit zone=keys; tavus_limit zone=all; empty_gif;',
        '= /long' => 'tavus_limit zone=long; tavus_limit zone=all; empty_gif;',
        '= /metrics' => 'tavus_metrics;',
    })->start;

# Clients, each a process with connections of its own, that ask as often as
# they can, 20 requests at once; a child's report is what it got.
sub hammer {
    my ($path, $children, $rounds) = @_;
    my @pipes;

    for (1 .. $children) {
        pipe my $in, my $out or die "pipe: $!";
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            close $in;
            my %got = (200 => 0, 429 => 0, lost => 0);
            my $ask = "GET $path HTTP/1.1\r\nHost: x\r\n\r\n";
            for (1 .. $rounds) {
                my @s = map { eval { $t->socket } // () } 1 .. 5;
                $_->send($ask x 20) for @s;
                for my $s (@s) {
                    for my $n (1 .. 20) {
                        my $res = $s->response or do {
                            $got{lost} += 21 - $n;
                            last;
                        };
                        $got{$res->{status}}++;
                    }
                    $s->close;
                }
            }
            syswrite $out, join(' ', %got) . "\n";
            _exit(0);
        }
        push @pipes, [$pid, $in];
    }
    return @pipes;
}

sub harvest {
    my %sum;
    for (@_) {
        my ($pid, $in) = @$_;
        my %got = split ' ', <$in> // '';
        $sum{$_} += $got{$_} for keys %got;
        waitpid $pid, 0;
    }
    return \%sum;
}

wait_ok { 4 == (() = $t->workers) } 'four workers';

my $sum = harvest(hammer('/key?key=one', 4, 10));
is_deeply $sum, {200 => 1000, 429 => 3000, lost => 0},
    'exactly the capacity of 4000';

# and of every key beside the others
my @keys = map { [$_, hammer("/key?key=$_", 1, 15)] } qw(a b c d);
for (@keys) {
    my ($key, @pipes) = @$_;
    is_deeply harvest(@pipes), {200 => 1000, 429 => 500, lost => 0},
        "key $key";
}

my ($passed) = $t->get('/metrics')->body
    =~ /^tavus_limit_requests_total\{zone="keys",result="passed"\} (\d+)/m;
is $passed, 5000, 'and so say the metrics';

# Who ends first closes his end of the pipe.
sub at_work { return !IO::Select->new(map { $_->[1] } @_)->can_read(0) }

# Killed workers, while they hold the lock or not, lose answers, never tokens.
my ($kills, @pipes) = (0, hammer('/long?key=kill', 4, 40));
$t->kill_worker && $kills++ while $kills < 10 && at_work(@pipes);
$sum = harvest(@pipes);
cmp_ok $kills, '>', 2, "$kills workers were killed meanwhile";
cmp_ok $sum->{200}, '<=', 8000, 'never one too many'
    or diag explain $sum;
cmp_ok $sum->{200} + $sum->{lost}, '>=', 8000, 'and none is lost by itself';
is $t->get('/long?key=kill')->code, 429, 'the bucket is spent';
is $t->get('/long?key=new')->code, 200, 'the table works on';

# A reload while all ask: old and new workers share the table.
my $reloads = 0;
@pipes = hammer('/long?key=reload', 4, 40);
$t->reload && $reloads++ while $reloads < 8 && at_work(@pipes);
$sum = harvest(@pipes);
cmp_ok $reloads, '>', 1, "$reloads reloads";
cmp_ok $sum->{200}, '<=', 8000, 'never one too many';
cmp_ok $sum->{200} + $sum->{lost}, '>=', 8000, 'and none is lost by itself';

done_testing;
