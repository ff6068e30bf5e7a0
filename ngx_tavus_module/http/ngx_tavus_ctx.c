
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_endpoint.h"


static void ngx_tavus_ctx_cleanup(void *data);


ngx_tavus_ctx_t *
ngx_tavus_find_ctx(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t     *ctx;
    ngx_pool_cleanup_t  *cln;

    ctx = ngx_http_get_module_ctx(r, ngx_tavus_module);

    if (ctx == NULL && r != r->main) {
        ctx = ngx_http_get_module_ctx(r->main, ngx_tavus_module);
    }

    if (ctx != NULL || (!r->main->internal && !r->main->filter_finalize)) {
        return ctx;
    }

    /* an internal redirect cleared the contexts; the pool remembers */

    for (cln = r->main->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_tavus_ctx_cleanup) {
            ctx = cln->data;
            ngx_http_set_ctx(r->main, ctx, ngx_tavus_module);

            return ctx;
        }
    }

    return NULL;
}


ngx_tavus_ctx_t *
ngx_tavus_get_ctx(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t     *ctx, *main;
    ngx_pool_cleanup_t  *cln;

    main = ngx_tavus_find_ctx(r->main);

    if (r == r->main) {

        if (main != NULL) {
            return main;
        }

        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_tavus_ctx_t));
        if (cln == NULL) {
            return NULL;
        }

        cln->handler = ngx_tavus_ctx_cleanup;
        ctx = cln->data;

    } else {
        ctx = ngx_http_get_module_ctx(r, ngx_tavus_module);

        if (ctx != NULL) {
            return ctx;
        }

        ctx = ngx_palloc(r->pool, sizeof(ngx_tavus_ctx_t));
        if (ctx == NULL) {
            return NULL;
        }
    }

    ngx_memzero(ctx, sizeof(ngx_tavus_ctx_t));

    ctx->store_time = -1;
    ctx->upstream_time = -1;

    if (main != NULL) {
        ctx->token = main->token;
    }

    ngx_http_set_ctx(r, ctx, ngx_tavus_module);

    return ctx;
}


static void
ngx_tavus_ctx_cleanup(void *data)
{
    /* a mark to find the context by */
}
