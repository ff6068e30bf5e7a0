
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_limits.h"
#include "endpoint/ngx_tavus_admin_args.h"
#include "endpoint/ngx_tavus_admin_change.h"
#include "endpoint/ngx_tavus_admin_trail.h"
#include "guard/ngx_tavus_address.h"
#include "guard/ngx_tavus_limit.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "store/ngx_tavus_node.h"


#define NGX_TAVUS_LIMITS_BODY  1024
#define NGX_TAVUS_LIMITS_KEY   1024
#define NGX_TAVUS_LIMITS_ZONE  64


typedef struct {
    ngx_str_t                key;       /* as it was asked for, with a NUL */
    ngx_tavus_limit_zone_t  *zone;      /* NULL: all */
} ngx_tavus_limits_t;


static ngx_int_t ngx_tavus_limits_read(ngx_http_request_t *r,
    ngx_tavus_limits_t *l, ngx_int_t *sent);
static ngx_int_t ngx_tavus_limits_key(ngx_http_request_t *r,
    ngx_tavus_limit_zone_t *zone, ngx_str_t *text, u_char buf[16],
    ngx_str_t *key);
static void ngx_tavus_limits_body(ngx_http_request_t *r, ngx_str_t *body);
static cJSON *ngx_tavus_limits_trail(ngx_http_request_t *r,
    ngx_tavus_limits_t *l);
static void ngx_tavus_limits_asked(ngx_http_request_t *r, void *data);
static void ngx_tavus_limits_unasked(void *data);
static ngx_int_t ngx_tavus_limits_send(ngx_http_request_t *r,
    ngx_tavus_limits_t *l, ngx_uint_t fill);
static cJSON *ngx_tavus_limits_bucket(ngx_tavus_limit_zone_t *zone,
    ngx_str_t *key);


