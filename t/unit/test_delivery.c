
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "tavus_delivery.h"


static const char  *reason;


static tavus_part_t
part(const char *text)
{
    tavus_part_t  p;

    p.data = text;
    p.len = strlen(text);

    return p;
}


static int
content(const char *type)
{
    int    rc;
    char  *copy;

    copy = test_copy(type, strlen(type));
    rc = tavus_delivery_content(copy, strlen(type));
    free(copy);

    return rc;
}


static void
test_content(void **state)
{
    size_t  i;

    static const char *const  yes[] = {
        "", "unknown", "system.check", "contact.submitted", "contact.later",
        "utterance", "perception_tool_call",
        "conversation.utterance", "conversation.utterance.streaming",
        "conversation.tool_call", "conversation.perception_tool_call",
        "conversation.perception_analysis",
        "conversation.objective.completed", "conversation.objective.failed",
        "conversation.guardrail.triggered",
        "application.transcription_ready", "application.perception_analysis",
        "application.recording_ready", "application.recording_copy_failed",
        "application.post_call_action_executed",
        "application.memory_consolidation",
        "application.raven_memory_evidence",
        "application.perception_unavailable", "application.not_known_yet",
        "canvas.interaction", "canvas.question", "video.completed",
        "admin.viewed", "admin.anything",
        "conversation.not_known_yet", "conversation.ended.with_transcript",
        "conversation.", "conversation.createdx", "application."
    };

    static const char *const  no[] = {
        "conversation.requested", "conversation.created",
        "conversation.create_failed", "conversation.started",
        "conversation.joined", "conversation.left", "conversation.ended",
        "conversation.end_failed", "conversation.cut_short",
        "conversation.erased", "visitor.erased",
        "conversation.not_found", "conversation.user.started_speaking",
        "conversation.replica.stopped_speaking",
        "system.replica_joined", "system.shutdown", "system.login_failed",
        "page_view", "generate_lead", "checkout.session.completed",
        "document.ready", "replica.ready", "utterances", "Unknown",
        "conversation", "application", "contacts"
    };

    for (i = 0; i < TEST_COUNT(yes); i++) {
        if (!content(yes[i])) {
            fail_msg("\"%s\" is content", yes[i]);
        }
    }

    for (i = 0; i < TEST_COUNT(no); i++) {
        if (content(no[i])) {
            fail_msg("\"%s\" is no content", no[i]);
        }
    }
}


static void
test_contents(void **state)
{
    int                 found;
    size_t              i, j, n, again;
    const char *const  *names;

    names = tavus_delivery_contents(&n);
    assert_true(n > 10);

    found = 0;

    for (i = 0; i < n; i++) {
        assert_true(content(names[i]));
        assert_null(strchr(names[i], '*'));
        found += strcmp(names[i], "application.transcription_ready") == 0;

        for (j = 0; j < i; j++) {
            assert_string_not_equal(names[i], names[j]);
        }
    }

    assert_int_equal(found, 1);

    assert_ptr_equal(tavus_delivery_contents(&again), names);
    assert_int_equal(again, n);
}


