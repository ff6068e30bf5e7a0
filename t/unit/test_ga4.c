
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "test_memory.h"
#include "tavus_ga4.h"


#define ID    "019df8a3-9c11-7abc-8def-0123456789ab"
#define TIME  INT64_C(1777714180481213)
#define HOUR  INT64_C(3600000000)

#define HEAD(client, event)                                                   \
    "{\"client_id\":\"" client "\",\"timestamp_micros\":1777714180481213,"    \
    "\"consent\":{\"ad_user_data\":\"DENIED\","                               \
    "\"ad_personalization\":\"DENIED\"},"                                     \
    "\"events\":[{\"name\":\"" event "\",\"params\":{"

#define SESSION(n)  "\"session_id\":\"" n "\","
#define TAIL        "}}]}"

/* by Python's hashlib: of "s-1", and of the alias in test_delivery.c */

#define S1          "5991224044"
#define ALIAS       "02476d3d-7a58-8e65-9940-7b247f7ed3b0"
#define SALIAS      "1883226836"


static const char        *reason;
static int64_t            now;
static tavus_delivery_t   event;
static tavus_ga4_conf_t   conf;


static tavus_part_t
part(const char *text)
{
    tavus_part_t  p;

    p.data = text;
    p.len = strlen(text);

    return p;
}


/* a lead, from a visitor who agreed, a moment ago */

static void
event_set(void)
{
    memset(&event, 0, sizeof(event));
    memset(&conf, 0, sizeof(conf));

    now = TIME + 1000000;

    memcpy(event.id, ID, sizeof(ID));
    event.time = TIME;
    event.source = part("browser");
    event.event_type = part("generate_lead");
    event.body = part("{\"session_id\":\"s-1\",\"place\":\"contact\"}");
    event.visitor = part("{\"session_id\":\"s-1\",\"consent\":\"granted\"}");

    conf.salt = part("posthog");
}


static void
assert_made(const char *expected)
{
    char    *json;
    size_t   len;

    reason = NULL;

    assert_int_equal(tavus_ga4_event(&event, &conf, now, &json, &len,
                                     &reason), TAVUS_DELIVERY_OK);
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

    assert_int_equal(tavus_ga4_event(&event, &conf, now, &json, &len,
                                     &reason), status);
    assert_null(json);
    assert_int_equal(len, 0);
    assert_string_equal(reason, why);
}


static void
test_event(void **state)
{
    event_set();

    assert_made(HEAD("s-1", "generate_lead") SESSION(S1)
                "\"engagement_time_msec\":1" TAIL);

    event.event_type = part("video_demo_started");
    event.conversation_id = part("c55aa11bb22");
    event.visitor = part("{\"session_id\":\"s-1\",\"user_id\":\"u-1\","
                         "\"consent\":\"granted\",\"vertical\":\"legal\","
                         "\"utm_source\":\"news\",\"utm_medium\":\"mail\","
                         "\"utm_campaign\":\"may\"}");
    event.body = part("{\"ms\":1250,\"value\":25.5,\"text\":\"t\",\"on\":true,"
                      "\"list\":[1],\"session_id\":7,\"client_id\":8,"
                      "\"ga_x\":1,\"_x\":1,\"a-b\":1,\"1a\":1,\"b1\":1}");

    assert_made(HEAD("u-1", "tutorial_begin") SESSION(S1)
                "\"engagement_time_msec\":1,"
                "\"conversation_id\":\"c55aa11bb22\",\"vertical\":\"legal\","
                "\"utm_source\":\"news\",\"utm_medium\":\"mail\","
                "\"utm_campaign\":\"may\",\"ms\":1250,\"b1\":1" TAIL);

    /* some number for a session there must be */

    event_set();
    event.visitor = part("{\"user_id\":\"s-1\",\"consent\":\"granted\"}");
    assert_made(HEAD("s-1", "generate_lead") SESSION(S1)
                "\"engagement_time_msec\":1" TAIL);
}


/* what Stripe tells of a payment, with the order that it is of */

#define ORDER  "01a225b6-3224-778e-b5bb-915347d4e1f8"

