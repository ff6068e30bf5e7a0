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
        { "2024-03-01T00:00:00", INT64_C(1709251200000000) },

        /* nanoseconds, and finer still */

        { "2026-11-26T15:13:32.232083866Z", INT64_C(1795706012232083) },
        { "2026-11-26T15:13:32.2320838661234567Z",
          INT64_C(1795706012232083) },
        { "2026-05-02 09:29:40,481", INT64_C(1777714180481000) },

        /* Java leaves seconds out where there are none */

        { "2026-05-02T09:29", INT64_C(1777714140000000) },
        { "2026-05-02T09:29Z", INT64_C(1777714140000000) },
        { "2026-05-02T11:29+02:00", INT64_C(1777714140000000) },

        { "2026-05-02t09:29:40z", INT64_C(1777714180000000) },
        { "2026-05-02 09:29:40 UTC", INT64_C(1777714180000000) },
        { "2026-05-02 09:29:40UTC", INT64_C(1777714180000000) },
        { "2026-05-02 11:29:40 +0200", INT64_C(1777714180000000) },
        { "2026-05-02 09:29:40.481213+00", INT64_C(1777714180481213) },
        { "2026-05-02T09:29:40+0000", INT64_C(1777714180000000) },
        { "2026-05-02T03:59:40-0530", INT64_C(1777714180000000) },
        { "2026-05-02T11:29:40+02", INT64_C(1777714180000000) },
        { "2026-05-02T09:29:40 Z", INT64_C(1777714180000000) },

        /* a leap second is the next one */

        { "2016-12-31T23:59:60Z", INT64_C(1483228800000000) },
        { "2016-12-31T23:59:60.25Z", INT64_C(1483228800250000) },
        { "2016-12-31T15:59:60-08:00", INT64_C(1483228800000000) },

        /* numbers since 1970, in any unit */

        { "0", 0 },
        { "1", INT64_C(1000000) },
        { "1777714180", INT64_C(1777714180000000) },
        { "1777714180.481213", INT64_C(1777714180481213) },
        { "1777714180.4812139", INT64_C(1777714180481213) },
        { "1777714180.4", INT64_C(1777714180400000) },
        { "1777714180.0", INT64_C(1777714180000000) },
        { "01777714180", INT64_C(1777714180000000) },
        { "1777714180481", INT64_C(1777714180481000) },
        { "1777714180481.213", INT64_C(1777714180481213) },
        { "1777714180481213", INT64_C(1777714180481213) },
        { "1777714180481213.9", INT64_C(1777714180481213) },
        { "1777714180481213999", INT64_C(1777714180481213) },
        { "1.777714180481213e9", INT64_C(1777714180481213) },
        { "1.777714180481213E+15", INT64_C(1777714180481213) },
        { "1.77771418e09", INT64_C(1777714180000000) },
        { "0.000001", 1 },
        { "0.0000019", 1 },
        { "99999999999", INT64_C(99999999999000000) },
        { "99999999999999", INT64_C(99999999999999000) },
        { "99999999999999999", INT64_C(99999999999999999) },
        { "99999999999999999999", INT64_C(99999999999999999) },
        { "0.00000000000000000000000000000001777", 0 }
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
        "2026-05-02T09:29:4",
        "2026-05-02T09:29:40.",
        "2026-05-02T09:29:40.Z",
        "2026-05-02_09:29:40Z",
        "2026-05-02T09:29:40ZZ",
        "2026-05-02T09:29:40Z ",
        " 2026-05-02T09:29:40Z",
        "2026-05-02T09:29:40+",
        "2026-05-02T09:29:40+02:0",
        "2026-05-02T09:29:40+02:000",
        "2026-05-02T09:29:40+02-00",
        "2026-05-02T09:29:40+24:00",
        "2026-05-02T09:29:40+02:60",
        "2026-05-02T09:29:40+a2:00",
        "2026-05-02T09:29:40+02:-1",
        "2026-05-02T24:00:00Z",
        "2026-05-02T23:60:00Z",
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
        "2026-05-02T09:29:",
        "2026-05-02T09:2",
        "2026-05-02T9:29Z",
        "2026-05-02T09:29.5Z",
        "2026-05-02T09:29:61Z",
        "2026-05-02T09:29:40,",
        "2026-05-02T09:29:40.5.5",
        "2026-05-02T09:29:40utc",
        "2026-05-02T09:29:40 GMT",
        "2026-05-02T09:29:40  Z",
        "2026-05-02T09:29:40 ",
        "2026-05-02T09:29:40 +",
        "2026-05-02T09:29:40+2",
        "2026-05-02T09:29:40+020",
        "2026-05-02T09:29:40+02000",
        "2026-05-02T09:29:40+2400",
        "2026-05-02T09:29:40+0260",
        "2026-05-02T09:29:40+02:00Z",
        "-1",
        "+1",
        "1777714180 ",
        " 1777714180",
        "1777714180.",
        ".5",
        "1777714180.5.5",
        "1777714180,5",
        "1e",
        "1e+",
        "1e-9",
        "1e-9         0123",
        "1e100",
        "1e009",
        "1.e9",
        "e9",
        "1x",
        "999999999999999999999",
        "1e20",
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


