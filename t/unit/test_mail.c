
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "test.h"
#include "test_memory.h"
#include "tavus_mail.h"
#include "tavus_utf8.h"


#define ID    "019df8a3-9c11-7abc-8def-0123456789ab"
#define TIME  INT64_C(1777714180481213)
#define LEAD  "{\"kind\":\"contact.submitted\"}"


static const char            *reason;
static tavus_delivery_t       event;
static tavus_mail_address_t   to[2];
static tavus_mail_conf_t      conf;


static tavus_part_t
part(const char *text)
{
    tavus_part_t  p;

    p.data = text;
    p.len = strlen(text);

    return p;
}


static void
event_set(const char *facts, const char *body)
{
    memset(&event, 0, sizeof(event));
    memset(&conf, 0, sizeof(conf));

    memcpy(event.id, ID, sizeof(ID));
    event.time = TIME;
    event.visitor = part(facts);
    event.body = part(body);

    conf.from.name = part("Site");
    conf.from.email = part("no-reply@example.com");
    conf.panel = part("https://example.com/admin");
    conf.to = to;
    conf.nto = 2;

    to[0].name.len = 0;
    to[0].email = part("sales@example.com");
    to[1].name = part("Boss");
    to[1].email = part("boss@example.com");
}


static tavus_delivery_status_t
make(char **json)
{
    size_t                    len;
    tavus_delivery_status_t   status;

    reason = NULL;
    status = tavus_mail(&event, &conf, json, &len, &reason);

    assert_int_equal(status == TAVUS_DELIVERY_OK, *json != NULL);
    assert_int_equal(len, *json ? strlen(*json) : 0);
    assert_true(len <= TAVUS_MAIL_MAX);

    return status;
}


static cJSON *
made(void)
{
    char   *json;
    cJSON  *root;

    assert_int_equal(make(&json), TAVUS_DELIVERY_OK);

    root = cJSON_Parse(json);
    assert_non_null(root);
    free(json);

    return root;
}


static const char *
at(const cJSON *root, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, name));
}


static const char *
content(const cJSON *root, int n)
{
    return at(cJSON_GetArrayItem(cJSON_GetObjectItem(root, "content"), n),
              "value");
}


static void
assert_reads(const char *text, const char *name, const char *email)
{
    tavus_mail_address_t  a;

    assert_null(tavus_mail_address(text, strlen(text), &a));
    assert_int_equal(a.name.len, strlen(name));
    assert_memory_equal(a.name.data, name, strlen(name));
    assert_int_equal(a.email.len, strlen(email));
    assert_memory_equal(a.email.data, email, strlen(email));
}


static void
test_address(void **state)
{
    size_t                i;
    tavus_mail_address_t  a;

    static const char *const  bad[] = {
        "", "a", "a@", "@b.de", "a@b", "a@b.d", "a b@c.de", "a@b..de",
        "a@-b.de", "a@b-.de", "a@b.de-", "a@b.de.", ".a@b.de", "a.@b.de",
        "a..b@c.de", "a@b@c.de", "\"a\"@b.de", "a@[1.2.3.4]", "a@1.2.3.44",
        "a@b.de\n", "<a@b.de", "X <a@b.de> ", "X <a@b.de", "X; <a@b.de>",
        "X, <a@b.de>", "X\r\nBcc: <a@b.de>", "x@y.de <a@b.de>",
        "\"X\" <a@b.de>", "X <a@b.de>, c@d.de", "\xc3\xa4@b.de",
        "a@b\xc3\xa4.de", "\xff <a@b.de>", "a@b.de, c@d.de", "<>", "X <>"
    };

    assert_reads("a@b.de", "", "a@b.de");
    assert_reads("Site <a@b.de>", "Site", "a@b.de");
    assert_reads("<a@b.de>", "", "a@b.de");
    assert_reads("J. R\xc3\xb6" "mer & Co.  <a+b.c@d-e.f.info>",
                 "J. R\xc3\xb6" "mer & Co.", "a+b.c@d-e.f.info");

    for (i = 0; i < TEST_COUNT(bad); i++) {
        if (tavus_mail_address(bad[i], strlen(bad[i]), &a) == NULL) {
            fail_msg("\"%s\"", bad[i]);
        }
    }
}


