
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_forget.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_FORGET_END   "/v2/conversations/%V/end"
#define NGX_TAVUS_FORGET_HARD  "/v2/conversations/%V?hard=true"

/* of a path, before and behind the id */
#define NGX_TAVUS_FORGET_FIRST  (sizeof(NGX_TAVUS_FORGET_END)                \
                                 - sizeof("%V/end"))
#define NGX_TAVUS_FORGET_LAST   (sizeof("/end") - 1)


static tavus_delivery_status_t ngx_tavus_forget_make(
    ngx_tavus_destination_t *d, ngx_tavus_parcel_t *parcel,
    const char **reason);
static ngx_tavus_curl_t *ngx_tavus_forget_request(
    ngx_tavus_destination_t *d, ngx_tavus_parcel_t **parcels, ngx_uint_t n);
static ngx_tavus_curl_t *ngx_tavus_forget_next(ngx_tavus_destination_t *d,
    ngx_tavus_curl_t *t);
static tavus_verdict_t ngx_tavus_forget_verdict(ngx_tavus_curl_t *t);
static ngx_tavus_curl_t *ngx_tavus_forget_transfer(
    ngx_tavus_destination_t *d, const char *method, const char *path,
    u_char *id, size_t len);


static const char  *ngx_tavus_forget_members[] = { NULL };


static const ngx_tavus_destination_service_t  ngx_tavus_forget = {
    ngx_string("tavus"),
    TAVUS_DELIVERY_TAVUS,
    TAVUS_SERVICE_TAVUS,
    NULL,
    ngx_tavus_forget_members,
    0,
    1,
    1024,
    2,
    ngx_tavus_forget_make,
    ngx_tavus_forget_request,
    NULL,
    NULL,
    ngx_tavus_forget_next,
    ngx_tavus_forget_verdict
};


ngx_tavus_destination_t *
ngx_tavus_forget_destination(ngx_conf_t *cf, ngx_tavus_api_t *api)
{
    tavus_part_t             *type;
    ngx_tavus_destination_t  *d;

    d = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_destination_t));

    if (d == NULL
        || ngx_array_init(&d->patterns, cf->pool, 1, sizeof(tavus_part_t))
           != NGX_OK
        || ngx_array_init(&d->properties, cf->pool, 1, sizeof(tavus_part_t))
           != NGX_OK)
    {
        return NULL;
    }

    type = ngx_array_push(&d->patterns);
    type->data = "conversation.erased";
    type->len = ngx_strlen(type->data);

    ngx_str_set(&d->name, "tavus.erase");

    d->service = &ngx_tavus_forget;
    d->api = api;
    d->peer = api->peer;
    d->key = api->key;
    d->timeout = api->timeout;
    d->consent = TAVUS_CONSENT_NOT_NEEDED;
    d->rows = 1;
    d->names = "{}";
    d->prefixes = "{}";
    d->content = "{}";

    return d;
}


/* a digit that says whether it may run, and its id */

static tavus_delivery_status_t
ngx_tavus_forget_make(ngx_tavus_destination_t *d, ngx_tavus_parcel_t
    *parcel, const char **reason)
{
    cJSON                    *root, *id;
    size_t                    len;
    u_char                   *p;
    tavus_delivery_status_t   rc;

    (void) tavus_json_parse(parcel->delivery.body.data,
                            parcel->delivery.body.len, &root, NULL);

    id = cJSON_GetObjectItemCaseSensitive(root, "conversation_id");
    len = cJSON_IsString(id) ? ngx_strlen(id->valuestring) : 0;

    /* no id of Tavus's, so there is nothing of it */

    if (len > NGX_TAVUS_API_ID
        || !ngx_tavus_api_valid_id((u_char *) (len ? id->valuestring : ""),
                                   len))
    {
        cJSON_Delete(root);
        return TAVUS_DELIVERY_SKIP;
    }

    p = malloc(len + 1);
    rc = TAVUS_DELIVERY_ERROR;

    if (p) {
        p[0] = cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(root,
                                                              "running"))
               ? '0' : '1';

        ngx_memcpy(p + 1, id->valuestring, len);

        parcel->json.data = p;
        parcel->json.len = len + 1;

        rc = TAVUS_DELIVERY_OK;
    }

    cJSON_Delete(root);

    return rc;
}


static ngx_tavus_curl_t *
ngx_tavus_forget_request(ngx_tavus_destination_t *d, ngx_tavus_parcel_t
    **parcels, ngx_uint_t n)
{
    ngx_str_t  *what;

    what = &parcels[0]->json;

    return what->data[0] == '1'
           ? ngx_tavus_forget_transfer(d, "POST", NGX_TAVUS_FORGET_END,
                                       what->data + 1, what->len - 1)
           : ngx_tavus_forget_transfer(d, "DELETE", NGX_TAVUS_FORGET_HARD,
                                       what->data + 1, what->len - 1);
}


/* whatever Tavus has against ending it, it may be over */

static ngx_tavus_curl_t *
ngx_tavus_forget_next(ngx_tavus_destination_t *d, ngx_tavus_curl_t *t)
{
    tavus_verdict_t  verdict;

    if (ngx_strcmp(t->method, "POST") != 0) {
        return NULL;
    }

    verdict = tavus_delivery_verdict(TAVUS_DELIVERY_TAVUS,
                                     ngx_tavus_destination_status(t));

    if (verdict != TAVUS_VERDICT_DELIVERED && verdict != TAVUS_VERDICT_NEVER)
    {
        return NULL;
    }

    return ngx_tavus_forget_transfer(d, "DELETE", NGX_TAVUS_FORGET_HARD,
                                     t->path.data + NGX_TAVUS_FORGET_FIRST,
                                     t->path.len - NGX_TAVUS_FORGET_FIRST
                                     - NGX_TAVUS_FORGET_LAST);
}


/* what it has not is erased */

static tavus_verdict_t
ngx_tavus_forget_verdict(ngx_tavus_curl_t *t)
{
    return ngx_strcmp(t->method, "DELETE") == 0 && ngx_tavus_api_unknown(t)
           ? TAVUS_VERDICT_DELIVERED
           : tavus_delivery_verdict(TAVUS_DELIVERY_TAVUS,
                                    ngx_tavus_destination_status(t));
}


static ngx_tavus_curl_t *
ngx_tavus_forget_transfer(ngx_tavus_destination_t *d, const char *method,
    const char *path, u_char *id, size_t len)
{
    u_char            *p;
    ngx_str_t          name;
    ngx_tavus_curl_t  *t;

    t = ngx_tavus_api_transfer(d->api, method, NULL, NULL);
    if (t == NULL) {
        return NULL;
    }

    p = ngx_pnalloc(t->pool, ngx_strlen(path) + len);
    if (p == NULL) {
        ngx_tavus_curl_cancel(t);
        return NULL;
    }

    t->level = NGX_LOG_INFO;            /* the flight says it, once */
    name.data = id;
    name.len = len;

    t->path.data = p;
    t->path.len = ngx_sprintf(p, path, &name) - p;

    return t;
}
