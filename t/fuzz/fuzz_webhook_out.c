
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Fields are divided by line feeds: source, type, conversation, visitor, and
 * body.  What is made is JSON as jansson reads it, says what it was made of,
 * and holds a body only of who may be named.
 */

#include <jansson.h>

#include "fuzz.h"
#include "tavus_webhook_out.h"


static void fuzz_payload(const tavus_delivery_t *delivery, const char *json,
    size_t len, tavus_consent_t consent);
static void fuzz_same(json_t *object, const char *name,
    const tavus_part_t *part);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int                       consent;
    char                     *source, *type, *conversation, *visitor, *body;
    char                     *json;
    size_t                    len;
    const char               *reason;
    tavus_delivery_t          delivery;
    tavus_delivery_status_t   status;

    if (size == 0 || size > 4096) {
        return 0;
    }

    memset(&delivery, 0, sizeof(delivery));
    memcpy(delivery.id, "019df8a3-9c11-7abc-8def-0123456789ab", 37);
    memset(&delivery.time, data[0], 4);

    consent = data[0] % 3;
    data++;
    size--;

    source = fuzz_take(&data, &size, '\n', &delivery.source.len);
    type = fuzz_take(&data, &size, '\n', &delivery.event_type.len);
    conversation = fuzz_take(&data, &size, '\n',
                             &delivery.conversation_id.len);
    visitor = fuzz_take(&data, &size, '\n', &delivery.visitor.len);
    body = fuzz_copy(data, size);

    delivery.source.data = source;
    delivery.event_type.data = type;
    delivery.conversation_id.data = conversation;
    delivery.visitor.data = visitor;
    delivery.body.data = body;
    delivery.body.len = size;

    reason = NULL;
    status = tavus_webhook_out(&delivery, consent, &json, &len, &reason);

    fuzz_assert((status == TAVUS_DELIVERY_OK) == (json != NULL));
    fuzz_assert((reason == NULL) == (status == TAVUS_DELIVERY_OK));

    if (json) {
        fuzz_payload(&delivery, json, len, consent);
        free(json);
    }

    free(body);
    free(visitor);
    free(conversation);
    free(type);
    free(source);

    return 0;
}


static void
fuzz_payload(const tavus_delivery_t *delivery, const char *json, size_t len,
    tavus_consent_t consent)
{
    json_t                    *root, *data, *body, *model;
    tavus_json_status_t        status;
    const char                *reason;
    tavus_delivery_visitor_t   visitor;

    fuzz_assert(len == strlen(json) && len <= TAVUS_WEBHOOK_OUT_MAX);

    /* a body of the greatest depth lies two deeper */

    status = tavus_json_check(json, len, NULL, 0, NULL);
    fuzz_assert(status == TAVUS_JSON_OK || status == TAVUS_JSON_DEPTH);

    /* jansson has no numbers beyond a double or 64 bits */

    root = json_loadb(json, len, 0, NULL);
    if (root == NULL) {
        return;
    }

    data = json_object_get(root, "data");
    body = json_object_get(data, "body");

    fuzz_same(root, "type", &delivery->event_type);
    fuzz_same(data, "source", &delivery->source);

    if (body) {
        fuzz_same(data, "conversation_id", &delivery->conversation_id);

        model = json_loadb(delivery->body.data, delivery->body.len,
                           JSON_DECODE_ANY, NULL);
        fuzz_assert(model && json_equal(model, body));
        json_decref(model);
    }

    fuzz_assert(tavus_delivery_visitor(&visitor, delivery, &reason)
                == TAVUS_DELIVERY_OK);
    fuzz_assert((body != NULL)
                == (visitor.nobody || visitor.granted
                    || consent == TAVUS_CONSENT_NOT_NEEDED));
    fuzz_assert(body || json_object_get(data, "conversation_id") == NULL);

    tavus_delivery_visitor_free(&visitor);
    json_decref(root);
}


static void
fuzz_same(json_t *object, const char *name, const tavus_part_t *part)
{
    json_t  *value;

    value = json_object_get(object, name);

    fuzz_assert((value != NULL) == (part->len > 0));
    fuzz_assert(value == NULL
                || (json_string_length(value) == part->len
                    && memcmp(json_string_value(value), part->data,
                              part->len) == 0));
}
