
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_limit.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_variable.h"


#define NGX_TAVUS_LIMIT_NAME     64             /* of a zone */
#define NGX_TAVUS_LIMIT_HEADERS  6

/* what a zone counts */

#define NGX_TAVUS_LIMIT_REQUESTS  1
#define NGX_TAVUS_LIMIT_BYTES     2


typedef enum {
    NGX_TAVUS_LIMIT_NONE = 0,
    NGX_TAVUS_LIMIT_PASSED,
    NGX_TAVUS_LIMIT_REJECTED,
    NGX_TAVUS_LIMIT_REJECTED_DRY_RUN
} ngx_tavus_limit_status_e;


typedef struct {
    ngx_tavus_limit_zone_t     *zone;
    ngx_flag_t                  dry_run;
} ngx_tavus_limit_t;


typedef struct {
    ngx_array_t                *limits;         /* ngx_tavus_limit_t */
} ngx_tavus_limit_loc_conf_t;


#if (NGX_HAVE_INET6)

/* IPv6 addresses that are made of an IPv4 address */

typedef struct {
    size_t                     len;             /* of the prefix */
    size_t                     offset;          /* 0: anywhere */
    u_char                     mask;
    u_char                     prefix[12];
} ngx_tavus_limit_embedded_t;

#endif


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
#if (NGX_HAVE_INET6)
static ngx_int_t ngx_tavus_limit_embedded(u_char *addr, u_char v4[4]);
#endif
static void ngx_tavus_limit_clear_headers(ngx_http_request_t *r,
    ngx_uint_t n);

static char *ngx_tavus_limit_parse_zone(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name, size_t *size);
static char *ngx_tavus_limit_parse_rate(ngx_conf_t *cf, ngx_str_t *value,
    tavus_bucket_rate_t *rate, ngx_uint_t *units);
static ngx_int_t ngx_tavus_limit_parse_tokens(u_char *p, u_char *last,
    ngx_uint_t *units);
static char *ngx_tavus_limit_parse_key(ngx_conf_t *cf, ngx_str_t *value,
    ngx_tavus_limit_zone_t *key);


static ngx_int_t ngx_tavus_limit_status_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_tavus_limit_remaining_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static char *ngx_tavus_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static char *ngx_tavus_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ngx_tavus_limit_add_variables(ngx_conf_t *cf);
static void *ngx_tavus_limit_create_main_conf(ngx_conf_t *cf);
static void *ngx_tavus_limit_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_limit_merge_loc_conf(ngx_conf_t *cf, void *parent, void
    *child);