static void
test_kinds(void **state)
{
    size_t                    i;
    const tavus_mail_kind_t  *kind;

    for (i = 0; (kind = tavus_mail_kind_at(i)) != NULL; i++) {
        assert_ptr_equal(tavus_mail_kind(kind->name, strlen(kind->name)),
                         kind);
        assert_non_null(kind->types[0]);
        assert_int_equal(kind->digest, strcmp(kind->name, "alert") == 0);
    }

    assert_int_equal(i, 6);
    assert_null(tavus_mail_kind("aler", 4));
    assert_null(tavus_mail_kind("", 0));
}


static void
test_request(void **state)
{
    char  *json;

    event_set(LEAD, "{\"name\":\"Ada\",\"email\":\"ada@b.de\","
              "\"message\":\"Hi <you>\"}");
    conf.panel.len = 0;

    assert_int_equal(make(&json), TAVUS_DELIVERY_OK);
    assert_string_equal(json,
        "{\"personalizations\":[{\"to\":[{\"email\":\"sales@example.com\"},"
        "{\"email\":\"boss@example.com\",\"name\":\"Boss\"}],"
        "\"custom_args\":{\"event_id\":\"" ID "\"}}],"
        "\"from\":{\"email\":\"no-reply@example.com\",\"name\":\"Site\"},"
        "\"reply_to\":{\"email\":\"ada@b.de\"},\"subject\":\"New lead: Ada\","
        "\"content\":[{\"type\":\"text/plain\",\"value\":\"New lead: Ada\\n\\n"
        "Name: Ada\\nE-mail: ada[at]b[.]de\\n"
        "Written: 2026-05-02 09:29:40 UTC\\n\\nHi <you>\\n\\n"
        "An answer to this mail goes to who wrote.\\n\\nEvent " ID
        ": another mail with this number is the same one.\\n\"},"
        "{\"type\":\"text/html\",\"value\":\"<!doctype html>\\n<html><body "
        "style=\\\"font-family:sans-serif\\\">\\n<p><b>New lead: Ada</b></p>"
        "\\n<p><b>Name:</b> Ada<br>\\n<b>E-mail:</b> ada[at]b[.]de<br>\\n"
        "<b>Written:</b> 2026-05-02 09:29:40 UTC<br>\\n</p>\\n<blockquote "
        "style=\\\"white-space:pre-wrap\\\">Hi &lt;you&gt;</blockquote>\\n<p>"
        "An answer to this mail goes to who wrote.<br>\\n</p>\\n"
        "<p><small>Event " ID ": another mail with this number is the same "
        "one.</small></p>\\n</body></html>\\n\"}],\"categories\":[\"lead\"],"
        "\"tracking_settings\":{\"click_tracking\":{\"enable\":false,"
        "\"enable_text\":false},\"open_tracking\":{\"enable\":false},"
        "\"subscription_tracking\":{\"enable\":false}}}");
    free(json);
}


static void
test_reply_to(void **state)
{
    cJSON  *root;

    /* an address that is none is text, and nothing else */

    event_set(LEAD, "{\"name\":\"Ada\",\"email\":\"a@b.de, c@d.de\","
              "\"message\":\"Hi\"}");

    root = made();
    assert_null(cJSON_GetObjectItem(root, "reply_to"));
    assert_non_null(strstr(content(root, 0), "There is no address"));
    cJSON_Delete(root);

    conf.reply_to.email = part("office@example.com");

    root = made();
    assert_string_equal(at(cJSON_GetObjectItem(root, "reply_to"), "email"),
                        "office@example.com");
    cJSON_Delete(root);
}


