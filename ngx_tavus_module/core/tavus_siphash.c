/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "tavus_siphash.h"


#define tavus_siphash_rotl(x, n)  ((x) << (n) | (x) >> (64 - (n)))

#define tavus_siphash_round()                                                \
    v0 += v1;                                                                \
    v2 += v3;                                                                \
    v1 = tavus_siphash_rotl(v1, 13) ^ v0;                                    \
    v3 = tavus_siphash_rotl(v3, 16) ^ v2;                                    \
    v0 = tavus_siphash_rotl(v0, 32);                                         \
    v2 += v1;                                                                \
    v0 += v3;                                                                \
    v1 = tavus_siphash_rotl(v1, 17) ^ v2;                                    \
    v3 = tavus_siphash_rotl(v3, 21) ^ v0;                                    \
    v2 = tavus_siphash_rotl(v2, 32)


static uint64_t tavus_siphash_load(const uint8_t *p);


uint64_t
tavus_siphash(const uint8_t key[TAVUS_SIPHASH_KEY_LEN], const void *data,
    size_t len)
{
    size_t          i, left;
    uint64_t        k0, k1, m, v0, v1, v2, v3;
    const uint8_t  *p;

    k0 = tavus_siphash_load(key);
    k1 = tavus_siphash_load(key + 8);

    v0 = k0 ^ 0x736f6d6570736575;
    v1 = k1 ^ 0x646f72616e646f6d;
    v2 = k0 ^ 0x6c7967656e657261;
    v3 = k1 ^ 0x7465646279746573;

    p = data;

    for (left = len; left >= 8; left -= 8) {
        m = tavus_siphash_load(p);
        p += 8;

        v3 ^= m;
        tavus_siphash_round();
        tavus_siphash_round();
        v0 ^= m;
    }

    m = (uint64_t) len << 56;

    for (i = 0; i < left; i++) {
        m |= (uint64_t) p[i] << (8 * i);
    }

    v3 ^= m;
    tavus_siphash_round();
    tavus_siphash_round();
    v0 ^= m;

    v2 ^= 0xff;
    tavus_siphash_round();
    tavus_siphash_round();
    tavus_siphash_round();
    tavus_siphash_round();

    return v0 ^ v1 ^ v2 ^ v3;
}


/* little-endian on any machine; compilers make a single load of it */

static uint64_t
tavus_siphash_load(const uint8_t *p)
{
    return (uint64_t) p[0]
           | (uint64_t) p[1] << 8
           | (uint64_t) p[2] << 16
           | (uint64_t) p[3] << 24
           | (uint64_t) p[4] << 32
           | (uint64_t) p[5] << 40
           | (uint64_t) p[6] << 48
           | (uint64_t) p[7] << 56;
}
