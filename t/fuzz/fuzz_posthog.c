
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Whatever is made is within PostHog's limits, as jansson reads it; nothing
 * of a visitor who did not agree is in it; and two of them make a batch.
 */

#include <jansson.h>

#include "fuzz_visitor.h"
#include "tavus_posthog.h"


static void fuzz_event(const tavus_delivery_t *delivery, const char *json,
    size_t len);
static void fuzz_properties(json_t *properties, int granted);
static void fuzz_batch(const tavus_part_t *key, char *json, size_t len);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                     *json;
    size_t                    len;
    const char               *reason;
    fuzz_visitor_t            v;
    tavus_posthog_conf_t      conf;
    tavus_delivery_status_t   status;

    if (!fuzz_visitor(&v, data, size)) {
        return 0;
    }

    memset(&conf, 0, sizeof(conf));
    conf.consent = v.consent;
    conf.salt = v.delivery.source;
    conf.properties = &v.named;
    conf.nproperties = v.wanted;

    reason = NULL;
    status = tavus_posthog_event(&v.delivery, &conf, &json, &len, &reason);

    fuzz_assert((status == TAVUS_DELIVERY_OK) == (json != NULL));
    fuzz_assert((reason == NULL) == (status == TAVUS_DELIVERY_OK));

    if (json) {
        fuzz_event(&v.delivery, json, len);
        fuzz_batch(&v.named, json, len);
        free(json);
    }

    fuzz_visitor_free(&v);

    return 0;
}


static void
fuzz_event(const tavus_delivery_t *delivery, const char *json, size_t len)
{
    int                         granted;
    json_t                     *root, *name, *id;
    const char                 *reason;
    tavus_delivery_visitor_t    visitor;

    fuzz_assert(len == strlen(json) && len <= TAVUS_POSTHOG_EVENT_MAX);
    fuzz_assert(tavus_json_check(json, len, NULL, 0, NULL) == TAVUS_JSON_OK);

    /* integers of more than 64 bits are for cJSON alone */

    root = json_loadb(json, len, JSON_DECODE_INT_AS_REAL, NULL);
    fuzz_assert(root != NULL);

    name = json_object_get(root, "event");
    id = json_object_get(root, "distinct_id");

    fuzz_assert(json_string_length(name) > 0
                && json_string_length(name) <= 200);
    fuzz_assert(json_string_value(name)[0] != '$'
                || strcmp(json_string_value(name), "$pageview") == 0);
    fuzz_assert(json_string_length(id) > 0 && json_string_length(id) <= 200);
    fuzz_assert(strcmp(json_string_value(json_object_get(root, "uuid")),
                       delivery->id) == 0);
    fuzz_assert(strcmp(json_string_value(json_object_get(root, "timestamp")),
                       "2026-05-02T09:29:40.481213Z") == 0);

    fuzz_assert(tavus_delivery_visitor(&visitor, delivery, &reason)
                == TAVUS_DELIVERY_OK);

    granted = visitor.granted;

    fuzz_assert(granted
                || ((visitor.session_id == NULL
                     || strcmp(json_string_value(id), visitor.session_id))
                    && (visitor.user_id == NULL
                        || strcmp(json_string_value(id), visitor.user_id))));

    tavus_delivery_visitor_free(&visitor);

    fuzz_properties(json_object_get(root, "properties"), granted);

    json_decref(root);
}


static void
fuzz_properties(json_t *properties, int granted)
{
    size_t       i, n;
    json_t      *value;
    const char  *name;

    static const char *const  nameless[] = {
        "vertical", "utm_source", "utm_medium", "utm_campaign", "$lib",
        "$lib_version", "$geoip_disable", "$process_person_profile"
    };

    fuzz_assert(json_object_size(properties) <= 32 + TAVUS_POSTHOG_NUMBERS);
    fuzz_assert(granted == (json_object_get(properties,
                                            "$process_person_profile")
                            == NULL));
    fuzz_assert(json_object_get(properties, "$set") == NULL);

    json_object_foreach(properties, name, value) {

        fuzz_assert(!json_is_object(value) && !json_is_array(value)
                    && !json_is_null(value));
        fuzz_assert(json_string_length(value) <= TAVUS_POSTHOG_VALUE_MAX);

        if (granted) {
            continue;
        }

        n = 0;

        for (i = 0; i < FUZZ_COUNT(nameless); i++) {
            n += strcmp(name, nameless[i]) == 0;
        }

        fuzz_assert(n == 1);
    }
}


static void
fuzz_batch(const tavus_part_t *key, char *json, size_t len)
{
    char          *body;
    size_t         size;
    json_t        *root, *batch;
    tavus_part_t   events[2];

    events[0].data = json;
    events[0].len = len;
    events[1] = events[0];

    body = tavus_posthog_batch(key, events, 2, &size);

    if (body == NULL) {
        return;
    }

    fuzz_assert(size == strlen(body));

    root = json_loadb(body, size, JSON_DECODE_INT_AS_REAL, NULL);
    batch = json_object_get(root, "batch");

    fuzz_assert(json_array_size(batch) == 2);
    fuzz_assert(json_equal(json_array_get(batch, 0),
                           json_array_get(batch, 1)));
    fuzz_assert(json_string_length(json_object_get(root, "api_key"))
                == key->len);

    json_decref(root);
    free(body);
}
