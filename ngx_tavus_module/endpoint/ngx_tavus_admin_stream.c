
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_stream.h"
#include "endpoint/ngx_tavus_admin_args.h"
#include "endpoint/ngx_tavus_admin_trail.h"
#include "guard/ngx_tavus_cors.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_stream.h"
#include "jobs/ngx_tavus_tail.h"
#include "core/tavus_metrics.h"


/* of a worker */
#define NGX_TAVUS_STREAM_MAX    128
#define NGX_TAVUS_STREAM_FULL   10          /* s, until one may be free */

/* ms until a client comes back, so that not all do in one moment */

#define NGX_TAVUS_STREAM_BACK   500
#define NGX_TAVUS_STREAM_SPREAD 2000


typedef struct {
    ngx_tavus_tail_t       tail;            /* first: it is found by this */
    ngx_tavus_stream_t     stream;
    ngx_pool_t            *pool;
    unsigned               joined:1;
} ngx_tavus_admin_stream_t;


static ngx_uint_t ngx_tavus_admin_stream_asked(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_admin_stream_read(ngx_http_request_t *r,
    ngx_tavus_admin_stream_t *st, cJSON **object, ngx_int_t *sent);
static void ngx_tavus_admin_stream_last(ngx_http_request_t *r,
    ngx_tavus_admin_stream_t *st, const char *argument);
static ngx_uint_t ngx_tavus_admin_stream_full(ngx_http_request_t *r,
    ngx_int_t *sent);
static void ngx_tavus_admin_stream_looked(ngx_http_request_t *r, void *data);
static ngx_int_t ngx_tavus_admin_stream_open(ngx_http_request_t *r,
    ngx_tavus_admin_stream_t *st, ngx_int_t *sent);
static ngx_int_t ngx_tavus_admin_stream_send(ngx_tavus_tail_t *tail,
    ngx_tavus_tail_text_t *text);
static size_t ngx_tavus_admin_stream_pending(ngx_tavus_tail_t *tail);
static void ngx_tavus_admin_stream_ready(void *data);
static void ngx_tavus_admin_stream_lost(ngx_tavus_tail_t *tail);
static void ngx_tavus_admin_stream_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_admin_stream_exiting(void *data);
static void ngx_tavus_admin_stream_closed(ngx_tavus_admin_stream_t *st,
    ngx_uint_t reason);
static void ngx_tavus_admin_stream_free(void *data);


static ngx_tavus_admin_arg_t  ngx_tavus_admin_stream_args[] = {
    { "type", 16, ngx_tavus_arg_type },
    { "event_type", 200, ngx_tavus_arg_text },
    { "source", 32, ngx_tavus_arg_text },
    { "conversation_id", 200, ngx_tavus_arg_text },
    { "q", TAVUS_FILTER_WORD, ngx_tavus_arg_personal },
    { "last_event_id", NGX_TAVUS_TAIL_PLACE, ngx_tavus_arg_text }
};

static ngx_uint_t  ngx_tavus_admin_streams;


ngx_int_t
ngx_tavus_admin_stream(ngx_http_request_t *r, ngx_str_t *path)
{
    cJSON                     *object;
    ngx_int_t                  rc;
    ngx_pool_t                *pool;
    ngx_tavus_admin_trail_t    trail;
    ngx_tavus_admin_stream_t  *st;

    static ngx_str_t  name = ngx_string("events/stream");

    if (path->len != name.len
        || ngx_strncmp(path->data, name.data, name.len) != 0)
    {
        return NGX_DECLINED;
    }

    rc = ngx_tavus_allow(r, NGX_HTTP_GET, "GET");

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_tavus_admin_stream_asked(r)) {
        return ngx_tavus_send_problem(r, NGX_HTTP_FORBIDDEN,
                                      "origin_not_allowed", 0,
                                      "Events are told to scripts of "
                                      "\"tavus_public_origin\" alone.");
    }

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    object = NULL;
    st = ngx_pcalloc(pool, sizeof(ngx_tavus_admin_stream_t));

    if (st == NULL) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto failed;
    }

    st->pool = pool;

    if (ngx_tavus_admin_stream_read(r, st, &object, &rc) != NGX_OK) {
        goto failed;
    }

    if (ngx_tavus_admin_stream_full(r, &rc)) {
        goto failed;
    }

    trail.handler = ngx_tavus_admin_stream_looked;
    trail.gone = ngx_tavus_admin_stream_free;
    trail.data = st;

    rc = ngx_tavus_admin_trail_look(r, "events/stream", object, &trail);
    object = NULL;

    if (rc == NGX_ERROR) {
        rc = ngx_tavus_admin_trail_unavailable(r);
        goto failed;
    }

    if (rc == NGX_OK && ngx_tavus_admin_stream_open(r, st, &rc) != NGX_OK) {
        goto failed;
    }

    r->main->count++;

    return NGX_DONE;

