
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_STREAM_H_INCLUDED_
#define _NGX_TAVUS_STREAM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "http/ngx_tavus_wait.h"


/*
 * An answer whose length nobody knows yet, in pieces that come at any time.
 * No piece is copied, and none is waited for: whoever makes them is told when
 * the last one has left, and decides how much may wait.  A client that takes
 * nothing for send_timeout is gone.
 */

typedef struct ngx_tavus_stream_out_s  ngx_tavus_stream_out_t;


/* in memory of its owner, who frees it after close or gone, not before */

typedef struct {
    const char               *type;     /* media type, which stays there */
    ngx_msec_t                linger;   /* after the worker's shutdown began */

    /*
     * All of it has left for the client, after a NGX_AGAIN.  More may be
     * sent, and the stream be closed, from here as from anywhere.
     */
    void                    (*ready)(void *data);

    /* The client is gone, or too slow: nothing more will be called. */
    void                    (*gone)(void *data, ngx_http_request_t *r);

    /* The worker shuts down, linger ago: close it soon.  NULL: it is cut. */
    void                    (*exiting)(void *data);

    void                     *data;

    /* bytes that were sent and have not left yet; for the owner to read */
    size_t                    pending;

    /* its own */
    ngx_tavus_wait_t          wait;
    ngx_tavus_stream_out_t   *out;
    ngx_queue_t               queue;
    off_t                     sent;
    unsigned                  blocked:1;
    unsigned                  told:1;
} ngx_tavus_stream_t;


/*
 * Sends the header, with those that r has already, at once: 200, not to be
 * stored, changed, compressed or collected by whoever is in between.  The
 * caller returns NGX_DONE with r->main->count raised, as for all that waits.
 * NGX_OK; NGX_DECLINED if it is not open, as a HEAD, and *sent is what came
 * of it.
 */
ngx_int_t ngx_tavus_stream_open(ngx_http_request_t *r, ngx_tavus_stream_t *s,
    ngx_int_t *sent);

/*
 * Sends a piece, at least a byte, which is the stream's until release (NULL:
 * none) is called, within this call or later, even after close and gone; so
 * one text may go to many.  NGX_OK: all has left; NGX_AGAIN: some waits, and
 * ready will be called; NGX_ERROR: close it.
 */
ngx_int_t ngx_tavus_stream_send(ngx_tavus_stream_t *s, u_char *data,
    size_t len, void (*release)(void *data), void *release_data);

/*
 * Ends it: what waits will leave, then the end, by which the client knows
 * that it has all.  Or, if it is not whole, cuts it at once, so that the
 * client knows that it has not: see ngx_tavus_stream_framed().
 */
void ngx_tavus_stream_close(ngx_tavus_stream_t *s, ngx_uint_t whole);

/* Whether the client can tell an end from a cut: not over HTTP/1.0. */
ngx_uint_t ngx_tavus_stream_framed(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_STREAM_H_INCLUDED_ */