static void
test_pattern(void **state)
{
    char         *copy, name[TAVUS_EVENT_MAX_NAME + 2];
    size_t        i;
    const char   *error;

    static const struct {
        const char  *text;
        const char  *error;         /* how it begins; NULL: none */
    } cases[] = {
        { "*", NULL },
        { "page_view", NULL },
        { "conversation.utterance", NULL },
        { "application.transcription_ready", NULL },
        { "conversation.*", NULL },
        { "conversation.user.*", NULL },
        { "checkout.*", NULL },
        { "a.*", NULL },
        { "caf\xc3\xa9.*", NULL },
        { "", "must not be empty" },
        { "a b", "must not hold blanks" },
        { "a\n", "must not hold blanks" },
        { "a\x7f", "must not hold blanks" },
        { "a\xff", "must be UTF-8" },
        { "**", "must have an asterisk" },
        { ".*", "must have an asterisk" },
        { "*.", "must have an asterisk" },
        { "a*", "must have an asterisk" },
        { "*.a", "must have an asterisk" },
        { "a.*.b", "must have an asterisk" },
        { "a*.*", "must have an asterisk" },
        { "..*", "must have an asterisk" },
        { "application.*", "would match nothing" },
        { "canvas.*", "would match nothing" },
        { "contact.*", "would match nothing" },
        { "admin.*", "would match nothing" },
        { "video.*", "would match nothing" },
        { "conversation.objective.*", "would match nothing" },
        { "conversation.new.*", "would match nothing" },
        { "application.new.*", "would match nothing" }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        copy = test_copy(cases[i].text, strlen(cases[i].text));
        error = tavus_delivery_pattern(copy, strlen(cases[i].text));
        free(copy);

        if ((error == NULL) != (cases[i].error == NULL)
            || (error && strncmp(error, cases[i].error,
                                 strlen(cases[i].error)) != 0))
        {
            fail_msg("\"%s\": %s", cases[i].text, error ? error : "taken");
        }
    }

    memset(name, 'a', sizeof(name));
    assert_null(tavus_delivery_pattern(name, TAVUS_EVENT_MAX_NAME));
    assert_string_equal(tavus_delivery_pattern(name,
                                               TAVUS_EVENT_MAX_NAME + 1),
                        "must not be over 200 bytes");
}


static void
test_match(void **state)
{
    size_t        i;
    tavus_part_t  p;

    static const struct {
        const char  *pattern;
        const char  *type;
        int          match;
    } cases[] = {
        { "page_view", "page_view", 1 },
        { "page_view", "page_views", 0 },
        { "page_view", "page_vie", 0 },
        { "page_view", "", 0 },
        { "*", "page_view", 1 },
        { "*", "a.b.c", 1 },
        { "*", "", 0 },
        { "conversation.*", "conversation.ended", 1 },
        { "conversation.*", "conversation.", 0 },
        { "conversation.*", "conversation", 0 },
        { "conversation.*", "conversations.ended", 0 },
        { "conversation.user.*", "conversation.user.started_speaking", 1 },
        { "conversation.user.*", "conversation.ended", 0 },
        { "checkout.*", "checkout.session.completed", 1 },

        /* content has to be named */

        { "*", "conversation.utterance", 0 },
        { "conversation.*", "conversation.utterance", 0 },
        { "conversation.utterance", "conversation.utterance", 1 },
        { "conversation.*", "conversation.not_known_yet", 0 },
        { "conversation.not_known_yet", "conversation.not_known_yet", 1 },
        { "*", "application.transcription_ready", 0 },
        { "application.*", "application.transcription_ready", 0 },
        { "*", "contact.submitted", 0 },
        { "contact.submitted", "contact.submitted", 1 },
        { "*", "unknown", 0 },
        { "", "a", 0 },
        { "", "", 0 }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        p = part(cases[i].pattern);

        if (tavus_delivery_match(cases[i].type, strlen(cases[i].type), &p, 1)
            != cases[i].match)
        {
            fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].type);
        }
    }

    /* any of several */

    {
        const tavus_part_t  several[] = {
            part("page_view"), part("system.*"), part("contact.submitted")
        };

        assert_true(tavus_delivery_match("contact.submitted", 17, several,
                                         3));
        assert_true(tavus_delivery_match("system.shutdown", 15, several, 3));
        assert_false(tavus_delivery_match("contact.submitted", 17, several,
                                          2));
        assert_false(tavus_delivery_match("page_view", 9, several, 0));
    }
}


static tavus_delivery_status_t
visitor_read(tavus_delivery_visitor_t *visitor, const char *json)
{
    tavus_delivery_t  delivery;

    memset(&delivery, 0, sizeof(delivery));

    reason = NULL;
    delivery.visitor = part(json);

    return tavus_delivery_visitor(visitor, &delivery, &reason);
}