failed:

    cJSON_Delete(object);
    ngx_destroy_pool(pool);

    return rc;
}


/*
 * A browser sends the password along by itself, so it must say who asks; and
 * whoever follows a link wants a page, which this never becomes.
 */

static ngx_uint_t
ngx_tavus_admin_stream_asked(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_tavus_find_header(r, "sec-fetch-mode",
                              sizeof("sec-fetch-mode") - 1);

    return ngx_tavus_cors_same_origin(r)
           && (h == NULL
               || h->value.len != sizeof("navigate") - 1
               || ngx_memcmp(h->value.data, "navigate", h->value.len) != 0);
}


/* NGX_OK; NGX_DECLINED if a problem was sent, *sent is what came of it */

static ngx_int_t
ngx_tavus_admin_stream_read(ngx_http_request_t *r,
    ngx_tavus_admin_stream_t *st, cJSON **object, ngx_int_t *sent)
{
    ngx_uint_t            i;
    ngx_tavus_pg_op_t     op;
    tavus_filter_text_t   text[5];

    ngx_memzero(&op, sizeof(ngx_tavus_pg_op_t));

    if (ngx_tavus_admin_args_read(r, st->pool, ngx_tavus_admin_stream_args, 0,
                                  6, &op, object, sent)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < 5; i++) {
        text[i].data = op.values[i];
        text[i].len = op.values[i] ? ngx_strlen(op.values[i]) : 0;
    }

    if (tavus_filter_init(&st->tail.filter, &text[0], &text[1], &text[2],
                          &text[3], &text[4])
        != 0)
    {
        *sent = ngx_tavus_args_invalid(r, "type");
        return NGX_DECLINED;
    }

    ngx_tavus_admin_stream_last(r, st, op.values[5]);

    /* to come back is the same look */

    cJSON_DeleteItemFromObjectCaseSensitive(*object, "last_event_id");

    if (*object && (*object)->child == NULL) {
        cJSON_Delete(*object);
        *object = NULL;
    }

    return NGX_OK;
}


/* the header is what a browser sends that comes back, and newer */

static void
ngx_tavus_admin_stream_last(ngx_http_request_t *r,
    ngx_tavus_admin_stream_t *st, const char *argument)
{
    u_char            c;
    ngx_str_t         last;
    ngx_uint_t        i;
    ngx_table_elt_t  *h;

    h = ngx_tavus_find_header(r, "last-event-id",
                              sizeof("last-event-id") - 1);

    if (h && h->value.len) {
        last = h->value;

    } else if (argument) {
        last.data = (u_char *) argument;
        last.len = ngx_strlen(argument);

    } else {
        return;
    }

    for (i = 0; i < last.len; i++) {
        c = last.data[i];

        if (!(c == '.' || c == '-' || (c >= '0' && c <= '9')
              || (c >= 'a' && c <= 'f')))
        {
            break;
        }
    }

    /* none that was told: it is looked for all the same, and not found */

    if (i < last.len || last.len > NGX_TAVUS_TAIL_PLACE) {
        ngx_str_set(&last, "-");
    }

    ngx_memcpy(st->tail.last, last.data, last.len);
    st->tail.last[last.len] = '\0';
}


static void
ngx_tavus_admin_stream_looked(ngx_http_request_t *r, void *data)
{
    ngx_tavus_admin_stream_t *st = data;

    ngx_int_t  rc;

    if (ngx_tavus_admin_stream_open(r, st, &rc) != NGX_OK) {
        ngx_destroy_pool(st->pool);
        ngx_tavus_finalize(r, rc);
    }
}


/* before the look is told of, and again when it was */

