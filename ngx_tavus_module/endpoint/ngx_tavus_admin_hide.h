
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_HIDE_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_HIDE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * What is asked for of a person (key, q, email, the key of a visitor's path)
 * is for no log.  Each of these does no harm twice; NGX_ERROR: no memory.
 */

/*
 * Before there is a location: of the request line alone, which is all that
 * the error log has, and nothing else is made of.
 */
ngx_int_t ngx_tavus_admin_hide_early(ngx_http_request_t *r);

/*
 * For a request that came to tavus_admin: wherever it stands but in r->uri.
 * ngx_tavus_args_read() still has the arguments.
 */
ngx_int_t ngx_tavus_admin_hide(ngx_http_request_t *r);

/* When all is done but the access log: wherever it stands. */
ngx_int_t ngx_tavus_admin_hide_late(ngx_http_request_t *r);



#endif /* _NGX_TAVUS_ADMIN_HIDE_H_INCLUDED_ */
