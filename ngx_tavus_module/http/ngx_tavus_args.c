
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"


static ngx_int_t ngx_tavus_args_refuse(ngx_http_request_t *r,
    const char *code, const char *detail, const char *name, size_t len);


ngx_int_t
ngx_tavus_args_read(ngx_http_request_t *r, ngx_pool_t *pool,
    tavus_query_arg_t *table, ngx_uint_t n, ngx_int_t *sent)
{
    char                  *buf;
    size_t                 bad_len;
    ngx_str_t              args;
    const char            *bad, *code, *detail;
    ngx_tavus_ctx_t       *ctx;
    tavus_query_status_t   status;

    args = r->args;
    ctx = ngx_tavus_find_ctx(r);

    /* what is hidden from logs */

    if (ctx && args.len && ctx->hidden.len == args.len
        && ngx_memcmp(ctx->hidden.data, args.data, args.len) == 0)
    {
        args = ctx->args;
    }

    buf = ngx_pnalloc(pool, args.len + 1);
    if (buf == NULL) {
        *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    bad = NULL;
    bad_len = 0;

    status = tavus_query_parse((char *) args.data, args.len, table, n,
                               buf, &bad, &bad_len);

    code = "invalid_parameter";

    switch (status) {

    case TAVUS_QUERY_OK:
        return NGX_OK;

    case TAVUS_QUERY_UNKNOWN:
        code = "unknown_parameter";
        detail = "There is no such parameter.";
        break;

    case TAVUS_QUERY_TWICE:
        detail = "The parameter is given twice.";
        break;

    case TAVUS_QUERY_TOO_LONG:
        detail = "The parameter is too long.";
        break;

    default: /* TAVUS_QUERY_MALFORMED */
        detail = "The query string is malformed.";
    }

    *sent = ngx_tavus_args_refuse(r, code, detail, bad, bad_len);

    return NGX_DECLINED;
}


ngx_int_t
ngx_tavus_args_invalid(ngx_http_request_t *r, const char *name)
{
    return ngx_tavus_args_refuse(r, "invalid_parameter",
                                 "The parameter's value is not valid.", name,
                                 ngx_strlen(name));
}


static ngx_int_t
ngx_tavus_args_refuse(ngx_http_request_t *r, const char *code,
    const char *detail, const char *name, size_t len)
{
    cJSON      *extra;
    u_char     *p;
    ngx_uint_t  i;

    extra = NULL;
    p = ngx_pnalloc(r->pool, len + 1);

    /* a name of the caller's is repeated only if it is a plain word */

    if (name != NULL && p != NULL && len <= 64) {

        for (i = 0; i < len; i++) {
            if (!((name[i] >= 'a' && name[i] <= 'z') || name[i] == '_')) {
                break;
            }
        }

        if (i == len) {
            ngx_cpystrn(p, (u_char *) name, len + 1);

            extra = cJSON_CreateObject();
            (void) cJSON_AddStringToObject(extra, "parameter", (char *) p);
        }
    }

    return ngx_tavus_send_problem_with(r, NGX_HTTP_BAD_REQUEST, code, 0,
                                       detail, extra);
}