static void
test_visitor(void **state)
{
    char                      *large;
    size_t                     i;
    tavus_delivery_visitor_t   v;

    static const struct {
        const char  *json;
        const char  *reason;
    } bad[] = {
        { "", "visitor_not_json" },
        { "{", "visitor_not_json" },
        { "{\"session_id\":\"\xff\"}", "visitor_not_json" },
        { "{\"session_id\":\"a\\u0000b\"}", "visitor_not_json" },
        { "{\"consent\":\"denied\",\"consent\":\"granted\"}",
          "visitor_not_json" },
        { "null", "visitor_not_object" },
        { "[]", "visitor_not_object" },
        { "\"granted\"", "visitor_not_object" }
    };

    assert_int_equal(visitor_read(&v, "{}"), TAVUS_DELIVERY_OK);
    assert_true(v.nobody);
    assert_false(v.granted || v.denied);
    assert_null(v.session_id);
    tavus_delivery_visitor_free(&v);
    assert_null(v.root);

    assert_int_equal(visitor_read(&v,
        "{\"session_id\":\"s-1\",\"user_id\":\"u-1\",\"consent\":\"granted\","
        "\"vertical\":\"legal\",\"utm_source\":\"a\",\"utm_medium\":\"b\","
        "\"utm_campaign\":\"c\"}"), TAVUS_DELIVERY_OK);
    assert_false(v.nobody || v.denied);
    assert_true(v.granted);
    assert_string_equal(v.session_id, "s-1");
    assert_string_equal(v.user_id, "u-1");
    assert_string_equal(v.vertical, "legal");
    assert_string_equal(v.utm_source, "a");
    assert_string_equal(v.utm_medium, "b");
    assert_string_equal(v.utm_campaign, "c");
    tavus_delivery_visitor_free(&v);

    /* what is not as it should be is not there */

    assert_int_equal(visitor_read(&v,
        "{\"session_id\":7,\"user_id\":\"\",\"consent\":true,"
        "\"Consent\":\"granted\",\"vertical\":null,\"utm_source\":{}}"),
        TAVUS_DELIVERY_OK);
    assert_false(v.nobody || v.granted || v.denied);
    assert_null(v.session_id);
    assert_null(v.user_id);
    assert_null(v.vertical);
    assert_null(v.utm_source);
    tavus_delivery_visitor_free(&v);

    for (i = 0; i < TEST_COUNT(bad); i++) {
        assert_int_equal(visitor_read(&v, bad[i].json), TAVUS_DELIVERY_BAD);
        assert_string_equal(reason, bad[i].reason);
        tavus_delivery_visitor_free(&v);
    }

    large = malloc(64 * 1024 + 2);
    assert_non_null(large);
    memset(large, ' ', 64 * 1024 + 1);
    large[64 * 1024 + 1] = '\0';
    memcpy(large, "{}", 2);

    assert_int_equal(visitor_read(&v, large), TAVUS_DELIVERY_BAD);
    assert_string_equal(reason, "visitor_too_large");
    tavus_delivery_visitor_free(&v);

    large[64 * 1024] = '\0';
    assert_int_equal(visitor_read(&v, large), TAVUS_DELIVERY_OK);
    tavus_delivery_visitor_free(&v);
    free(large);
}


