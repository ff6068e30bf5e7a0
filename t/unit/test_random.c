/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_random.h"

#include <sys/wait.h>
#include <unistd.h>


#define TEST_IDS  (3 * TAVUS_RANDOM_IDS + 1)


typedef uint8_t  test_id_t[TAVUS_RANDOM_ID_LEN];


static int
test_compare(const void *one, const void *two)
{
    return memcmp(one, two, TAVUS_RANDOM_ID_LEN);
}


/* nor one of zeros, which is what a place looks like that was used */

static void
test_distinct(test_id_t *ids, size_t n)
{
    size_t     i;
    test_id_t  zeros;

    memset(zeros, 0, sizeof(zeros));
    qsort(ids, n, sizeof(test_id_t), test_compare);

    assert_memory_not_equal(ids[0], zeros, sizeof(zeros));

    for (i = 1; i < n; i++) {
        assert_memory_not_equal(ids[i - 1], ids[i], sizeof(test_id_t));
    }
}


/* over the ends of what is made at once */

static void
test_ends(void **state)
{
    size_t     i;
    test_id_t  ids[TEST_IDS];

    for (i = 0; i < TEST_IDS; i++) {
        assert_int_equal(tavus_random_id(ids[i]), 0);
    }

    test_distinct(ids, TEST_IDS);
}


/* wherever in it the parent is */

static void
test_fork(void **state)
{
    int        fd[2], status;
    pid_t      pid;
    size_t     i, k, taken;
    test_id_t  ids[2 * TEST_IDS];

    static const size_t  before[] = {
        0, 1, TAVUS_RANDOM_IDS - 1, TAVUS_RANDOM_IDS, TAVUS_RANDOM_IDS + 1
    };

    for (k = 0; k < TEST_COUNT(before); k++) {

        for (i = 0; i < before[k]; i++) {
            assert_int_equal(tavus_random_id(ids[0]), 0);
        }

        assert_int_equal(pipe(fd), 0);

        pid = fork();
        assert_true(pid >= 0);

        if (pid == 0) {
            for (i = 0; i < TEST_IDS; i++) {
                if (tavus_random_id(ids[i]) != 0) {
                    _exit(1);
                }
            }

            _exit(write(fd[1], ids, TEST_IDS * sizeof(test_id_t))
                  != (ssize_t) (TEST_IDS * sizeof(test_id_t)));
        }

        assert_int_equal(close(fd[1]), 0);

        for (taken = 0; taken < TEST_IDS * sizeof(test_id_t); /* void */) {
            ssize_t  n = read(fd[0], (uint8_t *) ids + taken,
                              TEST_IDS * sizeof(test_id_t) - taken);

            assert_true(n > 0);
            taken += n;
        }

        assert_int_equal(close(fd[0]), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);

        for (i = TEST_IDS; i < 2 * TEST_IDS; i++) {
            assert_int_equal(tavus_random_id(ids[i]), 0);
        }

        test_distinct(ids, 2 * TEST_IDS);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_fork)
    };

    return test_run(tests);
}