#define PAID(status, amount, currency)                                        \
    "{\"id\":\"evt_1\",\"object\":\"event\",\"livemode\":false,"              \
    "\"data\":{\"object\":{\"object\":\"checkout.session\","                  \
    "\"customer_details\":{\"email\":\"a@b.c\"},\"payment_status\":" status   \
    ",\"amount_total\":" amount ",\"currency\":" currency "}}}"

#define SOLD(value)                                                           \
    HEAD("s-1", "purchase") SESSION(S1) "\"engagement_time_msec\":1,"         \
    "\"transaction_id\":\"" ORDER "\"" value TAIL


static void
sale_set(const char *body)
{
    event_set();

    event.source = part("stripe");
    event.event_type = part("checkout.session.completed");
    event.visitor = part("{\"session_id\":\"s-1\",\"order\":\"" ORDER "\","
                         "\"consent\":\"granted\"}");
    event.body = part(body);
}


static void
test_sale(void **state)
{
    size_t               i;
    static const char   *odd[] = {
        "", "{", "[]", "null", "{}", "{\"data\":7}", "{\"data\":{}}",
        "{\"data\":{\"object\":[]}}", PAID("7", "1", "\"usd\""),
        PAID("null", "1", "\"usd\""), PAID("\"unpaid\"", "1", "\"usd\"")
    };

    sale_set(PAID("\"paid\"", "157900", "\"usd\""));
    assert_made(SOLD(",\"value\":1579,\"currency\":\"USD\""));

    event.event_type = part("checkout.session.async_payment_succeeded");
    assert_made(SOLD(",\"value\":1579,\"currency\":\"USD\""));

    sale_set(PAID("\"paid\"", "1999", "\"eur\""));
    assert_made(SOLD(",\"value\":19.99,\"currency\":\"EUR\""));

    sale_set(PAID("\"paid\"", "500", "\"jpy\""));
    assert_made(SOLD(",\"value\":500,\"currency\":\"JPY\""));

    sale_set(PAID("\"paid\"", "1500", "\"kwd\""));
    assert_made(SOLD(",\"value\":1.5,\"currency\":\"KWD\""));

    sale_set(PAID("\"paid\"", "1500", "\"isk\""));
    assert_made(SOLD(",\"value\":15,\"currency\":\"ISK\""));

    sale_set(PAID("\"no_payment_required\"", "0", "\"usd\""));
    assert_made(SOLD(",\"value\":0,\"currency\":\"USD\""));

    /* an amount of nothing that is known counts for none */

    sale_set(PAID("\"paid\"", "\"1\"", "\"usd\""));
    assert_made(SOLD(""));
    sale_set(PAID("\"paid\"", "-1", "\"usd\""));
    assert_made(SOLD(""));
    sale_set(PAID("\"paid\"", "1", "\"us\""));
    assert_made(SOLD(""));
    sale_set(PAID("\"paid\"", "1", "\"u$d\""));
    assert_made(SOLD(""));
    sale_set(PAID("\"paid\"", "1", "null"));
    assert_made(SOLD(""));

    for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        sale_set(odd[i]);
        assert_refused(TAVUS_DELIVERY_SKIP, "not_paid");
    }

    /* who says so is Stripe, of an order of ours, of who has agreed */

    sale_set(PAID("\"paid\"", "1", "\"usd\""));
    event.source = part("browser");
    assert_refused(TAVUS_DELIVERY_SKIP, "no_order");

    sale_set(PAID("\"paid\"", "1", "\"usd\""));
    event.visitor = part("{\"session_id\":\"s-1\",\"consent\":\"granted\"}");
    assert_refused(TAVUS_DELIVERY_SKIP, "no_order");

    event.visitor = part("{}");
    assert_refused(TAVUS_DELIVERY_SKIP, "no_visitor");

    sale_set(PAID("\"paid\"", "1", "\"usd\""));
    event.visitor = part("{\"session_id\":\"s-1\",\"order\":\"" ORDER "\","
                         "\"consent\":\"denied\"}");
    assert_refused(TAVUS_DELIVERY_SKIP, "consent_denied");

    event.visitor = part("{\"session_id\":\"s-1\",\"order\":\"" ORDER "\"}");
    assert_refused(TAVUS_DELIVERY_SKIP, "no_consent");

    /* nothing of the body without who it is about */

    conf.consent = TAVUS_CONSENT_ANONYMOUS;
    event.visitor = part("{\"session_id\":\"session-1\","
                         "\"order\":\"" ORDER "\"}");
    assert_made(HEAD(ALIAS, "purchase") SESSION(SALIAS)
                "\"engagement_time_msec\":1" TAIL);
}


