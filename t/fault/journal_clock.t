#!/usr/bin/perl

# The age of the journal is a time that went by, whatever becomes of the clock
# meanwhile: it is set back and forth below, for nginx alone.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Process qw(new_dir spew);
use Mojo::Date;

plan skip_all => 'another library comes first'
    if defined $ENV{ASAN_OPTIONS} || $ENV{TAVUS_CHECKED};

my $dir = new_dir();
spew("$dir/clock.c", <<'EOF');
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

static const char  *file;

__attribute__((constructor)) static void begin(void)
{
    /* where the environment was nginx writes its title */
    file = getenv("CLOCK_STEP");
    file = file ? strdup(file) : NULL;
}

int gettimeofday(struct timeval *tv, void *tz)
{
    static int  (*real)(struct timeval *, void *);
    FILE         *in;
    long          step = 0;

    if (!real) {
        real = (int (*)(struct timeval *, void *)) dlsym(RTLD_NEXT,
                                                         "gettimeofday");
    }

    if (file && (in = fopen(file, "r"))) {
        if (fscanf(in, "%ld", &step) != 1) {
            step = 0;
        }
        fclose(in);
    }

    if (real(tv, tz)) {
        return -1;
    }

    tv->tv_sec += step;
    return 0;
}
EOF
is system('cc', '-shared', '-fPIC', '-o', "$dir/clock.so", "$dir/clock.c",
    '-ldl'), 0, 'a clock';
chmod 0755, $dir;
spew("$dir/step", "0\n", 0644);

my $t = Tavus::Test->new(sandbox => 0,
    env => {LD_PRELOAD => "$dir/clock.so", CLOCK_STEP => "$dir/step"},
    http => {tavus_store_timeout => '200ms',
        tavus_journal => '%%DIR%%/journal'},
    locations => {'= /metrics' => 'tavus_metrics;', '= /healthz' =>
        'tavus_health; tavus_admin_users %%SECRETS%%/admin.htpasswd;'})->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $ahead = sub {
    return Mojo::Date->new($t->get('/')->headers->date)->epoch - time;
};
my $set = sub ($step) {
    spew("$dir/step", "$step\n", 0644);
    wait_ok { abs($ahead->() - $step) < 100 } "the clock is set by $step s";
};
my $metric = sub {
    my ($age) = $t->get('/metrics')->body
        =~ /^tavus_journal_oldest_age_seconds (\S+)$/m;
    return $age;
};
my $ages = sub ($name) {
    my $before = $metric->();
    wait_ok { $metric->() != $before } 'the metrics are new';
    my $metrics = $metric->();
    my $health = $t->admin('/healthz?full')->json->{journal}{age};
    ok $_ >= 0 && $_ < 120, "$name: $_ s" for $metrics, $health;
};

$t->pg->stop;
is $t->webhook(tavus_event('system.replica_joined', 'c1'))->code, 200,
    'journaled';
$ages->('as it is');

for my $step (-7200, 7200, -86400) {
    $set->($step);
    $ages->('the file of a worker');
}

$t->kill_worker;
wait_ok { $t->grep_log(qr/of a worker that is gone is adopted/) } 'adopted', 20;
$ages->('an adopted one, of the future');

# a log that is reopened is told again
$t->signal('USR1');
wait_ok { $t->grep_log(qr/journal holds 1 records, .*oldest for \d{1,2} s/) }
    'and in the log';

$set->(0);
$t->pg->start;
wait_ok { !(() = glob $t->dir . '/journal/*.journal') } 'replayed', 30;
wait_ok { $metric->() == 0 } 'nothing is old';

done_testing;
