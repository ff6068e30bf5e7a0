
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "store/ngx_tavus_store.h"


#define NGX_TAVUS_STORE_ROWS     1000
#define NGX_TAVUS_STORE_BYTES    (4 * 1024 * 1024)
#define NGX_TAVUS_STORE_KEEP     (1024 * 1024)
#define NGX_TAVUS_STORE_TIMEOUT  30000
#define NGX_TAVUS_STORE_RETRIES  3

/* of a binary array: dimensions, null flag, type, length, lower bound */
#define NGX_TAVUS_STORE_ARRAY    (5 * 4)

/* microseconds from 1970 to PostgreSQL's epoch, 2000-01-01 */
#define NGX_TAVUS_STORE_EPOCH    946684800000000

/* catalog/pg_type.dat */
#define NGX_TAVUS_OID_BYTEA          17
#define NGX_TAVUS_OID_INT2           21
#define NGX_TAVUS_OID_TEXT           25
#define NGX_TAVUS_OID_TIMESTAMPTZ    1184
#define NGX_TAVUS_OID_UUID           2950
#define NGX_TAVUS_OID_BYTEA_ARRAY    1001
#define NGX_TAVUS_OID_INT2_ARRAY     1005
#define NGX_TAVUS_OID_TEXT_ARRAY     1009
#define NGX_TAVUS_OID_TSTZ_ARRAY     1185
#define NGX_TAVUS_OID_UUID_ARRAY     2951

#define NGX_TAVUS_STORE_COLUMNS      11


struct ngx_tavus_row_s {
    ngx_queue_t           queue;
    ngx_tavus_event_t     event;
    ngx_tavus_store_pt    handler;      /* NULL: nobody waits */
    void                 *data;
    ngx_msec_t            start;
    size_t                size;
    ngx_uint_t            tries;
};


typedef struct {
    ngx_tavus_pg_t       *record;
    ngx_tavus_pg_t       *query;
    ngx_msec_t            timeout;
    size_t                buffer;

    ngx_queue_t           waiting;
    ngx_queue_t           flight;
    ngx_event_t           flush;
    ngx_event_t           timer;

    ngx_tavus_pg_op_t     op;
    ngx_tavus_row_t      *batch[NGX_TAVUS_STORE_ROWS];
    ngx_uint_t            nbatch;
    u_char               *params;
    size_t                params_size;

    ngx_tavus_store_stats_t  stats;
} ngx_tavus_store_t;


static void ngx_tavus_store_ready(void *data);
static void ngx_tavus_store_flush_handler(ngx_event_t *ev);
static void ngx_tavus_store_timer_handler(ngx_event_t *ev);
static void ngx_tavus_store_set_timer(void);
static void ngx_tavus_store_expire(ngx_queue_t *rows, ngx_uint_t keep);
static void ngx_tavus_store_answer(ngx_tavus_row_t *row,
    ngx_tavus_outcome_e outcome);
static void ngx_tavus_store_free(ngx_tavus_row_t *row);
static void ngx_tavus_store_take(void);
static ngx_int_t ngx_tavus_store_params(void);
static u_char *ngx_tavus_store_column(u_char *p, ngx_uint_t column);
static u_char *ngx_tavus_store_value(u_char *p, ngx_tavus_event_t *ev,
    ngx_uint_t column);