static int
read_member(const char *value, int64_t *usec)
{
    int                  rc;
    char                *copy, text[1024];
    tavus_json_member_t  member;

    snprintf(text, sizeof(text), "{\"t\":%s}", value);

    copy = test_copy(text, strlen(text));
    member.name = "t";

    assert_int_equal(tavus_json_check(copy, strlen(text), &member, 1, NULL),
                     TAVUS_JSON_OK);

    rc = tavus_event_member_time(copy, &member, usec);
    free(copy);

    return rc;
}


static void
test_time_member(void **state)
{
    size_t   i;
    char     text[256];
    int64_t  usec;

    static const char *const  same[] = {
        "1777714180.481213",
        "1777714180481213",
        "1777714180481213000",
        "1.777714180481213E9",
        "\"1777714180.481213\"",
        "\"1777714180481213\"",
        "\"2026-05-02T09:29:40.481213Z\"",
        "\"2026-05-02T09:29:40.481213\\u005a\""
    };

    static const char *const  bad[] = {
        "-1777714180",
        "1e-9",
        "null",
        "true",
        "\"\"",
        "\"2026-05-02\"",
        "{\"t\":1777714180}",
        "[1777714180]"
    };

    for (i = 0; i < TEST_COUNT(same); i++) {
        usec = 0;
        assert_int_equal(read_member(same[i], &usec), 0);
        assert_true(usec == INT64_C(1777714180481213));
    }

    for (i = 0; i < TEST_COUNT(bad); i++) {
        assert_int_equal(read_member(bad[i], &usec), -1);
    }

    /* longer than any time is written, as a text and as a number */

    snprintf(text, sizeof(text), "\"1777714180.%0100d\"", 0);
    assert_int_equal(read_member(text, &usec), -1);

    snprintf(text, sizeof(text), "1777714180.%0100d", 0);
    assert_int_equal(read_member(text, &usec), 0);
    assert_true(usec == INT64_C(1777714180000000));
}


/* The digest of the identity of an event that says this. */

static void
identity(uint8_t digest[TAVUS_EVENT_DIGEST], const char *type,
    const char *object)
{
    char                    *copy;
    tavus_part_t             conversation, name;
    tavus_event_identity_t   id;

    copy = test_copy(object, strlen(object));

    conversation.data = "c1";
    conversation.len = 2;
    name.data = type;
    name.len = strlen(type);

    tavus_event_identity(&id, &conversation, &name, 1000, copy,
                         strlen(object));

    assert_true(id.n >= 4 && id.n <= TAVUS_EVENT_PARTS);
    assert_int_equal(tavus_event_digest(digest, id.parts, id.n), 0);

    free(copy);
}


