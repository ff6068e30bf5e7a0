/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "tavus_uuid.h"


static int tavus_uuid_nibble(char c);


void
tavus_uuid_v7(uint8_t uuid[TAVUS_UUID_LEN], uint64_t msec,
    const uint8_t tail[10])
{
    int       i;
    uint64_t  b;

    for (i = 0; i < 6; i++) {
        uuid[i] = (uint8_t) (msec >> (40 - 8 * i));
    }

    /* 12 bits of the tail lie beside the version, 62 beside the variant */

    uuid[6] = 0x70 | tail[0] >> 4;
    uuid[7] = (uint8_t) (tail[0] << 4 | tail[1] >> 4);

    b = tail[1] & 0x0f;

    for (i = 2; i < 9; i++) {
        b = b << 8 | tail[i];
    }

    b = b << 2 | tail[9] >> 6;
    b = (b & 0x3fffffffffffffff) | 0x8000000000000000;

    for (i = 8; i < 16; i++) {
        uuid[i] = (uint8_t) (b >> (56 - 8 * (i - 8)));
    }
}


void
tavus_uuid_format(const uint8_t uuid[TAVUS_UUID_LEN], char *dst)
{
    int                i;
    static const char  hex[] = "0123456789abcdef";

    for (i = 0; i < TAVUS_UUID_LEN; i++) {

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *dst++ = '-';
        }

        *dst++ = hex[uuid[i] >> 4];
        *dst++ = hex[uuid[i] & 0x0f];
    }
}


int
tavus_uuid_parse(uint8_t uuid[TAVUS_UUID_LEN], const char *text, size_t len)
{
    int      i, hi, lo;
    uint8_t  parsed[TAVUS_UUID_LEN];

    if (len != TAVUS_UUID_TEXT_LEN) {
        return -1;
    }

    for (i = 0; i < TAVUS_UUID_LEN; i++) {

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*text++ != '-') {
                return -1;
            }
        }

        hi = tavus_uuid_nibble(*text++);
        lo = tavus_uuid_nibble(*text++);

        if (hi < 0 || lo < 0) {
            return -1;
        }

        parsed[i] = (uint8_t) (hi << 4 | lo);
    }

    for (i = 0; i < TAVUS_UUID_LEN; i++) {
        uuid[i] = parsed[i];
    }

    return 0;
}


static int
tavus_uuid_nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return -1;
}
