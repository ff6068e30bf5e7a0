
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_export.h"
#include "endpoint/ngx_tavus_admin_args.h"
#include "endpoint/ngx_tavus_admin_failed.h"
#include "endpoint/ngx_tavus_admin_trail.h"
#include "guard/ngx_tavus_cors.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_stream.h"
#include "http/ngx_tavus_wait.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"
#include "event/ngx_tavus_pg.h"
#include "event/ngx_tavus_timer.h"
#include "core/tavus_uuid.h"


#define NGX_TAVUS_EXPORT_MAX      8         /* of a worker */
#define NGX_TAVUS_EXPORT_RETRY    10
#define NGX_TAVUS_EXPORT_TIMEOUT  5000      /* of a page */
#define NGX_TAVUS_EXPORT_TICK     1000
#define NGX_TAVUS_EXPORT_BEAT     15000     /* without a byte */
#define NGX_TAVUS_EXPORT_PATIENCE 60000     /* with the database */
#define NGX_TAVUS_EXPORT_LINGER   10000     /* of a worker that shuts down */

/*
 * ms for a batch that is stored, or intake goes first: pages have few rows, and
 * each waits for so many times as long as the last one took, and ms at most
 */
#define NGX_TAVUS_EXPORT_QUIET    10
#define NGX_TAVUS_EXPORT_FEW      "100"
#define NGX_TAVUS_EXPORT_MANY     "1000"
#define NGX_TAVUS_EXPORT_REST     3
#define NGX_TAVUS_EXPORT_PAUSE    300


/* parameters of the statement, behind the filter */

enum {
    ngx_tavus_export_format = 7,
    ngx_tavus_export_cursor,
    ngx_tavus_export_until,
    NGX_TAVUS_EXPORT_ARGS,
    ngx_tavus_export_most = NGX_TAVUS_EXPORT_ARGS
};


/* columns of its answer */

enum {
    ngx_tavus_export_page = 0,
    ngx_tavus_export_rows,
    ngx_tavus_export_next,
    ngx_tavus_export_bound
};


/* a page outlives the client for whom it was asked */

typedef struct {
    ngx_pool_t           *pool;
    ngx_tavus_wait_t      wait;         /* until the stream is open */
    ngx_tavus_stream_t    stream;
    ngx_tavus_pg_op_t     op;
    ngx_event_t           timer;
    ngx_queue_t           queue;        /* of those that want a page */

    uint8_t               cursor[TAVUS_UUID_LEN];
    u_char                until[8];     /* as the database has told it */

    ngx_uint_t            rows;
    ngx_msec_t            wanted;       /* since when the next page is */
    ngx_msec_t            sent;         /* when a byte was */
    size_t                header;       /* bytes of CSV's that were */

    unsigned              csv:1;
    unsigned              counted:1;
    unsigned              open:1;       /* its stream is */
    unsigned              row:1;        /* one was not ended yet */
    unsigned              blank:1;      /* it began with white space */
    unsigned              last:1;       /* there are no more pages */
    unsigned              queued:1;
    unsigned              asked:1;
    unsigned              sending:1;
    unsigned              exiting:1;
    unsigned              gone:1;
} ngx_tavus_export_t;


/* of this worker: its exports take turns on its session */

typedef struct {
    ngx_queue_t           waiting;
    ngx_uint_t            n;
    ngx_uint_t            busy;
    ngx_uint_t            rests;        /* as intake wants the processor */
    ngx_event_t           pause;
    ngx_msec_t            asked;
    ngx_atomic_uint_t     stored;       /* on this node, then */
} ngx_tavus_exports_t;


static ngx_int_t ngx_tavus_export_read(ngx_http_request_t *r,
    ngx_tavus_export_t *e, cJSON **object, ngx_int_t *sent);
static ngx_int_t ngx_tavus_export_head(ngx_http_request_t *r,
    ngx_tavus_export_t *e);
static ngx_int_t ngx_tavus_export_name(ngx_http_request_t *r,
    ngx_tavus_export_t *e);
static ngx_int_t ngx_tavus_export_tell(ngx_http_request_t *r,
    ngx_tavus_export_t *e, cJSON *object);