static void ngx_tavus_store_recorded(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_store_outcomes(const char *letters);
static void ngx_tavus_store_put_back(void);
static int ngx_libc_cdecl ngx_tavus_store_cmp(const void *one,
    const void *two);


static const Oid  ngx_tavus_store_types[NGX_TAVUS_STORE_COLUMNS] = {
    NGX_TAVUS_OID_UUID_ARRAY,       /* ids */
    NGX_TAVUS_OID_TSTZ_ARRAY,       /* received */
    NGX_TAVUS_OID_BYTEA_ARRAY,      /* digests */
    NGX_TAVUS_OID_INT2_ARRAY,       /* kinds */
    NGX_TAVUS_OID_TEXT_ARRAY,       /* sources */
    NGX_TAVUS_OID_TEXT_ARRAY,       /* event types */
    NGX_TAVUS_OID_TEXT_ARRAY,       /* conversation ids */
    NGX_TAVUS_OID_BYTEA_ARRAY,      /* nonces */
    NGX_TAVUS_OID_TEXT_ARRAY,       /* verifications */
    NGX_TAVUS_OID_BYTEA_ARRAY,      /* bodies */
    NGX_TAVUS_OID_TEXT_ARRAY        /* reasons */
};

static const Oid  ngx_tavus_store_elements[NGX_TAVUS_STORE_COLUMNS] = {
    NGX_TAVUS_OID_UUID,
    NGX_TAVUS_OID_TIMESTAMPTZ,
    NGX_TAVUS_OID_BYTEA,
    NGX_TAVUS_OID_INT2,
    NGX_TAVUS_OID_TEXT,
    NGX_TAVUS_OID_TEXT,
    NGX_TAVUS_OID_TEXT,
    NGX_TAVUS_OID_BYTEA,
    NGX_TAVUS_OID_TEXT,
    NGX_TAVUS_OID_BYTEA,
    NGX_TAVUS_OID_TEXT
};

static const ngx_tavus_pg_stmt_t  ngx_tavus_store_record = {
    0, "record",
    "SELECT tavus.record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    NGX_TAVUS_STORE_COLUMNS, ngx_tavus_store_types
};


/* debug logging reads the descriptor of a timer's "connection" */

static ngx_connection_t   ngx_tavus_store_dummy = {
    .fd = (ngx_socket_t) -1
};

static ngx_tavus_store_t  ngx_tavus_store;


ngx_int_t
ngx_tavus_store_init_process(ngx_tavus_pg_conf_t *conf, ngx_msec_t timeout,
    size_t buffer)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    ngx_queue_init(&st->waiting);
    ngx_queue_init(&st->flight);

    st->timeout = timeout;
    st->buffer = buffer;

    st->flush.data = &ngx_tavus_store_dummy;
    st->flush.handler = ngx_tavus_store_flush_handler;
    st->flush.log = ngx_cycle->log;

    st->timer.data = &ngx_tavus_store_dummy;
    st->timer.handler = ngx_tavus_store_timer_handler;
    st->timer.log = ngx_cycle->log;

    st->record = ngx_tavus_pg_open(conf, "record",
                                   "-c synchronous_commit=on "
                                   "-c statement_timeout=20s "
                                   "-c lock_timeout=5s "
                                   "-c jit=off", 0);
    if (st->record == NULL) {
        return NGX_ERROR;
    }

    ngx_tavus_pg_on_ready(st->record, ngx_tavus_store_ready, st);

    st->query = ngx_tavus_pg_open(conf, "query",
                                  "-c role=tavus_admin "
                                  "-c statement_timeout=3s "
                                  "-c jit=off", 1);
    if (st->query == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_tavus_store_exit_process(void)
{
    ngx_queue_t        *q;
    ngx_tavus_pg_t     *record, *query;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (st->record == NULL) {
        return;
    }

    record = st->record;
    query = st->query;

    /* what handlers want to put or to ask from here on is refused */

    st->record = NULL;
    st->query = NULL;

    if (query) {
        ngx_tavus_pg_close(query);
    }

    ngx_tavus_pg_close(record);

    while (!ngx_queue_empty(&st->waiting)) {
        q = ngx_queue_head(&st->waiting);
        row = ngx_queue_data(q, ngx_tavus_row_t, queue);

        ngx_tavus_store_answer(row, NGX_TAVUS_UNAVAILABLE);
        ngx_tavus_store_free(row);
    }

    if (st->timer.timer_set) {
        ngx_del_timer(&st->timer);
    }

    if (st->flush.posted) {
        ngx_delete_posted_event(&st->flush);
    }

    if (st->params) {
        ngx_free(st->params);
        st->params = NULL;
    }
}


ngx_int_t
ngx_tavus_store_identify(ngx_tavus_event_t *ev, int64_t time,
    const tavus_part_t *parts, size_t n)
{
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    ev->received = (int64_t) tv.tv_sec * 1000000 + tv.tv_usec;

    if (tavus_event_digest(ev->digest, parts, n) != 0) {
        return NGX_ERROR;
    }

    ev->floating = (time < 0 || !tavus_event_time_usable(time, ev->received));

    tavus_event_id(ev->id, ev->floating ? ev->received : time, ev->digest);

    return NGX_OK;
}


ngx_tavus_row_t *
ngx_tavus_store_put(ngx_tavus_event_t *ev, ngx_tavus_store_pt handler,
    void *data)
{
    size_t              size;
    u_char             *p;
    ngx_str_t          *from, *to;
    ngx_uint_t          i;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    static const size_t  strings[] = {
        offsetof(ngx_tavus_event_t, source),
        offsetof(ngx_tavus_event_t, event_type),
        offsetof(ngx_tavus_event_t, conversation_id),
        offsetof(ngx_tavus_event_t, verification),
        offsetof(ngx_tavus_event_t, body),
        offsetof(ngx_tavus_event_t, reason)
    };

    size = sizeof(ngx_tavus_row_t);

    for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        size += ((ngx_str_t *) ((u_char *) ev + strings[i]))->len;
    }

    if (st->record == NULL
        || (st->stats.rows && st->stats.bytes + size > st->buffer))
    {
        return NULL;
    }

    row = ngx_alloc(size, ngx_cycle->log);
    if (row == NULL) {
        return NULL;
    }

    row->event = *ev;
    row->handler = handler;
    row->data = data;
    row->start = ngx_current_msec;
    row->size = size;
    row->tries = 0;

    p = (u_char *) row + sizeof(ngx_tavus_row_t);

    for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        from = (ngx_str_t *) ((u_char *) ev + strings[i]);
        to = (ngx_str_t *) ((u_char *) &row->event + strings[i]);

        to->data = p;

        if (from->len) {
            p = ngx_cpymem(p, from->data, from->len);
        }
    }

    ngx_queue_insert_tail(&st->waiting, &row->queue);

    st->timer.cancelable = 0;

    st->stats.rows++;
    st->stats.bytes += size;

    /* at the end of this turn of the loop: what it brought goes together */

    if (!st->flush.posted) {
        ngx_post_event(&st->flush, &ngx_posted_events);
    }

    ngx_tavus_store_set_timer();

    return row;
}


