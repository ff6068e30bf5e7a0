
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_utf8.h"


static void
test_utf8(void **state)
{
    assert_true(tavus_utf8_valid(NULL, 0));
    assert_true(tavus_utf8_valid("a\0b", 3));
    assert_true(tavus_utf8_valid("\xf4\x8f\xbf\xbf", 4));
    assert_false(tavus_utf8_valid("\xf4\x8f\xbf\xbf", 3));
    assert_false(tavus_utf8_valid("a\xed\xa0\x80", 4));
    assert_false(tavus_utf8_valid("\xc0\x80", 2));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_utf8)
    };

    return test_run(tests);
}
