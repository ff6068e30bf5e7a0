
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Names and codes of languages.  What is found again by its own name and by
 * its own code is the same; a region that is not documented changes nothing.
 */

#include <strings.h>

#include "fuzz.h"
#include "tavus_language.h"


static int fuzz_alias(const char *text, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char              *text;
    size_t             n;
    tavus_language_t   language, again;

    text = fuzz_copy(data, size);

    if (tavus_language(text, size, &language) != 0) {
        free(text);
        return 0;
    }

    n = strlen(language.code);
    fuzz_assert(n == 0 || n == 2 || (n == 5 && language.code[2] == '-'));

    /* the whole name, or begun with the code, in any case */

    fuzz_assert((size == strlen(language.name)
                 && strncasecmp(text, language.name, size) == 0)
                || (n && size >= n
                    && strncasecmp(text, language.code, n) == 0)
                || fuzz_alias(text, size));

    fuzz_assert(tavus_language(language.name, strlen(language.name), &again)
                == 0);
    fuzz_assert(again.name == language.name);
    fuzz_assert(strncmp(again.code, language.code, 2) == 0);
    fuzz_assert(again.code[0] == '\0' || again.code[2] == '\0');

    if (n) {
        fuzz_assert(tavus_language(language.code, n, &again) == 0);
        fuzz_assert(again.name == language.name);
        fuzz_assert(strcmp(again.code, language.code) == 0);
    }

    free(text);

    return 0;
}


static int
fuzz_alias(const char *text, size_t size)
{
    return (size >= 2 && strncasecmp(text, "nb", 2) == 0)
           || (size >= 3 && strncasecmp(text, "fil", 3) == 0);
}
