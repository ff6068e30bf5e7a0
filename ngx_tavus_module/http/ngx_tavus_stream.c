
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_stream.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_variable.h"
#include "event/ngx_tavus_timer.h"


/* how soon a stream is told that the worker shuts down, and for how long it
   may go on once it was told */

#define NGX_TAVUS_STREAM_TICK   100
#define NGX_TAVUS_STREAM_GRACE  5000


typedef struct {
    ngx_queue_t             queue;
    ngx_buf_t               buf;
    size_t                  len;
    void                  (*release)(void *data);
    void                   *data;
} ngx_tavus_stream_piece_t;


/*
 * The request's own, as what is on its way over HTTP/2 is read until its pool
 * goes, later than its owner is told that it is gone.
 */

struct ngx_tavus_stream_out_s {
    ngx_queue_t             pieces;
    ngx_queue_t             free;
};


typedef struct {
    ngx_queue_t             streams;
    ngx_event_t             timer;
    ngx_msec_t              since;      /* the worker shuts down */
    unsigned                exiting:1;
} ngx_tavus_streams_t;


static ngx_int_t ngx_tavus_stream_header(ngx_http_request_t *r,
    const char *type);
static void ngx_tavus_stream_add(ngx_tavus_stream_t *s);
static ngx_int_t ngx_tavus_stream_output(ngx_tavus_stream_t *s,
    ngx_chain_t *in);
static void ngx_tavus_stream_left(ngx_tavus_stream_t *s);
static void ngx_tavus_stream_writer(ngx_http_request_t *r);
static void ngx_tavus_stream_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_stream_cleanup(void *data);
static void ngx_tavus_stream_tick(ngx_event_t *ev);
static ngx_tavus_stream_t *ngx_tavus_stream_due(void);


/* of this worker */

static ngx_tavus_streams_t  ngx_tavus_streams;