static void
test_named(void **state)
{
    tavus_part_t  named[] = {
        part("place"), part("on"), part("off"), part("list"), part("absent"),
        part("user_id"), part("n")
    };

    event_set();
    conf.properties = named;
    conf.nproperties = TEST_COUNT(named);

    event.body = part("{\"n\":1,\"place\":\"contact\",\"on\":true,\"m\":2,"
                      "\"off\":false,\"list\":[],\"user_id\":\"x\","
                      "\"email\":\"a@example.org\"}");

    assert_made(HEAD("s-1", "generate_lead") SESSION(S1)
                "\"engagement_time_msec\":1,\"place\":\"contact\","
                "\"on\":\"true\",\"off\":\"false\",\"n\":1,\"m\":2" TAIL);

    /* of a callback only its properties, by name */

    event.source = part("tavus");
    event.event_type = part("system.shutdown");
    event.body = part("{\"n\":1,\"properties\":{\"m\":2,\"place\":\"p\"}}");

    assert_made(HEAD("s-1", "system_shutdown") SESSION(S1)
                "\"engagement_time_msec\":1,\"place\":\"p\"" TAIL);
}


static void
test_money(void **state)
{
    size_t         i;
    tavus_part_t   named[] = { part("currency"), part("items") };

    static const struct {
        const char  *body;
        const char  *params;
    } cases[] = {
        { "{\"value\":25.5,\"currency\":\"USD\",\"items\":\"x\"}",
          ",\"currency\":\"USD\",\"value\":25.5" },
        { "{\"value\":25.5,\"n\":1}", ",\"n\":1" },
        { "{\"currency\":\"USD\"}", "" },
        { "{\"value\":\"25\",\"currency\":\"USD\"}", "" },
        { "{\"value\":25,\"currency\":\"usd\"}", "" },
        { "{\"value\":25,\"currency\":\"EURO\"}", "" },
        { "{\"value\":25,\"currency\":978}", "" }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        char  expected[512];

        event_set();
        conf.properties = named;
        conf.nproperties = TEST_COUNT(named);
        event.body = part(cases[i].body);

        sprintf(expected, HEAD("s-1", "generate_lead") SESSION(S1)
                "\"engagement_time_msec\":1%s" TAIL, cases[i].params);
        assert_made(expected);
    }
}


static void
test_consent(void **state)
{
    event_set();
    event.conversation_id = part("c1");
    event.body = part("{\"n\":1}");

    event.visitor = part("{\"session_id\":\"session-1\",\"user_id\":\"u-1\","
                         "\"vertical\":\"legal\"}");
    assert_refused(TAVUS_DELIVERY_SKIP, "no_consent");

    conf.consent = TAVUS_CONSENT_NOT_NEEDED;
    assert_refused(TAVUS_DELIVERY_SKIP, "no_consent");

    conf.consent = TAVUS_CONSENT_ANONYMOUS;
    assert_made(HEAD(ALIAS, "generate_lead") SESSION(SALIAS)
                "\"engagement_time_msec\":1,\"vertical\":\"legal\"" TAIL);

    event.visitor = part("{\"user_id\":\"session-1\","
                         "\"consent\":\"denied\"}");
    assert_made(HEAD(ALIAS, "generate_lead") SESSION(SALIAS)
                "\"engagement_time_msec\":1" TAIL);

    conf.consent = TAVUS_CONSENT_REQUIRED;
    assert_refused(TAVUS_DELIVERY_SKIP, "consent_denied");

    event.visitor = part("{}");
    assert_refused(TAVUS_DELIVERY_SKIP, "no_visitor");
    event.visitor = part("{\"consent\":\"granted\"}");
    assert_refused(TAVUS_DELIVERY_SKIP, "no_visitor_id");
    event.visitor = part("7");
    assert_refused(TAVUS_DELIVERY_BAD, "visitor_not_object");
}


