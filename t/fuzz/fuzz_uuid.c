/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/* Whatever is read as a UUID is written again as it was, in lower case. */

#include <ctype.h>

#include "fuzz.h"
#include "tavus_uuid.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int      good, rc;
    char    *text, again[TAVUS_UUID_TEXT_LEN];
    size_t   i;
    uint8_t  uuid[TAVUS_UUID_LEN];

    text = fuzz_copy(data, size);

    good = (size == TAVUS_UUID_TEXT_LEN);

    for (i = 0; good && i < size; i++) {
        good = i == 8 || i == 13 || i == 18 || i == 23
               ? text[i] == '-'
               : isxdigit((unsigned char) text[i]) != 0;
    }

    rc = tavus_uuid_parse(uuid, text, size);
    fuzz_assert(good == (rc == 0));

    if (good) {
        tavus_uuid_format(uuid, again);

        for (i = 0; i < size; i++) {
            fuzz_assert(again[i] == tolower((unsigned char) text[i]));
        }
    }

    free(text);

    return 0;
}
