
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "test_memory.h"
#include "tavus_posthog.h"
#include "tavus_version.h"


#define ID       "019df8a3-9c11-7abc-8def-0123456789ab"
#define TIME     INT64_C(1777714180481213)

#define HEAD(event, id)                                                       \
    "{\"event\":\"" event "\",\"distinct_id\":\"" id "\",\"uuid\":\"" ID      \
    "\",\"timestamp\":\"2026-05-02T09:29:40.481213Z\",\"properties\":{"

#define LIB                                                                   \
    "\"$lib\":\"nginx-tavus\",\"$lib_version\":\"" TAVUS_VERSION "\","        \
    "\"$geoip_disable\":true"

#define TAIL      LIB "}}"
#define NAMELESS  LIB ",\"$process_person_profile\":false}}"

#define KNOWN                                                                 \
    "{\"session_id\":\"s-1\",\"user_id\":\"u-1\",\"consent\":\"granted\","    \
    "\"vertical\":\"legal\",\"utm_source\":\"news\",\"utm_medium\":\"mail\"," \
    "\"utm_campaign\":\"may\"}"


static const char            *reason;
static tavus_delivery_t       event;
static tavus_posthog_conf_t   conf;


static tavus_part_t
part(const char *text)
{
    tavus_part_t  p;

    p.data = text;
    p.len = strlen(text);

    return p;
}


/* a page, from a visitor who agreed */

static void
event_set(void)
{
    memset(&event, 0, sizeof(event));
    memset(&conf, 0, sizeof(conf));

    memcpy(event.id, ID, sizeof(ID));
    event.time = TIME;
    event.source = part("browser");
    event.event_type = part("page_view");
    event.body = part("{\"session_id\":\"s-1\",\"path\":\"/pricing\"}");
    event.visitor = part(KNOWN);

    conf.salt = part("posthog");
}


static void
assert_made(const char *expected)
{
    char    *json;
    size_t   len;

    reason = NULL;

    assert_int_equal(tavus_posthog_event(&event, &conf, &json, &len, &reason),
                     TAVUS_DELIVERY_OK);
    assert_string_equal(json, expected);
    assert_int_equal(len, strlen(expected));
    assert_null(reason);

    free(json);
}


static void
assert_refused(tavus_delivery_status_t status, const char *why)
{
    char    *json;
    size_t   len;

    reason = NULL;

    assert_int_equal(tavus_posthog_event(&event, &conf, &json, &len, &reason),
                     status);
    assert_null(json);
    assert_int_equal(len, 0);
    assert_string_equal(reason, why);
}


static void
test_event(void **state)
{
    event_set();

    assert_made(HEAD("$pageview", "u-1")
                "\"user_id\":\"u-1\",\"session_id\":\"s-1\","
                "\"vertical\":\"legal\",\"utm_source\":\"news\","
                "\"utm_medium\":\"mail\",\"utm_campaign\":\"may\"," TAIL);

    /* numbers of the body, which cannot say what the visitor is known by */

    event.event_type = part("video_demo_connected");
    event.conversation_id = part("c55aa11bb22");
    event.visitor = part("{\"session_id\":\"s-1\",\"consent\":\"granted\"}");
    event.body = part("{\"vertical\":7,\"ms\":1250,\"ratio\":-0.5,"
                      "\"ok\":true,\"text\":\"t\",\"list\":[1],\"none\":null,"
                      "\"big\":12345678901,\"$set\":1,\"distinct_id\":2,"
                      "\"alias\":3,\"conversation_id\":4}");

    assert_made(HEAD("video_demo_connected", "s-1")
                "\"conversation_id\":\"c55aa11bb22\",\"session_id\":\"s-1\","
                "\"ms\":1250,\"ratio\":-0.5,\"big\":12345678901," TAIL);
}