void
ngx_tavus_store_forget(ngx_tavus_row_t *row)
{
    row->handler = NULL;
}


ngx_int_t
ngx_tavus_store_query(ngx_tavus_pg_op_t *op)
{
    if (ngx_tavus_store.query == NULL) {
        return NGX_ERROR;
    }

    return ngx_tavus_pg_query(ngx_tavus_store.query, op);
}


void
ngx_tavus_store_stats(ngx_tavus_store_stats_t *stats)
{
    ngx_queue_t        *q;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    *stats = st->stats;

    if (st->record == NULL) {
        return;
    }

    stats->ready = ngx_tavus_pg_ready(st->record);
    stats->error = ngx_tavus_pg_error(st->record);

    if (!ngx_queue_empty(&st->flight)) {

        /* connected, but a batch is overdue: nothing is stored in time */

        q = ngx_queue_head(&st->flight);
        row = ngx_queue_data(q, ngx_tavus_row_t, queue);

        if (ngx_current_msec - row->start >= st->timeout) {
            stats->ready = 0;
        }
    }
}


static void
ngx_tavus_store_ready(void *data)
{
    ngx_tavus_store_t  *st = data;

    if (!ngx_queue_empty(&st->waiting) && !st->flush.posted) {
        ngx_post_event(&st->flush, &ngx_posted_events);
    }
}