static void
test_identity(void **state)
{
    char     text[1024];
    size_t   i, j;
    int64_t  time;
    uint8_t  one[TAVUS_EVENT_DIGEST], two[TAVUS_EVENT_DIGEST];

    tavus_part_t  plain[4] = {
        { "tavus", 5 }, { "c1", 2 }, { "a.b", 3 }, { &time, sizeof(time) }
    };

    /* none of these tells anything apart */

    static const char *const  nothing[] = {
        "{}",
        "{\"id\":1,\"tool\":\"x\",\"tool_ids\":1,\"Tool_id\":1}",
        "{\"tool_id\":null,\"tool_name\":{},\"recording_id\":[1]}",
        "{\"deep\":{\"tool_id\":\"1\"}}",
        "[\"tool_id\"]"
    };

    /* of these each does */

    static const char *const  apart[] = {
        "{}",
        "{\"tool_id\":\"1\"}",
        "{\"tool_id\":\"2\"}",
        "{\"tool_name\":\"1\"}",
        "{\"tool_id\":\"1\",\"tool_name\":\"1\"}",
        "{\"tool_id\":\"1tool_name1\"}",
        "{\"tool_call_id\":\"1\"}",
        "{\"interaction_id\":\"1\"}",
        "{\"recording_id\":\"1\"}",
        "{\"s3_key\":\"1\"}",
        "{\"guardrail_uuid\":\"1\"}",
        "{\"objective_name\":\"1\"}",
        "{\"tool_id\":\"\"}",
        "{\"tool_id\":true}",
        "{\"tool_id\":false}"
    };

    /* written otherwise, the same */

    static const char *const  same[] = {
        "{\"tool_id\":\"a7\",\"tool_name\":7}",
        "{ \"tool_name\" : 7 , \"x\" : [{}], \"tool_id\" : \"\\u00617\" }",
        "{\"\\u0074ool_id\":\"a7\",\"tool_name\":\"7\"}",
        "{\"tool_id\":\"a7\",\"tool_id\":\"b\",\"tool_name\":7}"
    };

    time = 1000;
    assert_int_equal(tavus_event_digest(one, plain, 4), 0);

    for (i = 0; i < TEST_COUNT(nothing); i++) {
        identity(two, "a.b", nothing[i]);
        assert_memory_equal(one, two, sizeof(one));
    }

    for (i = 0; i < TEST_COUNT(apart); i++) {
        identity(one, "a.b", apart[i]);

        for (j = 0; j < i; j++) {
            identity(two, "a.b", apart[j]);
            assert_memory_not_equal(one, two, sizeof(one));
        }
    }

    identity(one, "a.b", same[0]);

    for (i = 1; i < TEST_COUNT(same); i++) {
        identity(two, "a.b", same[i]);
        assert_memory_equal(one, two, sizeof(one));
    }

    /* twins meet, others do not */

    identity(one, "system.pal_joined", "{\"tool_id\":\"1\"}");
    identity(two, "system.replica_joined", "{\"tool_id\":\"1\"}");
    assert_memory_equal(one, two, sizeof(one));
    identity(two, "system.pal_left", "{\"tool_id\":\"1\"}");
    assert_memory_not_equal(one, two, sizeof(one));

    /* too long for a name: as it stands there */

    for (i = 0; i < 2; i++) {
        memset(text, 0, sizeof(text));
        snprintf(text, sizeof(text), "{\"tool_id\":\"%0250d%d\"}", 0,
                 (int) i);
        identity(i ? one : two, "a.b", text);
    }

    assert_memory_not_equal(one, two, sizeof(one));
}


