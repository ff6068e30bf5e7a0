/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_SIPHASH_H_INCLUDED_
#define _TAVUS_SIPHASH_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


#define TAVUS_SIPHASH_KEY_LEN  16


/*
 * SipHash-2-4 of len bytes (Aumasson and Bernstein, 2012): who does not
 * know the key can not find two texts with the same hash.
 */
uint64_t tavus_siphash(const uint8_t key[TAVUS_SIPHASH_KEY_LEN],
    const void *data, size_t len);


#endif /* _TAVUS_SIPHASH_H_INCLUDED_ */