static void
ngx_tavus_store_flush_handler(ngx_event_t *ev)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (st->nbatch
        || ngx_queue_empty(&st->waiting)
        || !ngx_tavus_pg_ready(st->record))
    {
        return;
    }

    ngx_tavus_store_take();

    if (ngx_tavus_store_params() != NGX_OK) {
        ngx_tavus_store_put_back();
        return;
    }

    st->op.stmt = &ngx_tavus_store_record;
    st->op.timeout = NGX_TAVUS_STORE_TIMEOUT;
    st->op.background = 1;
    st->op.handler = ngx_tavus_store_recorded;

    if (ngx_tavus_pg_query(st->record, &st->op) != NGX_OK) {
        ngx_tavus_store_put_back();
        return;
    }

    st->stats.batches++;
}


static void
ngx_tavus_store_timer_handler(ngx_event_t *ev)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    ngx_tavus_store_expire(&st->flight, 1);
    ngx_tavus_store_expire(&st->waiting, 0);

    ngx_tavus_store_set_timer();
}


/*
 * The timer waits for the oldest row that is not too old yet, and holds an
 * exiting worker so long.
 */

static void
ngx_tavus_store_set_timer(void)
{
    ngx_queue_t        *q;
    ngx_tavus_row_t    *row;
    ngx_msec_int_t      left;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (st->timer.timer_set) {
        return;
    }

    for (q = ngx_queue_head(&st->flight);
         q != ngx_queue_sentinel(&st->flight);
         q = ngx_queue_next(q))
    {
        row = ngx_queue_data(q, ngx_tavus_row_t, queue);

        if (ngx_current_msec - row->start < st->timeout) {
            goto found;
        }
    }

    if (ngx_queue_empty(&st->waiting)) {
        return;
    }

    q = ngx_queue_head(&st->waiting);
    row = ngx_queue_data(q, ngx_tavus_row_t, queue);

found:

    left = (ngx_msec_int_t) (row->start + st->timeout - ngx_current_msec);

    ngx_add_timer(&st->timer, (ngx_msec_t) ngx_max(left, 1));
}


static void
ngx_tavus_store_expire(ngx_queue_t *rows, ngx_uint_t keep)
{
    ngx_queue_t        *q, *next;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    for (q = ngx_queue_head(rows); q != ngx_queue_sentinel(rows); q = next) {

        next = ngx_queue_next(q);
        row = ngx_queue_data(q, ngx_tavus_row_t, queue);

        if (ngx_current_msec - row->start < st->timeout) {
            return;
        }

        ngx_tavus_store_answer(row, NGX_TAVUS_UNAVAILABLE);

        if (!keep) {
            ngx_tavus_store_free(row);
        }
    }
}


static void
ngx_tavus_store_answer(ngx_tavus_row_t *row, ngx_tavus_outcome_e outcome)
{
    ngx_tavus_store_pt  handler;

    handler = row->handler;
    row->handler = NULL;

    if (outcome == NGX_TAVUS_UNAVAILABLE && handler) {
        ngx_tavus_store.stats.unavailable++;
    }

    if (handler) {
        handler(row->data, outcome, ngx_current_msec - row->start);
    }
}


static void
ngx_tavus_store_free(ngx_tavus_row_t *row)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    ngx_queue_remove(&row->queue);

    st->stats.rows--;
    st->stats.bytes -= row->size;

    if (st->stats.rows == 0) {
        st->timer.cancelable = 1;
    }

    ngx_free(row);
}


static void
ngx_tavus_store_take(void)
{
    size_t              bytes;
    ngx_queue_t        *q;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;
    bytes = 0;

    while (!ngx_queue_empty(&st->waiting)
           && st->nbatch < NGX_TAVUS_STORE_ROWS)
    {
        q = ngx_queue_head(&st->waiting);
        row = ngx_queue_data(q, ngx_tavus_row_t, queue);

        if (st->nbatch && bytes + row->size > NGX_TAVUS_STORE_BYTES) {
            break;
        }

        bytes += row->size;
        row->tries++;

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&st->flight, q);

        st->batch[st->nbatch++] = row;
    }

    /* two workers that insert the same ids must do so in one order */

    ngx_qsort(st->batch, st->nbatch, sizeof(ngx_tavus_row_t *),
              ngx_tavus_store_cmp);
}