static void
test_callback(void **state)
{
    event_set();

    event.source = part("tavus");
    event.event_type = part("system.shutdown");
    event.conversation_id = part("c1");
    event.visitor = part("{\"session_id\":\"s-1\",\"consent\":\"granted\","
                         "\"vertical\":\"legal\"}");
    event.body = part("{\"n\":1,\"properties\":{\"shutdown_reason\":\"r\","
                      "\"seconds\":7,\"transcript\":[{\"content\":\"x\"}]}}");

    /* of a callback no body is looked at */

    assert_made(HEAD("system.shutdown", "s-1")
                "\"conversation_id\":\"c1\",\"session_id\":\"s-1\","
                "\"vertical\":\"legal\"," TAIL);

    event.body = part("no JSON");
    assert_made(HEAD("system.shutdown", "s-1")
                "\"conversation_id\":\"c1\",\"session_id\":\"s-1\","
                "\"vertical\":\"legal\"," TAIL);

    /* but for what is named */

    {
        tavus_part_t  named[] = {
            part("shutdown_reason"), part("transcript"), part("n")
        };

        conf.properties = named;
        conf.nproperties = 3;

        event.body = part("{\"n\":1,\"properties\":{\"shutdown_reason\":"
                          "\"r\",\"seconds\":7,\"transcript\":[{}]}}");

        assert_made(HEAD("system.shutdown", "s-1")
                    "\"conversation_id\":\"c1\",\"session_id\":\"s-1\","
                    "\"vertical\":\"legal\",\"shutdown_reason\":\"r\"," TAIL);
    }
}


static void
test_named(void **state)
{
    tavus_part_t  named[] = {
        part("path"), part("absent"), part("n"), part("flag"), part("list"),
        part("$set"), part("user_id"), part("path"), part("\xff"), part("")
    };

    event_set();

    event.visitor = part("{\"session_id\":\"s-1\",\"consent\":\"granted\"}");
    event.body = part("{\"n\":2,\"flag\":false,\"path\":\"/a\",\"list\":[],"
                      "\"$set\":\"x\",\"user_id\":\"other\",\"title\":\"t\","
                      "\"\":\"e\",\"m\":3}");

    conf.properties = named;
    conf.nproperties = TEST_COUNT(named);

    assert_made(HEAD("$pageview", "s-1")
                "\"session_id\":\"s-1\",\"path\":\"/a\",\"n\":2,"
                "\"flag\":false,\"m\":3," TAIL);
}


static void
test_consent(void **state)
{
    tavus_part_t  named[] = { part("path") };

    event_set();
    conf.properties = named;
    conf.nproperties = 1;

    event.conversation_id = part("c1");
    event.visitor = part("{\"session_id\":\"session-1\",\"user_id\":\"u-1\","
                         "\"vertical\":\"legal\",\"utm_source\":\"news\"}");
    event.body = part("{\"session_id\":\"session-1\",\"path\":\"/\",\"n\":1}");

    assert_refused(TAVUS_DELIVERY_SKIP, "no_consent");

    /* that is not for analytics */

    conf.consent = TAVUS_CONSENT_NOT_NEEDED;
    assert_refused(TAVUS_DELIVERY_SKIP, "no_consent");

    /* see test_delivery.c for the id */

    conf.consent = TAVUS_CONSENT_ANONYMOUS;
    assert_made(HEAD("$pageview", "02476d3d-7a58-8e65-9940-7b247f7ed3b0")
                "\"vertical\":\"legal\",\"utm_source\":\"news\"," NAMELESS);

    event.visitor = part("{\"session_id\":\"session-1\","
                         "\"consent\":\"denied\"}");
    assert_made(HEAD("$pageview", "02476d3d-7a58-8e65-9940-7b247f7ed3b0")
                NAMELESS);

    event.visitor = part("{\"user_id\":\"session-1\"}");
    assert_made(HEAD("$pageview", "02476d3d-7a58-8e65-9940-7b247f7ed3b0")
                NAMELESS);

    event.visitor = part("{\"vertical\":\"legal\"}");
    assert_refused(TAVUS_DELIVERY_SKIP, "no_visitor_id");

    event.visitor = part("{}");
    assert_refused(TAVUS_DELIVERY_SKIP, "no_visitor");

    conf.consent = TAVUS_CONSENT_REQUIRED;
    event.visitor = part("{\"session_id\":\"s\",\"consent\":\"denied\"}");
    assert_refused(TAVUS_DELIVERY_SKIP, "consent_denied");

    event.visitor = part("[]");
    assert_refused(TAVUS_DELIVERY_BAD, "visitor_not_object");
}