ngx_int_t
ngx_tavus_admin_limits(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_int_t            rc, sent;
    ngx_tavus_limits_t  *l;

    if (path->len != 6 || ngx_strncmp(path->data, "limits", 6) != 0) {
        return NGX_DECLINED;
    }

    l = ngx_pcalloc(r->pool, sizeof(ngx_tavus_limits_t));

    if (l == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_tavus_allow(r, NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_DELETE,
                         "GET, HEAD, DELETE");

    if (rc != NGX_OK) {
        return rc;
    }

    if (r->method == NGX_HTTP_DELETE) {
        return ngx_tavus_admin_change(r, l, NGX_TAVUS_LIMITS_BODY,
                                      ngx_tavus_limits_body);
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_limits_read(r, l, &sent) == NGX_OK
           ? ngx_tavus_limits_send(r, l, 0) : sent;
}


/* NGX_OK; NGX_DECLINED if a problem was sent, *sent is what came of it */

static ngx_int_t
ngx_tavus_limits_read(ngx_http_request_t *r, ngx_tavus_limits_t *l,
    ngx_int_t *sent)
{
    u_char                        buf[16];
    ngx_str_t                     key;
    ngx_uint_t                    i;
    tavus_query_arg_t             table[2];
    ngx_tavus_limit_zone_t      **zones;
    ngx_tavus_limit_main_conf_t  *lmcf;

    ngx_memzero(table, sizeof(table));

    table[0].name = "key";
    table[0].max = NGX_TAVUS_LIMITS_KEY;
    table[1].name = "zone";
    table[1].max = NGX_TAVUS_LIMITS_ZONE;

    if (ngx_tavus_args_read(r, r->pool, table, 2, sent) != NGX_OK) {
        return NGX_DECLINED;
    }

    /* an empty one is a key, too */

    if (table[0].value == NULL) {
        *sent = ngx_tavus_args_invalid(r, "key");
        return NGX_DECLINED;
    }

    l->key.data = (u_char *) table[0].value;
    l->key.len = table[0].len;

    if (table[1].value == NULL) {
        return NGX_OK;
    }

    lmcf = ngx_http_get_module_main_conf(r, ngx_tavus_limit_module);
    zones = lmcf->zones.elts;

    for (i = 0; i < lmcf->zones.nelts; i++) {
        if (zones[i]->name.len == table[1].len
            && ngx_strncmp(zones[i]->name.data, table[1].value, table[1].len)
               == 0)
        {
            l->zone = zones[i];
        }
    }

    if (l->zone == NULL) {
        *sent = ngx_tavus_args_invalid(r, "zone");
        return NGX_DECLINED;
    }

    switch (ngx_tavus_limits_key(r, l->zone, &l->key, buf, &key)) {

    case NGX_OK:
        return NGX_OK;

    case NGX_DECLINED:
        *sent = ngx_tavus_args_invalid(r, "key");
        return NGX_DECLINED;

    default: /* NGX_ERROR */
        *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }
}


/* as the zone would make it; NGX_DECLINED: it has no such keys */

static ngx_int_t
ngx_tavus_limits_key(ngx_http_request_t *r, ngx_tavus_limit_zone_t *zone,
    ngx_str_t *text, u_char buf[16], ngx_str_t *key)
{
    if (zone->addr) {
        return ngx_tavus_address_text(r->pool, text, zone->v4, zone->v6, buf,
                                      key);
    }

    *key = ngx_tavus_limit_zone_shared(zone) ? zone->key.value : *text;

    return NGX_OK;
}


/* there is nothing in it that counts */

static void
ngx_tavus_limits_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON                    *root, *data;
    ngx_int_t                 rc;
    ngx_tavus_limits_t       *l;
    ngx_tavus_admin_trail_t   trail;

    l = ngx_tavus_get_ctx(r)->state;

    if (body->len) {
        root = ngx_tavus_parse_object(r, body);

        if (root == NULL) {
            return;
        }

        rc = root->child ? NGX_DECLINED : NGX_OK;

        cJSON_Delete(root);

        if (rc != NGX_OK) {
            ngx_tavus_finalize(r, ngx_tavus_send_problem(r,
                                       NGX_HTTP_BAD_REQUEST, "unknown_field",
                                       0, "The request has a field that is "
                                       "not known."));
            return;
        }
    }

    if (ngx_tavus_limits_read(r, l, &rc) != NGX_OK) {
        ngx_tavus_finalize(r, rc);
        return;
    }

    data = ngx_tavus_limits_trail(r, l);

    trail.handler = ngx_tavus_limits_asked;
    trail.gone = ngx_tavus_limits_unasked;
    trail.data = l;

    if (ngx_tavus_admin_trail_ask(r, "admin.limits_reset", data, &trail)
        != NGX_AGAIN)
    {
        ngx_tavus_finalize(r, ngx_tavus_admin_trail_unavailable(r));
    }
}


/* NULL: no memory */

static cJSON *
ngx_tavus_limits_trail(ngx_http_request_t *r, ngx_tavus_limits_t *l)
{
    u_char              zone[NGX_TAVUS_LIMITS_ZONE + 1];
    cJSON              *data, *object;
    ngx_tavus_trail_t   who;

    static ngx_tavus_admin_arg_t  key = { "key", NGX_TAVUS_LIMITS_KEY,
                                          ngx_tavus_arg_key };

    if (ngx_tavus_admin_trail_who(r, &who) != NGX_OK) {
        return NULL;
    }

    data = ngx_tavus_trail_data(&who);
    object = cJSON_AddObjectToObject(data, "object");

    if (object == NULL) {
        cJSON_Delete(data);
        return NULL;
    }

    ngx_tavus_admin_args_told(&object, &key, (char *) l->key.data);

    if (l->zone) {
        ngx_cpystrn(zone, l->zone->name.data,
                    ngx_min(l->zone->name.len + 1, sizeof(zone)));
        (void) cJSON_AddStringToObject(object, "zone", (char *) zone);
    }

    return data;
}


static void
ngx_tavus_limits_asked(ngx_http_request_t *r, void *data)
{
    ngx_tavus_finalize(r, ngx_tavus_limits_send(r, data, 1));
}


static void
ngx_tavus_limits_unasked(void *data)
{
    /* it is the request's */
}


static ngx_int_t
ngx_tavus_limits_send(ngx_http_request_t *r, ngx_tavus_limits_t *l,
    ngx_uint_t fill)
{
    u_char                        buf[16];
    cJSON                        *json, *list, *bucket;
    ngx_int_t                     rc;
    ngx_str_t                     key;
    ngx_uint_t                    i, filled;
    const char                   *node;
    ngx_tavus_limit_zone_t      **zones;
    ngx_tavus_limit_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(r, ngx_tavus_limit_module);
    zones = lmcf->zones.elts;

    json = cJSON_CreateObject();
    node = ngx_tavus_node_name();

    (void) cJSON_AddItemToObject(json, "node",
                                 node && *node ? cJSON_CreateString(node)
                                               : cJSON_CreateNull());

    list = cJSON_AddArrayToObject(json, "limits");

    for (i = 0; i < lmcf->zones.nelts; i++) {

        if (l->zone && zones[i] != l->zone) {
            continue;
        }

        /* what is everybody's is not filled for the sake of one */

        if (fill && l->zone == NULL && ngx_tavus_limit_zone_shared(zones[i])) {
            continue;
        }

        rc = ngx_tavus_limits_key(r, zones[i], &l->key, buf, &key);

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc != NGX_OK) {
            cJSON_Delete(json);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        filled = fill && ngx_tavus_limit_fill(zones[i], &key);

        bucket = ngx_tavus_limits_bucket(zones[i], &key);

        if (fill) {
            (void) cJSON_AddBoolToObject(bucket, "reset", filled);
        }

        (void) cJSON_AddItemToArray(list, bucket);
    }

    rc = ngx_tavus_send_json(r, NGX_HTTP_OK, json);

    cJSON_Delete(json);

    return rc;
}


static cJSON *
ngx_tavus_limits_bucket(ngx_tavus_limit_zone_t *zone, ngx_str_t *key)
{
    u_char                    name[NGX_TAVUS_LIMITS_ZONE + 1];
    cJSON                    *bucket;
    ngx_uint_t                unit, known;
    ngx_tavus_limit_probe_t   probe;

    known = ngx_tavus_limit_look(zone, key, &probe);

    unit = zone->bytes ? 1024 : 1;
    ngx_cpystrn(name, zone->name.data,
                ngx_min(zone->name.len + 1, sizeof(name)));

    bucket = cJSON_CreateObject();

    (void) cJSON_AddStringToObject(bucket, "zone", (char *) name);
    (void) cJSON_AddStringToObject(bucket, "unit", zone->bytes ? "bytes"
                                                               : "requests");
    (void) cJSON_AddNumberToObject(bucket, "rate",
                                   (double) zone->rate.rate * unit);
    (void) cJSON_AddNumberToObject(bucket, "period",
                                   (double) ngx_tavus_limit_seconds(
                                                        zone->rate.period));
    (void) cJSON_AddNumberToObject(bucket, "capacity",
                                   (double) zone->rate.capacity * unit);
    (void) cJSON_AddNumberToObject(bucket, "remaining",
                                   (double) probe.res.remaining * unit);
    (void) cJSON_AddNumberToObject(bucket, "full_in",
                               (double) ngx_tavus_limit_seconds(
                                                         probe.res.reset));
    (void) cJSON_AddBoolToObject(bucket, "known", known);
    (void) cJSON_AddBoolToObject(bucket, "shared",
                                 ngx_tavus_limit_zone_shared(zone)
                                 || probe.entry == NULL);

    return bucket;
}