static void
test_flat(void **state)
{
    char    *copy, type[TAVUS_EVENT_MAX_NAME];
    size_t   i, n;

    static const struct {
        const char  *body;
        const char  *type;

    } cases[] = {

        /* what belongs to a conversation */

        { "{\"conversation_id\":\"c\",\"properties\":{\"guardrail\":\"g\","
          "\"guardrail_uuid\":\"u\"}}", "conversation.guardrail.triggered" },
        { "{\"properties\":{\"guardrail\":{\"name\":\"g\"}}}",
          "conversation.guardrail.triggered" },
        { "{\"guardrail_uuid\":\"u\"}", "conversation.guardrail.triggered" },
        { "{\"conversation_id\":\"c\",\"objective_name\":\"o\","
          "\"output_variables\":{}}", "conversation.objective.completed" },
        { "{\"objective_name\":\"o\",\"objective_status\":\"Pending\"}",
          "conversation.objective.pending" },
        { "{\"objective_name\":\"o\",\"status\":\"ready\"}",
          "conversation.objective.completed" },
        { "{\"properties\":{\"objective_name\":\"o\","
          "\"objective_status\":\"activated\"}}",
          "conversation.objective.activated" },

        /* what does not */

        { "{\"document_id\":\"d\",\"status\":\"ready\",\"progress\":null}",
          "document.ready" },
        { "{\"document_id\":\"d\",\"status\":\"in_progress\"}",
          "document.in_progress" },
        { "{\"document_id\":\"d\"}", "document.updated" },
        { "{\"document_id\":\"d\",\"conversation_id\":null}",
          "document.updated" },
        { "{\"video_id\":\"v\",\"replica_id\":\"r\",\"status\":\"error\","
          "\"properties\":{}}", "video.error" },
        { "{\"replica_id\":\"r\",\"status\":\"ready\"}", "replica.ready" },
        { "{\"f\\u0061ce_id\":\"r\",\"status\":\"ERROR\"}",
          "replica.error" },

        /* a status that is no word */

        { "{\"document_id\":\"d\",\"status\":\"not yet\"}",
          "document.updated" },
        { "{\"document_id\":\"d\",\"status\":\"\"}", "document.updated" },
        { "{\"document_id\":\"d\",\"status\":7}", "document.updated" },
        { "{\"document_id\":\"d\",\"status\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
          "document.updated" },

        /* not known */

        { "{}", NULL },
        { "[\"document_id\"]", NULL },
        { "{\"replica_id\":\"r\"}", NULL },
        { "{\"document_id\":null,\"status\":\"ready\"}", NULL },
        { "{\"conversation_id\":\"c\",\"replica_id\":\"r\","
          "\"status\":\"ended\"}", NULL },
        { "{\"properties\":{\"document_id\":\"d\"}}", NULL },
        { "{\"deep\":{\"objective_name\":\"o\"}}", NULL }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        memset(type, '!', sizeof(type));

        copy = test_copy(cases[i].body, strlen(cases[i].body));
        n = tavus_event_flat(copy, strlen(cases[i].body), type);
        free(copy);

        if (cases[i].type == NULL) {
            assert_int_equal(n, 0);
            continue;
        }

        assert_int_equal(n, strlen(cases[i].type));
        assert_memory_equal(type, cases[i].type, n);
    }
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
test_edge(void **state)
{
    size_t   i;
    int64_t  now, ago;

    /* how long ago an event was, in seconds, and whether that is an edge */

    static const struct {
        int64_t  ago;
        int      edge;

    } cases[] = {
        { 0, 0 },
        { 35 * 86400 - 3600, 0 },
        { 35 * 86400 - 3599, 1 },
        { 35 * 86400, 1 },
        { -86400 + 3600, 0 },
        { -86400 + 3599, 1 },
        { -86400, 1 }
    };

    now = INT64_C(1777714180481213);

    for (i = 0; i < TEST_COUNT(cases); i++) {
        ago = cases[i].ago * 1000000;
        assert_true(tavus_event_time_usable(now - ago, now));
        assert_int_equal(tavus_event_time_edge(now - ago, now),
                         cases[i].edge);
    }
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
        cmocka_unit_test(test_time_member),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_flat),
        cmocka_unit_test(test_canonical),
        cmocka_unit_test(test_usable),
        cmocka_unit_test(test_edge),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_id)
    };

    return test_run(tests);
}