static void
test_ids(void **state)
{
    char    visitor[512], expected[1024], id[202];
    size_t  i;

    static const char *const  refused[] = {
        "null", "NULL", "Anonymous", "guest", "user", "0", "undefined", "NaN",
        "[object Object]", "00000000-0000-0000-0000-000000000000", " ",
        "\\t", "  guest ", "'guest'", "\\\"null\\\"", "''", "anonymous-user",
        "\xe2\x80\xa8", "\xc2\xa0null\xe3\x80\x80", "\xef\xbb\xbfguest\xc2\x85",
        "distinct_id", "distinctId", "id", "none", "true", "false", "email",
        "not_authenticated", "backend", "system"
    };

    static const char *const  taken[] = {
        "guest1", "nul", "user@example.org", "00", "'guest", "null'", "x",
        "\xe2\x82\xac", "\xc2\xa0\xc3\xa0\xe2\x80\x8b"
    };

    event_set();
    event.body = part("{}");

    for (i = 0; i < TEST_COUNT(refused); i++) {

        /* the next best is taken, or none */

        sprintf(visitor, "{\"user_id\":\"%s\",\"session_id\":\"s-1\","
                "\"consent\":\"granted\"}", refused[i]);
        event.visitor = part(visitor);
        sprintf(expected, HEAD("$pageview", "s-1")
                "\"user_id\":\"%s\",\"session_id\":\"s-1\"," TAIL,
                refused[i]);
        assert_made(expected);

        sprintf(visitor, "{\"session_id\":\"%s\",\"consent\":\"granted\"}",
                refused[i]);
        event.visitor = part(visitor);
        assert_refused(TAVUS_DELIVERY_SKIP, "unfit_visitor_id");
    }

    for (i = 0; i < TEST_COUNT(taken); i++) {
        sprintf(visitor, "{\"user_id\":\"%s\",\"consent\":\"granted\"}",
                taken[i]);
        event.visitor = part(visitor);
        sprintf(expected, HEAD("$pageview", "%s") "\"user_id\":\"%s\"," TAIL,
                taken[i], taken[i]);
        assert_made(expected);
    }

    memset(id, 'a', 201);
    id[201] = '\0';

    sprintf(visitor, "{\"session_id\":\"%s\",\"consent\":\"granted\"}", id);
    event.visitor = part(visitor);
    assert_refused(TAVUS_DELIVERY_SKIP, "unfit_visitor_id");

    sprintf(visitor, "{\"session_id\":\"%s\",\"consent\":\"granted\"}",
            id + 1);
    event.visitor = part(visitor);
    sprintf(expected, HEAD("$pageview", "%s") "\"session_id\":\"%s\"," TAIL,
            id + 1, id + 1);
    assert_made(expected);

    event.visitor = part("{\"consent\":\"granted\"}");
    assert_refused(TAVUS_DELIVERY_SKIP, "no_visitor_id");
}