static void ngx_tavus_export_told(ngx_http_request_t *r, void *data);
static void ngx_tavus_export_untold(void *data);
static void ngx_tavus_export_want(ngx_tavus_export_t *e);
static void ngx_tavus_export_turn(void);
static void ngx_tavus_export_rest(void);
static void ngx_tavus_export_rested(ngx_event_t *ev);
static void ngx_tavus_export_answer(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_export_got(ngx_tavus_export_t *e, PGresult *res);
static ngx_int_t ngx_tavus_export_open(ngx_tavus_export_t *e,
    uint64_t until);
static void ngx_tavus_export_failed(ngx_tavus_export_t *e, ngx_int_t rc,
    PGresult *res);
static ngx_uint_t ngx_tavus_export_passing(PGresult *res);
static ngx_int_t ngx_tavus_export_send(ngx_tavus_export_t *e,
    const char *data, size_t len);
static ngx_int_t ngx_tavus_export_row_end(ngx_tavus_export_t *e);
static void ngx_tavus_export_ready(void *data);
static void ngx_tavus_export_tick(ngx_event_t *ev);
static ngx_int_t ngx_tavus_export_beat(ngx_tavus_export_t *e);
static void ngx_tavus_export_exiting(void *data);
static void ngx_tavus_export_cut(ngx_tavus_export_t *e, const char *why);
static void ngx_tavus_export_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_export_drop(ngx_tavus_export_t *e);
static void ngx_tavus_export_free(ngx_tavus_export_t *e);
static void ngx_tavus_export_release(void *data);


static ngx_tavus_admin_arg_t  ngx_tavus_export_args[NGX_TAVUS_EXPORT_ARGS] = {
    NGX_TAVUS_ADMIN_EVENTS_FILTER,
    { "format", 8, ngx_tavus_arg_format },
    { "cursor", 36, ngx_tavus_arg_uuid },
    { "until", 20, ngx_tavus_arg_number }
};

/* the columns of tavus.event_csv() */

static const char  ngx_tavus_export_header[] =
    "id,timestamp,type,source,conversationId,event_type,received_at,"
    "repaired,data\r\n";

static ngx_tavus_exports_t  ngx_tavus_exports;


ngx_int_t
ngx_tavus_admin_export(ngx_http_request_t *r, ngx_str_t *path)
{
    cJSON               *object;
    ngx_int_t            rc;
    ngx_pool_t          *pool;
    ngx_tavus_export_t  *e;

    static ngx_str_t  name = ngx_string("events/export");

    if (path->len != name.len
        || ngx_strncmp(path->data, name.data, name.len) != 0)
    {
        return NGX_DECLINED;
    }

    rc = ngx_tavus_allow(r, NGX_HTTP_GET|NGX_HTTP_HEAD, "GET, HEAD");

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    /* no link to it, either: the owner's page has one */

    if (!ngx_tavus_cors_same_origin(r)) {
        return ngx_tavus_send_problem(r, NGX_HTTP_FORBIDDEN,
                                      "origin_not_allowed", 0,
                                      "An export is asked for from "
                                      "\"tavus_public_origin\" alone.");
    }

    if (!ngx_tavus_stream_framed(r)) {
        return ngx_tavus_send_problem(r, NGX_HTTP_VERSION_NOT_SUPPORTED,
                                      "http_version_not_supported", 0,
                                      "An export needs HTTP/1.1 or newer: "
                                      "over HTTP/1.0 nobody could tell that "
                                      "it was cut.");
    }

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    e = ngx_pcalloc(pool, sizeof(ngx_tavus_export_t));

    if (e == NULL) {
        ngx_destroy_pool(pool);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    e->pool = pool;
    object = NULL;

    if (ngx_tavus_export_read(r, e, &object, &rc) != NGX_OK) {
        cJSON_Delete(object);
        ngx_tavus_export_free(e);
        return rc;
    }

    if (r->method == NGX_HTTP_HEAD) {
        cJSON_Delete(object);
        rc = ngx_tavus_export_head(r, e);
        ngx_tavus_export_free(e);
        return rc;
    }

    if (ngx_tavus_exports.n >= NGX_TAVUS_EXPORT_MAX) {
        cJSON_Delete(object);
        ngx_tavus_export_free(e);

        return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "too_many_exports",
                                      NGX_TAVUS_EXPORT_RETRY,
                                      "Too many exports are under way: try "
                                      "again when one of them is done.");
    }

    ngx_tavus_exports.n++;
    e->counted = 1;

    if (ngx_tavus_watch_client(r) != NGX_OK) {
        cJSON_Delete(object);
        ngx_tavus_export_free(e);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_tavus_export_tell(r, e, object) != NGX_AGAIN) {
        ngx_tavus_export_free(e);
        return ngx_tavus_admin_trail_unavailable(r);
    }

    r->main->count++;

    return NGX_DONE;
}


/* NGX_OK; NGX_DECLINED if a problem was sent, *sent is what came of it */

static ngx_int_t
ngx_tavus_export_read(ngx_http_request_t *r, ngx_tavus_export_t *e,
    cJSON **object, ngx_int_t *sent)
{
    ngx_tavus_pg_op_t      *op;
    ngx_tavus_admin_arg_t  *format;

    op = &e->op;

    if (ngx_tavus_admin_args_read(r, e->pool, ngx_tavus_export_args, 0,
                                  NGX_TAVUS_EXPORT_ARGS, op, object, sent)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (op->values[ngx_tavus_export_format] == NULL) {
        format = &ngx_tavus_export_args[ngx_tavus_export_format];

        op->values[ngx_tavus_export_format] = "csv";
        op->lengths[ngx_tavus_export_format] = sizeof("csv") - 1;

        ngx_tavus_admin_args_told(object, format, "csv");
    }

    e->csv = op->values[ngx_tavus_export_format][0] == 'c';

    e->stream.type = e->csv ? "text/csv; charset=utf-8; header=present"
                            : "application/x-ndjson";
    e->stream.linger = NGX_TAVUS_EXPORT_LINGER;
    e->stream.ready = ngx_tavus_export_ready;
    e->stream.gone = ngx_tavus_export_gone;
    e->stream.exiting = ngx_tavus_export_exiting;
    e->stream.data = e;

    op->stmt = &ngx_tavus_statements[ngx_tavus_stmt_admin_export];
    op->timeout = NGX_TAVUS_EXPORT_TIMEOUT;
    op->keep = 1;
    op->handler = ngx_tavus_export_answer;
    op->data = e;

    e->timer.data = &ngx_tavus_timer_dummy;
    e->timer.handler = ngx_tavus_export_tick;
    e->timer.log = ngx_cycle->log;
    e->timer.cancelable = 1;

    return NGX_OK;
}


/* what a GET would be answered with, if it were now */

static ngx_int_t
ngx_tavus_export_head(ngx_http_request_t *r, ngx_tavus_export_t *e)
{
    ngx_int_t  rc;

    if (ngx_tavus_export_name(r, e) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* which opens nothing for a HEAD */

    (void) ngx_tavus_stream_open(r, &e->stream, &rc);

    return rc;
}


static ngx_int_t
ngx_tavus_export_name(ngx_http_request_t *r, ngx_tavus_export_t *e)
{
    ngx_tm_t   tm;
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, sizeof("attachment; filename="
                                             "\"events-20261129T115500Z"
                                             ".ndjson\"") + NGX_TIME_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_gmtime(ngx_time(), &tm);

    value.len = ngx_sprintf(value.data, "attachment; filename="
                            "\"events-%4d%02d%02dT%02d%02d%02dZ.%s\"",
                            tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                            tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                            e->csv ? "csv" : "ndjson")
                - value.data;

    return ngx_tavus_set_header(r, "Content-Disposition", &value);
}


/* NGX_AGAIN, or NGX_ERROR; object is freed */

static ngx_int_t
ngx_tavus_export_tell(ngx_http_request_t *r, ngx_tavus_export_t *e,
    cJSON *object)
{
    cJSON                    *data;
    ngx_tavus_trail_t         who;
    ngx_tavus_admin_trail_t   trail;

    if (ngx_tavus_admin_trail_who(r, &who) != NGX_OK) {
        cJSON_Delete(object);
        return NGX_ERROR;
    }

    data = ngx_tavus_trail_data(&who);

    if (!cJSON_AddItemToObject(data, "object", object)) {
        cJSON_Delete(object);
        cJSON_Delete(data);
        return NGX_ERROR;
    }

    trail.handler = ngx_tavus_export_told;
    trail.gone = ngx_tavus_export_untold;
    trail.data = e;

    return ngx_tavus_admin_trail_ask(r, "admin.exported", data, &trail);
}


static void
ngx_tavus_export_told(ngx_http_request_t *r, void *data)
{
    ngx_tavus_export_t *e = data;

    if (ngx_tavus_attach(&e->wait, r, ngx_tavus_export_gone, e) != NGX_OK) {
        ngx_tavus_export_free(e);
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_tavus_export_want(e);
    ngx_tavus_export_turn();
}


static void
ngx_tavus_export_untold(void *data)
{
    ngx_tavus_export_free(data);
}


static void
ngx_tavus_export_want(ngx_tavus_export_t *e)
{
    if (ngx_tavus_exports.waiting.next == NULL) {
        ngx_queue_init(&ngx_tavus_exports.waiting);
    }

    ngx_queue_insert_tail(&ngx_tavus_exports.waiting, &e->queue);
    e->queued = 1;
}


/*
 * One page of all exports is under way, however many they are: so whoever
 * else asks something waits for one at most.
 */

static void
ngx_tavus_export_turn(void)
{
    ngx_queue_t          *q;
    ngx_tavus_export_t   *e;
    ngx_tavus_exports_t  *all;

    all = &ngx_tavus_exports;

    while (!all->busy && !all->pause.timer_set && all->waiting.next != NULL
           && !ngx_queue_empty(&all->waiting))
    {
        q = ngx_queue_head(&all->waiting);
        ngx_queue_remove(q);

        e = ngx_queue_data(q, ngx_tavus_export_t, queue);
        e->queued = 0;

        e->op.values[ngx_tavus_export_most] = all->rests
                                              ? NGX_TAVUS_EXPORT_FEW
                                              : NGX_TAVUS_EXPORT_MANY;

        if (ngx_tavus_store_query(&e->op) != NGX_OK) {
            ngx_tavus_export_failed(e, NGX_BUSY, NULL);
            continue;
        }

        e->asked = 1;

        all->busy = 1;
        all->asked = ngx_current_msec;
        all->stored = ngx_tavus_store_batches();
    }
}


/*
 * A page takes a processor that intake may want: where events were stored
 * meanwhile the next page is short, and waits.
 */

static void
ngx_tavus_export_rest(void)
{
    ngx_msec_t            took;
    ngx_atomic_uint_t     stored;
    ngx_tavus_exports_t  *all;

    all = &ngx_tavus_exports;

    took = ngx_current_msec - all->asked;
    stored = ngx_tavus_store_batches() - all->stored;

    all->rests = stored && stored * NGX_TAVUS_EXPORT_QUIET >= took;

    if (took == 0 || !all->rests || ngx_exiting) {
        return;
    }

    all->pause.data = &ngx_tavus_timer_dummy;
    all->pause.handler = ngx_tavus_export_rested;
    all->pause.log = ngx_cycle->log;
    all->pause.cancelable = 1;

    ngx_add_timer(&all->pause, ngx_min(took * NGX_TAVUS_EXPORT_REST,
                                       NGX_TAVUS_EXPORT_PAUSE));
}


static void
ngx_tavus_export_rested(ngx_event_t *ev)
{
    ngx_tavus_export_turn();
}


static void
ngx_tavus_export_answer(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_export_t *e = op->data;

    ngx_tavus_exports.busy = 0;
    e->asked = 0;

    ngx_tavus_export_rest();

    if (e->gone) {
        PQclear(res);
        ngx_tavus_export_free(e);

    } else if (rc == NGX_OK && PQntuples(res) == 1) {
        ngx_tavus_export_got(e, res);

    } else {
        ngx_tavus_export_failed(e, rc, res);
        PQclear(res);
    }

    ngx_tavus_export_turn();
}


/* the page is sent from where libpq has put it */

static void
ngx_tavus_export_got(ngx_tavus_export_t *e, PGresult *res)
{
    ngx_int_t  rc;

    e->last = PQgetisnull(res, 0, ngx_tavus_export_next);

    if (!e->last) {
        ngx_memcpy(e->cursor, PQgetvalue(res, 0, ngx_tavus_export_next),
                   TAVUS_UUID_LEN);

        e->op.values[ngx_tavus_export_cursor] = (char *) e->cursor;
        e->op.lengths[ngx_tavus_export_cursor] = TAVUS_UUID_LEN;
        e->op.formats[ngx_tavus_export_cursor] = 1;
    }

    ngx_memcpy(e->until, PQgetvalue(res, 0, ngx_tavus_export_bound), 8);

    e->op.values[ngx_tavus_export_until] = (char *) e->until;
    e->op.lengths[ngx_tavus_export_until] = 8;
    e->op.formats[ngx_tavus_export_until] = 1;

    if (!e->open
        && ngx_tavus_export_open(e, ngx_tavus_pg_number(res, 0,
                                                     ngx_tavus_export_bound))
           != NGX_OK)
    {
        PQclear(res);
        return;
    }

    if (ngx_tavus_pg_number(res, 0, ngx_tavus_export_rows) == 0) {
        PQclear(res);
        rc = NGX_OK;

    } else if (ngx_tavus_export_row_end(e) == NGX_ERROR) {
        PQclear(res);
        rc = NGX_ERROR;

    } else {
        e->rows += ngx_tavus_pg_number(res, 0, ngx_tavus_export_rows);
        e->row = 1;
        e->sent = ngx_current_msec;

        rc = ngx_tavus_stream_send(&e->stream,
                          (u_char *) PQgetvalue(res, 0, ngx_tavus_export_page),
                          PQgetlength(res, 0, ngx_tavus_export_page),
                          ngx_tavus_export_release, res);
    }

    if (rc == NGX_ERROR) {
        ngx_tavus_export_cut(e, NULL);
        return;
    }

    e->sending = 1;

    if (!e->stream.blocked) {
        ngx_tavus_export_ready(e);
    }
}


/* NGX_ERROR: there is no export any more */

static ngx_int_t
ngx_tavus_export_open(ngx_tavus_export_t *e, uint64_t until)
{
    u_char              *p;
    ngx_int_t            rc;
    ngx_str_t            value;
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&e->wait);

    rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);

    if (p && ngx_tavus_export_name(r, e) == NGX_OK) {

        value.data = p;
        value.len = ngx_sprintf(p, "%uL", until) - p;

        if (ngx_tavus_set_header(r, "X-Export-Until", &value) == NGX_OK
            && ngx_tavus_stream_open(r, &e->stream, &rc) == NGX_OK)
        {
            e->open = 1;
            e->sent = ngx_current_msec;

            ngx_add_timer(&e->timer, NGX_TAVUS_EXPORT_TICK);

            return NGX_OK;
        }
    }

    ngx_tavus_export_free(e);
    ngx_tavus_finalize(r, rc);

    return NGX_ERROR;
}


static void
ngx_tavus_export_failed(ngx_tavus_export_t *e, ngx_int_t rc, PGresult *res)
{
    const char          *message;
    ngx_http_request_t  *r;

    if (!e->open) {
        r = ngx_tavus_detach(&e->wait);

        rc = ngx_tavus_admin_failed(r, rc, res);

        ngx_tavus_export_free(e);
        ngx_tavus_finalize(r, rc);
        return;
    }

    /* the next tick tries again */

    if ((rc == NGX_ABORT || rc == NGX_BUSY || ngx_tavus_export_passing(res))
        && ngx_current_msec - e->wanted < NGX_TAVUS_EXPORT_PATIENCE
        && !e->exiting)
    {
        return;
    }

    message = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

    ngx_tavus_export_cut(e, message ? message
                                    : "the database cannot be asked");
}


/* as after a restart, or when something else takes its time or its lock */

static ngx_uint_t
ngx_tavus_export_passing(PGresult *res)
{
    size_t       i;
    const char  *state;

    static const char  *classes[] = { "08", "0A", "25", "40", "53", "55",
                                    "57" };

    state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;

    if (state == NULL) {
        return 0;
    }

    for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (ngx_strncmp(state, classes[i], 2) == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_tavus_export_send(ngx_tavus_export_t *e, const char *data, size_t len)
{
    e->sent = ngx_current_msec;

    return ngx_tavus_stream_send(&e->stream, (u_char *) data, len, NULL,
                                 NULL);
}


/* what closes the row before, or CSV's first one */

static ngx_int_t
ngx_tavus_export_row_end(ngx_tavus_export_t *e)
{
    size_t  from;

    from = e->header;

    if (e->csv && from < sizeof(ngx_tavus_export_header) - 1) {
        e->header = sizeof(ngx_tavus_export_header) - 1;

        return ngx_tavus_export_send(e, ngx_tavus_export_header + from,
                                     e->header - from);
    }

    if (!e->row) {
        return NGX_OK;
    }

    e->row = 0;

    return e->csv ? ngx_tavus_export_send(e, "\"\r\n", 3)
                  : ngx_tavus_export_send(e, "\n", 1);
}


static void
ngx_tavus_export_ready(void *data)
{
    ngx_tavus_export_t *e = data;

    if (!e->sending) {
        return;
    }

    e->sending = 0;

    if (e->last) {

        /* which is a line, and has an end, too */

        e->row |= e->blank;

        if (ngx_tavus_export_row_end(e) == NGX_ERROR) {
            ngx_tavus_export_cut(e, NULL);
            return;
        }

        ngx_tavus_stream_close(&e->stream, 1);
        ngx_tavus_export_free(e);
        return;
    }

    if (e->exiting) {
        ngx_tavus_export_cut(e, "the worker shuts down");
        return;
    }

    /* the client has had its time: this is the database's */

    e->wanted = ngx_current_msec;

    ngx_tavus_export_want(e);
    ngx_tavus_export_turn();
}


static void
ngx_tavus_export_tick(ngx_event_t *ev)
{
    ngx_tavus_export_t  *e;

    e = ngx_queue_data(ev, ngx_tavus_export_t, timer);

    ngx_add_timer(ev, NGX_TAVUS_EXPORT_TICK);

    if (e->sending) {
        return;
    }

    if (ngx_current_msec - e->sent >= NGX_TAVUS_EXPORT_BEAT
        && !e->stream.blocked
        && ngx_tavus_export_beat(e) == NGX_ERROR)
    {
        ngx_tavus_export_cut(e, NULL);
        return;
    }

    if (!e->queued && !e->asked) {
        ngx_tavus_export_want(e);
        ngx_tavus_export_turn();
    }
}


/*
 * Whoever is in between must not take it for dead.  White space before the
 * end of a row means nothing in JSON, which is CSV's last cell, too; and
 * before the first row of CSV there is its header to go on with.
 */

static ngx_int_t
ngx_tavus_export_beat(ngx_tavus_export_t *e)
{
    if (e->row || !e->csv) {
        e->blank |= !e->row;

        return ngx_tavus_export_send(e, " ", 1);
    }

    if (e->header == sizeof(ngx_tavus_export_header) - 1) {
        return NGX_OK;
    }

    return ngx_tavus_export_send(e, ngx_tavus_export_header + e->header++,
                                 1);
}


static void
ngx_tavus_export_exiting(void *data)
{
    ngx_tavus_export_t *e = data;

    e->exiting = 1;

    if (!e->sending) {
        ngx_tavus_export_cut(e, "the worker shuts down");
    }
}


/* why is NULL if the client is gone */

static void
ngx_tavus_export_cut(ngx_tavus_export_t *e, const char *why)
{
    ngx_http_request_t  *r;

    r = e->stream.wait.request;

    if (why && r) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "export was cut after %ui events: %s", e->rows, why);

        /* so that all that it has are whole rows */

        if (!e->stream.blocked) {
            (void) ngx_tavus_export_row_end(e);
        }
    }

    ngx_tavus_stream_close(&e->stream, 0);
    ngx_tavus_export_drop(e);
}


static void
ngx_tavus_export_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_export_drop(data);
}


/* nobody waits for it any more */

static void
ngx_tavus_export_drop(ngx_tavus_export_t *e)
{
    e->gone = 1;

    if (e->timer.timer_set) {
        ngx_del_timer(&e->timer);
    }

    if (e->queued) {
        ngx_queue_remove(&e->queue);

    } else if (e->asked) {

        if (ngx_tavus_pg_withdraw(&e->op) != NGX_OK) {
            return;
        }

        ngx_tavus_exports.busy = 0;
    }

    ngx_tavus_export_free(e);
    ngx_tavus_export_turn();
}


static void
ngx_tavus_export_free(ngx_tavus_export_t *e)
{
    if (e->timer.timer_set) {
        ngx_del_timer(&e->timer);
    }

    ngx_tavus_exports.n -= e->counted;

    ngx_destroy_pool(e->pool);
}


static void
ngx_tavus_export_release(void *data)
{
    PQclear(data);
}
