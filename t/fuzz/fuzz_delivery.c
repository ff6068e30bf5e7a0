
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Fields are divided by line feeds: a type, two patterns, a visitor, and a
 * body.  Content is matched by its own name alone; consent is what stands in
 * a visitor that jansson reads as well.
 */

#include <jansson.h>

#include "fuzz.h"
#include "tavus_delivery.h"
#include "tavus_utf8.h"


static void fuzz_match(const char *type, size_t len,
    const tavus_part_t *patterns);
static void fuzz_visitor(const tavus_delivery_t *delivery);
static void fuzz_facts(const tavus_delivery_t *delivery);
static int fuzz_take_fact(void *data, const cJSON *item);
static void fuzz_text(const char *text, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char              *type, *one, *two, *visitor, *body;
    size_t             type_len;
    tavus_part_t       patterns[2];
    tavus_delivery_t   delivery;

    static const char *const  sources[] = { "browser", "tavus", "server" };

    if (size == 0 || size > 4096) {
        return 0;
    }

    memset(&delivery, 0, sizeof(delivery));

    delivery.source.data = sources[data[0] % FUZZ_COUNT(sources)];
    delivery.source.len = strlen(delivery.source.data);
    data++;
    size--;

    type = fuzz_take(&data, &size, '\n', &type_len);
    one = fuzz_take(&data, &size, '\n', &patterns[0].len);
    two = fuzz_take(&data, &size, '\n', &patterns[1].len);
    visitor = fuzz_take(&data, &size, '\n', &delivery.visitor.len);
    body = fuzz_copy(data, size);

    patterns[0].data = one;
    patterns[1].data = two;
    delivery.visitor.data = visitor;
    delivery.body.data = body;
    delivery.body.len = size;

    fuzz_match(type, type_len, patterns);
    fuzz_visitor(&delivery);
    fuzz_facts(&delivery);
    fuzz_text(type, type_len);

    free(body);
    free(visitor);
    free(two);
    free(one);
    free(type);

    return 0;
}


static void
fuzz_match(const char *type, size_t len, const tavus_part_t *patterns)
{
    int           match;
    size_t        i;
    const char   *p;

    match = tavus_delivery_match(type, len, patterns, 2);

    fuzz_assert(match == (tavus_delivery_match(type, len, patterns, 1)
                          || tavus_delivery_match(type, len, patterns + 1,
                                                  1)));

    if (match && tavus_delivery_content(type, len)) {
        fuzz_assert((patterns[0].len == len
                     && memcmp(patterns[0].data, type, len) == 0)
                    || (patterns[1].len == len
                        && memcmp(patterns[1].data, type, len) == 0));
    }

    for (i = 0; i < 2; i++) {
        p = patterns[i].data;

        if (tavus_delivery_pattern(p, patterns[i].len) == NULL) {
            fuzz_assert(patterns[i].len > 0
                        && patterns[i].len <= TAVUS_EVENT_MAX_NAME);
            fuzz_assert(memchr(p, '\0', patterns[i].len) == NULL);

            /* a name that is taken finds what has that name */

            if (memchr(p, '*', patterns[i].len) == NULL) {
                fuzz_assert(tavus_delivery_match(p, patterns[i].len,
                                                 &patterns[i], 1));
            }
        }
    }
}


static void
fuzz_visitor(const tavus_delivery_t *delivery)
{
    int                          granted;
    json_t                      *root;
    const char                  *reason, *consent;
    tavus_delivery_status_t      status;
    tavus_delivery_visitor_t     visitor;
    tavus_delivery_judgement_t   judgement;

    status = tavus_delivery_visitor(&visitor, delivery, &reason);

    fuzz_assert(status == TAVUS_DELIVERY_OK
                || (status == TAVUS_DELIVERY_BAD && reason[0]));

    if (status == TAVUS_DELIVERY_OK) {
        root = json_loadb(delivery->visitor.data, delivery->visitor.len, 0,
                          NULL);

        if (root) {
            consent = json_string_value(json_object_get(root, "consent"));
            granted = consent && strcmp(consent, "granted") == 0;

            fuzz_assert(granted == visitor.granted);
            fuzz_assert(visitor.nobody == (json_object_size(root) == 0));

            judgement = tavus_delivery_judge(&visitor,
                                             TAVUS_CONSENT_REQUIRED,
                                             TAVUS_DELIVERY_POSTHOG, &reason);
            fuzz_assert((judgement == TAVUS_DELIVERY_NAMED) == granted);

            json_decref(root);
        }
    }

    tavus_delivery_visitor_free(&visitor);
}


static void
fuzz_facts(const tavus_delivery_t *delivery)
{
    size_t                    n;
    const char               *reason;
    tavus_part_t              named;
    tavus_delivery_status_t   status;

    static const char  a[] = "a";

    n = 0;
    named.data = a;
    named.len = 1;

    status = tavus_delivery_facts(delivery, &named, 1, 3, fuzz_take_fact, &n,
                                  &reason);

    fuzz_assert(status == TAVUS_DELIVERY_OK
                || (status == TAVUS_DELIVERY_BAD && reason[0] && n == 0));
    fuzz_assert(n <= 4);
}


static int
fuzz_take_fact(void *data, const cJSON *item)
{
    size_t  *n;

    n = data;
    fuzz_assert(cJSON_IsNumber(item) || strcmp(item->string, "a") == 0);
    (*n)++;

    return 1;
}


static void
fuzz_text(const char *text, size_t len)
{
    char           *copy, when[TAVUS_DELIVERY_TIME];
    size_t          max, n;
    int64_t         usec, again;
    tavus_part_t    part;

    part.data = text;
    part.len = len;

    if (tavus_delivery_text(&part, &copy) == TAVUS_DELIVERY_OK) {
        fuzz_assert(strlen(copy) == len && memcmp(copy, text, len) == 0);

        for (max = 0; max <= len; max++) {
            n = tavus_delivery_cut(copy, len, max);
            fuzz_assert(n <= max && n + 4 > max);
            fuzz_assert(tavus_utf8_valid(copy, n));
        }

        free(copy);

    } else {
        fuzz_assert(copy == NULL);
    }

    usec = 0;
    memcpy(&usec, text, len < sizeof(usec) ? len : sizeof(usec));

    tavus_delivery_time(usec, when);
    fuzz_assert(strlen(when) == TAVUS_DELIVERY_TIME - 1);

    if (usec > 0 && usec < INT64_C(253402300800000000)) {
        fuzz_assert(tavus_event_time(when, strlen(when), &again) == 0
                    && again == usec);
    }
}
