/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_bucket.h"


typedef __int128  wide_t;


/*
 * The slow model: when the bucket will be full again, as a rational number
 * of milliseconds; it shares nothing with the code but the definition.
 */

typedef struct {
    wide_t  num;
    wide_t  den;
} model_t;


static int
model_check(model_t *m, const tavus_bucket_rate_t *r, wide_t now,
    tavus_bucket_result_t *res)
{
    int     ok;
    wide_t  from, limit, left;

    /* all in units of 1 / rate ms */

    assert_true(m->den == r->rate);

    from = m->num > now * r->rate ? m->num : now * r->rate;
    limit = now * r->rate + (wide_t) r->capacity * r->period;

    ok = from + r->period <= limit;

    if (ok) {
        from += r->period;
        m->num = from;
        res->retry_after = 0;

    } else {
        left = from + r->period - limit;
        res->retry_after = (uint64_t) ((left + r->rate - 1) / r->rate);
    }

    left = limit - from;
    res->remaining = left > 0 ? (uint32_t) (left / r->period) : 0;

    left = from - now * r->rate;
    res->reset = (uint64_t) ((left + r->rate - 1) / r->rate);

    return ok;
}


static const tavus_bucket_rate_t  rates[] = {
    { 5, 60000, 5 },
    { 7, 60000, 3 },
    { 7, 60000, 1 },
    { 1, 1000, 1 },
    { 3, 1000, 10 },
    { 60, 60000, 20 },
    { 999983, 1000, 1000000 },
    { 1000000, 1000, 17 },
    { 1000000, 3600000, 1000000 },
    { 1, 3600000, 1000000 },
    { 11, 3600000, 2 },
    { 524287, 3600000, 1 }
};


static void
test_five_a_minute(void **state)
{
    int                    i;
    uint64_t               s, now;
    tavus_bucket_rate_t    rate = { 5, 60000, 5 };
    tavus_bucket_result_t  res;

    s = 0;
    now = 1000000;

    for (i = 4; i >= 0; i--) {
        assert_int_equal(tavus_bucket_check(&rate, s, now, 1, &res), 1);
        assert_int_equal(res.remaining, i);
        assert_int_equal(res.retry_after, 0);
        assert_int_equal(res.reset, (5 - i) * 12000);
        s = res.state;
    }

    assert_int_equal(tavus_bucket_check(&rate, s, now, 1, &res), 0);
    assert_int_equal(res.retry_after, 12000);
    assert_int_equal(res.remaining, 0);
    assert_int_equal(res.reset, 60000);
    assert_int_equal(res.state, s);

    assert_int_equal(tavus_bucket_check(&rate, s, now + 11999, 1, &res), 0);
    assert_int_equal(res.retry_after, 1);

    for (i = 1; i < 100; i++) {
        assert_int_equal(tavus_bucket_check(&rate, s, now + 12000 * i - 1, 1,
                                            &res), 0);
        assert_int_equal(tavus_bucket_check(&rate, s, now + 12000 * i, 1,
                                            &res), 1);
        s = res.state;
    }
}


/* Asks at the exact moment told, a million times: the sum must be exact. */

static void
test_no_drift(void **state)
{
    size_t                 i;
    uint64_t               s, now, start, n;
    tavus_bucket_result_t  res;

    /* deep enough never to be full between two ticks of the clock */

    static const tavus_bucket_rate_t  drift[] = {
        { 5, 60000, 5 },
        { 5, 60000, 1 },
        { 7, 60000, 7 },
        { 7, 60000, 2 },
        { 999983, 1000, 2000 },
        { 13, 3600000, 4 }
    };

    for (i = 0; i < TEST_COUNT(drift); i++) {

        start = 12345;
        now = start;
        s = 0;

        for (n = 0; n < 1000000 + drift[i].capacity; n++) {

            while (!tavus_bucket_check(&drift[i], s, now, 1, &res)) {
                assert_true(res.retry_after > 0);
                now += res.retry_after;
            }

            s = res.state;
        }

        /* capacity tokens at once, then a million at period / rate */

        n = ((uint64_t) 1000000 * drift[i].period + drift[i].rate - 1)
            / drift[i].rate;

        assert_int_equal(now - start, n);
    }
}


/* A clock that ticks at random must not cost a token in the long run. */