static void
test_judge(void **state)
{
    size_t                     i;
    tavus_delivery_visitor_t   v;

    enum { P = TAVUS_DELIVERY_POSTHOG, G = TAVUS_DELIVERY_GA4,
           W = TAVUS_DELIVERY_WEBHOOK, R = TAVUS_CONSENT_REQUIRED,
           A = TAVUS_CONSENT_ANONYMOUS, N = TAVUS_CONSENT_NOT_NEEDED };

    static const char  nobody[] = "{}";
    static const char  granted[] = "{\"consent\":\"granted\"}";
    static const char  denied[] = "{\"consent\":\"denied\"}";
    static const char  silent[] = "{\"session_id\":\"s\"}";
    static const char  bought[] = "{\"order\":\"o\",\"consent\":\"denied\"}";
    static const char  strange[] = "{\"consent\":\"Granted\"}";

    static const struct {
        const char                  *visitor;
        int                          kind;
        int                          mode;
        tavus_delivery_judgement_t   judgement;
        const char                  *reason;
    } cases[] = {
        { nobody, P, R, TAVUS_DELIVERY_WITHHELD, "no_visitor" },
        { nobody, P, A, TAVUS_DELIVERY_WITHHELD, "no_visitor" },
        { nobody, G, A, TAVUS_DELIVERY_WITHHELD, "no_visitor" },
        { nobody, W, R, TAVUS_DELIVERY_NAMED, NULL },
        { nobody, W, A, TAVUS_DELIVERY_NAMED, NULL },
        { nobody, W, N, TAVUS_DELIVERY_NAMED, NULL },
        { granted, P, R, TAVUS_DELIVERY_NAMED, NULL },
        { granted, P, A, TAVUS_DELIVERY_NAMED, NULL },
        { granted, G, R, TAVUS_DELIVERY_NAMED, NULL },
        { granted, W, R, TAVUS_DELIVERY_NAMED, NULL },
        { denied, P, R, TAVUS_DELIVERY_WITHHELD, "consent_denied" },
        { denied, G, R, TAVUS_DELIVERY_WITHHELD, "consent_denied" },
        { denied, W, R, TAVUS_DELIVERY_WITHHELD, "consent_denied" },
        { denied, P, A, TAVUS_DELIVERY_NAMELESS, NULL },
        { denied, W, A, TAVUS_DELIVERY_NAMELESS, NULL },
        { denied, W, N, TAVUS_DELIVERY_NAMED, NULL },
        { silent, P, R, TAVUS_DELIVERY_WITHHELD, "no_consent" },
        { silent, G, A, TAVUS_DELIVERY_NAMELESS, NULL },
        { silent, W, R, TAVUS_DELIVERY_WITHHELD, "no_consent" },
        { silent, W, N, TAVUS_DELIVERY_NAMED, NULL },
        { strange, P, R, TAVUS_DELIVERY_WITHHELD, "no_consent" },

        /* who is paid has to know */

        { bought, W, R, TAVUS_DELIVERY_NAMED, NULL },
        { bought, W, A, TAVUS_DELIVERY_NAMED, NULL },
        { bought, P, R, TAVUS_DELIVERY_WITHHELD, "consent_denied" },
        { bought, G, A, TAVUS_DELIVERY_NAMELESS, NULL },

        /* that is for webhooks alone */

        { silent, P, N, TAVUS_DELIVERY_WITHHELD, "no_consent" },
        { denied, G, N, TAVUS_DELIVERY_WITHHELD, "consent_denied" }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        assert_int_equal(visitor_read(&v, cases[i].visitor),
                         TAVUS_DELIVERY_OK);

        if (tavus_delivery_judge(&v, cases[i].mode, cases[i].kind, &reason)
            != cases[i].judgement)
        {
            fail_msg("%s, kind %d, mode %d", cases[i].visitor, cases[i].kind,
                     cases[i].mode);
        }

        assert_true((reason == NULL) == (cases[i].reason == NULL));

        if (reason) {
            assert_string_equal(reason, cases[i].reason);
        }

        tavus_delivery_visitor_free(&v);
    }
}


static char  taken[256];


static int
take(void *data, const cJSON *item)
{
    assert_ptr_equal(data, &reason);

    strcat(taken, item->string);
    strcat(taken, " ");

    return strcmp(item->string, "full") != 0;
}


