
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CORS_H_INCLUDED_
#define _NGX_TAVUS_CORS_H_INCLUDED_


#include "ngx_tavus_module.h"


/*
 * Judges Origin and Sec-Fetch-Site and answers preflights, before any other
 * work.  NGX_DECLINED if the request may go on, else what a phase handler
 * returns.
 */
ngx_int_t ngx_tavus_cors_handler(ngx_http_request_t *r);

/* Adds the CORS headers of an allowed origin, but Vary: ngx_tavus_vary.c. */
ngx_int_t ngx_tavus_cors_headers(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx);

/*
 * For state-changing admin calls: NGX_OK if Origin and Sec-Fetch-Site, where
 * present, are the site's own; NGX_DECLINED if not.
 */
ngx_int_t ngx_tavus_cors_same_origin(ngx_http_request_t *r);

/* directive: an exact origin; "NULL or reason" of an unfit one */
char *ngx_tavus_cors_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
const char *ngx_tavus_cors_check_origin(ngx_str_t *origin);


#endif /* _NGX_TAVUS_CORS_H_INCLUDED_ */