ngx_int_t
ngx_tavus_stream_open(ngx_http_request_t *r, ngx_tavus_stream_t *s,
    ngx_int_t *sent)
{
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_tavus_ctx_t     *ctx;
    ngx_pool_cleanup_t  *cln;

    *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;

    s->pending = 0;
    s->sent = 0;
    s->blocked = 0;
    s->told = 0;

    ctx = ngx_tavus_get_ctx(r);
    s->out = ngx_palloc(r->pool, sizeof(ngx_tavus_stream_out_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);
    b = ngx_calloc_buf(r->pool);

    if (ctx == NULL || s->out == NULL || cln == NULL || b == NULL
        || ngx_tavus_stream_header(r, s->type) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ngx_queue_init(&s->out->pieces);
    ngx_queue_init(&s->out->free);

    cln->handler = ngx_tavus_stream_cleanup;
    cln->data = s->out;

    *sent = ngx_http_send_header(r);

    if (*sent == NGX_ERROR || *sent > NGX_OK || r->header_only) {
        return NGX_DECLINED;
    }

    /* from here on there is no other answer */

    *sent = NGX_ERROR;

    if (ngx_tavus_watch_client(r) != NGX_OK
        || ngx_tavus_attach(&s->wait, r, ngx_tavus_stream_gone, s) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    ctx->stream = s;
    ctx->streamed = 1;
    r->write_event_handler = ngx_tavus_stream_writer;

    ngx_tavus_stream_add(s);

    b->flush = 1;

    out.buf = b;
    out.next = NULL;

    if (ngx_tavus_stream_output(s, &out) != NGX_ERROR) {
        return NGX_OK;
    }

    (void) ngx_tavus_detach(&s->wait);
    ngx_queue_remove(&s->queue);
    ctx->stream = NULL;

    return NGX_DECLINED;
}


static ngx_int_t
ngx_tavus_stream_header(ngx_http_request_t *r, const char *type)
{
    ngx_str_t                  value;
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.status_line.len = 0;

    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = strcspn(type, ";");
    r->headers_out.content_type_lowcase = NULL;

#if (NGX_HTTP_GZIP)

    /* as if the client could not take it: what is collected comes late */

    r->gzip_tested = 1;
    r->gzip_ok = 0;

#endif

    ngx_str_set(&value, "no-store, no-transform");

    if (ngx_tavus_set_header(r, "Cache-Control", &value) != NGX_OK
        || ngx_tavus_set_header(r, "X-Request-Id", ngx_tavus_request_id(r))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&value, "no");

    if (ngx_tavus_set_header(r, "X-Accel-Buffering", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    /* a small piece would wait for the acknowledgement of the one before */

#if (NGX_HTTP_V2)
    if (r->stream) {
        return NGX_OK;
    }
#endif

#if (NGX_HTTP_V3)
    if (c->quic) {
        return NGX_OK;
    }
#endif

    return clcf->tcp_nodelay ? ngx_tcp_nodelay(c) : NGX_OK;
}


/* while there are streams, their worker has a timer that holds it */

static void
ngx_tavus_stream_add(ngx_tavus_stream_t *s)
{
    ngx_tavus_streams_t  *all;

    all = &ngx_tavus_streams;

    if (all->streams.next == NULL) {
        ngx_queue_init(&all->streams);
    }

    ngx_queue_insert_tail(&all->streams, &s->queue);

    if (all->timer.timer_set) {
        return;
    }

    all->timer.data = &ngx_tavus_timer_dummy;
    all->timer.handler = ngx_tavus_stream_tick;
    all->timer.log = ngx_cycle->log;

    ngx_add_timer(&all->timer, NGX_TAVUS_STREAM_TICK);
}


ngx_int_t
ngx_tavus_stream_send(ngx_tavus_stream_t *s, u_char *data, size_t len,
    void (*release)(void *data), void *release_data)
{
    ngx_queue_t               *q;
    ngx_chain_t                out;
    ngx_http_request_t        *r;
    ngx_tavus_stream_piece_t  *piece;

    r = s->wait.request;

    if (ngx_queue_empty(&s->out->free)) {
        piece = ngx_palloc(r->pool, sizeof(ngx_tavus_stream_piece_t));

    } else {
        q = ngx_queue_head(&s->out->free);
        ngx_queue_remove(q);

        piece = ngx_queue_data(q, ngx_tavus_stream_piece_t, queue);
    }

    if (piece == NULL) {
        if (release) {
            release(release_data);
        }

        return NGX_ERROR;
    }

    ngx_memzero(piece, sizeof(ngx_tavus_stream_piece_t));

    piece->buf.pos = data;
    piece->buf.last = data + len;
    piece->buf.start = piece->buf.pos;
    piece->buf.end = piece->buf.last;
    piece->buf.memory = 1;
    piece->buf.flush = 1;
    piece->len = len;
    piece->release = release;
    piece->data = release_data;

    ngx_queue_insert_tail(&s->out->pieces, &piece->queue);
    s->pending += len;

    out.buf = &piece->buf;
    out.next = NULL;

    ngx_http_set_log_request(r->connection->log, r);

    return ngx_tavus_stream_output(s, &out);
}


/* NGX_OK: all has left; NGX_AGAIN, NGX_ERROR */

static ngx_int_t
ngx_tavus_stream_output(ngx_tavus_stream_t *s, ngx_chain_t *in)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = s->wait.request;
    c = r->connection;
    wev = c->write;

    if (ngx_http_output_filter(r, in) == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_tavus_stream_left(s);

    if (s->pending == 0 && !r->buffered && !c->buffered) {

        if (wev->timer_set && !wev->delayed) {
            ngx_del_timer(wev);
        }

        s->blocked = 0;

        return NGX_OK;
    }

    s->blocked = 1;

    clcf = ngx_http_get_module_loc_conf(r->main, ngx_http_core_module);

    /* pieces that come meanwhile are no sign of life */

    if (!wev->delayed && (!wev->timer_set || c->sent != s->sent)) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    s->sent = c->sent;

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_tavus_stream_left(ngx_tavus_stream_t *s)
{
    ngx_queue_t               *q;
    ngx_tavus_stream_piece_t  *piece;

    while (!ngx_queue_empty(&s->out->pieces)) {

        q = ngx_queue_head(&s->out->pieces);
        piece = ngx_queue_data(q, ngx_tavus_stream_piece_t, queue);

        if (piece->buf.pos != piece->buf.last) {
            return;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_head(&s->out->free, q);

        s->pending -= piece->len;

        if (piece->release) {
            piece->release(piece->data);
        }
    }
}


static void
ngx_tavus_stream_writer(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_event_t         *wev;
    ngx_tavus_ctx_t     *ctx;
    ngx_connection_t    *c;
    ngx_tavus_stream_t  *s;

    c = r->connection;
    wev = c->write;
    ctx = ngx_tavus_get_ctx(r);
    s = ctx->stream;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");

        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!s->blocked) {
        return;
    }

    rc = ngx_tavus_stream_output(s, NULL);

    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, rc);

    } else if (rc == NGX_OK) {
        s->ready(s->data);
    }
}


void
ngx_tavus_stream_close(ngx_tavus_stream_t *s, ngx_uint_t whole)
{
    ngx_int_t            rc;
    ngx_tavus_ctx_t     *ctx;
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&s->wait);
    if (r == NULL) {
        return;
    }

    ctx = ngx_tavus_get_ctx(r);
    ctx->stream = NULL;

    ngx_queue_remove(&s->queue);

    r->write_event_handler = ngx_http_request_empty_handler;

    rc = NGX_ERROR;

    if (whole) {
        ngx_http_set_log_request(r->connection->log, r);
        rc = ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    ngx_tavus_finalize(r, rc);
}


static void
ngx_tavus_stream_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_stream_t *s = data;

    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);

    if (ctx) {
        ctx->stream = NULL;
    }

    ngx_queue_remove(&s->queue);

    s->gone(s->data, r);
}


static void
ngx_tavus_stream_cleanup(void *data)
{
    ngx_tavus_stream_out_t *out = data;

    ngx_queue_t               *q;
    ngx_tavus_stream_piece_t  *piece;

    for (q = ngx_queue_head(&out->pieces);
         q != ngx_queue_sentinel(&out->pieces);
         q = ngx_queue_next(q))
    {
        piece = ngx_queue_data(q, ngx_tavus_stream_piece_t, queue);

        if (piece->release) {
            piece->release(piece->data);
        }
    }
}


static void
ngx_tavus_stream_tick(ngx_event_t *ev)
{
    ngx_tavus_stream_t   *s;
    ngx_tavus_streams_t  *all;

    all = &ngx_tavus_streams;

    if (ngx_exiting && !all->exiting) {
        all->exiting = 1;
        all->since = ngx_current_msec;
    }

    while (all->exiting && (s = ngx_tavus_stream_due()) != NULL) {

        if (s->exiting && !s->told) {
            s->told = 1;
            s->exiting(s->data);
            continue;
        }

        /* its owner is told that it is gone */

        ngx_tavus_finalize(s->wait.request, NGX_ERROR);
    }

    if (!ngx_queue_empty(&all->streams)) {
        ngx_add_timer(&all->timer, NGX_TAVUS_STREAM_TICK);
    }
}


static ngx_tavus_stream_t *
ngx_tavus_stream_due(void)
{
    ngx_msec_t            past;
    ngx_queue_t          *q;
    ngx_tavus_stream_t   *s;
    ngx_tavus_streams_t  *all;

    all = &ngx_tavus_streams;
    past = ngx_current_msec - all->since;

    for (q = ngx_queue_head(&all->streams);
         q != ngx_queue_sentinel(&all->streams);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_tavus_stream_t, queue);

        if (past >= s->linger + (s->told ? NGX_TAVUS_STREAM_GRACE : 0)) {
            return s;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_tavus_stream_framed(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t  *clcf;

    if (r->http_version > NGX_HTTP_VERSION_11) {
        return 1;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    return r->http_version == NGX_HTTP_VERSION_11
           && clcf->chunked_transfer_encoding;
}
