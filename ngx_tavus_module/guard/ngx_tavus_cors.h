
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CORS_H_INCLUDED_
#define _NGX_TAVUS_CORS_H_INCLUDED_


#include "http/ngx_tavus_ctx.h"


/*
 * Judges Origin and Sec-Fetch-Site and answers preflights, before any other
 * work.  NGX_DECLINED if the request may go on, else what a phase handler
 * returns.
 */
ngx_int_t ngx_tavus_cors_handler(ngx_http_request_t *r);

/* Adds the CORS headers of an allowed origin, but Vary: ngx_tavus_vary.c. */
ngx_int_t ngx_tavus_cors_headers(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx);

/* Whether origins are judged in the location that r is in. */
ngx_uint_t ngx_tavus_cors_asks(ngx_http_request_t *r);

/*
 * Whether a change that needs a login may come from where it does: from a
 * page of tavus_public_origin, or from no page at all.
 */
ngx_uint_t ngx_tavus_cors_same_origin(ngx_http_request_t *r);

/* What is wrong with an origin that stands in a configuration, or NULL. */
const char *ngx_tavus_cors_check_origin(ngx_str_t *origin);


/* directive: tavus_cors_origin origin … */
extern ngx_module_t  ngx_tavus_cors_module;


#endif /* _NGX_TAVUS_CORS_H_INCLUDED_ */
