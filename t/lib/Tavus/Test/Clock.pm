package Tavus::Test::Clock;

# A clock that is set back and forth, for nginx alone.
#
#   plan skip_all => … unless Tavus::Test::Clock::possible();
#   my $clock = Tavus::Test::Clock->new;
#   my $t = Tavus::Test->new(env => $clock->env, …);
#   $clock->set($seconds)           ahead of what is true; workers that idle
#                                   read it with the next request

use v5.36;
use Carp qw(croak);

use Tavus::Test::Process qw(new_dir spew);

my $SOURCE = <<'EOF';
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

# Under a sanitizer another library comes first.
sub possible () { return !defined $ENV{ASAN_OPTIONS} && !$ENV{TAVUS_CHECKED} }

sub new ($class) {
    my $dir = new_dir();
    spew("$dir/clock.c", $SOURCE);
    system('cc', '-shared', '-fPIC', '-o', "$dir/clock.so", "$dir/clock.c",
        '-ldl') == 0 or croak 'no clock';
    chmod 0755, $dir;
    return (bless {dir => $dir}, $class)->set(0);
}

sub env ($self) {
    return {LD_PRELOAD => "$self->{dir}/clock.so",
        CLOCK_STEP => "$self->{dir}/step"};
}

sub set ($self, $step) {
    spew("$self->{dir}/step", "$step\n", 0644);
    return $self;
}

1;