static ngx_http_variable_t  ngx_tavus_limit_variables[] = {

    { ngx_string("tavus_limit_status"), NULL, ngx_tavus_limit_status_variable,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tavus_limit_remaining"), NULL,
      ngx_tavus_limit_remaining_variable, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


static ngx_command_t  ngx_tavus_limit_commands[] = {

    { ngx_string("tavus_limit_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_tavus_limit_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_tavus_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_limit_module_ctx = {
    ngx_tavus_limit_add_variables,         /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_limit_create_main_conf,      /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_tavus_limit_create_loc_conf,       /* create location configuration */
    ngx_tavus_limit_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_tavus_limit_module = {
    NGX_MODULE_V1,
    &ngx_tavus_limit_module_ctx,           /* module context */
    ngx_tavus_limit_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
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


#if (NGX_HAVE_INET6)

/*
 * Of a translator, or of a Teredo server, a /64 is everybody; of a 6to4 site
 * there are 65536 of them.  Answers come back by the IPv4 address alone.
 */

static const ngx_tavus_limit_embedded_t  ngx_tavus_limit_embeddings[] = {

    /* ::ffff:0:0/96, the same host on an IPv6 socket */
    { 12, 12, 0, { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff } },

    /* 64:ff9b::/96, RFC 6052 */
    { 12, 12, 0, { 0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0 } },

    /* 64:ff9b:1::/48, RFC 8215: where in it is the network's own choice */
    { 6, 0, 0, { 0, 0x64, 0xff, 0x9b, 0, 1 } },

    /* 2001::/32, RFC 4380, inverted */
    { 4, 12, 0xff, { 0x20, 0x01, 0, 0 } },

    /* 2002::/16, RFC 3056 */
    { 2, 2, 0, { 0x20, 0x02 } },

    { 0, 0, 0, { 0 } }
};

#endif


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
        ngx_tavus_limit_addr_key(r, zone->v4, zone->v6, addr, &key);

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

    return ngx_tavus_reject(r, NGX_HTTP_TOO_MANY_REQUESTS, "rate_limited",
                            ctx->limit_retry,
                            "Too many requests, please try again later.");
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


void
ngx_tavus_limit_addr_key(ngx_http_request_t *r, ngx_uint_t v4, ngx_uint_t v6,
    u_char key[16], ngx_str_t *out)
{
    u_char               *p;
    size_t                len;
    ngx_uint_t            i, bits;
    struct sockaddr      *sa;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    u_char                embedded[4];
    struct sockaddr_in6  *sin6;
#endif

    sa = r->connection->sockaddr;

    switch (sa->sa_family) {

    case AF_INET:
        sin = (struct sockaddr_in *) sa;
        p = (u_char *) &sin->sin_addr;
        len = 4;
        break;

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) sa;
        p = sin6->sin6_addr.s6_addr;
        len = 16;

        switch (ngx_tavus_limit_embedded(p, embedded)) {

        case NGX_OK:
            p = embedded;
            len = 4;
            break;

        case NGX_DONE:
            v6 = 128;
            break;

        default: /* NGX_DECLINED */
            break;
        }

        break;
#endif

    default:
        p = key;
        len = 0;
    }

    bits = (len == 4) ? v4 : v6;

    for (i = 0; i < len; i++) {

        if (bits >= 8) {
            key[i] = p[i];
            bits -= 8;
            continue;
        }

        key[i] = (u_char) (p[i] & (0xff00 >> bits));
        bits = 0;
    }

    out->data = key;
    out->len = len;
}


#if (NGX_HAVE_INET6)

/*
 * NGX_OK with the IPv4 address of who has this one, NGX_DONE for one that
 * stands for an IPv4 address as a whole, else NGX_DECLINED.
 */

static ngx_int_t
ngx_tavus_limit_embedded(u_char *addr, u_char v4[4])
{
    ngx_uint_t                         i;
    const ngx_tavus_limit_embedded_t  *e;

    for (e = ngx_tavus_limit_embeddings; e->len; e++) {

        if (ngx_memcmp(addr, e->prefix, e->len) != 0) {
            continue;
        }

        if (e->offset == 0) {
            return NGX_DONE;
        }

        for (i = 0; i < 4; i++) {
            v4[i] = addr[e->offset + i] ^ e->mask;
        }

        return NGX_OK;
    }

    return NGX_DECLINED;
}

#endif


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


static char *
ngx_tavus_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    size_t                    size;
    ngx_str_t                *value, name;
    ngx_int_t                 n;
    ngx_uint_t                i, masks, units;
    tavus_bucket_rate_t       rate;
    ngx_tavus_limit_zone_t   *zone, key;

    value = cf->args->elts;

    size = 0;
    masks = 0;
    units = 0;
    ngx_str_null(&name);
    ngx_memzero(&rate, sizeof(tavus_bucket_rate_t));
    ngx_memzero(&key, sizeof(ngx_tavus_limit_zone_t));

    key.v4 = 32;
    key.v6 = 64;

    if (ngx_tavus_limit_parse_key(cf, &value[1], &key) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {

            if (ngx_tavus_limit_parse_zone(cf, &value[i], &name, &size)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "rate=", 5) == 0) {

            if (ngx_tavus_limit_parse_rate(cf, &value[i], &rate, &units)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "capacity=", 9) == 0) {

            n = ngx_tavus_limit_parse_tokens(value[i].data + 9,
                                             value[i].data + value[i].len,
                                             &units);

            if (n < 1 || n > TAVUS_BUCKET_MAX_CAPACITY) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid capacity \"%V\", it must be "
                                   "between 1 and %d, or 1k and %dk bytes",
                                   &value[i], TAVUS_BUCKET_MAX_CAPACITY,
                                   TAVUS_BUCKET_MAX_CAPACITY);
                return NGX_CONF_ERROR;
            }

            rate.capacity = (uint32_t) n;

            continue;
        }

        if (ngx_strncmp(value[i].data, "v4=", 3) == 0
            || ngx_strncmp(value[i].data, "v6=", 3) == 0)
        {
            n = ngx_atoi(value[i].data + 3, value[i].len - 3);

            if (n < 1 || n > (value[i].data[1] == '4' ? 32 : 128)) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid prefix length \"%V\"",
                                   &value[i]);
                return NGX_CONF_ERROR;
            }

            if (value[i].data[1] == '4') {
                key.v4 = n;

            } else {
                key.v6 = n;
            }

            masks = 1;

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (name.len == 0 || rate.rate == 0 || rate.capacity == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"%s\" parameter", &cmd->name,
                           name.len == 0 ? "zone"
                           : rate.rate == 0 ? "rate" : "capacity");
        return NGX_CONF_ERROR;
    }

    if (units == (NGX_TAVUS_LIMIT_REQUESTS|NGX_TAVUS_LIMIT_BYTES)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"rate\" and \"capacity\" of limit zone \"%V\" "
                           "must both count requests or both bytes", &name);
        return NGX_CONF_ERROR;
    }

    if (masks && !key.addr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"v4\" and \"v6\" of limit zone \"%V\" need "
                           "the key \"$binary_remote_addr\"", &name);
        return NGX_CONF_ERROR;
    }

    zone = ngx_tavus_limit_add_zone(cf, &name, size, &rate,
                                    units == NGX_TAVUS_LIMIT_BYTES);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->source = value[1];
    zone->key = key.key;
    zone->addr = key.addr;
    zone->v4 = key.v4;
    zone->v6 = key.v6;

    return NGX_CONF_OK;
}


