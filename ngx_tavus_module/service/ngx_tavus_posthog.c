
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_posthog.h"
#include "core/tavus_metrics.h"
#include "core/tavus_posthog.h"


static tavus_delivery_status_t ngx_tavus_posthog_make(ngx_tavus_destination_t
    *d, ngx_tavus_parcel_t *parcel, const char **reason);
static ngx_tavus_curl_t *ngx_tavus_posthog_request(ngx_tavus_destination_t *d,
    ngx_tavus_parcel_t **parcels, ngx_uint_t n);


static const char  *ngx_tavus_posthog_members[] = {
    "key", "properties", NULL
};


/* fewer than it would take: one that it refuses is looked for by halves */

const ngx_tavus_destination_service_t  ngx_tavus_posthog = {
    ngx_string("posthog"),
    TAVUS_DELIVERY_POSTHOG,
    TAVUS_SERVICE_POSTHOG,
    "https://us.i.posthog.com",
    ngx_tavus_posthog_members,
    0,
    500,
    4 * 1024 * 1024,
    1,
    ngx_tavus_posthog_make,
    ngx_tavus_posthog_request,
    NULL,
    NULL,
    NULL,
    NULL
};


static tavus_delivery_status_t
ngx_tavus_posthog_make(ngx_tavus_destination_t *d, ngx_tavus_parcel_t *parcel,
    const char **reason)
{
    char                     *json;
    tavus_posthog_conf_t      conf;
    tavus_delivery_status_t   rc;

    conf.consent = d->consent;
    conf.salt.data = d->salt.data;
    conf.salt.len = d->salt.len;
    conf.properties = d->properties.elts;
    conf.nproperties = d->properties.nelts;

    rc = tavus_posthog_event(&parcel->delivery, &conf, &json,
                             &parcel->json.len, reason);

    parcel->json.data = (u_char *) json;

    return rc;
}


static ngx_tavus_curl_t *
ngx_tavus_posthog_request(ngx_tavus_destination_t *d,
    ngx_tavus_parcel_t **parcels, ngx_uint_t n)
{
    char          *body;
    size_t         len;
    ngx_uint_t     i;
    tavus_part_t   key, *events;

    events = ngx_alloc(n * sizeof(tavus_part_t), ngx_cycle->log);
    if (events == NULL) {
        return NULL;
    }

    for (i = 0; i < n; i++) {
        events[i].data = parcels[i]->json.data;
        events[i].len = parcels[i]->json.len;
    }

    key.data = d->key.data;
    key.len = d->key.len;

    body = tavus_posthog_batch(&key, events, n, &len);

    ngx_free(events);

    return body ? ngx_tavus_destination_post(d, TAVUS_POSTHOG_PATH, body, len)
                : NULL;
}