static void
test_random_schedules(void **state)
{
    int                    ok, rounds;
    size_t                 i;
    model_t                m;
    uint64_t               seed, s, now, n, step;
    tavus_bucket_result_t  res, expected;

    seed = 42;

    for (i = 0; i < TEST_COUNT(rates); i++) {

        for (rounds = 0; rounds < 20; rounds++) {

            now = test_random(&seed) % (UINT64_C(1) << (8 + rounds));
            s = 0;
            m.num = 0;
            m.den = rates[i].rate;

            for (n = 0; n < 5000; n++) {

                step = rates[i].period / rates[i].rate * 2 + 2;
                step = test_random(&seed) % step;

                switch (test_random(&seed) % 8) {

                case 0:
                    now += step;
                    break;

                case 1:
                    now += step * rates[i].capacity;
                    now %= UINT64_C(1) << 43;
                    break;

                case 2:
                    now -= now > step ? step : now;
                    break;

                case 3:
                    now++;
                    break;
                }

                ok = tavus_bucket_check(&rates[i], s, now, 1, &res);

                assert_int_equal(ok, model_check(&m, &rates[i], now,
                                                 &expected));
                assert_int_equal(res.remaining, expected.remaining);
                assert_int_equal(res.retry_after, expected.retry_after);
                assert_int_equal(res.reset, expected.reset);

                if (ok) {
                    s = res.state;
                    assert_false(tavus_bucket_full(s, now));
                    assert_true(tavus_bucket_full(s, now + res.reset));
                    assert_false(tavus_bucket_full(s, now + res.reset - 1));

                } else {
                    assert_int_equal(res.state, s);

                    /* the time told is the first at which it is true */

                    assert_int_equal(tavus_bucket_check(&rates[i], s,
                                         now + res.retry_after, 1, &res), 1);
                    assert_int_equal(tavus_bucket_check(&rates[i], s,
                                         now + expected.retry_after - 1, 1,
                                         &res), 0);
                }
            }
        }
    }
}


static void
test_clock_back(void **state)
{
    int                    i, n;
    uint64_t               s, now, seed;
    tavus_bucket_rate_t    rate = { 5, 60000, 5 };
    tavus_bucket_result_t  res;

    /* two workers whose clocks differ: within one minute never more than 10 */

    s = 0;
    n = 0;
    seed = 7;

    for (i = 0; i < 60000; i++) {
        now = 1000000 + i;
        now -= test_random(&seed) % 5000;

        if (tavus_bucket_check(&rate, s, now, 1, &res)) {
            s = res.state;
            n++;
        }
    }

    assert_in_range(n, 9, 10);

    /* far back: no token until the clock is where it was */

    s = 0;

    for (i = 0; i < 5; i++) {
        assert_int_equal(tavus_bucket_check(&rate, s, 1000000, 1, &res), 1);
        s = res.state;
    }

    assert_int_equal(tavus_bucket_check(&rate, s, 0, 1, &res), 0);
    assert_int_equal(res.retry_after, 1012000);
    assert_int_equal(res.remaining, 0);
    assert_int_equal(tavus_bucket_check(&rate, s, 1012000, 1, &res), 1);
}


static void
test_refund(void **state)
{
    size_t                 i;
    uint64_t               s, before, now;
    tavus_bucket_result_t  res;

    for (i = 0; i < TEST_COUNT(rates); i++) {

        now = 5000000;

        /* of a full bucket: nothing changes */

        assert_int_equal(tavus_bucket_refund(&rates[i], 0, now), 0);
        assert_true(tavus_bucket_full(tavus_bucket_refund(&rates[i],
                                                          now << 20, now),
                                      now));

        /* of the first token: full again, and not fuller than full */

        assert_int_equal(tavus_bucket_check(&rates[i], 0, now, 1, &res), 1);
        s = tavus_bucket_refund(&rates[i], res.state, now);
        assert_true(tavus_bucket_full(s, now));

        s = tavus_bucket_refund(&rates[i], s, now);
        assert_int_equal(tavus_bucket_check(&rates[i], s, now, 1, &res), 1);
        assert_int_equal(res.remaining, rates[i].capacity - 1);

        if (rates[i].capacity == 1) {
            continue;
        }

        /* of the second: exactly the state before it */

        before = res.state;
        assert_int_equal(tavus_bucket_check(&rates[i], before, now, 1,
                                            &res), 1);
        assert_int_equal(tavus_bucket_refund(&rates[i], res.state, now),
                         before);

        /* later, and by a worker whose clock is behind, as well */

        assert_int_equal(tavus_bucket_refund(&rates[i], res.state, now - 3),
                         before);
    }
}