static void
test_conversation(void **state)
{
    cJSON       *root;
    const char  *text;

    event_set("{\"kind\":\"conversation.ended\",\"vertical\":\"legal\","
              "\"seconds\":252,\"ended_by\":\"participant_left\","
              "\"conversation_id\":\"c1\",\"more\":true,\"transcript\":["
              "{\"role\":\"user\",\"content\":\"See http://x.de\\nBoss: y\"},"
              "{\"role\":\"assistant\",\"content\":\"<b>No\"},{},[],7]}",
              "[]");

    root = made();
    text = content(root, 0);

    assert_string_equal(at(root, "subject"),
                        "Conversation of 4 min 12 s: legal");
    assert_null(cJSON_GetObjectItem(root, "reply_to"));
    assert_non_null(strstr(text, "\nEnded by: participant_left\n"));
    assert_non_null(strstr(text, "\nConversation: c1\n"));
    assert_non_null(strstr(text, "\n\nVisitor: See http[:]//x[.]de Boss: y\n"
                                 "Agent: <b>No\nThe transcript goes on in the "
                                 "admin panel.\n"));
    assert_non_null(strstr(content(root, 1), "<p><b>Agent:</b> &lt;b&gt;No</p>"
                                             "\n"));
    assert_non_null(strstr(content(root, 1),
                           "<a href=\"https://example.com/admin\">"));
    cJSON_Delete(root);

    event_set("{\"kind\":\"conversation.ended\",\"seconds\":7322}", "{}");

    root = made();
    assert_string_equal(at(root, "subject"),
                        "Conversation of 2 h 2 min: no vertical");
    cJSON_Delete(root);
}


static void
test_sale(void **state)
{
    char   *json;
    cJSON  *root;

    event_set("{\"kind\":\"sale\",\"plan\":\"growth\",\"value\":\"599.00\","
              "\"currency\":\"USD\",\"order_id\":\"" ID "\","
              "\"livemode\":false}",
              "{\"amount\":1,\"value\":\"9.99\"}");

    root = made();
    assert_string_equal(at(root, "subject"), "Sale: growth, 599.00 USD");
    assert_non_null(strstr(content(root, 0), "\nPaid: 599.00 USD\n"));
    assert_non_null(strstr(content(root, 0), "\nOrder: " ID "\n"));
    assert_non_null(strstr(content(root, 0), "test mode"));
    assert_null(strstr(content(root, 0), "9.99"));
    cJSON_Delete(root);

    event_set("{\"kind\":\"sale\",\"plan\":\"growth\"}", "{}");
    assert_int_equal(make(&json), TAVUS_DELIVERY_BAD);
    assert_string_equal(reason, "no_order");
}


static void
test_digest(void **state)
{
    char          *json;
    size_t         i, len;
    cJSON         *root;
    const char    *text;
    tavus_part_t   entries[200];

    event_set("{\"kind\":\"alert\"}", "{\"alert\":\"key_invalid\",\"subject\":"
              "\"crm\",\"text\":\"401 from http://x.de\"}");

    assert_int_equal(make(&json), TAVUS_DELIVERY_OK);
    entries[0] = part(json);

    event_set("{\"kind\":\"alert\",\"cleared\":\"yes\"}",
              "{\"alert\":\"quarantine\"}");
    assert_int_equal(make(&json), TAVUS_DELIVERY_OK);
    entries[1] = part(json);

    json = tavus_mail_digest(&conf, entries, 2, &len);
    assert_non_null(json);
    assert_int_equal(len, strlen(json));

    root = cJSON_Parse(json);
    free(json);

    text = content(root, 0);
    assert_string_equal(at(root, "subject"),
                        "1 raised, 1 cleared: key_invalid and more");
    assert_non_null(strstr(text, "Raised: key_invalid\nOf: crm\nAt: 2026-05-02 "
                                 "09:29:40 UTC\n\n401 from http[:]//x[.]de"));
    assert_non_null(strstr(text, "Cleared: quarantine\n"));
    cJSON_Delete(root);

    json = tavus_mail_digest(&conf, &entries[1], 1, &len);
    root = cJSON_Parse(json);
    free(json);
    assert_string_equal(at(root, "subject"), "Cleared: quarantine");
    cJSON_Delete(root);

    for (i = 2; i < TEST_COUNT(entries); i++) {
        entries[i] = entries[0];
    }

    json = tavus_mail_digest(&conf, entries, TEST_COUNT(entries), &len);
    assert_true(len <= TAVUS_MAIL_MAX);
    free(json);

    assert_null(tavus_mail_digest(&conf, entries, 0, &len));

    free((char *) entries[0].data);
    free((char *) entries[1].data);

    entries[0] = part("[]");
    assert_null(tavus_mail_digest(&conf, entries, 1, &len));
}


