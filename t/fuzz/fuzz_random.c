/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/* Ids over any number of them, each of which differs from all before it. */

#include "fuzz.h"
#include "tavus_random.h"


#define FUZZ_IDS  (2 * TAVUS_RANDOM_IDS)


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t   i, k;
    uint8_t  ids[FUZZ_IDS][TAVUS_RANDOM_ID_LEN];

    size = size < FUZZ_IDS ? size : FUZZ_IDS;

    for (i = 0; i < size; i++) {
        fuzz_assert(tavus_random_id(ids[i]) == 0);

        for (k = 0; k < i; k++) {
            fuzz_assert(memcmp(ids[i], ids[k], sizeof(ids[i])) != 0);
        }
    }

    return 0;
}