static void
test_rate_change(void **state)
{
    uint64_t               s, now;
    tavus_bucket_result_t  res;

    tavus_bucket_rate_t    fine = { 999983, 1000, 1 };
    tavus_bucket_rate_t    slow = { 7, 60000, 3 };

    now = 777;

    /* a fraction of another rate is less than one millisecond in any */

    s = (now + 100) << 20 | 999982;

    assert_int_equal(tavus_bucket_check(&slow, s, now, 1, &res), 1);
    assert_int_equal(res.reset, (700 + 6 + 60000 + 6) / 7);
    assert_int_equal(res.state & 0xfffff, (706 + 60000) % 7);

    s = (now + 100) << 20 | 0xfffff;

    assert_int_equal(tavus_bucket_check(&fine, s, now, 1, &res), 0);
    assert_int_equal(res.retry_after, 101);

    /* a bucket that is larger now has room at once */

    s = 0;
    while (tavus_bucket_check(&slow, s, now, 1, &res)) {
        s = res.state;
    }

    slow.capacity = 5;
    assert_int_equal(tavus_bucket_check(&slow, s, now, 1, &res), 1);
    assert_int_equal(res.remaining, 1);

    /* and one that is smaller owes the rest */

    slow.capacity = 1;
    assert_int_equal(tavus_bucket_check(&slow, s, now, 1, &res), 0);
    assert_int_equal(res.retry_after, (3 * 60000 + 6) / 7);
}


static void
test_limits(void **state)
{
    uint64_t               s, now;
    tavus_bucket_rate_t    rate = { 1000000, 3600000, 1000000 };
    tavus_bucket_result_t  res;

    now = (UINT64_C(1) << 44) - 1;

    assert_int_equal(tavus_bucket_check(&rate, 0, now, 1, &res), 1);
    assert_int_equal(res.remaining, 999999);

    /* the worst debt that fits a state */

    s = UINT64_MAX;
    assert_int_equal(tavus_bucket_check(&rate, s, 0, 1, &res), 0);
    assert_int_equal(res.reset, UINT64_C(1) << 44);
    assert_int_equal(res.retry_after,
                     ((UINT64_C(1) << 44) - 1) - 3600000 + 5);

    /* 1 an hour, a million at once: 114 years until it is full */

    rate.rate = 1;
    now = 0;
    s = (UINT64_C(3600000) * 999999) << 20;

    assert_int_equal(tavus_bucket_check(&rate, s, now, 1, &res), 1);
    assert_int_equal(res.remaining, 0);
    assert_int_equal(res.reset, UINT64_C(3600000) * 1000000);

    s = res.state;
    assert_int_equal(tavus_bucket_check(&rate, s, now, 1, &res), 0);
    assert_int_equal(res.retry_after, 3600000);
}


/* Several at once are as several one by one, and more than all are all. */

static void
test_many(void **state)
{
    uint64_t               s, one;
    uint32_t               k, n;
    const uint64_t         now = 1000000;
    tavus_bucket_result_t  res;

    const tavus_bucket_rate_t  rate = { 7, 60000, 100 };

    for (n = 0; n <= 100; n++) {

        one = 0;

        for (k = 0; k < n; k++) {
            assert_int_equal(tavus_bucket_check(&rate, one, now, 1, &res), 1);
            one = res.state;
        }

        assert_int_equal(tavus_bucket_check(&rate, 0, now, n, &res), 1);
        assert_int_equal(res.remaining, 100 - n);
        s = res.state;

        if (n) {
            assert_int_equal(s, one);
        }

        /* all that are left, and not one more */

        assert_int_equal(tavus_bucket_check(&rate, s, now, 100 - n + 1,
                                            &res), n == 0);
        assert_int_equal(tavus_bucket_check(&rate, s, now, 100 - n, &res), 1);
        assert_int_equal(res.remaining, 0);
    }

    assert_int_equal(tavus_bucket_check(&rate, 0, now, UINT32_MAX, &res), 1);
    s = res.state;
    assert_int_equal(tavus_bucket_check(&rate, s, now, 0, &res), 1);
    assert_int_equal(tavus_bucket_check(&rate, s, now, UINT32_MAX, &res), 0);
    assert_int_equal(tavus_bucket_check(&rate, s, now, 50, &res), 0);
    assert_int_equal(tavus_bucket_check(&rate, s, now + res.retry_after - 1,
                                        50, &res), 0);
    assert_int_equal(tavus_bucket_check(&rate, s, now + 428572, 50, &res), 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_five_a_minute),
        cmocka_unit_test(test_no_drift),
        cmocka_unit_test(test_random_schedules),
        cmocka_unit_test(test_clock_back),
        cmocka_unit_test(test_refund),
        cmocka_unit_test(test_rate_change),
        cmocka_unit_test(test_limits)
    };

    return test_run(tests);
}