static void
test_name(void **state)
{
    char         *copy, name[TAVUS_GA4_NAME_MAX + 1];
    size_t        i, len;

    static const struct {
        const char  *type;
        const char  *name;          /* or why not */
    } good[] = {
        { "contact.submitted", "generate_lead" },
        { "video_demo_started", "tutorial_begin" },
        { "generate_lead", "generate_lead" },
        { "select_promotion", "select_promotion" },
        { "select_item", "select_item" },
        { "begin_checkout", "begin_checkout" },
        { "purchase", "purchase" },
        { "page_view", "page_view" },
        { "conversation.ended", "conversation_ended" },
        { "a b-c/d", "a_b_c_d" },
        { "caf\xc3\xa9", "caf__" },
        { "errors", "errors" },
        { "gateway", "gateway" },
        { "a234567890123456789012345678901234567890",
          "a234567890123456789012345678901234567890" }

    }, bad[] = {
        { "", "unfit_event_type" },
        { "1st", "unfit_event_type" },
        { "a2345678901234567890123456789012345678901", "unfit_event_type" },
        { "error", "reserved_event_type" },
        { "session_start", "reserved_event_type" },
        { "session.start", "reserved_event_type" },
        { "user_engagement", "reserved_event_type" },
        { "first_visit", "reserved_event_type" },
        { "ad_click", "reserved_event_type" },
        { "_a", "reserved_event_type" },
        { ".a", "reserved_event_type" },
        { "$identify", "reserved_event_type" },
        { "firebase_a", "reserved_event_type" },
        { "ga_a", "reserved_event_type" },
        { "google.a", "reserved_event_type" },
        { "gtag.a", "reserved_event_type" }
    };

    for (i = 0; i < TEST_COUNT(good); i++) {
        copy = test_copy(good[i].type, strlen(good[i].type));
        len = tavus_ga4_name(copy, strlen(good[i].type), name, &reason);
        free(copy);

        assert_int_equal(len, strlen(good[i].name));
        assert_string_equal(name, good[i].name);
        assert_null(reason);
    }

    for (i = 0; i < TEST_COUNT(bad); i++) {
        copy = test_copy(bad[i].type, strlen(bad[i].type));
        len = tavus_ga4_name(copy, strlen(bad[i].type), name, &reason);
        free(copy);

        if (len || strcmp(reason, bad[i].name) != 0) {
            fail_msg("\"%s\": %s", bad[i].type, reason ? reason : "taken");
        }

        event_set();
        event.event_type = part(bad[i].type);
        assert_refused(TAVUS_DELIVERY_SKIP, bad[i].name);
    }
}


static void
test_age(void **state)
{
    event_set();

    now = TIME + 72 * HOUR;
    assert_made(HEAD("s-1", "generate_lead") SESSION(S1)
                "\"engagement_time_msec\":1" TAIL);

    now++;
    assert_refused(TAVUS_DELIVERY_SKIP, "too_old");

    /* what is still to come is now */

    now = TIME;
    event.time = TIME + HOUR;
    assert_made(HEAD("s-1", "generate_lead") SESSION(S1)
                "\"engagement_time_msec\":1" TAIL);

    now = INT64_MAX;
    event.time = INT64_MIN;
    assert_refused(TAVUS_DELIVERY_SKIP, "too_old");
}


