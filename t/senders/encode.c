/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */

/*
 * Makes of events what core/ makes of them for a destination: a line of JSON
 * in, with "to" (posthog, ga4, webhook), "consent" (0 to 2, as in the enum),
 * "now" in microseconds as text, "key", and "deliveries", whose members are
 * strings; a line of JSON out, a list of {"status","reason","made"}, and for
 * PostHog a last one with the batch of what was made.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tavus_ga4.h"
#include "tavus_posthog.h"
#include "tavus_webhook_out.h"


#define MOST  1000


static tavus_part_t  names[1];


static tavus_part_t
part(const cJSON *in, const char *name)
{
    char          *text;
    tavus_part_t   p;

    text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(in, name));

    p.data = text ? text : "";
    p.len = text ? strlen(text) : 0;

    return p;
}


static tavus_delivery_status_t
make(const char *to, const cJSON *in, const tavus_delivery_t *d, int64_t now,
    char **json, size_t *len, const char **reason)
{
    cJSON                *consent;
    tavus_consent_t       c;
    tavus_ga4_conf_t      ga4;
    tavus_posthog_conf_t  posthog;

    consent = cJSON_GetObjectItemCaseSensitive(in, "consent");
    c = consent ? (tavus_consent_t) consent->valueint : TAVUS_CONSENT_REQUIRED;

    if (strcmp(to, "webhook") == 0) {
        return tavus_webhook_out(d, c, json, len, reason);
    }

    names[0] = part(in, "property");

    if (strcmp(to, "ga4") == 0) {
        memset(&ga4, 0, sizeof(ga4));

        ga4.consent = c;
        ga4.salt = part(in, "key");
        ga4.properties = names;
        ga4.nproperties = names[0].len ? 1 : 0;

        return tavus_ga4_event(d, &ga4, now, json, len, reason);
    }

    memset(&posthog, 0, sizeof(posthog));

    posthog.consent = c;
    posthog.salt = part(in, "key");
    posthog.properties = names;
    posthog.nproperties = names[0].len ? 1 : 0;

    return tavus_posthog_event(d, &posthog, json, len, reason);
}


static void
answer(const cJSON *in)
{
    size_t            i, n, len;
    char             *json, *made[MOST];
    cJSON            *all, *one, *row;
    int64_t           now;
    const char       *reason, *to;
    tavus_part_t      key, parts[MOST];
    tavus_delivery_t  d;

    n = 0;
    all = cJSON_CreateArray();
    to = part(in, "to").data;
    now = strtoll(part(in, "now").data, NULL, 10);

    cJSON_ArrayForEach(row, cJSON_GetObjectItem(in, "deliveries")) {
        memset(&d, 0, sizeof(d));

        strncpy(d.id, part(row, "id").data, sizeof(d.id) - 1);
        d.time = strtoll(part(row, "time").data, NULL, 10);
        d.source = part(row, "source");
        d.event_type = part(row, "event_type");
        d.conversation_id = part(row, "conversation_id");
        d.body = part(row, "body");
        d.visitor = part(row, "visitor");

        reason = NULL;

        one = cJSON_CreateObject();
        cJSON_AddNumberToObject(one, "status",
                                make(to, in, &d, now, &json, &len, &reason));

        if (reason) {
            cJSON_AddStringToObject(one, "reason", reason);
        }

        if (json) {
            cJSON_AddStringToObject(one, "made", json);

            if (n == MOST || len != strlen(json)) {
                abort();
            }

            parts[n].data = json;
            parts[n].len = len;
            made[n++] = json;
        }

        cJSON_AddItemToArray(all, one);
    }

    if (n && strcmp(to, "posthog") == 0) {
        key = part(in, "key");
        json = tavus_posthog_batch(&key, parts, n, &len);

        if (json == NULL || len != strlen(json)) {
            abort();
        }

        one = cJSON_CreateObject();
        cJSON_AddStringToObject(one, "made", json);
        cJSON_AddItemToArray(all, one);

        free(json);
    }

    for (i = 0; i < n; i++) {
        free(made[i]);
    }

    json = cJSON_PrintUnformatted(all);
    puts(json);
    fflush(stdout);

    free(json);
    cJSON_Delete(all);
}


int
main(void)
{
    char    *line;
    cJSON   *in;
    size_t   size;

    line = NULL;
    size = 0;

    while (getline(&line, &size, stdin) > 0) {
        in = cJSON_Parse(line);

        if (in == NULL) {
            return 1;
        }

        answer(in);
        cJSON_Delete(in);
    }

    free(line);

    return 0;
}
