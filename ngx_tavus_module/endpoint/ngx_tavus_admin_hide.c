
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_hide.h"
#include "endpoint/ngx_tavus_admin.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_endpoint.h"


static ngx_uint_t ngx_tavus_hide_asks(ngx_http_request_t *r,
    ngx_tavus_ctx_t **ctx);
static ngx_int_t ngx_tavus_hide_line(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx, ngx_str_t *line);
static ngx_int_t ngx_tavus_hide_args(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx);
static u_char *ngx_tavus_hide_visitor(ngx_str_t *where);
static void ngx_tavus_hide_path(ngx_str_t *where);
static void ngx_tavus_hide_values(u_char *p, u_char *last,
    ngx_uint_t limits);
static ngx_uint_t ngx_tavus_hide_named(u_char *name, size_t len,
    ngx_uint_t limits);


static ngx_str_t  ngx_tavus_hide_visitors = ngx_string("/visitors/");

static ngx_str_t  ngx_tavus_hide_names[] = {
    ngx_string("key"),
    ngx_string("q"),
    ngx_string("email"),
    ngx_null_string
};


ngx_int_t
ngx_tavus_admin_hide_early(ngx_http_request_t *r)
{
    ngx_str_t                 *name;
    ngx_uint_t                 i;
    ngx_tavus_ctx_t           *ctx;
    ngx_tavus_location_t      *l;
    ngx_tavus_main_conf_t     *mcf;
    ngx_http_core_srv_conf_t  *cscf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);
    cscf = ngx_http_get_module_srv_conf(r, ngx_http_core_module);
    l = mcf->locations.elts;

    for (i = 0; i < mcf->locations.nelts; i++) {
        name = &l[i].clcf->name;

        if (l[i].endpoint->handler != ngx_tavus_admin_handler
            || l[i].cscf != cscf
            || r->uri.len < name->len
            || ngx_strncmp(r->uri.data, name->data, name->len) != 0
            || !ngx_tavus_hide_asks(r, &ctx))
        {
            continue;
        }

        return ctx ? ngx_tavus_hide_line(r, ctx, &r->request_line)
                   : NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_tavus_admin_hide(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t  *ctx;

    if (!ngx_tavus_hide_asks(r, &ctx)) {
        return NGX_OK;
    }

    if (ctx == NULL
        || ngx_tavus_hide_args(r, ctx) != NGX_OK
        || ngx_tavus_hide_line(r, ctx, &r->request_line) != NGX_OK
        || ngx_tavus_hide_line(r, ctx, &r->unparsed_uri) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_tavus_admin_hide_late(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_find_ctx(r);

    if (ctx == NULL || !ctx->hides) {
        return NGX_OK;
    }

    if (ngx_tavus_hide_line(r, ctx, &r->request_line) != NGX_OK
        || ngx_tavus_hide_line(r, ctx, &r->unparsed_uri) != NGX_OK
        || ngx_tavus_hide_args(r, ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* by now it may be that of an error's page */

    return ngx_tavus_hide_visitor(&r->uri)
           ? ngx_tavus_hide_line(r, ctx, &r->uri) : NGX_OK;
}


/* ctx is NULL if there is no memory */

static ngx_uint_t
ngx_tavus_hide_asks(ngx_http_request_t *r, ngx_tavus_ctx_t **ctx)
{
    ngx_uint_t  visitor;

    visitor = (ngx_tavus_hide_visitor(&r->uri) != NULL);

    if (r->args.len == 0 && !visitor) {
        return 0;
    }

    *ctx = ngx_tavus_get_ctx(r);

    if (*ctx) {
        (*ctx)->hides = 1;
        (*ctx)->hides_path = visitor;
        (*ctx)->hides_limits = r->uri.len >= 7
                               && ngx_strncmp(r->uri.data + r->uri.len - 7,
                                              "/limits", 7)
                                  == 0;
    }

    return 1;
}


/* of a copy: other things may be parts of the line, or it of a page's name */

static ngx_int_t
ngx_tavus_hide_line(ngx_http_request_t *r, ngx_tavus_ctx_t *ctx,
    ngx_str_t *line)
{
    u_char  *p, *last;

    if (line->len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, line->len + 1);

    if (p == NULL) {
        line->len = 0;
        return NGX_ERROR;
    }

    last = ngx_cpymem(p, line->data, line->len);
    *last = '\0';

    line->data = p;

    if (ctx->hides_path) {
        ngx_tavus_hide_path(line);
    }

    p = ngx_strlchr(p, last, '?');

    if (p) {
        ngx_tavus_hide_values(p + 1, last, ctx->hides_limits);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_hide_args(ngx_http_request_t *r, ngx_tavus_ctx_t *ctx)
{
    u_char  *p;

    if (r->args.len == 0
        || (ctx->hidden.len == r->args.len
            && ngx_memcmp(ctx->hidden.data, r->args.data, r->args.len) == 0))
    {
        return NGX_OK;
    }

    p = ngx_pstrdup(r->pool, &r->args);

    if (p == NULL) {
        r->args.len = 0;
        return NGX_ERROR;
    }

    ngx_tavus_hide_values(p, p + r->args.len, ctx->hides_limits);

    ctx->args = r->args;
    r->args.data = p;
    ctx->hidden = r->args;

    return NGX_OK;
}


/* what follows the name; NULL: nothing */

static u_char *
ngx_tavus_hide_visitor(ngx_str_t *where)
{
    u_char  *p;

    if (where->len <= ngx_tavus_hide_visitors.len) {
        return NULL;
    }

    p = ngx_strlcasestrn(where->data, where->data + where->len,
                         ngx_tavus_hide_visitors.data,
                         ngx_tavus_hide_visitors.len - 1);

    return p ? p + ngx_tavus_hide_visitors.len : NULL;
}


/* where the name is written in another way, of the whole path */

static void
ngx_tavus_hide_path(ngx_str_t *where)
{
    u_char  *p, *last;

    last = where->data + where->len;
    p = ngx_tavus_hide_visitor(where);

    if (p == NULL) {
        p = ngx_strlchr(where->data, last, '/');

        if (p == NULL) {
            return;
        }

        p++;
    }

    for (/* void */; p < last && *p != ' ' && *p != '?'; p++) {
        *p = '*';
    }
}


static void
ngx_tavus_hide_values(u_char *p, u_char *last, ngx_uint_t limits)
{
    u_char      *name;
    ngx_uint_t   hide;

    hide = 0;

    for (name = p; p < last && *p != ' '; p++) {

        if (*p == '&') {
            name = p + 1;
            hide = 0;

        } else if (*p == '=' && !hide) {
            hide = ngx_tavus_hide_named(name, p - name, limits);

        } else if (hide) {
            *p = '*';
        }
    }
}


/* a name can be written in many ways; of limits all but the zone's */

static ngx_uint_t
ngx_tavus_hide_named(u_char *name, size_t len, ngx_uint_t limits)
{
    ngx_str_t  *known;

    if (limits) {
        return !(len == 4 && ngx_strncmp(name, "zone", 4) == 0);
    }

    for (known = ngx_tavus_hide_names; known->len; known++) {
        if (known->len == len && ngx_strncmp(name, known->data, len) == 0) {
            return 1;
        }
    }

    return ngx_strlchr(name, name + len, '%') != NULL;
}
