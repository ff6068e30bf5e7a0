
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_WAIT_H_INCLUDED_
#define _NGX_TAVUS_WAIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


typedef void (*ngx_tavus_body_pt)(ngx_http_request_t *r, ngx_str_t *body);


/*
 * Makes a request wait: nothing is written, and a connection or stream that
 * is reset terminates it; a FIN does not, as the client may still read.
 * ngx_tavus_read_body() has done so already.
 */
ngx_int_t ngx_tavus_wait(ngx_http_request_t *r);

/*
 * Finalizes a request from outside of its own event handlers, or from its
 * body handler.
 */
void ngx_tavus_finalize(ngx_http_request_t *r, ngx_int_t rc);

/* Calls what took a body, which may call ngx_tavus_finalize(). */
void ngx_tavus_call_handler(ngx_http_request_t *r, ngx_tavus_body_pt handler,
    ngx_str_t *body);


#endif /* _NGX_TAVUS_WAIT_H_INCLUDED_ */