static void
test_facts(void **state)
{
    char                     *large;
    size_t                    i;
    tavus_delivery_t          d;
    tavus_delivery_status_t   status;

    const tavus_part_t  named[] = { part("a"), part("\xff"), part("b") };

    static const struct {
        const char               *source;
        int                       named;
        size_t                    numbers;
        const char               *body;
        tavus_delivery_status_t   status;
        const char               *taken;
    } cases[] = {
        { "browser", 0, 9, "{\"n\":1,\"s\":\"x\",\"m\":2,\"b\":true}",
          TAVUS_DELIVERY_OK, "n m " },
        { "server", 0, 9, "{\"n\":1}", TAVUS_DELIVERY_OK, "n " },
        { "browser", 0, 2, "{\"n\":1,\"m\":2,\"o\":3}", TAVUS_DELIVERY_OK,
          "n m " },
        { "browser", 3, 2, "{\"n\":1,\"b\":[],\"m\":2,\"a\":\"x\"}",
          TAVUS_DELIVERY_OK, "a b n m " },
        { "browser", 3, 0, "{\"n\":1,\"b\":2}", TAVUS_DELIVERY_OK, "b " },
        { "browser", 3, 9, "{}", TAVUS_DELIVERY_OK, "" },
        { "browser", 0, 9, "{\"x\":{\"n\":1}}", TAVUS_DELIVERY_OK, "" },

        { "tavus", 0, 9, "{\"n\":1,\"properties\":{\"n\":1}}",
          TAVUS_DELIVERY_OK, "" },
        { "tavus", 3, 9, "{\"b\":2,\"properties\":{\"n\":1,\"a\":1}}",
          TAVUS_DELIVERY_OK, "a " },
        { "tavus", 3, 9, "{\"properties\":7}", TAVUS_DELIVERY_OK, "" },
        { "tavus", 3, 9, "{\"a\":1}", TAVUS_DELIVERY_OK, "" },
        { "stripe", 0, 9, "{\"n\":1}", TAVUS_DELIVERY_OK, "" },
        { "stripe", 3, 9, "{\"n\":1,\"a\":1}", TAVUS_DELIVERY_OK, "a " },
        { "", 3, 9, "{\"n\":1,\"a\":1}", TAVUS_DELIVERY_OK, "a " },

        { "browser", 0, 9, "", TAVUS_DELIVERY_BAD, "" },
        { "browser", 0, 9, "\xff", TAVUS_DELIVERY_BAD, "" },
        { "browser", 0, 9, "[1]", TAVUS_DELIVERY_BAD, "" },
        { "browser", 0, 0, "\xff", TAVUS_DELIVERY_OK, "" },
        { "tavus", 0, 9, "\xff", TAVUS_DELIVERY_OK, "" },
        { "tavus", 3, 9, "\xff", TAVUS_DELIVERY_BAD, "" },
        { "stripe", 3, 9, "{\"a\":1,\"a\":2}", TAVUS_DELIVERY_OK, "" },

        { "browser", 0, 9, "{\"full\":1,\"n\":2}", TAVUS_DELIVERY_ERROR,
          "full " }
    };

    memset(&d, 0, sizeof(d));

    for (i = 0; i < TEST_COUNT(cases); i++) {
        reason = NULL;
        taken[0] = '\0';
        d.source = part(cases[i].source);
        d.body = part(cases[i].body);

        status = tavus_delivery_facts(&d, named, cases[i].named,
                                      cases[i].numbers, take, &reason,
                                      &reason);

        assert_int_equal(status, cases[i].status);
        assert_string_equal(taken, cases[i].taken);
        assert_true((reason != NULL) == (status == TAVUS_DELIVERY_BAD));
    }

    large = malloc(TAVUS_DELIVERY_FACTS + 1);
    assert_non_null(large);
    memset(large, ' ', TAVUS_DELIVERY_FACTS + 1);
    memcpy(large, "{\"n\":1}", 7);

    d.source = part("browser");
    d.body.data = large;

    for (i = 0; i < 2; i++) {
        taken[0] = '\0';
        d.body.len = TAVUS_DELIVERY_FACTS + i;
        assert_int_equal(tavus_delivery_facts(&d, named, 3, 9, take, &reason,
                                              &reason), TAVUS_DELIVERY_OK);
        assert_string_equal(taken, i ? "" : "n ");
    }

    free(large);
}


static void
test_text(void **state)
{
    char          *text;
    tavus_part_t   p;

    p = part("caf\xc3\xa9");
    assert_int_equal(tavus_delivery_text(&p, &text), TAVUS_DELIVERY_OK);
    assert_string_equal(text, "caf\xc3\xa9");
    free(text);

    p.data = NULL;
    p.len = 0;
    assert_int_equal(tavus_delivery_text(&p, &text), TAVUS_DELIVERY_OK);
    assert_string_equal(text, "");
    free(text);

    p.data = "a\0b";
    p.len = 3;
    assert_int_equal(tavus_delivery_text(&p, &text), TAVUS_DELIVERY_BAD);
    assert_null(text);

    p.data = "\xc3";
    p.len = 1;
    assert_int_equal(tavus_delivery_text(&p, &text), TAVUS_DELIVERY_BAD);
    assert_null(text);
}


