
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_LIMIT_H_INCLUDED_
#define _NGX_TAVUS_LIMIT_H_INCLUDED_


#include "http/ngx_tavus_ctx.h"
#include "guard/ngx_tavus_limit_zone.h"


/*
 * Asks the location's buckets, once per main request.  NGX_DECLINED if the
 * request may go on, else what a phase handler returns.
 */
ngx_int_t ngx_tavus_limit_handler(ngx_http_request_t *r);

/* Adds RateLimit, RateLimit-Policy, X-RateLimit-* and Retry-After. */
ngx_int_t ngx_tavus_limit_headers(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx);

/* The client's address as $binary_remote_addr keys count it: /32, /64. */
void ngx_tavus_limit_addr_key(ngx_http_request_t *r, ngx_uint_t v4,
    ngx_uint_t v6, u_char key[16], ngx_str_t *out);

/* Whether requests are limited in the location that r is in. */
ngx_uint_t ngx_tavus_limit_asks(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_LIMIT_H_INCLUDED_ */