static void
test_unfit(void **state)
{
    char    *json;
    size_t   i;

    static const struct {
        const char  *facts;
        const char  *body;
        const char  *why;
    } cases[] = {
        { "", "{}", "facts_not_object" },
        { "[]", "{}", "facts_not_object" },
        { "{}", "{}", "no_kind" },
        { "{\"kind\":\"x\"}", "{}", "no_kind" },
        { LEAD, "", "body_not_object" },
        { LEAD, "[]", "body_not_object" },
        { LEAD, "{}", "no_lead" },
        { LEAD, "{\"name\":\"a\",\"email\":\"b\"}", "no_lead" },
        { LEAD, "{\"name\":\"a\",\"email\":7,\"message\":\"c\"}", "no_lead" },
        { "{\"kind\":\"alert\"}", "7", "body_not_object" }
    };

    for (i = 0; i < TEST_COUNT(cases); i++) {
        event_set(cases[i].facts, cases[i].body);
        assert_int_equal(make(&json), TAVUS_DELIVERY_BAD);
        assert_string_equal(reason, cases[i].why);
    }
}


/* bits of what is hostile, in any order */

static const char *const  hostile[] = {
    "\r\nBcc: x@evil.com\r\n", "\n\n<script>alert(1)</script>", "http://",
    "www.evil.com", "evil.com", "@", "x@evil.com", ".", "com", "//", ":",
    "\\\\", "mailto:", "tel:", "</blockquote>", "<a href='http://evil.com'>",
    "\"", "'",
    "<img src=x onerror=alert(1)>", "&lt;", "&#60;", "<!--", "]]>", "{{name}}",
    "<%asm_group_unsubscribe_url%>", "[unsubscribe]", "-name-",
    "\xe2\x80\xae", "\xe2\x80\x8b", "\xef\xbc\x8e", "\xe3\x80\x82",
    "\xef\xbc\xa0", "\xc3\xa9", "\xf0\x9f\x98\x80", " ", "\t", "\n", "\x01",
    "\x1b[2J", "599.00 USD", "0.01", "1.2.3.4", "xn--a", "a", "b", "7",
    "javascript:x", "data:text/html,x", "file:///etc/passwd", "\x7f",
    "\xc2\x85", "\xe2\x80\xa8", "%0d%0aBcc:", "=?utf-8?q?x?="
};


static void
hostile_text(uint64_t *seed, char *text, size_t size)
{
    size_t       n, len;
    const char  *bit;

    len = 0;

    for (n = 1 + test_random(seed) % 30; n; n--) {
        bit = hostile[test_random(seed) % TEST_COUNT(hostile)];

        if (len + strlen(bit) >= size) {
            break;
        }

        strcpy(text + len, bit);
        len += strlen(bit);
    }

    text[len] = '\0';
}


/* what is ours is taken out: the panel's link, and our own markup */