static void
test_cut(void **state)
{
    /* two bytes, three, four */

    static const char  text[] = "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";

    assert_int_equal(tavus_delivery_cut(text, 9, 9), 9);
    assert_int_equal(tavus_delivery_cut(text, 9, 10), 9);
    assert_int_equal(tavus_delivery_cut(text, 9, 8), 5);
    assert_int_equal(tavus_delivery_cut(text, 9, 6), 5);
    assert_int_equal(tavus_delivery_cut(text, 9, 5), 5);
    assert_int_equal(tavus_delivery_cut(text, 9, 4), 2);
    assert_int_equal(tavus_delivery_cut(text, 9, 2), 2);
    assert_int_equal(tavus_delivery_cut(text, 9, 1), 0);
    assert_int_equal(tavus_delivery_cut(text, 9, 0), 0);
    assert_int_equal(tavus_delivery_cut("abc", 3, 2), 2);
}


static void
test_alias(void **state)
{
    char          a[TAVUS_DELIVERY_ALIAS], b[TAVUS_DELIVERY_ALIAS];
    uint8_t       uuid[TAVUS_UUID_LEN];
    tavus_part_t  salt, other;

    salt = part("posthog");
    other = part("posthog2");

    assert_int_equal(tavus_delivery_alias(&salt, "session-1", a), 0);

    /* Python's hashlib and uuid agree */

    assert_string_equal(a, "02476d3d-7a58-8e65-9940-7b247f7ed3b0");

    assert_int_equal(tavus_uuid_parse(uuid, a, strlen(a)), 0);
    assert_int_equal(uuid[6] >> 4, 8);
    assert_int_equal(uuid[8] >> 6, 2);

    assert_int_equal(tavus_delivery_alias(&salt, "session-1", b), 0);
    assert_string_equal(a, b);

    assert_int_equal(tavus_delivery_alias(&salt, "session-2", b), 0);
    assert_string_not_equal(a, b);

    assert_int_equal(tavus_delivery_alias(&other, "session-1", b), 0);
    assert_string_not_equal(a, b);

    /* and no border between the two can be moved */

    assert_int_equal(tavus_delivery_alias(&salt, "2session-1", b), 0);
    assert_int_equal(tavus_delivery_alias(&other, "session-1", a), 0);
    assert_string_not_equal(a, b);
}


