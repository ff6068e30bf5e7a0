
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


/*
 * Whatever is made is within GA4's limits, as jansson reads it, and nothing of
 * a visitor who did not agree is in it.
 */

#include <jansson.h>

#include "fuzz_visitor.h"
#include "tavus_ga4.h"


static void fuzz_request(const tavus_delivery_t *delivery, const char *json,
    size_t len);
static void fuzz_params(json_t *params, int granted);
static void fuzz_name(const char *name, size_t max);
static void fuzz_path(const tavus_part_t *id, const tavus_part_t *secret);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                     *json;
    size_t                    len;
    const char               *reason;
    fuzz_visitor_t            v;
    tavus_ga4_conf_t          conf;
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
    status = tavus_ga4_event(&v.delivery, &conf, v.delivery.time + 1, &json,
                             &len, &reason);

    fuzz_assert((status == TAVUS_DELIVERY_OK) == (json != NULL));
    fuzz_assert((reason == NULL) == (status == TAVUS_DELIVERY_OK));

    if (json) {
        fuzz_request(&v.delivery, json, len);
        free(json);
    }

    fuzz_path(&v.delivery.event_type, &v.named);

    fuzz_visitor_free(&v);

    return 0;
}


static void
fuzz_request(const tavus_delivery_t *delivery, const char *json, size_t len)
{
    json_t                     *root, *event;
    const char                 *reason, *client;
    tavus_delivery_visitor_t    visitor;

    fuzz_assert(len == strlen(json) && len <= TAVUS_GA4_BODY_MAX);
    fuzz_assert(tavus_json_check(json, len, NULL, 0, NULL) == TAVUS_JSON_OK);

    root = json_loadb(json, len, JSON_DECODE_INT_AS_REAL, NULL);
    fuzz_assert(root != NULL);

    client = json_string_value(json_object_get(root, "client_id"));
    fuzz_assert(client && client[0] && strlen(client) <= 256);
    fuzz_assert(json_real_value(json_object_get(root, "timestamp_micros"))
                == 1777714180481213.0);
    fuzz_assert(json_array_size(json_object_get(root, "events")) == 1);

    fuzz_assert(tavus_delivery_visitor(&visitor, delivery, &reason)
                == TAVUS_DELIVERY_OK);
    fuzz_assert(visitor.granted
                || ((visitor.session_id == NULL
                     || strcmp(client, visitor.session_id) != 0)
                    && (visitor.user_id == NULL
                        || strcmp(client, visitor.user_id) != 0)));

    event = json_array_get(json_object_get(root, "events"), 0);
    fuzz_name(json_string_value(json_object_get(event, "name")),
              TAVUS_GA4_NAME_MAX);
    fuzz_params(json_object_get(event, "params"), visitor.granted);

    tavus_delivery_visitor_free(&visitor);
    json_decref(root);
}


static void
fuzz_params(json_t *params, int granted)
{
    size_t       i, n;
    json_t      *value;
    const char  *name;

    static const char *const  nameless[] = {
        "session_id", "engagement_time_msec", "vertical", "utm_source",
        "utm_medium", "utm_campaign"
    };

    fuzz_assert(json_object_size(params) <= TAVUS_GA4_PARAMS);

    json_object_foreach(params, name, value) {

        fuzz_name(name, TAVUS_GA4_NAME_MAX);
        fuzz_assert(json_is_string(value) || json_is_number(value));
        fuzz_assert(json_string_length(value) <= TAVUS_GA4_VALUE_MAX);

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
fuzz_name(const char *name, size_t max)
{
    static const char  letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    fuzz_assert(name && name[0] && strlen(name) <= max);
    fuzz_assert(strchr(letters, name[0]) != NULL);
    fuzz_assert(strspn(name, "abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
                == strlen(name));
    fuzz_assert(strncmp(name, "ga_", 3) != 0
                && strncmp(name, "google_", 7) != 0
                && strncmp(name, "firebase_", 9) != 0);
}


/* no byte of a secret ends the query or begins another argument */

static void
fuzz_path(const tavus_part_t *id, const tavus_part_t *secret)
{
    char          *path, *p;
    tavus_part_t   base;

    static const char  mp[] = "/mp/collect";

    base.data = mp;
    base.len = sizeof(mp) - 1;

    path = tavus_ga4_path(&base, id, secret);
    fuzz_assert(path != NULL);

    p = strchr(path, '&');
    fuzz_assert(p != NULL && strncmp(p, "&api_secret=", 12) == 0);
    fuzz_assert(strchr(p + 1, '&') == NULL);
    fuzz_assert(strpbrk(path, " #\r\n\t\"<>+/;") == path);
    fuzz_assert(strpbrk(path + sizeof(mp) - 1, " #\r\n\t\"<>+/;") == NULL);

    free(path);
}