static void
assert_harmless(const cJSON *root, int lead)
{
    char        *text, *p;
    size_t       i, n;
    cJSON       *item;
    const char  *subject, *s, *reply;

    static const char *const  ours[] = {
        "<!doctype html>", "<html>", "</html>", "<body style=\"font-family:"
        "sans-serif\">", "</body>", "<p>", "</p>", "<b>", "</b>", "<br>",
        "<small>", "</small>", "<blockquote style=\"white-space:pre-wrap\">",
        "</blockquote>", "<a href=\"https://example.com/admin\">", "</a>",
        "https://example.com/admin"
    };

    n = 0;

    cJSON_ArrayForEach(item, root) {
        n++;
    }

    reply = at(cJSON_GetObjectItem(root, "reply_to"), "email");

    assert_int_equal(n, reply ? 7 : 6);
    assert_true(lead || reply == NULL);
    assert_true(reply == NULL
                || tavus_mail_address_valid(reply, strlen(reply)));

    item = cJSON_GetObjectItem(root, "personalizations");
    assert_int_equal(cJSON_GetArraySize(item), 1);
    item = cJSON_GetArrayItem(item, 0);
    assert_int_equal(cJSON_GetArraySize(item), 2);
    item = cJSON_GetObjectItem(item, "to");
    assert_int_equal(cJSON_GetArraySize(item), 2);
    assert_string_equal(at(cJSON_GetArrayItem(item, 0), "email"),
                        "sales@example.com");
    assert_string_equal(at(cJSON_GetObjectItem(root, "from"), "email"),
                        "no-reply@example.com");

    subject = at(root, "subject");
    assert_true(strlen(subject) <= TAVUS_MAIL_SUBJECT);

    for (s = subject; *s; s++) {
        assert_true((unsigned char) *s >= ' ' && *s != 0x7f);
    }

    for (n = 0; n < 3; n++) {
        s = n < 2 ? content(root, n) : subject;

        assert_true(tavus_utf8_valid(s, strlen(s)));

        text = strdup(s);

        i = n == 1 ? 0 : TEST_COUNT(ours) - 1;

        for ( /* void */ ; i < TEST_COUNT(ours); i++) {
            while ((p = strstr(text, ours[i])) != NULL) {
                memmove(p, p + strlen(ours[i]),
                        strlen(p + strlen(ours[i])) + 1);
            }
        }

        if (n == 1) {
            assert_null(strpbrk(text, "<>"));
        }

        assert_null(strstr(text, "://"));
        assert_null(strstr(text, "\\\\"));

        for (p = text; *p; p++) {

            if (*p == '@') {
                assert_true(strchr(" \n<", p[1]) != NULL || p[1] == '\xe2');
            }

            if (*p == '.' && p > text) {
                assert_false(((p[-1] >= 'a' && p[-1] <= 'z')
                              || (p[-1] >= '0' && p[-1] <= '9')
                              || (unsigned char) p[-1] >= 0x80)
                             && ((p[1] >= 'a' && p[1] <= 'z')
                                 || (unsigned char) p[1] >= 0x80)
                             && strncmp(p + 1, "\xe2\x80\xa6", 3) != 0);
            }

            assert_true((unsigned char) *p >= ' ' || *p == '\n');
        }

        free(text);
    }
}


