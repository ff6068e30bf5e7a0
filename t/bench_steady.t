#!/usr/bin/perl

# The client of the bench that sends at a steady rate: of a server that stops
# for 1.5 s it tells what everybody has met who would have come meanwhile.
# alone

use lib 't/lib', 't/bench';
use Tavus::Test;
use Tavus::Test::Process qw(background new_dir pause slurp spew suspend);
use Time::HiRes qw(time);
use Workload qw(event line);

my $RATE = 500;
my $SECONDS = 6;
my $CONNECTIONS = 8;        # a closed loop meets a stall so often: 0.3 %
my $STALL = 1.5;

my $dir = new_dir();
my $steady = "$dir/steady";
is system('cc', '-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-o',
    $steady, 't/bench/steady.c'), 0, 'it compiles';

my $t = Tavus::Test->new(sandbox => 0,
    http_extra => 'keepalive_requests 1000000;', locations => {
        '= /return' => 'return 200 "{}";',
        '= /stall' => 'return 200 "{}";',
        '= /refuse' => 'return 401 "{}";',
        '= /close' => 'keepalive_timeout 0; return 200 "{}";',
        '= /hang' => 'proxy_pass http://127.0.0.1:1;',
    })->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

# signed events, each of its own; of 4 KB with what is added when they are sent
sub requests ($n, $bytes = 350) {
    return spew("$dir/requests-$bytes", join '', map {
        line(event($_, secret => $t->webhook_secret, bytes => $bytes)) . "\n"
    } 1 .. $n);
}

sub steady ($path, $rate, $seconds, $file) {
    my $out = `$steady @{[$t->port]} $file $path $rate $seconds $CONNECTIONS`;
    my %r = map { split /=/ } split ' ', $out =~ s/^RESULT //r;
    return \%r;
}

my $file = requests(200);

subtest 'what is answered' => sub {
    for my $bytes (350, 4096) {
        my $r = steady('/api/tavus/webhook', 100, 2, requests(200, $bytes));
        is_deeply [$r->@{qw(errors unsent repeated)}], [0, 0, 0],
            "$bytes bytes: all";
        is $t->db->selectrow_array('SELECT count(*) FROM tavus.events
            WHERE length(body) = ?', {}, $bytes), 200, 'and stored';
    }

    my $r = steady('/return', 300, 1, $file);
    is_deeply [$r->@{qw(rps errors repeated)}], ['300.0', 0, 100],
        'sent again, and said';
    is steady('/refuse', 100, 1, $file)->{errors}, 100, 'refused';
    is steady('/hang', 100, 1, $file)->{errors}, 100, 'an answer of 502';
    is_deeply [steady('/close', 100, 1, $file)->@{qw(rps errors)}],
        ['100.0', 0], 'connections that do not stay';
};

# From the moment of the stall on RATE a second are due, and each waits for the
# rest of it: of all n that are sent in SECONDS those in the longest q of them
# take longer than STALL - q * SECONDS.
subtest 'a stall' => sub {
    my ($worker) = $t->workers;
    my $stall;

    my $pid = background(sub {
        spew("$dir/result", join ' ', steady('/stall', $RATE, $SECONDS,
            $file)->%*);
    });
    wait_ok { (() = $t->access_log =~ m{POST /stall}g) > $RATE } 'under way';

    my $from = time;
    suspend($worker);
    pause($STALL);
    $stall = time - $from;
    kill CONT => $worker;

    waitpid $pid, 0;
    my %r = split ' ', slurp("$dir/result");
    diag join ' ', map { "$_ $r{$_}" } sort keys %r;

    is $r{errors}, 0, 'all are answered';
    is $r{unsent}, 0, 'and were sent';
    my %meant = (p99 => 0.01, p999 => 0.001, max => 0);
    for (sort keys %meant) {
        my $ms = ($stall - $meant{$_} * $SECONDS) * 1000;
        cmp_ok $r{$_}, '>', $ms - 20, "$_ is not less than $ms ms";
        cmp_ok $r{$_}, '<', $ms + 500, 'nor much more';
    }
    cmp_ok $r{p50}, '<', 1000 * ($stall - 0.5 * $SECONDS / 2) + 500,
        'the others met nothing of it';

    # a closed loop sends no more than one a connection meanwhile
    my $due = $RATE * $stall - $CONNECTIONS;
    cmp_ok $r{waited}, '>', 0.9 * $due, "$r{waited} had to wait";
    cmp_ok $r{waited}, '<', 0.8 * $RATE * $SECONDS, 'and not all';
    cmp_ok $r{late}, '>', 1000, 'which is said';
};

done_testing;
