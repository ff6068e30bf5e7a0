/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _TAVUS_BUCKET_H_INCLUDED_
#define _TAVUS_BUCKET_H_INCLUDED_


#include <stdint.h>


#define TAVUS_BUCKET_MAX_RATE      1000000
#define TAVUS_BUCKET_MAX_CAPACITY  1000000


/*
 * A token bucket in 64 bits: the moment at which it will be full again, as
 * whole milliseconds (upper 44 bits) and a fraction in units of 1/rate ms
 * (lower 20 bits).  One token is period / rate ms, so nothing is ever
 * rounded: 5 a minute is 5 in 60 s, and so is 7.  A state at or before now
 * is a full bucket, hence 0 is a new one.  The rate may change between two
 * calls; the whole milliseconds keep their meaning.
 */

typedef struct {
    uint32_t  rate;         /* tokens a period, 1 … TAVUS_BUCKET_MAX_RATE */
    uint32_t  period;       /* ms: 1000, 60000, 3600000 */
    uint32_t  capacity;     /* tokens, 1 … TAVUS_BUCKET_MAX_CAPACITY */
} tavus_bucket_rate_t;


typedef struct {
    uint64_t  state;        /* what to store to take the tokens */
    uint32_t  remaining;    /* whole tokens left after this decision */
    uint64_t  retry_after;  /* ms until they are there; 0 if allowed */
    uint64_t  reset;        /* ms until the bucket is full again */
} tavus_bucket_result_t;


/*
 * Decides on tokens at now (ms of any monotonic clock, < 2^44; it may step
 * back between callers, which never yields a token more).  More than the
 * capacity are as many as the capacity.  Returns 1 if they are there, 0 if
 * not; nothing is stored, res->state is what the caller stores if it takes
 * them (the old state when they are not there).
 */
int tavus_bucket_check(const tavus_bucket_rate_t *rate, uint64_t state,
    uint64_t now, uint32_t tokens, tavus_bucket_result_t *res);

/* Gives one token back; the bucket never gets fuller than full. */
uint64_t tavus_bucket_refund(const tavus_bucket_rate_t *rate, uint64_t state,
    uint64_t now);

/* Whether the state is a full bucket at now, and so holds no information. */
int tavus_bucket_full(uint64_t state, uint64_t now);


#endif /* _TAVUS_BUCKET_H_INCLUDED_ */
