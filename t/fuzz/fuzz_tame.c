
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * A byte says whether lines stay and how much is taken.  What is made is UTF-8
 * without control characters, and no program finds a link in it.
 */

#include "fuzz.h"
#include "tavus_tame.h"
#include "tavus_utf8.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int      lines;
    char    *text, *tame, *again, *p;
    size_t   len, max;

    if (size == 0) {
        return 0;
    }

    lines = data[0] & 1;
    max = data[0] & 2 ? data[0] : 100000;
    size--;

    text = fuzz_copy(data + 1, size);
    tame = tavus_tame(text, size, max, lines);

    fuzz_assert(tame != NULL);

    len = strlen(tame);

    fuzz_assert(tavus_utf8_valid(tame, len));
    fuzz_assert(len <= 4 * (size < max ? size : max) + 3);
    fuzz_assert(strstr(tame, "://") == NULL && strstr(tame, "\\\\") == NULL);

    for (p = tame; *p; p++) {
        fuzz_assert((unsigned char) *p >= ' ' || (lines && *p == '\n'));
        fuzz_assert(*p != 0x7f);
        fuzz_assert(*p != '@' || p[1] == '\0' || p[1] == ' '
                    || p[1] == '\n' || p[1] == '\xe2');
    }

    /* what is tame stays so */

    again = tavus_tame(tame, len, 4 * len + 1, lines);

    fuzz_assert(again && strlen(again) <= 4 * len + 3);

    free(again);
    free(tame);
    free(text);

    return 0;
}
