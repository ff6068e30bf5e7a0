/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "tavus_bucket.h"


#define TAVUS_BUCKET_FRACTION_BITS  20
#define TAVUS_BUCKET_FRACTION       ((UINT64_C(1) << 20) - 1)
#define TAVUS_BUCKET_MAX_MSEC       ((UINT64_C(1) << 44) - 1)


static uint64_t tavus_bucket_debt(uint64_t state, uint64_t now,
    uint64_t rate);
static uint64_t tavus_bucket_state(uint64_t debt, uint64_t now,
    uint64_t rate);
static uint64_t tavus_bucket_ceil(uint64_t debt, uint64_t rate);


/*
 * All sums are in units of 1/rate ms, in which one token is exactly period
 * and a whole bucket capacity * period.  A debt is at most 2^44 * rate plus
 * 2 * capacity * period, and so stays below 2^64.
 */

int
tavus_bucket_check(const tavus_bucket_rate_t *rate, uint64_t state,
    uint64_t now, uint32_t tokens, tavus_bucket_result_t *res)
{
    uint64_t  debt, limit, price;

    limit = (uint64_t) rate->capacity * rate->period;
    price = (uint64_t) tokens * rate->period;

    if (price > limit) {
        price = limit;
    }

    debt = tavus_bucket_debt(state, now, rate->rate);

    if (debt + price > limit) {
        res->state = state;
        res->remaining = debt < limit
                         ? (uint32_t) ((limit - debt) / rate->period) : 0;
        res->retry_after = tavus_bucket_ceil(debt + price - limit,
                                             rate->rate);
        res->reset = tavus_bucket_ceil(debt, rate->rate);

        return 0;
    }

    debt += price;

    res->state = tavus_bucket_state(debt, now, rate->rate);
    res->remaining = (uint32_t) ((limit - debt) / rate->period);
    res->retry_after = 0;
    res->reset = tavus_bucket_ceil(debt, rate->rate);

    return 1;
}


uint64_t
tavus_bucket_refund(const tavus_bucket_rate_t *rate, uint64_t state,
    uint64_t now)
{
    uint64_t  debt;

    debt = tavus_bucket_debt(state, now, rate->rate);

    if (debt == 0) {
        return state;
    }

    if (debt <= rate->period) {
        return now << TAVUS_BUCKET_FRACTION_BITS;
    }

    return tavus_bucket_state(debt - rate->period, now, rate->rate);
}


int
tavus_bucket_full(uint64_t state, uint64_t now)
{
    return state <= now << TAVUS_BUCKET_FRACTION_BITS;
}


/* What is missing from a full bucket. */

static uint64_t
tavus_bucket_debt(uint64_t state, uint64_t now, uint64_t rate)
{
    uint64_t  msec, fraction;

    msec = state >> TAVUS_BUCKET_FRACTION_BITS;

    if (msec < now) {
        return 0;
    }

    fraction = state & TAVUS_BUCKET_FRACTION;

    if (fraction >= rate) {
        fraction = rate - 1;
    }

    return (msec - now) * rate + fraction;
}


static uint64_t
tavus_bucket_state(uint64_t debt, uint64_t now, uint64_t rate)
{
    uint64_t  msec;

    msec = now + debt / rate;

    if (msec > TAVUS_BUCKET_MAX_MSEC) {
        msec = TAVUS_BUCKET_MAX_MSEC;
    }

    return msec << TAVUS_BUCKET_FRACTION_BITS | debt % rate;
}


static uint64_t
tavus_bucket_ceil(uint64_t debt, uint64_t rate)
{
    return debt / rate + (debt % rate != 0);
}
