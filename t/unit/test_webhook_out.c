
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "test_memory.h"
#include "tavus_webhook_out.h"


#define ID       "019df8a3-9c11-7abc-8def-0123456789ab"
#define TIME     INT64_C(1777714180481213)
#define HEAD(t)  "{\"type\":\"" t "\",\"timestamp\":"                         \
                 "\"2026-05-02T09:29:40.481213Z\",\"data\":{\"id\":\"" ID "\""
#define GRANTED  "{\"session_id\":\"s-1\",\"consent\":\"granted\"}"
#define SILENT   "{\"session_id\":\"s-1\"}"


static const char        *reason;
static tavus_delivery_t   event;


static tavus_part_t
part(const char *text)
{
    tavus_part_t  p;

    p.data = text;
    p.len = strlen(text);

    return p;
}


/* a contact form, from a visitor who agreed */

static void
event_set(void)
{
    memset(&event, 0, sizeof(event));

    memcpy(event.id, ID, sizeof(ID));
    event.time = TIME;
    event.source = part("browser");
    event.event_type = part("contact.submitted");
    event.body = part("{\"name\":\"Jos\xc3\xa9\",\"n\":1.50}");
    event.visitor = part(GRANTED);
}


static void
assert_made(tavus_consent_t consent, const char *expected)
{
    char    *json;
    size_t   len;

    reason = NULL;

    assert_int_equal(tavus_webhook_out(&event, consent, &json, &len,
                                       &reason), TAVUS_DELIVERY_OK);
    assert_string_equal(json, expected);
    assert_int_equal(len, strlen(expected));
    assert_null(reason);

    free(json);
}


static void
assert_refused(tavus_consent_t consent, tavus_delivery_status_t status,
    const char *why)
{
    char    *json;
    size_t   len;

    reason = NULL;

    assert_int_equal(tavus_webhook_out(&event, consent, &json, &len,
                                       &reason), status);
    assert_null(json);
    assert_int_equal(len, 0);
    assert_string_equal(reason, why);
}


static void
test_payload(void **state)
{
    event_set();

    /* the body is passed on byte by byte */

    assert_made(TAVUS_CONSENT_REQUIRED, HEAD("contact.submitted")
                ",\"source\":\"browser\","
                "\"body\":{\"name\":\"Jos\xc3\xa9\",\"n\":1.50}}}");

    event.source = part("tavus");
    event.event_type = part("system.shutdown");
    event.conversation_id = part("c55aa11bb22");
    event.body = part("[ {} ]");

    assert_made(TAVUS_CONSENT_REQUIRED, HEAD("system.shutdown")
                ",\"source\":\"tavus\",\"conversation_id\":\"c55aa11bb22\","
                "\"body\":[ {} ]}}");

    event.source.len = 0;
    event.event_type = part("a\"b\\\n");
    event.body = part("7");

    assert_made(TAVUS_CONSENT_REQUIRED, HEAD("a\\\"b\\\\\\n")
                ",\"conversation_id\":\"c55aa11bb22\",\"body\":7}}");
}


static void
test_consent(void **state)
{
    event_set();
    event.conversation_id = part("c55aa11bb22");
    event.visitor = part(SILENT);

    assert_refused(TAVUS_CONSENT_REQUIRED, TAVUS_DELIVERY_SKIP,
                   "no_consent");
    assert_made(TAVUS_CONSENT_ANONYMOUS, HEAD("contact.submitted")
                ",\"source\":\"browser\"}}");
    assert_made(TAVUS_CONSENT_NOT_NEEDED, HEAD("contact.submitted")
                ",\"source\":\"browser\",\"conversation_id\":\"c55aa11bb22\","
                "\"body\":{\"name\":\"Jos\xc3\xa9\",\"n\":1.50}}}");

    event.visitor = part("{\"consent\":\"denied\"}");
    assert_refused(TAVUS_CONSENT_REQUIRED, TAVUS_DELIVERY_SKIP,
                   "consent_denied");

    /* about nobody */

    event.visitor = part("{}");
    assert_made(TAVUS_CONSENT_REQUIRED, HEAD("contact.submitted")
                ",\"source\":\"browser\",\"conversation_id\":\"c55aa11bb22\","
                "\"body\":{\"name\":\"Jos\xc3\xa9\",\"n\":1.50}}}");

    /* about whom is not known */

    event.visitor = part("");
    assert_refused(TAVUS_CONSENT_NOT_NEEDED, TAVUS_DELIVERY_BAD,
                   "visitor_not_json");
}