static char *
ngx_tavus_limit_parse_key(ngx_conf_t *cf, ngx_str_t *value,
    ngx_tavus_limit_zone_t *key)
{
    ngx_http_compile_complex_value_t  ccv;

    if (value->len == sizeof("$binary_remote_addr") - 1
        && ngx_strncmp(value->data, "$binary_remote_addr", value->len) == 0)
    {
        key->addr = 1;
        return NGX_CONF_OK;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = &key->key;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_limit_parse_zone(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *name,
    size_t *size)
{
    u_char     *p, *last;
    ssize_t     n;
    ngx_str_t   s;

    last = value->data + value->len;

    name->data = value->data + 5;
    p = ngx_strlchr(name->data, last, ':');

    if (p == NULL || p == name->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", it must be name:size",
                           value);
        return NGX_CONF_ERROR;
    }

    name->len = p - name->data;

    s.data = p + 1;
    s.len = last - s.data;

    n = ngx_parse_size(&s);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", value);
        return NGX_CONF_ERROR;
    }

    if (n < (ssize_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, it needs %uz bytes",
                           value, 8 * ngx_pagesize);
        return NGX_CONF_ERROR;
    }

    *size = (size_t) n;

    /* the name stands between quotes in a header */

    for (p = name->data; p < name->data + name->len; p++) {
        if (name->len > NGX_TAVUS_LIMIT_NAME
            || !((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
                 || (*p >= '0' && *p <= '9')
                 || *p == '_' || *p == '-' || *p == '.'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid zone name \"%V\"", name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_limit_parse_rate(ngx_conf_t *cf, ngx_str_t *value,
    tavus_bucket_rate_t *rate, ngx_uint_t *units)
{
    u_char      *p, *last;
    ngx_int_t    n;
    ngx_uint_t   requests;

    p = value->data + sizeof("rate=") - 1;
    last = value->data + value->len - 2;

    if (last - p < 2 || last[0] != '/') {
        goto invalid;
    }

    switch (last[1]) {

    case 's':
        rate->period = 1000;
        break;

    case 'm':
        rate->period = 60000;
        break;

    case 'h':
        rate->period = 3600000;
        break;

    default:
        goto invalid;
    }

    /* "5r/m", or "256k/m" */

    requests = (last[-1] == 'r');
    last -= requests;

    if (requests != (last[-1] >= '0' && last[-1] <= '9')) {
        goto invalid;
    }

    n = ngx_tavus_limit_parse_tokens(p, last, units);

    if (n < 1 || n > TAVUS_BUCKET_MAX_RATE) {
        goto invalid;
    }

    rate->rate = (uint32_t) n;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid rate \"%V\", it must be a number between "
                       "1 and %d followed by r/s, r/m or r/h, or by k/s, "
                       "k/m or k/h", value, TAVUS_BUCKET_MAX_RATE);
    return NGX_CONF_ERROR;
}


/* a number of requests, or of KiB where it ends in k or m; or NGX_ERROR */

static ngx_int_t
ngx_tavus_limit_parse_tokens(u_char *p, u_char *last, ngx_uint_t *units)
{
    ngx_str_t  s;

    if (p == last) {
        return NGX_ERROR;
    }

    if (last[-1] >= '0' && last[-1] <= '9') {
        *units |= NGX_TAVUS_LIMIT_REQUESTS;

        return ngx_atoi(p, last - p);
    }

    *units |= NGX_TAVUS_LIMIT_BYTES;

    s.data = p;
    s.len = last - p;

    return ngx_parse_size(&s) / 1024;
}


static char *
ngx_tavus_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_limit_loc_conf_t *llcf = conf;

    ngx_str_t               *value, name;
    ngx_uint_t               i, dry_run;
    ngx_tavus_limit_t       *limits, limit;
    ngx_tavus_main_conf_t   *mcf;
    ngx_tavus_limit_zone_t  *zone;

    value = cf->args->elts;

    dry_run = 0;
    ngx_str_null(&name);

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {
            name.data = value[i].data + 5;
            name.len = value[i].len - 5;
            continue;
        }

        if (ngx_strcmp(value[i].data, "dry_run") == 0) {
            dry_run = 1;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone\" parameter", &cmd->name);
        return NGX_CONF_ERROR;
    }

    zone = ngx_tavus_limit_find_zone(cf, &name);

    if (zone == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown limit zone \"%V\", \"tavus_limit_zone\" "
                           "must come before its use", &name);
        return NGX_CONF_ERROR;
    }

    if (llcf->limits == NULL) {
        llcf->limits = ngx_array_create(cf->pool, 2,
                                       sizeof(ngx_tavus_limit_t));
        if (llcf->limits == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    limits = llcf->limits->elts;

    for (i = 0; i < llcf->limits->nelts; i++) {
        if (limits[i].zone == zone) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "limit zone \"%V\" is used twice here",
                               &name);
            return NGX_CONF_ERROR;
        }
    }

    if (i == NGX_TAVUS_MAX_LIMITS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d limits in one place",
                           NGX_TAVUS_MAX_LIMITS);
        return NGX_CONF_ERROR;
    }

    if (ngx_array_push(llcf->limits) == NULL) {
        return NGX_CONF_ERROR;
    }

    limits = llcf->limits->elts;

    /* kept in the order in which the zones are locked */

    limit.zone = zone;
    limit.dry_run = dry_run;

    while (i && ngx_tavus_limit_before(zone, limits[i - 1].zone)) {
        limits[i] = limits[i - 1];
        i--;
    }

    limits[i] = limit;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);
    mcf->guarded = 1;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_tavus_limit_add_variables(ngx_conf_t *cf)
{
    return ngx_tavus_variables_add(cf, ngx_tavus_limit_variables);
}


static void *
ngx_tavus_limit_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_limit_main_conf_t  *lmcf;

    lmcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_limit_main_conf_t));

    if (lmcf == NULL
        || ngx_array_init(&lmcf->zones, cf->pool, 4,
                          sizeof(ngx_tavus_limit_zone_t *))
           != NGX_OK)
    {
        return NULL;
    }

    return lmcf;
}


static void *
ngx_tavus_limit_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_limit_loc_conf_t));
}


static char *
ngx_tavus_limit_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_tavus_limit_loc_conf_t *prev = parent;
    ngx_tavus_limit_loc_conf_t *conf = child;

    if (ngx_tavus_endpoint_block(cf, &ngx_tavus_limit_module, prev)) {
        return NGX_CONF_OK;
    }

    if (conf->limits == NULL) {
        conf->limits = prev->limits;
    }

    return NGX_CONF_OK;
}