static void
test_session(void **state)
{
    char    visitor[256], expected[1024];
    size_t  i;

    static const struct {
        const char  *id;
        int          counts;
    } cases[] = {
        /* the event's own millisecond, and the next */
        { "019de805-b181-7abc-8def-0123456789ab", 1 },
        { "019de805-b182-7abc-8def-0123456789ab", 0 },

        /* a day before it, and a millisecond later */
        { "019de2df-5581-7abc-8def-0123456789ab", 0 },
        { "019de2df-5582-7abc-8def-0123456789ab", 1 },

        /* another version, another variant, another case */
        { "019de805-b181-4abc-8def-0123456789ab", 0 },
        { "019de805-b181-7abc-cdef-0123456789ab", 0 },
        { "019DE805-B181-7ABC-8DEF-0123456789AB", 1 },

        { "019de805-b181-7abc-8def-0123456789ab0", 0 }
    };

    event_set();
    event.body = part("{}");

    for (i = 0; i < TEST_COUNT(cases); i++) {
        sprintf(visitor, "{\"session_id\":\"%s\",\"consent\":\"granted\"}",
                cases[i].id);
        event.visitor = part(visitor);

        if (cases[i].counts) {
            sprintf(expected, HEAD("$pageview", "%s")
                    "\"session_id\":\"%s\",\"$session_id\":\"%s\"," TAIL,
                    cases[i].id, cases[i].id, cases[i].id);

        } else {
            sprintf(expected, HEAD("$pageview", "%s")
                    "\"session_id\":\"%s\"," TAIL, cases[i].id,
                    cases[i].id);
        }

        assert_made(expected);
    }
}


static void
test_unfit(void **state)
{
    char  name[201];

    event_set();

    memset(name, 'n', sizeof(name));
    event.event_type.data = name;
    event.event_type.len = 201;
    assert_refused(TAVUS_DELIVERY_SKIP, "unfit_event_type");
    event.event_type.len = 0;
    assert_refused(TAVUS_DELIVERY_SKIP, "unfit_event_type");
    event.event_type = part("a\xff");
    assert_refused(TAVUS_DELIVERY_BAD, "unfit_event_type");

    /* those are orders to PostHog */

    event.event_type = part("$identify");
    assert_refused(TAVUS_DELIVERY_SKIP, "reserved_event_type");
    event.event_type = part("$pageview");
    assert_refused(TAVUS_DELIVERY_SKIP, "reserved_event_type");

    event_set();
    event.conversation_id = part("\xff");
    assert_refused(TAVUS_DELIVERY_BAD, "unfit_conversation_id");

    event_set();
    event.id[0] = 'x';
    assert_refused(TAVUS_DELIVERY_BAD, "unfit_id");

    event_set();
    event.body = part("{\"a\":\"\xff\"}");
    assert_refused(TAVUS_DELIVERY_BAD, "body_not_json");
    event.body = part("");
    assert_refused(TAVUS_DELIVERY_BAD, "body_not_json");
    event.body = part("[]");
    assert_refused(TAVUS_DELIVERY_BAD, "body_not_object");
}


static void
test_limits(void **state)
{
    int            i;
    char          *body, *json, *p, expected[4096];
    size_t         len;
    tavus_part_t   named[21];

    /* a text is cut where a character begins: 999 bytes, and one of two */

    event_set();
    event.visitor = part("{\"session_id\":\"s\",\"consent\":\"granted\"}");

    named[0] = part("t");
    conf.properties = named;
    conf.nproperties = 1;

    body = malloc(64 * 1024);
    assert_non_null(body);

    p = body + sprintf(body, "{\"t\":\"");
    memset(p, 'a', 999);
    strcpy(p + 999, "\xc3\xa9\"}");
    event.body = part(body);

    p = expected + sprintf(expected, HEAD("$pageview", "s")
                           "\"session_id\":\"s\",\"t\":\"");
    memset(p, 'a', 999);
    strcpy(p + 999, "\"," TAIL);
    assert_made(expected);

    /* so many numbers, and none with a name that is too long */

    p = body + sprintf(body, "{\"");
    memset(p, 'n', 101);
    p += 101;
    p += sprintf(p, "\":0");

    for (i = 0; i < 30; i++) {
        p += sprintf(p, ",\"n%d\":%d", i, i);
    }

    strcpy(p, "}");
    event.body = part(body);
    conf.nproperties = 0;

    p = expected + sprintf(expected, HEAD("$pageview", "s")
                           "\"session_id\":\"s\",");

    for (i = 0; i < TAVUS_POSTHOG_NUMBERS - 1; i++) {
        p += sprintf(p, "\"n%d\":%d,", i, i);
    }

    strcpy(p, TAIL);
    assert_made(expected);

    /* so many that are named; the last one here is over */

    for (i = 0; i < 21; i++) {
        named[i] = part("absent");
    }

    named[19] = part("n28");
    named[20] = part("n29");
    conf.nproperties = 21;

    assert_int_equal(tavus_posthog_event(&event, &conf, &json, &len, &reason),
                     TAVUS_DELIVERY_OK);
    assert_non_null(strstr(json, "\"n28\":28"));
    assert_null(strstr(json, "\"n29\":29"));
    free(json);

    /* no number, but JSON */

    event.body = part("{\"a\":1e400,\"b\":-1e400,\"c\":1e300}");
    conf.nproperties = 0;

    assert_int_equal(tavus_posthog_event(&event, &conf, &json, &len, &reason),
                     TAVUS_DELIVERY_OK);
    assert_null(strstr(json, "null"));
    assert_non_null(strstr(json, "\"c\":1e+300"));
    free(json);

    free(body);
}