static void
test_unfit(void **state)
{
    size_t  i;

    static const char *const  bodies[] = {
        "", "{", "{}x", "\xff", "\"\xff\"", "{\"a\":\"\\u0000\"}", "01",
        "NaN", "\"\\ud800\""
    };

    for (i = 0; i < TEST_COUNT(bodies); i++) {
        event_set();
        event.body = part(bodies[i]);
        assert_refused(TAVUS_CONSENT_REQUIRED, TAVUS_DELIVERY_BAD,
                       "body_not_json");

        /* it would not have been sent */

        event.visitor = part(SILENT);
        assert_made(TAVUS_CONSENT_ANONYMOUS, HEAD("contact.submitted")
                    ",\"source\":\"browser\"}}");
    }

    event_set();
    event.event_type = part("a\xff");
    assert_refused(TAVUS_CONSENT_REQUIRED, TAVUS_DELIVERY_BAD,
                   "unfit_event_type");
    event.event_type.len = 0;
    assert_refused(TAVUS_CONSENT_REQUIRED, TAVUS_DELIVERY_BAD,
                   "unfit_event_type");

    event_set();
    event.source = part("\xc0\x80");
    assert_refused(TAVUS_CONSENT_REQUIRED, TAVUS_DELIVERY_BAD,
                   "unfit_source");

    event_set();
    event.conversation_id.data = "a\0b";
    event.conversation_id.len = 3;
    assert_refused(TAVUS_CONSENT_REQUIRED, TAVUS_DELIVERY_BAD,
                   "unfit_conversation_id");

    event_set();
    event.id[35] = '\0';
    assert_refused(TAVUS_CONSENT_REQUIRED, TAVUS_DELIVERY_BAD, "unfit_id");
    memset(event.id, 'a', sizeof(event.id));
    assert_refused(TAVUS_CONSENT_REQUIRED, TAVUS_DELIVERY_BAD, "unfit_id");
}


static void
test_size(void **state)
{
    char    *large, *json, name[TAVUS_WEBHOOK_OUT_NAME + 1];
    size_t   len;

    event_set();

    large = malloc(TAVUS_WEBHOOK_OUT_BODY + 1);
    assert_non_null(large);
    memset(large, ' ', TAVUS_WEBHOOK_OUT_BODY + 1);
    memcpy(large, "[]", 2);

    event.body.data = large;
    event.body.len = TAVUS_WEBHOOK_OUT_BODY + 1;
    assert_made(TAVUS_CONSENT_REQUIRED, HEAD("contact.submitted")
                ",\"source\":\"browser\",\"body_bytes\":262145}}");

    /* the most that can be */

    memset(name, '\1', sizeof(name));
    event.event_type.data = name;
    event.event_type.len = TAVUS_WEBHOOK_OUT_NAME;
    event.source = event.event_type;
    event.conversation_id = event.event_type;
    event.body.len--;

    assert_int_equal(tavus_webhook_out(&event, TAVUS_CONSENT_REQUIRED, &json,
                                       &len, &reason), TAVUS_DELIVERY_OK);
    assert_true(len > TAVUS_WEBHOOK_OUT_BODY + 3 * 6000);
    assert_true(len <= TAVUS_WEBHOOK_OUT_MAX);
    free(json);

    event.conversation_id.len++;
    assert_refused(TAVUS_CONSENT_REQUIRED, TAVUS_DELIVERY_BAD,
                   "unfit_conversation_id");

    free(large);
}


static void
test_retry(void **state)
{
    unsigned  i;

    /* the specification's, to the first attempt and in all */

    static const int64_t  seconds[] = {
        0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400
    };

    for (i = 0; i < TEST_COUNT(seconds); i++) {
        assert_int_equal(tavus_webhook_out_retry(i, 0), seconds[i] * 1000);
        assert_int_equal(tavus_webhook_out_retry(i, seconds[i] * 100),
                         seconds[i] * 1100);
        assert_true(tavus_webhook_out_retry(i, UINT32_MAX)
                    <= seconds[i] * 1100);
    }

    assert_int_equal(tavus_webhook_out_retry(10, 0), -1);
    assert_int_equal(tavus_webhook_out_retry(UINT32_MAX, 7), -1);
}


/* What is made and signed is what verifies. */

static void
test_signed(void **state)
{
    int           n;
    char         *json, signature[TAVUS_STANDARD_SIGNATURE];
    size_t        len, match;
    const char   *error;
    tavus_key_t  *key;

    static const char  secret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    key = tavus_key_create("w", 1, secret, sizeof(secret) - 1,
                           TAVUS_SECRET_STANDARD, &error);
    assert_non_null(key);

    event_set();

    assert_int_equal(tavus_webhook_out(&event, TAVUS_CONSENT_REQUIRED, &json,
                                       &len, &reason), TAVUS_DELIVERY_OK);

    n = tavus_standard_sign(&key, 1, event.id, strlen(event.id),
                            "1777714200", 10, json, len, signature);
    assert_true(n > 0);

    assert_int_equal(tavus_standard_verify(&key, 1, ID, strlen(ID),
                                           "1777714200", 10, signature, n,
                                           json, len, 1777714200, 300,
                                           &match), TAVUS_VERIFY_OK);

    free(json);
    tavus_key_free(key);
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

    for (n = 0; ; n++) {
        test_memory_set(n);
        status = tavus_webhook_out(&event, TAVUS_CONSENT_REQUIRED, &json,
                                   &len, &reason);
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
        cmocka_unit_test(test_payload),
        cmocka_unit_test(test_consent),
        cmocka_unit_test(test_unfit),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_retry),
        cmocka_unit_test(test_signed),
        cmocka_unit_test(test_memory)
    };

    return test_run(tests);
}