static void
test_limits(void **state)
{
    int            i;
    char           visitor[512], body[1024], expected[2048], id[258], *p;
    tavus_part_t   named;

    /* a text is cut where a character begins: 99 bytes, and one of two */

    event_set();
    named = part("t");
    conf.properties = &named;
    conf.nproperties = 1;

    p = body + sprintf(body, "{\"t\":\"");
    memset(p, 'a', 99);
    strcpy(p + 99, "\xc3\xa9\"}");
    event.body = part(body);

    p = expected + sprintf(expected, HEAD("s-1", "generate_lead") SESSION(S1)
                           "\"engagement_time_msec\":1,\"t\":\"");
    memset(p, 'a', 99);
    strcpy(p + 99, "\"" TAIL);
    assert_made(expected);

    /* 25 parameters, two of which are ours */

    p = body + sprintf(body, "{\"t\":\"x\"");

    for (i = 0; i < 30; i++) {
        p += sprintf(p, ",\"n%d\":%d", i, i);
    }

    strcpy(p, "}");
    event.body = part(body);

    p = expected + sprintf(expected, HEAD("s-1", "generate_lead") SESSION(S1)
                           "\"engagement_time_msec\":1,\"t\":\"x\"");

    for (i = 0; i < 22; i++) {
        p += sprintf(p, ",\"n%d\":%d", i, i);
    }

    strcpy(p, TAIL);
    assert_made(expected);

    /* a parameter's name of 40 bytes, and of 41 */

    event.body = part("{\"a234567890123456789012345678901234567890\":1,"
                      "\"a2345678901234567890123456789012345678901\":2,"
                      "\"big\":1e400}");
    assert_made(HEAD("s-1", "generate_lead") SESSION(S1)
                "\"engagement_time_msec\":1,"
                "\"a234567890123456789012345678901234567890\":1" TAIL);

    /* an id of 256 bytes, and of 257 */

    event_set();
    memset(id, 'i', 257);
    id[257] = '\0';
    sprintf(visitor, "{\"user_id\":\"%s\",\"consent\":\"granted\"}", id);
    event.visitor = part(visitor);
    assert_refused(TAVUS_DELIVERY_SKIP, "unfit_visitor_id");

    sprintf(visitor, "{\"user_id\":\"%s\",\"consent\":\"granted\"}", id + 1);
    event.visitor = part(visitor);
    sprintf(expected, HEAD("%s", "generate_lead") SESSION("3863169469")
            "\"engagement_time_msec\":1" TAIL, id + 1);
    assert_made(expected);
}


static void
test_unfit(void **state)
{
    event_set();
    event.conversation_id = part("\xff");
    assert_refused(TAVUS_DELIVERY_BAD, "unfit_conversation_id");

    event_set();
    event.body = part("{\"a\":\"\xff\"}");
    assert_refused(TAVUS_DELIVERY_BAD, "body_not_json");
    event.body = part("7");
    assert_refused(TAVUS_DELIVERY_BAD, "body_not_object");

    /* nothing of it would have been sent */

    event.source = part("stripe");
    assert_made(HEAD("s-1", "generate_lead") SESSION(S1)
                "\"engagement_time_msec\":1" TAIL);
}


static void
test_path(void **state)
{
    char          *path;
    tavus_part_t   base, id, secret;

    base = part("/mp/collect");
    id = part("G-ABC123");
    secret = part("aB-._~9 &=%?#\xc3\xa9+/");

    path = tavus_ga4_path(&base, &id, &secret);
    assert_string_equal(path, "/mp/collect?measurement_id=G-ABC123"
                        "&api_secret=aB-._~9%20%26%3D%25%3F%23%C3%A9%2B%2F");
    free(path);

    memset(&base, 0, sizeof(base));
    memset(&id, 0, sizeof(id));
    memset(&secret, 0, sizeof(secret));

    path = tavus_ga4_path(&base, &id, &secret);
    assert_string_equal(path, "?measurement_id=&api_secret=");
    free(path);
}


/* With any piece of memory missing there is an error, and nothing is lost. */

static void
test_memory(void **state)
{
    char                     *json;
    size_t                    i, n, len;
    tavus_delivery_status_t   status;

    for (i = 0, n = 0; i < 2; n++) {

        if (n == 0 && i == 0) {
            event_set();
            event.conversation_id = part("c1");
            event.body = part("{\"n\":1,\"m\":2}");

        } else if (n == 0) {
            sale_set(PAID("\"paid\"", "157900", "\"usd\""));
        }

        test_memory_set(n);
        status = tavus_ga4_event(&event, &conf, now, &json, &len, &reason);
        test_memory_unset();

        if (status == TAVUS_DELIVERY_OK) {
            free(json);
            assert_true(n > 20);
            n = (size_t) -1;
            i++;
            continue;
        }

        assert_int_equal(status, TAVUS_DELIVERY_ERROR);
        assert_null(json);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_event),
        cmocka_unit_test(test_sale),
        cmocka_unit_test(test_named),
        cmocka_unit_test(test_money),
        cmocka_unit_test(test_consent),
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_unfit),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_memory)
    };

    return test_run(tests);
}
