
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
 * What a request waits for goes on without it: a batch, a query, a transfer,
 * a hash.  Whoever runs that holds one of these, in memory that lives until
 * it has detached, or was told that the request is gone.
 */

typedef struct {
    ngx_http_request_t   *request;      /* NULL: gone, or answered */
    ngx_http_cleanup_t   *cleanup;

    /* is told that r is gone; what it is logged with is there still */
    void                (*gone)(void *data, ngx_http_request_t *r);
    void                 *data;
} ngx_tavus_wait_t;


/* r waits from now on.  NGX_ERROR if no memory, and then it does not. */
ngx_int_t ngx_tavus_attach(ngx_tavus_wait_t *wait, ngx_http_request_t *r,
    void (*gone)(void *data, ngx_http_request_t *r), void *data);

/* It waits no longer: the caller's to answer; NULL if it is gone. */
ngx_http_request_t *ngx_tavus_detach(ngx_tavus_wait_t *wait);

/* Lets one that waits in a phase go through its phases again. */
void ngx_tavus_resume(ngx_tavus_wait_t *wait);

/*
 * While a request waits nothing is written, and a connection or stream that
 * is reset terminates it; a FIN does not, as the client may still read.
 * ngx_tavus_read_body() has seen to it already.
 */
ngx_int_t ngx_tavus_watch_client(ngx_http_request_t *r);

/*
 * Finalizes a request from outside of its own event handlers, or from its
 * body handler.
 */
void ngx_tavus_finalize(ngx_http_request_t *r, ngx_int_t rc);

/* Calls what took a body, which may call ngx_tavus_finalize(). */
void ngx_tavus_call_handler(ngx_http_request_t *r, ngx_tavus_body_pt handler,
    ngx_str_t *body);


#endif /* _NGX_TAVUS_WAIT_H_INCLUDED_ */
