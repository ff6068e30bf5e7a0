
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_limit.h"
#include "guard/ngx_tavus_address.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_variable.h"


#define NGX_TAVUS_LIMIT_HEADERS  6


typedef enum {
    NGX_TAVUS_LIMIT_NONE = 0,
    NGX_TAVUS_LIMIT_PASSED,
    NGX_TAVUS_LIMIT_REJECTED,
    NGX_TAVUS_LIMIT_REJECTED_DRY_RUN
} ngx_tavus_limit_status_e;


static ngx_uint_t ngx_tavus_limit_charged(ngx_tavus_ctx_t *ctx,
    ngx_tavus_limit_zone_t *zone);
static ngx_int_t ngx_tavus_limit_body(ngx_http_request_t *r, size_t len);
static uint32_t ngx_tavus_limit_kib(off_t length);
static ngx_int_t ngx_tavus_limit_key(ngx_http_request_t *r,
    ngx_tavus_limit_probe_t *probe);
static ngx_int_t ngx_tavus_limit_verdict(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx, ngx_tavus_limit_probe_t *probes, ngx_uint_t n);
static ngx_tavus_limit_probe_t *ngx_tavus_limit_tightest(
    ngx_tavus_limit_probe_t *probes, ngx_uint_t n, ngx_uint_t dry_run);
static u_char *ngx_tavus_limit_number(u_char *p, uint64_t n);
static void ngx_tavus_limit_clear_headers(ngx_http_request_t *r,
    ngx_uint_t n);


static ngx_int_t ngx_tavus_limit_status_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_tavus_limit_remaining_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);