static void
test_time(void **state)
{
    char      text[TAVUS_DELIVERY_TIME];
    size_t    i;
    int64_t   usec, again;
    uint64_t  seed;

    static const struct {
        int64_t      usec;
        const char  *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000000Z" },
        { 1, "1970-01-01T00:00:00.000001Z" },
        { -1, "1969-12-31T23:59:59.999999Z" },
        { INT64_C(1777714180481213), "2026-05-02T09:29:40.481213Z" },
        { INT64_C(951782399999999), "2000-02-28T23:59:59.999999Z" },
        { INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z" },
        { INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z" },
        { INT64_C(-62135596800000000), "0001-01-01T00:00:00.000000Z" },
        { INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z" },
        { INT64_MIN, "0001-01-01T00:00:00.000000Z" },
        { INT64_MAX, "9999-12-31T23:59:59.999999Z" }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        tavus_delivery_time(cases[i].usec, text);
        assert_string_equal(text, cases[i].text);
    }

    /* what is written is what the reader of events reads */

    seed = 4711;

    for (i = 0; i < 10000; i++) {
        usec = (int64_t) (test_random(&seed)
                          % UINT64_C(4102444800000000));
        tavus_delivery_time(usec, text);
        assert_int_equal(tavus_event_time(text, strlen(text), &again), 0);
        assert_int_equal(again, usec);
    }
}


static void
test_verdict(void **state)
{
    int          i, j;
    size_t       n;
    unsigned     status;
    const char  *word;

    enum { P = TAVUS_DELIVERY_POSTHOG, G = TAVUS_DELIVERY_GA4,
           W = TAVUS_DELIVERY_WEBHOOK, M = TAVUS_DELIVERY_SENDGRID };

    static const struct {
        unsigned         status;
        tavus_verdict_t  of[4];         /* PostHog, GA4, webhooks, mails */
    } cases[] = {
#define ALL(v)  { v, v, v, v }
        { 200, ALL(TAVUS_VERDICT_DELIVERED) },
        { 204, ALL(TAVUS_VERDICT_DELIVERED) },
        { 299, ALL(TAVUS_VERDICT_DELIVERED) },
        { 0, ALL(TAVUS_VERDICT_AGAIN) },
        { 100, ALL(TAVUS_VERDICT_AGAIN) },
        { 408, ALL(TAVUS_VERDICT_AGAIN) },
        { 500, ALL(TAVUS_VERDICT_AGAIN) },
        { 503, ALL(TAVUS_VERDICT_AGAIN) },
        { 599, ALL(TAVUS_VERDICT_AGAIN) },
        { 999, ALL(TAVUS_VERDICT_AGAIN) },
        { 429, ALL(TAVUS_VERDICT_SLOW) },
        { 502, ALL(TAVUS_VERDICT_SLOW) },
        { 504, ALL(TAVUS_VERDICT_SLOW) },
        { 400, ALL(TAVUS_VERDICT_NEVER) },
        { 413, ALL(TAVUS_VERDICT_NEVER) },
        { 422, ALL(TAVUS_VERDICT_NEVER) },
        { 401, ALL(TAVUS_VERDICT_REFUSED) },
        { 403, ALL(TAVUS_VERDICT_REFUSED) },
#undef ALL
        { 301, { TAVUS_VERDICT_REFUSED, TAVUS_VERDICT_REFUSED,
                 TAVUS_VERDICT_AGAIN, TAVUS_VERDICT_REFUSED } },
        { 304, { TAVUS_VERDICT_REFUSED, TAVUS_VERDICT_REFUSED,
                 TAVUS_VERDICT_AGAIN, TAVUS_VERDICT_REFUSED } },
        { 404, { TAVUS_VERDICT_REFUSED, TAVUS_VERDICT_REFUSED,
                 TAVUS_VERDICT_AGAIN, TAVUS_VERDICT_REFUSED } },
        { 410, { TAVUS_VERDICT_REFUSED, TAVUS_VERDICT_REFUSED,
                 TAVUS_VERDICT_GONE, TAVUS_VERDICT_REFUSED } }
    };

    for (n = 0; n < TEST_COUNT(cases); n++) {
        for (i = P; i <= M; i++) {
            if (tavus_delivery_verdict(i, cases[n].status) != cases[n].of[i])
            {
                fail_msg("%d, status %u", i, cases[n].status);
            }
        }
    }

    /* only a 2xx is a success */

    for (status = 0; status < 1000; status++) {
        for (i = P; i <= M; i++) {
            assert_int_equal(tavus_delivery_verdict(i, status)
                             == TAVUS_VERDICT_DELIVERED,
                             status / 100 == 2);
        }
    }

    for (i = TAVUS_VERDICT_DELIVERED; i <= TAVUS_VERDICT_REFUSED; i++) {
        word = tavus_verdict_word(i);
        assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(word));
        assert_string_not_equal(word, "unknown");

        for (j = 0; j < i; j++) {
            assert_string_not_equal(word, tavus_verdict_word(j));
        }
    }
}


static void
test_backoff(void **state)
{
    assert_int_equal(tavus_delivery_backoff(1, 0), 500);
    assert_int_equal(tavus_delivery_backoff(1, 500), 1000);
    assert_int_equal(tavus_delivery_backoff(1, 501), 500);
    assert_int_equal(tavus_delivery_backoff(2, 0), 1000);
    assert_int_equal(tavus_delivery_backoff(10, 0), 256000);
    assert_int_equal(tavus_delivery_backoff(11, 0), 300000);
    assert_int_equal(tavus_delivery_backoff(11, 300000), 600000);
    assert_int_equal(tavus_delivery_backoff(UINT32_MAX, 0), 300000);
    assert_true(tavus_delivery_backoff(UINT32_MAX, UINT32_MAX) <= 600000);
    assert_int_equal(tavus_delivery_backoff(0, 0), 500);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_pattern),
        cmocka_unit_test(test_match),
        cmocka_unit_test(test_visitor),
        cmocka_unit_test(test_judge),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_alias),
        cmocka_unit_test(test_time),
        cmocka_unit_test(test_verdict),
        cmocka_unit_test(test_backoff)
    };

    return test_run(tests);
}
