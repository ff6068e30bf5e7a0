
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_cors.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_variable.h"

#include <arpa/inet.h>


typedef struct {
    ngx_array_t                *origins;        /* ngx_str_t */
} ngx_tavus_cors_loc_conf_t;


static ngx_uint_t ngx_tavus_cors_allowed(ngx_http_request_t *r,
    ngx_str_t *origin);
static ngx_uint_t ngx_tavus_cors_get_origin(ngx_http_request_t *r,
    ngx_str_t *origin);
static ngx_uint_t ngx_tavus_cors_fetch_site(ngx_http_request_t *r,
    const char *site);
static ngx_uint_t ngx_tavus_cors_navigation(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_cors_refuse(ngx_http_request_t *r);
static ngx_uint_t ngx_tavus_cors_is_preflight(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_cors_preflight(ngx_http_request_t *r);
static void ngx_tavus_cors_clear(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_cors_allow(ngx_http_request_t *r);
static size_t ngx_tavus_cors_methods(ngx_uint_t mask, u_char *buf);

static const char *ngx_tavus_cors_check_port(ngx_str_t *scheme, u_char *p,
    u_char *last);
static const char *ngx_tavus_cors_check_host(u_char *p, u_char *last);
static const char *ngx_tavus_cors_check_ipv6(u_char *p, u_char *last);

static char *ngx_tavus_cors_origin(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static void *ngx_tavus_cors_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_cors_merge_loc_conf(ngx_conf_t *cf, void *parent, void
    *child);


static ngx_command_t  ngx_tavus_cors_commands[] = {

    { ngx_string("tavus_cors_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_tavus_cors_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_cors_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_tavus_cors_create_loc_conf,        /* create location configuration */
    ngx_tavus_cors_merge_loc_conf          /* merge location configuration */
};


ngx_module_t  ngx_tavus_cors_module = {
    NGX_MODULE_V1,
    &ngx_tavus_cors_module_ctx,            /* module context */
    ngx_tavus_cors_commands,               /* module directives */
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


ngx_int_t
ngx_tavus_cors_handler(ngx_http_request_t *r)
{
    ngx_str_t         origin;
    ngx_uint_t        n;
    ngx_tavus_ctx_t  *ctx;

    if (!ngx_tavus_cors_asks(r)) {
        return NGX_DECLINED;
    }

    ctx = ngx_tavus_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->cors = 1;
    ngx_str_null(&ctx->origin);

    n = ngx_tavus_cors_get_origin(r, &origin);

    if (n == 0) {
        if (ngx_tavus_cors_fetch_site(r, "cross-site")
            && !ngx_tavus_cors_navigation(r))
        {
            return ngx_tavus_cors_refuse(r);
        }

        return NGX_DECLINED;
    }

    if (n > 1 || !ngx_tavus_cors_allowed(r, &origin)) {
        return ngx_tavus_cors_refuse(r);
    }

    ctx->origin = origin;

    if (ngx_tavus_cors_is_preflight(r)) {
        return ngx_tavus_cors_preflight(r);
    }

    return NGX_DECLINED;
}


ngx_uint_t
ngx_tavus_cors_asks(ngx_http_request_t *r)
{
    ngx_tavus_loc_conf_t       *lcf;
    ngx_tavus_cors_loc_conf_t  *clcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_tavus_cors_module);

    return clcf->origins
           || (lcf->endpoint
               && lcf->endpoint->flags & NGX_TAVUS_ASKS_ORIGIN);
}


ngx_uint_t
ngx_tavus_cors_same_origin(ngx_http_request_t *r)
{
    ngx_str_t               origin;
    ngx_uint_t              n;
    ngx_tavus_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

    n = ngx_tavus_cors_get_origin(r, &origin);

    if (n > 1
        || (n == 1
            && (origin.len != mcf->public_origin.len
                || ngx_memcmp(origin.data, mcf->public_origin.data,
                              origin.len)
                   != 0)))
    {
        return 0;
    }

    return ngx_tavus_cors_fetch_site(r, "same-origin")
           || ngx_tavus_find_header(r, "sec-fetch-site",
                                    sizeof("sec-fetch-site") - 1)
              == NULL;
}


static ngx_uint_t
ngx_tavus_cors_allowed(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_str_t                  *origins;
    ngx_uint_t                  i, n;
    ngx_tavus_main_conf_t      *mcf;
    ngx_tavus_cors_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_tavus_cors_module);

    if (clcf->origins) {
        origins = clcf->origins->elts;
        n = clcf->origins->nelts;

    } else {
        mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

        origins = &mcf->public_origin;
        n = mcf->public_origin.len ? 1 : 0;
    }

    for (i = 0; i < n; i++) {
        if (origins[i].len == origin->len
            && ngx_memcmp(origins[i].data, origin->data, origin->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* Returns how many Origin headers there are. */

static ngx_uint_t
ngx_tavus_cors_get_origin(ngx_http_request_t *r, ngx_str_t *origin)
{
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = 0;
    part = &r->headers_in.headers.part;
    i = 0;

    while ((h = ngx_tavus_next_header(&part, &i)) != NULL) {

        if (h->key.len == sizeof("origin") - 1
            && ngx_memcmp(h->lowcase_key, "origin", sizeof("origin") - 1)
               == 0)
        {
            *origin = h->value;
            n++;
        }
    }

    return n;
}


static ngx_uint_t
ngx_tavus_cors_fetch_site(ngx_http_request_t *r, const char *site)
{
    ngx_table_elt_t  *h;

    h = ngx_tavus_find_header(r, "sec-fetch-site",
                              sizeof("sec-fetch-site") - 1);

    return h
           && h->value.len == ngx_strlen(site)
           && ngx_memcmp(h->value.data, site, h->value.len) == 0;
}


/* somebody followed a link to a page of ours */

static ngx_uint_t
ngx_tavus_cors_navigation(ngx_http_request_t *r)
{
    ngx_table_elt_t       *h;
    ngx_tavus_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    if (lcf->endpoint != NULL
        || !(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        return 0;
    }

    h = ngx_tavus_find_header(r, "sec-fetch-mode",
                              sizeof("sec-fetch-mode") - 1);

    return h
           && h->value.len == sizeof("navigate") - 1
           && ngx_memcmp(h->value.data, "navigate", h->value.len) == 0;
}


static ngx_int_t
ngx_tavus_cors_refuse(ngx_http_request_t *r)
{
    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "request from a foreign origin");

    return ngx_tavus_reject(r, NGX_HTTP_FORBIDDEN, "origin_not_allowed", 0,
                            "Requests from this origin are not allowed.");
}


static ngx_uint_t
ngx_tavus_cors_is_preflight(ngx_http_request_t *r)
{
    return r->method == NGX_HTTP_OPTIONS
           && ngx_tavus_find_header(r, "access-control-request-method",
                            sizeof("access-control-request-method") - 1);
}


static ngx_int_t
ngx_tavus_cors_preflight(ngx_http_request_t *r)
{
    if (ngx_tavus_set_header(r, "X-Request-Id", ngx_tavus_request_id(r))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    r->headers_out.status = NGX_HTTP_NO_CONTENT;
    r->header_only = 1;

    ngx_http_finalize_request(r, ngx_http_send_header(r));

    return NGX_DONE;
}


ngx_int_t
ngx_tavus_cors_headers(ngx_http_request_t *r, ngx_tavus_ctx_t *ctx)
{
    ngx_str_t  value;

    if (!ctx->cors) {
        return NGX_OK;
    }

    ngx_tavus_cors_clear(r);

    if (ctx->origin.len == 0) {
        return NGX_OK;
    }

    if (ngx_tavus_set_header(r, "Access-Control-Allow-Origin", &ctx->origin)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_tavus_cors_is_preflight(r)
        && ngx_tavus_cors_allow(r) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "Retry-After, RateLimit, RateLimit-Policy, "
                        "X-RateLimit-Limit, X-RateLimit-Remaining, "
                        "X-RateLimit-Reset, X-Request-Id");

    return ngx_tavus_set_header(r, "Access-Control-Expose-Headers", &value);
}


/* whoever answers, who may read it is said here alone */

static void
ngx_tavus_cors_clear(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    static ngx_str_t  prefix = ngx_string("Access-Control-");

    part = &r->headers_out.headers.part;
    i = 0;

    while ((h = ngx_tavus_next_header(&part, &i)) != NULL) {

        if (h->key.len > prefix.len
            && ngx_strncasecmp(h->key.data, prefix.data, prefix.len) == 0)
        {
            h->hash = 0;
        }
    }
}


static ngx_int_t
ngx_tavus_cors_allow(ngx_http_request_t *r)
{
    ngx_str_t              methods, headers, age;
    ngx_uint_t             mask;
    ngx_tavus_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    mask = (lcf->endpoint && lcf->endpoint->methods)
           ? lcf->endpoint->methods
           : NGX_HTTP_GET|NGX_HTTP_HEAD|NGX_HTTP_POST;

    methods.data = ngx_pnalloc(r->pool,
                               sizeof("GET, HEAD, POST, PATCH, DELETE"));
    if (methods.data == NULL) {
        return NGX_ERROR;
    }

    methods.len = ngx_tavus_cors_methods(mask, methods.data);

    ngx_str_set(&headers, "Content-Type");
    ngx_str_set(&age, "7200");

    if (ngx_tavus_set_header(r, "Access-Control-Allow-Methods", &methods)
        != NGX_OK
        || ngx_tavus_set_header(r, "Access-Control-Allow-Headers", &headers)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_tavus_set_header(r, "Access-Control-Max-Age", &age);
}


static size_t
ngx_tavus_cors_methods(ngx_uint_t mask, u_char *buf)
{
    u_char      *p;
    ngx_uint_t   i;

    static const struct {
        ngx_uint_t   method;
        const char  *name;
    } names[] = {
        { NGX_HTTP_GET, "GET" },
        { NGX_HTTP_HEAD, "HEAD" },
        { NGX_HTTP_POST, "POST" },
        { NGX_HTTP_PATCH, "PATCH" },
        { NGX_HTTP_DELETE, "DELETE" },
        { 0, NULL }
    };

    p = buf;

    for (i = 0; names[i].method; i++) {
        if (mask & names[i].method) {
            p = ngx_sprintf(p, "%s%s", p == buf ? "" : ", ", names[i].name);
        }
    }

    return p - buf;
}


const char *
ngx_tavus_cors_check_origin(ngx_str_t *origin)
{
    u_char      *p, *last, *host;
    ngx_str_t    scheme;
    const char  *reason;

    p = origin->data;
    last = p + origin->len;

    for (host = p; host < last; host++) {

        if (*host <= ' ' || *host >= 0x7f) {
            return "it must be ASCII, an international name as punycode";
        }

        if (*host >= 'A' && *host <= 'Z') {
            return "it must be in lower case";
        }

        if (*host == '$') {
            return "variables are not allowed";
        }

        if (*host == '*') {
            return "wildcards are not allowed";
        }
    }

    scheme.data = p;

    while (p < last && ((*p >= 'a' && *p <= 'z')
                        || (p > scheme.data
                            && ((*p >= '0' && *p <= '9') || *p == '+'
                                || *p == '-' || *p == '.'))))
    {
        p++;
    }

    scheme.len = p - scheme.data;

    if (scheme.len == 0 || last - p < 3 || ngx_strncmp(p, "://", 3) != 0) {
        return "it must be scheme://host[:port]";
    }

    host = p + 3;

    for (p = host; p < last; p++) {
        if (*p == '/' || *p == '?' || *p == '#' || *p == '@' || *p == '\\') {
            return "it must end after the host and port";
        }
    }

    if (host < last && *host == '[') {
        p = ngx_strlchr(host, last, ']');

        if (p == NULL) {
            return "its host is not an IPv6 address";
        }

        reason = ngx_tavus_cors_check_ipv6(host + 1, p);
        p++;

    } else {
        p = ngx_strlchr(host, last, ':');
        p = p ? p : last;

        reason = ngx_tavus_cors_check_host(host, p);
    }

    if (reason) {
        return reason;
    }

    return (p == last) ? NULL : ngx_tavus_cors_check_port(&scheme, p, last);
}


static const char *
ngx_tavus_cors_check_port(ngx_str_t *scheme, u_char *p, u_char *last)
{
    ngx_int_t  port;

    if (*p++ != ':') {
        return "it must end after the host and port";
    }

    port = ngx_atoi(p, last - p);

    if (port < 1 || port > 65535 || *p == '0') {
        return "its port is invalid";
    }

    if ((port == 443 && scheme->len == 5
         && ngx_strncmp(scheme->data, "https", 5) == 0)
        || (port == 80 && scheme->len == 4
            && ngx_strncmp(scheme->data, "http", 4) == 0))
    {
        return "a default port must be left out";
    }

    return NULL;
}


static const char *
ngx_tavus_cors_check_host(u_char *p, u_char *last)
{
    u_char      *start, *label;
    ngx_uint_t   numeric;
    char         text[INET_ADDRSTRLEN], canonical[INET_ADDRSTRLEN];

    struct in_addr  addr;

    if (p == last || last - p > 253) {
        return "its host is invalid";
    }

    start = p;
    label = p;
    numeric = 1;

    for ( ;; p++) {

        if (p == last || *p == '.') {
            if (p == label || p - label > 63) {
                return "its host is invalid";
            }

            if (p == last) {
                break;
            }

            label = p + 1;
            numeric = 1;
            continue;
        }

        if (*p >= '0' && *p <= '9') {
            continue;
        }

        numeric = 0;

        if (!(*p >= 'a' && *p <= 'z') && *p != '-' && *p != '_') {
            return "its host is invalid";
        }
    }

    if (!numeric) {
        return NULL;
    }

    /* browsers take a host that ends in a number for an IPv4 address */

    if (last - start < (ssize_t) sizeof(text)) {
        ngx_memcpy(text, start, last - start);
        text[last - start] = '\0';

        if (inet_pton(AF_INET, text, &addr) == 1
            && inet_ntop(AF_INET, &addr, canonical, sizeof(canonical))
            && ngx_strcmp(text, canonical) == 0)
        {
            return NULL;
        }
    }

    return "its host is not an IPv4 address in canonical form";
}


static const char *
ngx_tavus_cors_check_ipv6(u_char *p, u_char *last)
{
    char  text[INET6_ADDRSTRLEN], canonical[INET6_ADDRSTRLEN];

    struct in6_addr  addr;

    if (last - p < (ssize_t) sizeof(text)) {
        ngx_memcpy(text, p, last - p);
        text[last - p] = '\0';

        if (inet_pton(AF_INET6, text, &addr) == 1
            && inet_ntop(AF_INET6, &addr, canonical, sizeof(canonical))
            && ngx_strcmp(text, canonical) == 0)
        {
            return NULL;
        }
    }

    return "its host is not an IPv6 address in canonical form";
}


static char *
ngx_tavus_cors_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_cors_loc_conf_t *clcf = conf;

    ngx_str_t              *value, *origin;
    ngx_uint_t              i, k;
    const char             *reason;
    ngx_tavus_main_conf_t  *mcf;

    if (clcf->origins == NULL) {
        clcf->origins = ngx_array_create(cf->pool, 2, sizeof(ngx_str_t));
        if (clcf->origins == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        reason = ngx_tavus_cors_check_origin(&value[i]);

        if (reason) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid origin \"%V\": %s",
                               &value[i], reason);
            return NGX_CONF_ERROR;
        }

        origin = clcf->origins->elts;

        for (k = 0; k < clcf->origins->nelts; k++) {
            if (origin[k].len == value[i].len
                && ngx_memcmp(origin[k].data, value[i].data, value[i].len)
                   == 0)
            {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "duplicate origin \"%V\"", &value[i]);
                return NGX_CONF_ERROR;
            }
        }

        origin = ngx_array_push(clcf->origins);
        if (origin == NULL) {
            return NGX_CONF_ERROR;
        }

        *origin = value[i];
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);
    mcf->guarded = 1;

    return NGX_CONF_OK;
}


static void *
ngx_tavus_cors_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_cors_loc_conf_t));
}


static char *
ngx_tavus_cors_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_tavus_cors_loc_conf_t *prev = parent;
    ngx_tavus_cors_loc_conf_t *conf = child;

    if (ngx_tavus_endpoint_block(cf, &ngx_tavus_cors_module, prev)) {
        return NGX_CONF_OK;
    }

    if (conf->origins == NULL) {
        conf->origins = prev->origins;
    }

    return NGX_CONF_OK;
}