static void
test_batch(void **state)
{
    char          *body, *large;
    size_t         len;
    tavus_part_t   key, events[3];

    key = part("phc_\"x");
    events[0] = part("{\"a\":1}");
    events[1] = part("{}");

    body = tavus_posthog_batch(&key, events, 2, &len);
    assert_string_equal(body, "{\"api_key\":\"phc_\\\"x\","
                        "\"historical_migration\":false,"
                        "\"batch\":[{\"a\":1},{}]}");
    assert_int_equal(len, strlen(body));
    free(body);

    body = tavus_posthog_batch(&key, events, 1, &len);
    assert_string_equal(body, "{\"api_key\":\"phc_\\\"x\","
                        "\"historical_migration\":false,"
                        "\"batch\":[{\"a\":1}]}");
    assert_int_equal(len, strlen(body));
    free(body);

    assert_null(tavus_posthog_batch(&key, events, 0, &len));
    assert_int_equal(len, 0);

    key = part("\xff");
    assert_null(tavus_posthog_batch(&key, events, 1, &len));

    key.data = "a\0b";
    key.len = 3;
    assert_null(tavus_posthog_batch(&key, events, 1, &len));

    /* what is just not too large, and the body of it */

    large = malloc(TAVUS_POSTHOG_BATCH_MAX);
    assert_non_null(large);
    memset(large, ' ', TAVUS_POSTHOG_BATCH_MAX);

    key = part("phc_x");
    events[0].data = large;
    events[0].len = TAVUS_POSTHOG_BATCH_MAX - 4;
    events[1] = part("{}");

    body = tavus_posthog_batch(&key, events, 2, &len);
    assert_non_null(body);
    assert_true(len <= 20 * 1024 * 1024);
    free(body);

    events[0].len++;
    assert_null(tavus_posthog_batch(&key, events, 2, &len));

    free(large);
}


/* With any piece of memory missing there is an error, and nothing is lost. */

static void
test_memory(void **state)
{
    char                     *json;
    size_t                    n, len;
    tavus_delivery_status_t   status;

    event_set();
    event.conversation_id = part("c1");
    event.body = part("{\"n\":1,\"m\":2}");

    for (n = 0; ; n++) {
        test_memory_set(n);
        status = tavus_posthog_event(&event, &conf, &json, &len, &reason);
        test_memory_unset();

        if (status == TAVUS_DELIVERY_OK) {
            free(json);
            break;
        }

        assert_int_equal(status, TAVUS_DELIVERY_ERROR);
        assert_null(json);
    }

    assert_true(n > 20);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_callback),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_consent),
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_unfit),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_memory)
    };

    return test_run(tests);
}
