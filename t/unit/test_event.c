/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_event.h"


#define DAY  (INT64_C(86400) * 1000000)


static int
read_time(const char *text, int64_t *usec)
{
    int   rc;
    char *copy;

    copy = test_copy(text, strlen(text));
    rc = tavus_event_time(copy, strlen(text), usec);
    free(copy);

    return rc;
}


static void
test_time_values(void **state)
{
    size_t   i;
    int64_t  usec;

    /* the numbers are Python's */

    static const struct {
        const char  *text;
        int64_t      usec;

    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01 00:00:00", 0 },
        { "1970-01-01T00:00:00.000001", 1 },
        { "2026-05-02T09:29:40.481213Z", INT64_C(1777714180481213) },
        { "2026-05-02T09:29:40.481213", INT64_C(1777714180481213) },
        { "2026-05-02 09:29:40.481213", INT64_C(1777714180481213) },
        { "2026-05-02T09:29:40.481213999Z", INT64_C(1777714180481213) },
        { "2026-05-02T09:29:40.4812139", INT64_C(1777714180481213) },
        { "2026-05-02T11:29:40.481213+02:00", INT64_C(1777714180481213) },
        { "2026-05-02T03:59:40.481213-05:30", INT64_C(1777714180481213) },
        { "2026-05-03T09:28:40.481213+23:59", INT64_C(1777714180481213) },
        { "2026-05-02T09:29:40.481213-00:00", INT64_C(1777714180481213) },
        { "2026-05-02T09:29:40.4Z", INT64_C(1777714180400000) },
        { "2026-05-02T09:29:40.04+00:00", INT64_C(1777714180040000) },
        { "2000-02-29T23:59:59.999999Z", INT64_C(951868799999999) },
        { "1969-12-31T23:59:59.999999Z", INT64_C(-1) },
        { "1969-12-31T23:59:59.9999999Z", INT64_C(-1) },
        { "0001-01-01T00:00:00Z", INT64_C(-62135596800000000) },
        { "9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999) },
        { "1900-03-01T00:00:00", INT64_C(-2203891200000000) },
        { "2100-02-28T12:00:00", INT64_C(4107499200000000) },
        { "2024-12-31T00:00:00", INT64_C(1735603200000000) },
        { "2024-03-01T00:00:00", INT64_C(1709251200000000) }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        usec = 4711;
        assert_int_equal(read_time(cases[i].text, &usec), 0);
        assert_true(usec == cases[i].usec);
    }
}


static void
test_time_bad(void **state)
{
    size_t   i;
    int64_t  usec;

    static const char *const  bad[] = {
        "",
        "2026-05-02",
        "2026-05-02T09:29",
        "2026-05-02T09:29:4",
        "2026-05-02T09:29Z",
        "2026-05-02T09:29:40.",
        "2026-05-02T09:29:40.Z",
        "2026-05-02T09:29:40.0123456789",
        "2026-05-02T09:29:40.0123456789Z",
        "2026-05-02T09:29:40,5Z",
        "2026-05-02T09:29:40z",
        "2026-05-02t09:29:40Z",
        "2026-05-02_09:29:40Z",
        "2026-05-02T09:29:40ZZ",
        "2026-05-02T09:29:40 Z",
        "2026-05-02T09:29:40Z ",
        " 2026-05-02T09:29:40Z",
        "2026-05-02T09:29:40+",
        "2026-05-02T09:29:40+02",
        "2026-05-02T09:29:40+0200",
        "2026-05-02T09:29:40+02:0",
        "2026-05-02T09:29:40+02:000",
        "2026-05-02T09:29:40+02-00",
        "2026-05-02T09:29:40+24:00",
        "2026-05-02T09:29:40+02:60",
        "2026-05-02T09:29:40+a2:00",
        "2026-05-02T09:29:40+02:-1",
        "2026-05-02T24:00:00Z",
        "2026-05-02T23:60:00Z",
        "2026-05-02T23:59:60Z",
        "2026-00-02T09:29:40Z",
        "2026-13-02T09:29:40Z",
        "2026-05-00T09:29:40Z",
        "2026-05-32T09:29:40Z",
        "2026-04-31T09:29:40Z",
        "2026-02-29T09:29:40Z",
        "2100-02-29T09:29:40Z",
        "1900-02-29T09:29:40Z",
        "0000-01-01T00:00:00Z",
        "+026-05-02T09:29:40Z",
        "-026-05-02T09:29:40Z",
        "2026/05/02T09:29:40Z",
        "2026-5-002T09:29:40Z",
        "2026-05-02T 9:29:40Z",
        "2026-05-02T09:2a:40Z",
        "2026-05-02T09:29:-1Z",
        "20260502T092940Z",
        "1777714180.481213",
        "Sat, 02 May 2026 09:29:40 GMT"
    };

    for (i = 0; i < TEST_COUNT(bad); i++) {
        usec = 4711;
        assert_int_equal(read_time(bad[i], &usec), -1);
        assert_true(usec == 4711);
    }
}


/* Every day of four centuries is one day after the one before. */

static void
test_time_days(void **state)
{
    int      year, month, day, n;
    char     text[32];
    int64_t  usec, last;

    n = 0;
    last = 0;

    for (year = 1999; year < 2400; year++) {
        for (month = 1; month <= 12; month++) {
            for (day = 1; day <= 31; day++) {

                snprintf(text, sizeof(text), "%04d-%02d-%02dT12:00:00",
                         year, month, day);

                if (read_time(text, &usec) != 0) {
                    assert_true(day > 28);
                    continue;
                }

                if (n++) {
                    assert_true(usec - last == DAY);
                }

                last = usec;
            }
        }
    }

    assert_int_equal(n, 401 * 365 + 97);
}


static void
test_canonical(void **state)
{
    size_t       i, len;
    const char  *name;

    static const char *const  same[] = {
        "",
        "system.replica_joined",
        "system.pal_join",
        "system.pal_joined2",
        "System.pal_joined",
        "system.pal_left",
        "system.face_joined",
        "system.shutdown",
        "conversation.pal_joined"
    };

    len = strlen("system.pal_joined");
    name = tavus_event_canonical("system.pal_joined!", &len);

    assert_int_equal(len, strlen("system.replica_joined"));
    assert_memory_equal(name, "system.replica_joined", len);

    for (i = 0; i < TEST_COUNT(same); i++) {
        len = strlen(same[i]);
        assert_ptr_equal(tavus_event_canonical(same[i], &len), same[i]);
        assert_int_equal(len, strlen(same[i]));
    }
}


static void
test_usable(void **state)
{
    int64_t  now;

    now = INT64_C(1777714180481213);

    assert_true(tavus_event_time_usable(now, now));
    assert_true(tavus_event_time_usable(now - 35 * DAY, now));
    assert_false(tavus_event_time_usable(now - 35 * DAY - 1, now));
    assert_true(tavus_event_time_usable(now + DAY, now));
    assert_false(tavus_event_time_usable(now + DAY + 1, now));
    assert_false(tavus_event_time_usable(0, now));
    assert_false(tavus_event_time_usable(INT64_MIN, now));
    assert_false(tavus_event_time_usable(INT64_MAX, now));
}


static void
test_digest(void **state)
{
    int           i;
    uint8_t       one[TAVUS_EVENT_DIGEST], two[TAVUS_EVENT_DIGEST];
    tavus_part_t  parts[3] = { { "tavus", 5 }, { "c1", 2 }, { NULL, 0 } };

    /* sha256sum of tavus, c1 and nothing, each with its length before it */

    static const uint8_t  expected[TAVUS_EVENT_DIGEST] = {
        0x6a, 0x5b, 0xe2, 0xbd, 0x88, 0xa6, 0x07, 0x89,
        0x43, 0xcf, 0x08, 0x83, 0xa2, 0xfb, 0x58, 0x5f,
        0xbe, 0xdf, 0x9d, 0x1a, 0xe0, 0xe9, 0x78, 0xd8,
        0x64, 0x03, 0xa9, 0x5c, 0x18, 0x0e, 0xc8, 0x3a
    };

    for (i = 0; i < 3; i++) {
        assert_int_equal(tavus_event_digest(one, parts, 3), 0);
        assert_memory_equal(one, expected, sizeof(one));
    }

    /* the same bytes, divided otherwise */

    parts[0].len = 4;
    parts[1].data = "sc1";
    parts[1].len = 3;
    assert_int_equal(tavus_event_digest(two, parts, 3), 0);
    assert_memory_not_equal(one, two, sizeof(one));

    assert_int_equal(tavus_event_digest(one, parts, 2), 0);
    assert_memory_not_equal(one, two, sizeof(one));

    assert_int_equal(tavus_event_digest(one, NULL, 0), 0);
    assert_int_equal(one[0], 0xe3);
}


static void
test_id(void **state)
{
    char     text[TAVUS_UUID_TEXT_LEN];
    uint8_t  id[TAVUS_UUID_LEN], digest[TAVUS_EVENT_DIGEST];

    static const uint8_t  tail[10] = {
        0xcc, 0x36, 0x31, 0x37, 0x03, 0x03, 0x01, 0xce, 0x63, 0xc0
    };

    memset(digest, 0xa5, sizeof(digest));
    memcpy(digest, tail, sizeof(tail));

    tavus_event_id(id, INT64_C(0x017F22E279B0) * 1000 + 999, digest);
    tavus_uuid_format(id, text);
    assert_memory_equal(text, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", 36);

    tavus_event_id(id, -1, digest);
    assert_memory_equal(id, "\0\0\0\0\0\0", 6);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_time_values),
        cmocka_unit_test(test_time_bad),
        cmocka_unit_test(test_time_days),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_usable),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_id)
    };

    return test_run(tests);
}
