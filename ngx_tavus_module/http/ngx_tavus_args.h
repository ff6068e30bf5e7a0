
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ARGS_H_INCLUDED_
#define _NGX_TAVUS_ARGS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/tavus_query.h"


/*
 * Reads the arguments of a request into a table, their values into pool.
 * NGX_OK; NGX_DECLINED if a problem was sent, *sent is what came of it.
 */
ngx_int_t ngx_tavus_args_read(ngx_http_request_t *r, ngx_pool_t *pool,
    tavus_query_arg_t *table, ngx_uint_t n, ngx_int_t *sent);

/* The 400 of an argument whose value is not valid. */
ngx_int_t ngx_tavus_args_invalid(ngx_http_request_t *r, const char *name);


#endif /* _NGX_TAVUS_ARGS_H_INCLUDED_ */