static int ngx_libc_cdecl
ngx_tavus_store_cmp(const void *one, const void *two)
{
    return ngx_memcmp((*(ngx_tavus_row_t * const *) one)->event.id,
                      (*(ngx_tavus_row_t * const *) two)->event.id,
                      TAVUS_UUID_LEN);
}


static ngx_int_t
ngx_tavus_store_params(void)
{
    size_t              size;
    u_char             *p, *start;
    ngx_uint_t          i;
    ngx_tavus_event_t  *ev;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    size = NGX_TAVUS_STORE_COLUMNS * NGX_TAVUS_STORE_ARRAY;

    for (i = 0; i < st->nbatch; i++) {
        ev = &st->batch[i]->event;

        size += NGX_TAVUS_STORE_COLUMNS * 4
                + 16 + 8 + 16 + 2 + ev->source.len + ev->event_type.len
                + ev->conversation_id.len + 16 + ev->verification.len
                + ev->body.len + ev->reason.len;
    }

    if (size > st->params_size) {
        if (st->params) {
            ngx_free(st->params);
        }

        st->params_size = 0;

        size = ngx_max(size, 65536);

        st->params = ngx_alloc(size, ngx_cycle->log);
        if (st->params == NULL) {
            return NGX_ERROR;
        }

        st->params_size = size;
    }

    p = st->params;

    for (i = 0; i < NGX_TAVUS_STORE_COLUMNS; i++) {
        start = p;
        p = ngx_tavus_store_column(p, i);

        st->op.values[i] = (char *) start;
        st->op.lengths[i] = (int) (p - start);
        st->op.formats[i] = 1;
    }

    return NGX_OK;
}


static u_char *
ngx_tavus_store_int(u_char *p, uint32_t n)
{
    *p++ = (u_char) (n >> 24);
    *p++ = (u_char) (n >> 16);
    *p++ = (u_char) (n >> 8);
    *p++ = (u_char) n;

    return p;
}


static u_char *
ngx_tavus_store_column(u_char *p, ngx_uint_t column)
{
    ngx_uint_t          i;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    p = ngx_tavus_store_int(p, 1);
    p = ngx_tavus_store_int(p, 1);
    p = ngx_tavus_store_int(p, ngx_tavus_store_elements[column]);
    p = ngx_tavus_store_int(p, (uint32_t) st->nbatch);
    p = ngx_tavus_store_int(p, 1);

    for (i = 0; i < st->nbatch; i++) {
        p = ngx_tavus_store_value(p, &st->batch[i]->event, column);
    }

    return p;
}


static u_char *
ngx_tavus_store_value(u_char *p, ngx_tavus_event_t *ev, ngx_uint_t column)
{
    int64_t     usec;
    ngx_str_t   s;
    ngx_uint_t  null;

    null = 0;
    ngx_str_null(&s);

    switch (column) {

    case 0:
        s.len = TAVUS_UUID_LEN;
        s.data = ev->id;
        break;

    case 1:
        usec = ev->received - NGX_TAVUS_STORE_EPOCH;

        p = ngx_tavus_store_int(p, 8);
        p = ngx_tavus_store_int(p, (uint32_t) ((uint64_t) usec >> 32));

        return ngx_tavus_store_int(p, (uint32_t) usec);

    case 2:
        s.len = 16;
        s.data = ev->digest;
        null = !ev->floating;
        break;

    case 3:
        p = ngx_tavus_store_int(p, 2);
        *p++ = 0;
        *p++ = (u_char) ev->kind;

        return p;

    case 4:
        s = ev->source;
        break;

    case 5:
        s = ev->event_type;
        break;

    case 6:
        s = ev->conversation_id;
        null = (s.len == 0);
        break;

    case 7:
        s.len = 16;
        s.data = ev->nonce;
        null = !ev->bound;
        break;

    case 8:
        s = ev->verification;
        null = (s.len == 0);
        break;

    case 9:
        s = ev->body;
        break;

    default: /* 10 */
        s = ev->reason;
        null = (s.len == 0);
    }

    if (null) {
        return ngx_tavus_store_int(p, (uint32_t) -1);
    }

    p = ngx_tavus_store_int(p, (uint32_t) s.len);

    return ngx_cpymem(p, s.data, s.len);
}


