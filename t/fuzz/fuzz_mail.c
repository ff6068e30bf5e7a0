
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Fields are divided by line feeds: facts, and body.  What is made is JSON as
 * jansson reads it, goes to whom it is to go, and has no markup of theirs.
 */

#include <jansson.h>

#include "fuzz.h"
#include "tavus_mail.h"


static void fuzz_request(const char *json, size_t len);


static tavus_mail_address_t  fuzz_to;


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                     *facts, *body, *address, *json, *digest;
    size_t                    len;
    const char               *reason;
    tavus_part_t              entry;
    tavus_delivery_t          delivery;
    tavus_mail_conf_t         conf;
    tavus_mail_address_t      a;
    tavus_delivery_status_t   status;

    if (size == 0 || size > 8192) {
        return 0;
    }

    memset(&delivery, 0, sizeof(delivery));
    memset(&conf, 0, sizeof(conf));
    memcpy(delivery.id, "019df8a3-9c11-7abc-8def-0123456789ab", 37);
    memset(&delivery.time, data[0], 4);

    fuzz_to.email.data = "sales@example.com";
    fuzz_to.email.len = 17;

    conf.to = &fuzz_to;
    conf.nto = 1;
    conf.from = fuzz_to;
    conf.panel.data = "https://example.com/admin";
    conf.panel.len = 25;

    facts = fuzz_take(&data, &size, '\n', &delivery.visitor.len);
    body = fuzz_copy(data, size);

    delivery.visitor.data = facts;
    delivery.body.data = body;
    delivery.body.len = size;

    reason = NULL;
    status = tavus_mail(&delivery, &conf, &json, &len, &reason);

    fuzz_assert((status == TAVUS_DELIVERY_OK) == (json != NULL));
    fuzz_assert((reason == NULL) == (status == TAVUS_DELIVERY_OK));
    fuzz_assert(status == TAVUS_DELIVERY_OK || status == TAVUS_DELIVERY_BAD);

    if (json && strncmp(json, "{\"personal", 10) == 0) {
        fuzz_request(json, len);

    } else if (json) {
        entry.data = json;
        entry.len = len;

        digest = tavus_mail_digest(&conf, &entry, 1, &len);

        if (digest) {
            fuzz_request(digest, len);
            free(digest);
        }
    }

    free(json);

    /* an address of the configuration */

    address = fuzz_copy(body, size);

    if (tavus_mail_address(address, size, &a) == NULL) {
        fuzz_assert(tavus_mail_address_valid(a.email.data, a.email.len));
        fuzz_assert(a.name.len <= TAVUS_MAIL_NAME);
        fuzz_assert((const char *) a.email.data >= address
                    && (const char *) a.email.data + a.email.len
                       <= address + size);
    }

    free(address);
    free(body);
    free(facts);

    return 0;
}


static void
fuzz_request(const char *json, size_t len)
{
    size_t       i;
    json_t      *root, *value;
    const char  *subject, *html, *p;

    fuzz_assert(len == strlen(json) && len <= TAVUS_MAIL_MAX);

    root = json_loadb(json, len, 0, NULL);
    fuzz_assert(root != NULL);

    value = json_array_get(json_object_get(root, "personalizations"), 0);
    value = json_object_get(value, "to");

    fuzz_assert(json_array_size(value) == 1);
    fuzz_assert(strcmp(json_string_value(json_object_get(
                           json_array_get(value, 0), "email")),
                       "sales@example.com") == 0);

    subject = json_string_value(json_object_get(root, "subject"));

    fuzz_assert(subject && strlen(subject) <= TAVUS_MAIL_SUBJECT);

    for (p = subject; *p; p++) {
        fuzz_assert((unsigned char) *p >= ' ' && *p != 0x7f);
    }

    /* as many marks open as there are in what is ours */

    html = json_string_value(json_object_get(json_array_get(
               json_object_get(root, "content"), 1), "value"));

    i = 0;

    for (p = html; *p; p++) {

        if (*p == '<') {
            fuzz_assert(i == 0);
            fuzz_assert(strchr("!hbps/a", p[1]) != NULL && p[1]);
            i = 1;

        } else if (*p == '>') {
            fuzz_assert(i == 1);
            i = 0;
        }
    }

    value = json_object_get(json_object_get(root, "reply_to"), "email");

    fuzz_assert(value == NULL
                || tavus_mail_address_valid(json_string_value(value),
                                            json_string_length(value)));

    json_decref(root);
}
