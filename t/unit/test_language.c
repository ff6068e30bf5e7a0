/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_language.h"


static void
test_names(void **state)
{
    size_t  n;

    static const struct {
        const char  *text;
        const char  *name;
    } known[] = {
        { "english", "english" },
        { "Spanish", "spanish" },
        { "FRENCH", "french" },
        { "multilingual", "multilingual" },
        { "en", "english" },
        { "es", "spanish" },
        { "DE", "german" },
        { "zh", "chinese" },
        { "vi", "vietnamese" }
    };

    for (n = 0; n < TEST_COUNT(known); n++) {
        assert_string_equal(tavus_language(known[n].text,
                                           strlen(known[n].text)),
                            known[n].name);
    }
}


static void
test_unknown(void **state)
{
    char    *copy;
    size_t   n;

    static const char  *unknown[] = {
        "", "e", "xx", "eng", "en-US", "en_US", "english ", "englis",
        "klingon", "english\nspanish"
    };

    for (n = 0; n < TEST_COUNT(unknown); n++) {
        copy = test_copy(unknown[n], strlen(unknown[n]));

        assert_null(tavus_language(copy, strlen(unknown[n])));

        free(copy);
    }

    /* the length says where the text ends, not a NUL */

    assert_null(tavus_language("en\0lish", 7));
    assert_string_equal(tavus_language("english", 2), "english");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unknown)
    };

    return test_run(tests);
}
