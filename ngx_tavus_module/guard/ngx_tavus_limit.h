
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_LIMIT_H_INCLUDED_
#define _NGX_TAVUS_LIMIT_H_INCLUDED_


#include "http/ngx_tavus_ctx.h"
#include "guard/ngx_tavus_limit_zone.h"


typedef struct {
    ngx_tavus_limit_zone_t     *zone;
    ngx_flag_t                  dry_run;
} ngx_tavus_limit_t;


typedef struct {
    ngx_array_t                *limits;         /* ngx_tavus_limit_t */
} ngx_tavus_limit_loc_conf_t;


/*
 * Asks the location's buckets, once per main request.  NGX_DECLINED if the
 * request may go on, else what a phase handler returns.
 */
ngx_int_t ngx_tavus_limit_handler(ngx_http_request_t *r);

/* Adds RateLimit, RateLimit-Policy, X-RateLimit-* and Retry-After. */
ngx_int_t ngx_tavus_limit_headers(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx);

/* Whether requests are limited in the location that r is in. */
ngx_uint_t ngx_tavus_limit_asks(ngx_http_request_t *r);


/* $tavus_limit_status, $tavus_limit_remaining */
ngx_int_t ngx_tavus_limit_add_variables(ngx_conf_t *cf);


#endif /* _NGX_TAVUS_LIMIT_H_INCLUDED_ */
