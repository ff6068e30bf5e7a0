/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define FUZZ_COUNT(a)  (sizeof(a) / sizeof((a)[0]))


#define fuzz_assert(x)                                                        \
    do {                                                                      \
        if (!(x)) {                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);           \
            abort();                                                          \
        }                                                                     \
    } while (0)


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* A copy without a byte to spare, so that a sanitizer sees a read past it. */

static inline void *
fuzz_copy(const void *data, size_t len)
{
    void  *p;

    p = malloc(len ? len : 1);
    fuzz_assert(p != NULL);

    if (len) {
        memcpy(p, data, len);
    }

    return p;
}


/* Takes the bytes up to the next sep, or all; goes on behind it. */

static inline char *
fuzz_take(const uint8_t **data, size_t *size, uint8_t sep, size_t *len)
{
    size_t          skip;
    const uint8_t  *p, *end;

    p = *data;
    end = *size ? memchr(p, sep, *size) : NULL;

    *len = end ? (size_t) (end - p) : *size;
    skip = end ? *len + 1 : *len;

    *data += skip;
    *size -= skip;

    return fuzz_copy(p, *len);
}


#endif /* _FUZZ_H_INCLUDED_ */
