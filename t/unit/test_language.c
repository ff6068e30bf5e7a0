
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_language.h"


static void
test_known(void **state)
{
    char              *copy;
    size_t             n;
    tavus_language_t   language;

    static const struct {
        const char  *text;
        const char  *name;
        const char  *code;
    } known[] = {
        { "english", "english", "en" },
        { "Spanish", "spanish", "es" },
        { "FRENCH", "french", "fr" },
        { "Punjabi", "punjabi", "pa" },
        { "multilingual", "multilingual", "" },
        { "en", "english", "en" },
        { "DE", "german", "de" },
        { "ka", "georgian", "ka" },

        /* other words for the same */
        { "Filipino", "tagalog", "tl" },
        { "fil", "tagalog", "tl" },
        { "fil-PH", "tagalog", "tl" },
        { "nb-NO", "norwegian", "no" },

        /* regions that are documented */
        { "pt-BR", "portuguese", "pt-BR" },
        { "PT-br", "portuguese", "pt-BR" },
        { "pt-PT", "portuguese", "pt-PT" },
        { "fr-CA", "french", "fr-CA" },
        { "es-mx", "spanish", "es-MX" },
        { "ar-AE", "arabic", "ar-AE" },

        /* and that are not */
        { "pt-AO", "portuguese", "pt" },
        { "en-US", "english", "en" },
        { "zh-HK", "chinese", "zh" },
        { "es-419", "spanish", "es" }
    };

    for (n = 0; n < TEST_COUNT(known); n++) {
        copy = test_copy(known[n].text, strlen(known[n].text));

        assert_int_equal(tavus_language(copy, strlen(known[n].text),
                                        &language), 0);
        assert_string_equal(language.name, known[n].name);
        assert_string_equal(language.code, known[n].code);

        free(copy);
    }
}


/* as many as Tavus says that there are, each by its code and its name */

static void
test_all(void **state)
{
    char              *p, code[3];
    size_t             n;
    tavus_language_t   one, two;

    n = 0;
    code[2] = '\0';

    for (code[0] = 'a'; code[0] <= 'z'; code[0]++) {
        for (code[1] = 'a'; code[1] <= 'z'; code[1]++) {

            if (tavus_language(code, 2, &one) != 0
                || strcmp(one.code, code) != 0)
            {
                continue;
            }

            n++;

            for (p = (char *) one.name; *p; p++) {
                assert_in_range(*p, 'a', 'z');
            }

            assert_int_equal(tavus_language(one.name, strlen(one.name),
                                            &two), 0);
            assert_string_equal(two.code, code);
        }
    }

    assert_int_equal(n, 42);
}


static void
test_unknown(void **state)
{
    char              *copy;
    size_t             n;
    tavus_language_t   language;

    static const char  *unknown[] = {
        "", "e", "xx", "eng", "en_US", "english ", "englis", "klingon",
        "english\nspanish", "-", "-US", "en-", "en-U", "en-U1", "en-1US",
        "en-US-x", "en-41", "en-4199", "xx-US", "english-US", "eng-US",
        "zh-Hant", "multilingual-US", "fil-"
    };

    for (n = 0; n < TEST_COUNT(unknown); n++) {
        copy = test_copy(unknown[n], strlen(unknown[n]));

        assert_int_equal(tavus_language(copy, strlen(unknown[n]), &language),
                         -1);

        free(copy);
    }

    /* the length says where the text ends, not a NUL */

    assert_int_equal(tavus_language("en\0lish", 7, &language), -1);
    assert_int_equal(tavus_language("english", 2, &language), 0);
    assert_string_equal(language.name, "english");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_known),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_unknown)
    };

    return test_run(tests);
}