static ngx_http_variable_t  ngx_tavus_limit_variables[] = {

    { ngx_string("tavus_limit_status"), NULL, ngx_tavus_limit_status_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tavus_limit_remaining"), NULL,
      ngx_tavus_limit_remaining_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_str_t  ngx_tavus_limit_status[] = {
    ngx_string("PASSED"),
    ngx_string("REJECTED"),
    ngx_string("REJECTED_DRY_RUN")
};


static ngx_str_t  ngx_tavus_limit_names[NGX_TAVUS_LIMIT_HEADERS] = {
    ngx_string("RateLimit-Policy"),
    ngx_string("RateLimit"),
    ngx_string("X-RateLimit-Limit"),
    ngx_string("X-RateLimit-Remaining"),
    ngx_string("X-RateLimit-Reset"),
    ngx_string("Retry-After")                   /* of a rejection only */
};


ngx_int_t
ngx_tavus_limit_handler(ngx_http_request_t *r)
{
    off_t                        length;
    ngx_uint_t                   i, n, unknown;
    ngx_tavus_ctx_t             *ctx;
    ngx_tavus_limit_t           *limits;
    ngx_tavus_loc_conf_t        *lcf;
    ngx_tavus_limit_loc_conf_t  *llcf;
    ngx_tavus_limit_probe_t      probes[NGX_TAVUS_MAX_LIMITS];

    llcf = ngx_http_get_module_loc_conf(r, ngx_tavus_limit_module);

    if (llcf->limits == NULL) {
        return NGX_DECLINED;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    ctx = ngx_tavus_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    limits = llcf->limits->elts;
    length = ngx_max(r->headers_in.content_length_n, 0);
    unknown = r->headers_in.chunked;
    n = 0;

    for (i = 0; i < llcf->limits->nelts; i++) {

        if (ngx_tavus_limit_charged(ctx, limits[i].zone)) {
            continue;
        }

        probes[n].zone = limits[i].zone;
        probes[n].tokens = 1;
        probes[n].dry_run = limits[i].dry_run;

        if (limits[i].zone->bytes) {

            /* who reads a body of unknown length asks again */

            if (unknown && lcf->endpoint == NULL) {
                return ngx_tavus_reject(r, NGX_HTTP_LENGTH_REQUIRED,
                                        "length_required", 0,
                                        "The length of the body is needed.");
            }

            ctx->judge_body = unknown ? ngx_tavus_limit_body : NULL;
            probes[n].tokens = unknown ? 0 : ngx_tavus_limit_kib(length);
        }

        if (ngx_tavus_limit_key(r, &probes[n]) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        n++;
    }

    if (n == 0) {
        return NGX_DECLINED;
    }

    if (ngx_tavus_limit_decide(probes, n)) {

        for (i = 0; i < n; i++) {
            if (probes[i].allowed && ctx->ncharged < NGX_TAVUS_MAX_LIMITS) {
                ctx->charged[ctx->ncharged++] = probes[i].zone;
            }
        }
    }

    return ngx_tavus_limit_verdict(r, ctx, probes, n);
}


ngx_uint_t
ngx_tavus_limit_asks(ngx_http_request_t *r)
{
    ngx_tavus_limit_loc_conf_t  *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_tavus_limit_module);

    return llcf->limits != NULL;
}


/* by a location that the request was redirected from */

static ngx_uint_t
ngx_tavus_limit_charged(ngx_tavus_ctx_t *ctx, ngx_tavus_limit_zone_t *zone)
{
    ngx_uint_t  i;

    for (i = 0; i < ctx->ncharged; i++) {
        if (ctx->charged[i] == zone) {
            return 1;
        }
    }

    return 0;
}


/*
 * Asks those buckets that count bytes, once a body of unknown length has been
 * read.  NGX_DECLINED if the request may go on; else it has been answered and
 * finalized.
 */

static ngx_int_t
ngx_tavus_limit_body(ngx_http_request_t *r, size_t len)
{
    ngx_uint_t                   i, n;
    ngx_tavus_ctx_t             *ctx;
    ngx_tavus_limit_t           *limits;
    ngx_tavus_limit_loc_conf_t  *llcf;
    ngx_tavus_limit_probe_t      probes[NGX_TAVUS_MAX_LIMITS];

    ctx = ngx_tavus_get_ctx(r);
    llcf = ngx_http_get_module_loc_conf(r, ngx_tavus_limit_module);

    ctx->judge_body = NULL;

    if (llcf->limits == NULL) {
        return NGX_DECLINED;
    }

    limits = llcf->limits->elts;
    n = 0;

    for (i = 0; i < llcf->limits->nelts; i++) {

        if (!limits[i].zone->bytes) {
            continue;
        }

        probes[n].zone = limits[i].zone;
        probes[n].tokens = ngx_tavus_limit_kib(len);
        probes[n].dry_run = limits[i].dry_run;

        if (ngx_tavus_limit_key(r, &probes[n]) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_DONE;
        }

        n++;
    }

    if (n == 0 || ngx_tavus_limit_decide(probes, n)) {
        return NGX_DECLINED;
    }

    return ngx_tavus_limit_verdict(r, ctx, probes, n);
}


/* more than any bucket holds is as much as it holds */

static uint32_t
ngx_tavus_limit_kib(off_t length)
{
    length = length / 1024 + (length % 1024 != 0);

    return (uint32_t) ngx_min(length, TAVUS_BUCKET_MAX_CAPACITY);
}


static ngx_int_t
ngx_tavus_limit_key(ngx_http_request_t *r, ngx_tavus_limit_probe_t *probe)
{
    u_char                   addr[16];
    ngx_str_t                key;
    ngx_tavus_limit_zone_t  *zone;

    zone = probe->zone;

    if (zone->addr) {
        ngx_tavus_address_key(r, zone->v4, zone->v6, addr, &key);

    } else if (ngx_http_complex_value(r, &zone->key, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    probe->hash = ngx_tavus_limit_hash(zone, &key);

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_limit_verdict(ngx_http_request_t *r, ngx_tavus_ctx_t *ctx,
    ngx_tavus_limit_probe_t *probes, ngx_uint_t n)
{
    ngx_uint_t                i;
    ngx_tavus_limit_probe_t  *tightest;

    ctx->limit_status = NGX_TAVUS_LIMIT_PASSED;

    for (i = 0; i < n; i++) {

        if (probes[i].allowed) {
            continue;
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "limiting requests%s, by zone \"%V\"",
                      probes[i].dry_run ? ", dry run" : "",
                      &probes[i].zone->name);

        if (!probes[i].dry_run) {
            ctx->limit_status = NGX_TAVUS_LIMIT_REJECTED;

        } else if (ctx->limit_status == NGX_TAVUS_LIMIT_PASSED) {
            ctx->limit_status = NGX_TAVUS_LIMIT_REJECTED_DRY_RUN;
        }
    }

    /* a client hears only of the limits that it is held to */

    tightest = ngx_tavus_limit_tightest(probes, n, 0);

    if (ctx->limit_zone && ctx->limit_status != NGX_TAVUS_LIMIT_REJECTED
        && (tightest == NULL
            || ctx->limit_remaining <= tightest->res.remaining))
    {
        /* that of a location before this one */

        return NGX_DECLINED;
    }

    if (tightest) {
        ctx->limit_zone = tightest->zone;

    } else {
        tightest = ngx_tavus_limit_tightest(probes, n, 1);
    }

    ctx->limit_remaining = tightest->res.remaining
                           * (tightest->zone->bytes ? 1024 : 1);
    ctx->limit_reset = ngx_tavus_limit_seconds(tightest->res.reset);
    ctx->limit_retry = ngx_tavus_limit_seconds(tightest->res.retry_after);

    if (ctx->limit_status != NGX_TAVUS_LIMIT_REJECTED) {
        return NGX_DECLINED;
    }

    ctx->limit_retry = ngx_max(ctx->limit_retry, 1);

    /* who waits must know whether others have spent it */

    return ngx_tavus_reject_with(r, NGX_HTTP_TOO_MANY_REQUESTS, "rate_limited",
                                 ctx->limit_retry,
                                 "Too many requests, please try again later.",
                                 ngx_tavus_limit_zone_shared(tightest->zone)
                                 ? "shared" : NULL);
}


static ngx_tavus_limit_probe_t *
ngx_tavus_limit_tightest(ngx_tavus_limit_probe_t *probes, ngx_uint_t n,
    ngx_uint_t dry_run)
{
    ngx_uint_t                i;
    ngx_tavus_limit_probe_t  *p, *tightest;

    tightest = NULL;

    for (i = 0; i < n; i++) {
        p = &probes[i];

        if (p->dry_run != dry_run) {
            continue;
        }

        if (tightest == NULL || p->allowed < tightest->allowed) {
            tightest = p;
            continue;
        }

        if (p->allowed > tightest->allowed) {
            continue;
        }

        /* of bytes and requests that are left a client hears of requests */

        if (p->allowed && p->zone->bytes != tightest->zone->bytes) {
            tightest = p->zone->bytes ? tightest : p;
            continue;
        }

        if (p->allowed ? p->res.remaining < tightest->res.remaining
                       : p->res.retry_after > tightest->res.retry_after)
        {
            tightest = p;
        }
    }

    return tightest;
}


ngx_int_t
ngx_tavus_limit_headers(ngx_http_request_t *r, ngx_tavus_ctx_t *ctx)
{
    u_char                  *p;
    ngx_str_t                values[NGX_TAVUS_LIMIT_HEADERS];
    ngx_uint_t               i, n;
    ngx_tavus_limit_zone_t  *zone;

    zone = ctx->limit_zone;

    if (zone == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, zone->limit.len + sizeof(";t=") - 1
                             + 3 * NGX_INT_T_LEN + NGX_TIME_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    values[0] = zone->policy;
    values[1].data = p;
    values[2] = zone->capacity;

    p = ngx_cpymem(p, zone->limit.data, zone->limit.len);

    values[3].data = p;
    p = ngx_tavus_limit_number(p, ctx->limit_remaining);
    values[3].len = p - values[3].data;

    p = ngx_cpymem(p, ";t=", sizeof(";t=") - 1);
    p = ngx_tavus_limit_number(p, ctx->limit_reset);
    values[1].len = p - values[1].data;

    values[4].data = p;
    p = ngx_tavus_limit_number(p, ngx_time() + ctx->limit_reset);
    values[4].len = p - values[4].data;

    n = NGX_TAVUS_LIMIT_HEADERS - 1;

    if (ctx->limit_status == NGX_TAVUS_LIMIT_REJECTED) {
        values[n].data = p;
        p = ngx_tavus_limit_number(p, ctx->limit_retry);
        values[n].len = p - values[n].data;
        n++;
    }

    ngx_tavus_limit_clear_headers(r, n);

    for (i = 0; i < n; i++) {
        if (ngx_tavus_add_header(r, &ngx_tavus_limit_names[i], &values[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* ngx_sprintf() takes as long as all the rest of the limit together */

static u_char *
ngx_tavus_limit_number(u_char *p, uint64_t n)
{
    u_char  *last, *start, digits[NGX_INT64_LEN];

    last = digits + NGX_INT64_LEN;
    start = last;

    do {
        *--start = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    return ngx_cpymem(p, start, last - start);
}


/* an upstream may have limits, too, but these are the ones at our door */

static void
ngx_tavus_limit_clear_headers(ngx_http_request_t *r, ngx_uint_t n)
{
    ngx_str_t        *name;
    ngx_uint_t        i, k;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_out.headers.part;
    i = 0;

    while ((h = ngx_tavus_next_header(&part, &i)) != NULL) {

        for (k = 0; k < n; k++) {
            name = &ngx_tavus_limit_names[k];

            if (h->key.len == name->len
                && ngx_strncasecmp(h->key.data, name->data, name->len) == 0)
            {
                h->hash = 0;
            }
        }
    }
}


static ngx_int_t
ngx_tavus_limit_status_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t        *status;
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_find_ctx(r);

    if (ctx == NULL || ctx->limit_status == NGX_TAVUS_LIMIT_NONE) {
        v->not_found = 1;
        return NGX_OK;
    }

    status = &ngx_tavus_limit_status[ctx->limit_status - 1];

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = status->len;
    v->data = status->data;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_limit_remaining_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_find_ctx(r);

    if (ctx == NULL || ctx->limit_status == NGX_TAVUS_LIMIT_NONE) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(v->data, "%ui", ctx->limit_remaining) - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


ngx_int_t
ngx_tavus_limit_add_variables(ngx_conf_t *cf)
{
    return ngx_tavus_variables_add(cf, ngx_tavus_limit_variables);
}