static void
ngx_tavus_store_recorded(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    const char         *state, *message;
    ngx_uint_t          i;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (st->params_size > NGX_TAVUS_STORE_KEEP) {
        ngx_free(st->params);
        st->params = NULL;
        st->params_size = 0;
    }

    if (rc == NGX_OK
        && PQntuples(res) == 1
        && (ngx_uint_t) PQgetlength(res, 0, 0) == st->nbatch)
    {
        ngx_tavus_store_outcomes(PQgetvalue(res, 0, 0));

    } else if (rc == NGX_ABORT || rc == NGX_BUSY) {

        /* ids make it safe to send the same again */

        ngx_tavus_store_put_back();

    } else {
        state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;

        if (state && ngx_strncmp(state, "40", 2) == 0
            && st->batch[0]->tries < NGX_TAVUS_STORE_RETRIES)
        {
            ngx_tavus_store_put_back();

        } else {
            message = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)
                          : NULL;

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "database refused %ui events: %s %s", st->nbatch,
                          state ? state : "",
                          message ? message : "unexpected answer");

            for (i = 0; i < st->nbatch; i++) {
                ngx_tavus_store_answer(st->batch[i], NGX_TAVUS_UNAVAILABLE);
                ngx_tavus_store_free(st->batch[i]);
            }

            st->nbatch = 0;
        }
    }

    if (!ngx_queue_empty(&st->waiting) && !st->flush.posted) {
        ngx_post_event(&st->flush, &ngx_posted_events);
    }
}


static void
ngx_tavus_store_outcomes(const char *letters)
{
    ngx_uint_t            i, n;
    ngx_tavus_row_t      *row;
    ngx_tavus_store_t    *st;
    ngx_tavus_outcome_e   outcome;

    st = &ngx_tavus_store;

    n = st->nbatch;

    for (i = 0; i < n; i++) {
        row = st->batch[i];

        switch (letters[i]) {

        case 's':
            outcome = NGX_TAVUS_STORED;
            st->stats.stored++;
            break;

        case 'd':
            outcome = NGX_TAVUS_DUPLICATE;
            st->stats.duplicates++;
            break;

        case 'q':
            outcome = NGX_TAVUS_QUARANTINED;
            st->stats.quarantined++;
            break;

        case 'b':
            outcome = NGX_TAVUS_FOREIGN;
            st->stats.refused++;
            break;

        default:
            outcome = NGX_TAVUS_UNAVAILABLE;
        }

        ngx_tavus_store_answer(row, outcome);
        ngx_tavus_store_free(row);
    }

    st->nbatch = 0;
}


/* rows that somebody waits for go first again; the others are told already */

static void
ngx_tavus_store_put_back(void)
{
    ngx_queue_t        *q;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    while (!ngx_queue_empty(&st->flight)) {
        q = ngx_queue_last(&st->flight);
        row = ngx_queue_data(q, ngx_tavus_row_t, queue);

        if (ngx_current_msec - row->start >= st->timeout) {
            ngx_tavus_store_answer(row, NGX_TAVUS_UNAVAILABLE);
            ngx_tavus_store_free(row);
            continue;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_head(&st->waiting, q);
    }

    st->nbatch = 0;

    ngx_tavus_store_set_timer();
}