static ngx_uint_t
ngx_tavus_admin_stream_full(ngx_http_request_t *r, ngx_int_t *sent)
{
    if (ngx_tavus_admin_streams < NGX_TAVUS_STREAM_MAX && !ngx_exiting) {
        return 0;
    }

    *sent = ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                   "too_many_streams", NGX_TAVUS_STREAM_FULL,
                                   "Too many listen already.");

    return 1;
}


/* NGX_OK: it is open; NGX_DECLINED: *sent is what came of it */

static ngx_int_t
ngx_tavus_admin_stream_open(ngx_http_request_t *r,
    ngx_tavus_admin_stream_t *st, ngx_int_t *sent)
{
    u_char              *p;
    ngx_tavus_tail_t    *tail;
    ngx_tavus_stream_t  *s;

    tail = &st->tail;
    s = &st->stream;

    if (ngx_tavus_admin_stream_full(r, sent)) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(r->pool, NGX_INT_T_LEN + sizeof("retry: \n\n"));
    if (p == NULL) {
        *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    s->type = "text/event-stream";
    s->ready = ngx_tavus_admin_stream_ready;
    s->gone = ngx_tavus_admin_stream_gone;
    s->exiting = ngx_tavus_admin_stream_exiting;
    s->data = st;

    tail->send = ngx_tavus_admin_stream_send;
    tail->pending = ngx_tavus_admin_stream_pending;
    tail->lost = ngx_tavus_admin_stream_lost;

    if (ngx_tavus_stream_open(r, s, sent) != NGX_OK) {
        return NGX_DECLINED;
    }

    tavus_metric_set(TAVUS_METRIC_TAILS, ++ngx_tavus_admin_streams);

    ngx_tavus_tail_join(tail);
    st->joined = 1;

    if (ngx_tavus_stream_send(s, p,
                              ngx_sprintf(p, "retry: %ui\n\n",
                                          NGX_TAVUS_STREAM_BACK
                                          + ngx_random()
                                            % NGX_TAVUS_STREAM_SPREAD)
                              - p, NULL, NULL)
        == NGX_ERROR)
    {
        tail->broken = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_admin_stream_send(ngx_tavus_tail_t *tail,
    ngx_tavus_tail_text_t *text)
{
    ngx_int_t                  rc;
    ngx_tavus_admin_stream_t  *st;

    st = (ngx_tavus_admin_stream_t *) tail;

    rc = ngx_tavus_stream_send(&st->stream, text->data, text->len,
                               ngx_tavus_tail_release, text);

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


static size_t
ngx_tavus_admin_stream_pending(ngx_tavus_tail_t *tail)
{
    return ((ngx_tavus_admin_stream_t *) tail)->stream.pending;
}


static void
ngx_tavus_admin_stream_ready(void *data)
{
    /* the reader looks at what waits, and goes on */
}


static void
ngx_tavus_admin_stream_lost(ngx_tavus_tail_t *tail)
{
    ngx_tavus_admin_stream_t *st = (ngx_tavus_admin_stream_t *) tail;

    st->joined = 0;

    ngx_tavus_stream_close(&st->stream, 0);
    ngx_tavus_admin_stream_closed(st, TAVUS_TAIL_CLIENT);
}


static void
ngx_tavus_admin_stream_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_admin_stream_closed(data, r->connection->timedout
                                        ? TAVUS_TAIL_SLOW
                                        : TAVUS_TAIL_CLIENT);
}


/* who takes nothing has to do without an end */

static void
ngx_tavus_admin_stream_exiting(void *data)
{
    ngx_tavus_admin_stream_t *st = data;

    ngx_tavus_stream_close(&st->stream, st->stream.pending == 0);
    ngx_tavus_admin_stream_closed(st, TAVUS_TAIL_SHUTDOWN);
}


static void
ngx_tavus_admin_stream_closed(ngx_tavus_admin_stream_t *st,
    ngx_uint_t reason)
{
    tavus_metric_set(TAVUS_METRIC_TAILS, --ngx_tavus_admin_streams);
    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_TAILS_CLOSED, reason, 0),
                     1);

    if (st->joined) {
        ngx_tavus_tail_leave(&st->tail);
    }

    ngx_destroy_pool(st->pool);
}


static void
ngx_tavus_admin_stream_free(void *data)
{
    ngx_tavus_admin_stream_t *st = data;

    ngx_destroy_pool(st->pool);
}
