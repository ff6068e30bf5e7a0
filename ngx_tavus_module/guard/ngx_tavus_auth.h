
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_AUTH_H_INCLUDED_
#define _NGX_TAVUS_AUTH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * Basic authentication (RFC 7617) for admin locations.  As an ACCESS phase
 * handler: NGX_OK, NGX_DECLINED where no users are configured, NGX_AGAIN
 * while a hash is computed in the thread pool, NGX_DONE or a status once
 * the answer is given.
 */
ngx_int_t ngx_tavus_auth_handler(ngx_http_request_t *r);

/* Whether r has logged in as a user of the location that it is in now. */
ngx_uint_t ngx_tavus_auth_passed(ngx_http_request_t *r);

/* Makes what the cache of passed credentials needs; once a process. */
ngx_int_t ngx_tavus_auth_init_process(ngx_cycle_t *cycle);


#endif /* _NGX_TAVUS_AUTH_H_INCLUDED_ */
