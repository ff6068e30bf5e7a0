/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/* What every unit test needs: cmocka, and buffers that end where they end. */

#ifndef _TEST_H_INCLUDED_
#define _TEST_H_INCLUDED_


#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>


#define TEST_COUNT(a)  (sizeof(a) / sizeof((a)[0]))


/* A copy without a byte to spare, so that a sanitizer sees a read past it. */

static inline char *
test_copy(const char *data, size_t len)
{
    char  *p;

    p = malloc(len ? len : 1);
    assert_non_null(p);

    if (len) {
        memcpy(p, data, len);
    }

    return p;
}


/* xorshift64*: the same numbers in each run */

static inline uint64_t
test_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;

    return *seed * UINT64_C(2685821657736338717);
}


#define test_run(tests)                                                       \
    (cmocka_set_message_output(CM_OUTPUT_TAP),                                \
     cmocka_run_group_tests(tests, NULL, NULL))


#endif /* _TEST_H_INCLUDED_ */
