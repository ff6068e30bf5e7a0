
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_ga4.h"
#include "core/tavus_ga4.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_GA4_PATH  "/mp/collect"


static tavus_delivery_status_t ngx_tavus_ga4_make(ngx_tavus_destination_t *d,
    ngx_tavus_parcel_t *parcel, const char **reason);
static ngx_tavus_curl_t *ngx_tavus_ga4_request(ngx_tavus_destination_t *d,
    ngx_tavus_parcel_t **parcels, ngx_uint_t n);


static const char  *ngx_tavus_ga4_members[] = {
    "measurement_id", "secret", "properties", NULL
};


/* a request is about one visitor */

const ngx_tavus_destination_service_t  ngx_tavus_ga4 = {
    ngx_string("ga4"),
    TAVUS_DELIVERY_GA4,
    TAVUS_SERVICE_GA4,
    "https://www.google-analytics.com",
    ngx_tavus_ga4_members,
    0,
    1,
    TAVUS_GA4_BODY_MAX,
    8,
    ngx_tavus_ga4_make,
    ngx_tavus_ga4_request,
    NULL,
    NULL,
    NULL,
    NULL
};


static tavus_delivery_status_t
ngx_tavus_ga4_make(ngx_tavus_destination_t *d, ngx_tavus_parcel_t *parcel,
    const char **reason)
{
    char                     *json;
    ngx_time_t               *tp;
    tavus_ga4_conf_t          conf;
    tavus_delivery_status_t   rc;

    conf.consent = d->consent;
    conf.salt.data = d->salt.data;
    conf.salt.len = d->salt.len;
    conf.properties = d->properties.elts;
    conf.nproperties = d->properties.nelts;

    tp = ngx_timeofday();

    rc = tavus_ga4_event(&parcel->delivery, &conf,
                         (int64_t) tp->sec * 1000000 + tp->msec * 1000,
                         &json, &parcel->json.len, reason);

    parcel->json.data = (u_char *) json;

    return rc;
}


static ngx_tavus_curl_t *
ngx_tavus_ga4_request(ngx_tavus_destination_t *d, ngx_tavus_parcel_t
    **parcels, ngx_uint_t n)
{
    char              *body, *path;
    ngx_str_t         *json;
    tavus_part_t       parts[3];
    ngx_tavus_curl_t  *t;

    parts[0].data = NGX_TAVUS_GA4_PATH;
    parts[0].len = sizeof(NGX_TAVUS_GA4_PATH) - 1;
    parts[1].data = d->measurement_id.data;
    parts[1].len = d->measurement_id.len;
    parts[2].data = d->key.data;
    parts[2].len = d->key.len;

    path = tavus_ga4_path(&parts[0], &parts[1], &parts[2]);
    if (path == NULL) {
        return NULL;
    }

    t = NULL;
    json = &parcels[0]->json;

    body = malloc(json->len);

    if (body) {
        ngx_memcpy(body, json->data, json->len);
        t = ngx_tavus_destination_post(d, path, body, json->len);
    }

    free(path);

    return t;
}
