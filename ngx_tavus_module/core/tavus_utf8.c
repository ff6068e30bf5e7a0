
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "tavus_utf8.h"


int
tavus_utf8_valid(const char *data, size_t len)
{
    int             n;
    const uint8_t  *p, *end;

    p = (const uint8_t *) data;
    end = len ? p + len : p;

    while (p < end) {

        if (*p < 0x80) {
            p++;
            continue;
        }

        n = tavus_utf8_sequence(p, end);

        if (n == 0) {
            return 0;
        }

        p += n;
    }

    return 1;
}


int
tavus_utf8_sequence(const uint8_t *p, const uint8_t *end)
{
    uint8_t  c, low, high;

    c = p[0];

    if (c < 0xc2 || c > 0xf4) {
        return 0;
    }

    if (c < 0xe0) {
        return (end - p >= 2 && (p[1] & 0xc0) == 0x80) ? 2 : 0;
    }

    low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;

    if (end - p < 3 || p[1] < low || p[1] > high || (p[2] & 0xc0) != 0x80) {
        return 0;
    }

    if (c < 0xf0) {
        return 3;
    }

    return (end - p >= 4 && (p[3] & 0xc0) == 0x80) ? 4 : 0;
}
