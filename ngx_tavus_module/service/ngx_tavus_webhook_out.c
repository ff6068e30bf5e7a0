
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_webhook_out.h"
#include "core/tavus_metrics.h"
#include "core/tavus_webhook_out.h"


static tavus_delivery_status_t ngx_tavus_webhook_out_make(
    ngx_tavus_destination_t *d, ngx_tavus_parcel_t *parcel,
    const char **reason);
static ngx_tavus_curl_t *ngx_tavus_webhook_out_request(
    ngx_tavus_destination_t *d, ngx_tavus_parcel_t **parcels, ngx_uint_t n);
static ngx_int_t ngx_tavus_webhook_out_headers(ngx_tavus_destination_t *d,
    ngx_tavus_parcel_t *parcel, ngx_tavus_curl_t *t);


static const char  *ngx_tavus_webhook_out_members[] = { "secret", NULL };


const ngx_tavus_destination_service_t  ngx_tavus_webhook_out = {
    ngx_string("webhook"),
    TAVUS_DELIVERY_WEBHOOK,
    TAVUS_SERVICE_WEBHOOK,
    NULL,
    ngx_tavus_webhook_out_members,
    1,
    1,
    TAVUS_WEBHOOK_OUT_MAX,
    8,
    ngx_tavus_webhook_out_make,
    ngx_tavus_webhook_out_request,
    NULL,
    NULL,
    NULL,
    NULL
};


static tavus_delivery_status_t
ngx_tavus_webhook_out_make(ngx_tavus_destination_t *d, ngx_tavus_parcel_t
    *parcel, const char **reason)
{
    char                     *json;
    tavus_delivery_status_t   rc;

    rc = tavus_webhook_out(&parcel->delivery, d->consent, &json,
                           &parcel->json.len, reason);

    parcel->json.data = (u_char *) json;

    return rc;
}


static ngx_tavus_curl_t *
ngx_tavus_webhook_out_request(ngx_tavus_destination_t *d, ngx_tavus_parcel_t
    **parcels, ngx_uint_t n)
{
    char              *body;
    ngx_str_t         *json;
    ngx_tavus_curl_t  *t;

    json = &parcels[0]->json;

    body = malloc(json->len);
    if (body == NULL) {
        return NULL;
    }

    ngx_memcpy(body, json->data, json->len);

    t = ngx_tavus_destination_post(d, "", body, json->len);

    if (t && ngx_tavus_webhook_out_headers(d, parcels[0], t) != NGX_OK) {
        ngx_tavus_curl_cancel(t);
        return NULL;
    }

    return t;
}


/* the id is the same on each attempt, the time is not */

static ngx_int_t
ngx_tavus_webhook_out_headers(ngx_tavus_destination_t *d,
    ngx_tavus_parcel_t *parcel, ngx_tavus_curl_t *t)
{
    int     len;
    char    now[NGX_TIME_T_LEN + 1];
    char    signature[NGX_TAVUS_DESTINATION_SECRETS
                      * TAVUS_STANDARD_SIGNATURE];
    u_char  line[sizeof("webhook-signature: ") + sizeof(signature)];

    *ngx_sprintf((u_char *) now, "%T", ngx_time()) = '\0';

    len = tavus_standard_sign(d->secrets, d->nsecrets, parcel->delivery.id,
                              ngx_strlen(parcel->delivery.id), now,
                              ngx_strlen(now), (char *) t->body.data,
                              t->body.len, signature);
    if (len < 0) {
        return NGX_ERROR;
    }

    ngx_sprintf(line, "webhook-signature: %*s%Z", (size_t) len, signature);

    if (ngx_tavus_curl_header(t, (char *) line) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_sprintf(line, "webhook-timestamp: %s%Z", now);

    if (ngx_tavus_curl_header(t, (char *) line) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_sprintf(line, "webhook-id: %s%Z", parcel->delivery.id);

    return ngx_tavus_curl_header(t, (char *) line);
}