static void
test_hostile(void **state)
{
    int       i, k;
    char     *json, *body, text[2048], *made_of;
    cJSON    *root, *facts, *list, *item;
    uint64_t  seed;
    size_t    n;

    static const char *const  fields[] = {
        "name", "email", "message", "phone", "company", "utm_source",
        "utm_medium", "utm_campaign", "vertical", "conversation_id",
        "ended_by", "plan", "reason", "order_id"
    };

    static const char *const  kinds[] = {
        "contact.submitted", "conversation.ended", "sale", "refund", "dispute"
    };

    seed = 20261129;

    for (i = 0; i < 4000; i++) {
        k = i % TEST_COUNT(kinds);

        root = cJSON_CreateObject();
        facts = cJSON_CreateObject();

        for (n = 0; n < TEST_COUNT(fields); n++) {
            hostile_text(&seed, text, sizeof(text));

            if (text[0]) {
                cJSON_AddStringToObject(root, fields[n], text);
                cJSON_AddStringToObject(facts, fields[n], text);
            }
        }

        list = cJSON_AddArrayToObject(facts, "transcript");

        for (n = 0; n < 3; n++) {
            hostile_text(&seed, text, sizeof(text));
            item = cJSON_CreateObject();
            cJSON_AddStringToObject(item, "role", n ? "user" : text);
            cJSON_AddStringToObject(item, "content", text);
            cJSON_AddItemToArray(list, item);
        }

        cJSON_AddStringToObject(facts, "kind", kinds[k]);
        cJSON_AddStringToObject(facts, "value", "599.00");
        cJSON_AddStringToObject(facts, "currency", "USD");
        cJSON_AddNumberToObject(facts, "seconds", 61);

        body = cJSON_PrintUnformatted(root);
        made_of = cJSON_PrintUnformatted(facts);

        cJSON_Delete(root);
        cJSON_Delete(facts);

        event_set(made_of, body);

        if (make(&json) == TAVUS_DELIVERY_OK) {
            root = cJSON_Parse(json);
            assert_harmless(root, k == 0);
            cJSON_Delete(root);

        } else {
            assert_int_equal(k, 0);
        }

        free(json);
        free(body);
        free(made_of);
    }
}


static void
test_size(void **state)
{
    char   *json, *text, *all;
    size_t  i, n;
    cJSON  *root, *list, *item;

    /* as much as can be, and all of it grows */

    text = malloc(30001);
    assert_non_null(text);

    for (i = 0; i < 30000; i++) {
        text[i] = "\"@'&"[i % 4];
    }

    text[30000] = '\0';

    root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "name", text);
    cJSON_AddStringToObject(root, "email", text);
    cJSON_AddStringToObject(root, "message", text);
    all = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);

    if (strlen(all) > 64 * 1024) {
        free(all);
        all = NULL;
    }

    text[5000] = '\0';
    root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "kind", "conversation.ended");
    list = cJSON_AddArrayToObject(root, "transcript");

    for (n = 0; n < 60; n++) {
        item = cJSON_CreateObject();
        cJSON_AddStringToObject(item, "role", "user");
        cJSON_AddStringToObject(item, "content", text);
        cJSON_AddItemToArray(list, item);
    }

    free(all);
    all = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);

    event_set(all, "{}");

    assert_int_equal(make(&json), TAVUS_DELIVERY_OK);
    assert_non_null(strstr(json, "goes on in the admin panel"));
    assert_true(strlen(json) < 200 * 1024);

    free(json);
    free(all);
    free(text);
}


static void
test_memory(void **state)
{
    char                     *json;
    size_t                    n, len;
    tavus_part_t              entry;
    tavus_delivery_status_t   status;

    event_set(LEAD, "{\"name\":\"Ada\",\"email\":\"a@b.de\","
              "\"message\":\"Hi\"}");

    for (n = 0; ; n++) {
        test_memory_set(n);
        status = make(&json);
        test_memory_unset();

        if (status == TAVUS_DELIVERY_OK) {
            free(json);
            break;
        }

        assert_int_equal(status, TAVUS_DELIVERY_ERROR);
    }

    assert_true(n > 30);

    entry = part("{\"id\":\"x\",\"alert\":\"a\"}");

    for (n = 0; ; n++) {
        test_memory_set(n);
        json = tavus_mail_digest(&conf, &entry, 1, &len);
        test_memory_unset();

        if (json) {
            free(json);
            break;
        }
    }

    assert_true(n > 30);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_reply_to),
        cmocka_unit_test(test_conversation),
        cmocka_unit_test(test_sale),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_unfit),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_memory)
    };

    return test_run(tests);
}
