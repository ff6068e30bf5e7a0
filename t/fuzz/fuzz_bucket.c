/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * The bucket against tokens counted in whole parts of a period: schedules of
 * takes and refunds on a clock that goes forward.
 */

#include "fuzz.h"
#include "tavus_bucket.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                    ok;
    uint64_t               state, now, step;
    unsigned __int128      level, limit;
    tavus_bucket_rate_t    rate;
    tavus_bucket_result_t  res;

    static const uint32_t  periods[] = { 1000, 60000, 3600000 };

    if (size < 9) {
        return 0;
    }

    rate.rate = (data[0] | data[1] << 8 | (data[2] & 15) << 16)
                % TAVUS_BUCKET_MAX_RATE + 1;
    rate.capacity = (data[3] | data[4] << 8 | (data[5] & 15) << 16)
                    % TAVUS_BUCKET_MAX_CAPACITY + 1;
    rate.period = periods[data[6] % 3];
    now = (uint64_t) data[7] << 32 | (uint64_t) data[8] << 8;

    data += 9;
    size -= 9;

    /* a token is so many parts as the period has ms */

    limit = (unsigned __int128) rate.capacity * rate.period;
    level = limit;
    state = 0;

    for ( /* void */ ; size >= 2; data += 2, size -= 2) {

        step = (uint64_t) data[1] << (data[0] & 15);
        now += step;
        level += (unsigned __int128) step * rate.rate;
        level = level > limit ? limit : level;

        if (data[0] & 128) {
            state = tavus_bucket_refund(&rate, state, now);
            level += rate.period;
            level = level > limit ? limit : level;
            continue;
        }

        ok = tavus_bucket_check(&rate, state, now, 1, &res);
        fuzz_assert(ok == (level >= rate.period));

        if (ok) {
            state = res.state;
            level -= rate.period;
            fuzz_assert(res.retry_after == 0);

        } else {
            fuzz_assert(res.state == state);
            fuzz_assert(res.retry_after
                        == (uint64_t) ((rate.period - level + rate.rate - 1)
                                       / rate.rate));
        }

        fuzz_assert(res.remaining == (uint32_t) (level / rate.period));
        fuzz_assert(res.reset == (uint64_t) ((limit - level + rate.rate - 1)
                                             / rate.rate));
        fuzz_assert(tavus_bucket_full(state, now) == (level == limit));
    }

    return 0;
}
