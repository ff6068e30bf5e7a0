/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"
#include "tavus_bucket.h"


#define PROCESSES  4
#define TRIES      20000


typedef struct {
    uint64_t  state;
    uint64_t  now;
    uint64_t  granted;
} shared_t;


/* Each process moves the clock and takes by compare-and-swap, as workers do. */

static void
take(shared_t *shared, const tavus_bucket_rate_t *rate, int ticks)
{
    int                    i;
    uint64_t               old, now;
    tavus_bucket_result_t  res;

    for (i = 0; i < TRIES; i++) {

        now = ticks ? __atomic_add_fetch(&shared->now, i % 3, __ATOMIC_SEQ_CST)
                    : shared->now;
        old = __atomic_load_n(&shared->state, __ATOMIC_SEQ_CST);

        while (tavus_bucket_check(rate, old, now, 1, &res)) {

            if (__atomic_compare_exchange_n(&shared->state, &old, res.state,
                                            0, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST))
            {
                __atomic_add_fetch(&shared->granted, 1, __ATOMIC_SEQ_CST);
                break;
            }
        }
    }
}


static uint64_t
run(const tavus_bucket_rate_t *rate, int ticks, uint64_t *elapsed)
{
    int        i, status;
    pid_t      pid[PROCESSES];
    uint64_t   granted;
    shared_t  *shared;

    shared = mmap(NULL, sizeof(shared_t), PROT_READ|PROT_WRITE,
                  MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    shared->now = 1000000;

    for (i = 0; i < PROCESSES; i++) {
        pid[i] = fork();
        assert_true(pid[i] >= 0);

        if (pid[i] == 0) {
            take(shared, rate, ticks);
            _exit(0);
        }
    }

    for (i = 0; i < PROCESSES; i++) {
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_int_equal(status, 0);
    }

    granted = shared->granted;
    *elapsed = shared->now - 1000000;
    munmap(shared, sizeof(shared_t));

    return granted;
}


static void
test_still_clock(void **state)
{
    uint64_t  elapsed;

    static const tavus_bucket_rate_t  rate = { 7, 60000, 1013 };

    assert_int_equal(run(&rate, 0, &elapsed), 1013);
}


static void
test_running_clock(void **state)
{
    uint64_t  granted, elapsed;

    static const tavus_bucket_rate_t  rate = { 97, 1000, 50 };

    granted = run(&rate, 1, &elapsed);

    assert_true(granted >= 50);
    assert_true(granted <= 50 + elapsed * 97 / 1000);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_still_clock),
        cmocka_unit_test(test_running_clock),
    };

    return test_run(tests);
}
