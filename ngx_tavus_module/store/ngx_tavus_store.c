
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "store/ngx_tavus_encode.h"
#include "store/ngx_tavus_journal.h"
#include "store/ngx_tavus_store.h"


#define NGX_TAVUS_STORE_ROWS      1000
#define NGX_TAVUS_STORE_BYTES     (4 * 1024 * 1024)
#define NGX_TAVUS_STORE_KEEP      (1024 * 1024)
#define NGX_TAVUS_STORE_TIMEOUT   30000
#define NGX_TAVUS_STORE_RETRIES   3

/* of a batch, so that replay delays nobody; and of what waits for one */
#define NGX_TAVUS_STORE_REPLAYS   250
#define NGX_TAVUS_STORE_FED_ROWS  2000
#define NGX_TAVUS_STORE_FED_BYTES (8 * 1024 * 1024)

/* how long the journal may take beyond a row's own time */
#define NGX_TAVUS_STORE_GRACE     4000

/* how long a month is taken to be impossible after it was not made */
#define NGX_TAVUS_STORE_MONTHS    60000


/*
 * A row is in one of four queues: waiting for a batch, replays likewise
 * (those from a journal), in flight, or journaling, when only the journal
 * has it any more.  One in flight can be on its way to the journal too.
 */

struct ngx_tavus_row_s {
    ngx_queue_t           queue;
    ngx_tavus_event_t     event;
    ngx_tavus_store_pt    handler;      /* NULL: nobody waits */
    void                 *data;
    void                 *entry;        /* being written to the journal */
    const uint8_t        *payload;      /* of a replayed row */
    size_t                len;
    ngx_msec_t            start;
    size_t                size;
    ngx_uint_t            tries;
    u_char                why[128];     /* event.reason, made here */

    unsigned              flying:1;     /* in flight */
    unsigned              journaled:1;  /* the journal has it */
    unsigned              browser:1;
    unsigned              suspect:1;    /* of a batch that was refused */
    unsigned              stripped:1;   /* nothing but its body is left */
};


typedef struct {
    ngx_tavus_pg_t       *record;
    ngx_tavus_pg_t       *query;
    ngx_msec_t            timeout;
    size_t                buffer;

    ngx_queue_t           waiting;
    ngx_queue_t           replays;
    ngx_queue_t           flight;
    ngx_queue_t           journaling;
    ngx_event_t           flush;
    ngx_event_t           timer;

    ngx_tavus_pg_op_t     op;
    ngx_tavus_row_t      *batch[NGX_TAVUS_STORE_ROWS];
    ngx_tavus_event_t    *events[NGX_TAVUS_STORE_ROWS];
    ngx_uint_t            nbatch;
    ngx_uint_t            split;        /* rows to try of a refused batch */
    ngx_msec_t            sent;         /* when the batch was */
    u_char               *params;
    size_t                params_size;

    size_t                browser;      /* bytes of browsers' rows */
    ngx_uint_t            nreplays;
    size_t                replay_bytes;

    void                (*missing)(void);
    ngx_msec_t            impossible;   /* until then a month is no more */

    ngx_tavus_store_stats_t  stats;
} ngx_tavus_store_t;


static void ngx_tavus_store_ready(void *data);
static void ngx_tavus_store_flush_handler(ngx_event_t *ev);
static void ngx_tavus_store_post_flush(void);
static void ngx_tavus_store_timer_handler(ngx_event_t *ev);
static void ngx_tavus_store_set_timer(void);
static ngx_msec_int_t ngx_tavus_store_left(ngx_tavus_row_t *row);
static ngx_uint_t ngx_tavus_store_slow(void);
static void ngx_tavus_store_expire(ngx_queue_t *rows);
static void ngx_tavus_store_overdue(ngx_tavus_row_t *row,
    ngx_queue_t *rows);
static ngx_int_t ngx_tavus_store_to_journal(ngx_tavus_row_t *row);
static void ngx_tavus_store_journaled(void *data, ngx_int_t rc);
static ngx_uint_t ngx_tavus_store_replay_ready(void);
static ngx_int_t ngx_tavus_store_replay(const uint8_t *payload, size_t len);
static void ngx_tavus_store_answer(ngx_tavus_row_t *row,
    ngx_tavus_outcome_e outcome);
static void ngx_tavus_store_free(ngx_tavus_row_t *row);
static void ngx_tavus_store_take(void);
static ngx_uint_t ngx_tavus_store_suspects(ngx_queue_t *rows);
static void ngx_tavus_store_take_from(ngx_queue_t *rows, ngx_uint_t max,
    size_t *bytes);
static ngx_int_t ngx_tavus_store_params(void);
static void ngx_tavus_store_recorded(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_store_refused(PGresult *res);
static ngx_uint_t ngx_tavus_store_unfit(const char *state, PGresult *res);
static void ngx_tavus_store_split(const char *state);
static void ngx_tavus_store_outcomes(const char *letters);
static void ngx_tavus_store_done(ngx_tavus_row_t *row,
    ngx_tavus_outcome_e outcome);
static void ngx_tavus_store_put_back(void);
static void ngx_tavus_store_return(ngx_tavus_row_t *row);
static void ngx_tavus_store_give_up(ngx_tavus_row_t *row);
static int ngx_libc_cdecl ngx_tavus_store_cmp(const void *one,
    const void *two);


static const ngx_tavus_pg_stmt_t  ngx_tavus_store_record = {
    0, "record",
    "SELECT tavus.record($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    NGX_TAVUS_ENCODE_COLUMNS, ngx_tavus_encode_types
};


/* debug logging reads the descriptor of a timer's "connection" */

static ngx_connection_t   ngx_tavus_store_dummy = {
    .fd = (ngx_socket_t) -1
};

static ngx_tavus_store_t  ngx_tavus_store;


ngx_int_t
ngx_tavus_store_init_process(ngx_tavus_store_conf_t *conf,
    ngx_uint_t workers)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    ngx_queue_init(&st->waiting);
    ngx_queue_init(&st->replays);
    ngx_queue_init(&st->flight);
    ngx_queue_init(&st->journaling);

    st->timeout = conf->timeout;
    st->buffer = conf->buffer;
    st->missing = conf->missing;

    st->flush.data = &ngx_tavus_store_dummy;
    st->flush.handler = ngx_tavus_store_flush_handler;
    st->flush.log = ngx_cycle->log;

    st->timer.data = &ngx_tavus_store_dummy;
    st->timer.handler = ngx_tavus_store_timer_handler;
    st->timer.log = ngx_cycle->log;

    if (conf->journal.path.len
        && ngx_tavus_journal_init_process(&conf->journal, workers,
                                          ngx_tavus_store_replay_ready,
                                          ngx_tavus_store_replay)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    st->record = ngx_tavus_pg_open(conf->database, "record",
                                   "-c synchronous_commit=on "
                                   "-c statement_timeout=20s "
                                   "-c lock_timeout=5s "
                                   "-c jit=off", 0);
    if (st->record == NULL) {
        return NGX_ERROR;
    }

    ngx_tavus_pg_on_ready(st->record, ngx_tavus_store_ready, st);

    st->query = ngx_tavus_pg_open(conf->database, "query",
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

    /* a batch that is under way comes back to the waiting rows */

    ngx_tavus_pg_close(record);

    for (q = ngx_queue_head(&st->waiting);
         q != ngx_queue_sentinel(&st->waiting);
         /* void */)
    {
        row = ngx_queue_data(q, ngx_tavus_row_t, queue);
        q = ngx_queue_next(q);

        ngx_tavus_store_overdue(row, &st->waiting);
    }

    ngx_tavus_journal_exit_process();

    while (!ngx_queue_empty(&st->journaling)) {
        q = ngx_queue_head(&st->journaling);
        row = ngx_queue_data(q, ngx_tavus_row_t, queue);

        ngx_tavus_store_answer(row, NGX_TAVUS_UNAVAILABLE);
        ngx_tavus_store_free(row);
    }

    while (!ngx_queue_empty(&st->replays)) {
        q = ngx_queue_head(&st->replays);
        ngx_tavus_store_free(ngx_queue_data(q, ngx_tavus_row_t, queue));
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
    ngx_uint_t          i, browser;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    static const size_t  strings[] = {
        offsetof(ngx_tavus_event_t, source),
        offsetof(ngx_tavus_event_t, event_type),
        offsetof(ngx_tavus_event_t, conversation_id),
        offsetof(ngx_tavus_event_t, verification),
        offsetof(ngx_tavus_event_t, body),
        offsetof(ngx_tavus_event_t, reason)
    };

    st = &ngx_tavus_store;

    size = sizeof(ngx_tavus_row_t);

    for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        size += ((ngx_str_t *) ((u_char *) ev + strings[i]))->len;
    }

    browser = ev->source.len == sizeof("browser") - 1
              && ngx_strncmp(ev->source.data, "browser",
                             sizeof("browser") - 1) == 0;

    /* a flood of browsers' events leaves room for webhooks */

    if (st->record == NULL
        || (st->stats.rows && st->stats.bytes + size > st->buffer)
        || (browser && st->browser && st->browser + size > st->buffer / 4))
    {
        return NULL;
    }

    row = ngx_calloc(size, ngx_cycle->log);
    if (row == NULL) {
        return NULL;
    }

    row->event = *ev;
    row->handler = handler;
    row->data = data;
    row->start = ngx_current_msec;
    row->size = size;
    row->browser = browser;

    p = (u_char *) row + sizeof(ngx_tavus_row_t);

    for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        from = (ngx_str_t *) ((u_char *) ev + strings[i]);
        to = (ngx_str_t *) ((u_char *) &row->event + strings[i]);

        to->data = p;

        if (from->len) {
            p = ngx_cpymem(p, from->data, from->len);
        }
    }

    st->timer.cancelable = 0;

    st->stats.rows++;
    st->stats.bytes += size;

    if (browser) {
        st->browser += size;
    }

    /* to wait for what is known not to come helps nobody */

    if (ngx_tavus_store_slow() && ngx_tavus_store_to_journal(row) == NGX_OK) {
        ngx_queue_insert_tail(&st->journaling, &row->queue);

    } else {
        ngx_queue_insert_tail(&st->waiting, &row->queue);
        ngx_tavus_store_post_flush();
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
ngx_tavus_store_name(ngx_tavus_outcome_e outcome, ngx_str_t *name)
{
    switch (outcome) {

    case NGX_TAVUS_JOURNALED:
        ngx_str_set(name, "journal");
        break;

    case NGX_TAVUS_FOREIGN:
    case NGX_TAVUS_UNAVAILABLE:
        ngx_str_null(name);
        break;

    default:
        ngx_str_set(name, "pg");
    }
}


void
ngx_tavus_store_months_made(void)
{
    ngx_tavus_store.impossible = ngx_current_msec + NGX_TAVUS_STORE_MONTHS;
    ngx_tavus_store.stats.month_missing = 0;

    ngx_tavus_journal_replay();
}


void
ngx_tavus_store_stats(ngx_tavus_store_stats_t *stats)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    *stats = st->stats;

    if (st->record == NULL) {
        return;
    }

    stats->ready = ngx_tavus_pg_ready(st->record) && !ngx_tavus_store_slow();
    stats->error = ngx_tavus_pg_error(st->record);
}


static void
ngx_tavus_store_ready(void *data)
{
    ngx_tavus_store_post_flush();
    ngx_tavus_journal_replay();
}


/* at the end of this turn of the loop: what it brought goes together */

static void
ngx_tavus_store_post_flush(void)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (!st->flush.posted
        && !(ngx_queue_empty(&st->waiting) && ngx_queue_empty(&st->replays)))
    {
        ngx_post_event(&st->flush, &ngx_posted_events);
    }
}


static void
ngx_tavus_store_flush_handler(ngx_event_t *ev)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (st->nbatch || !ngx_tavus_pg_ready(st->record)) {
        return;
    }

    ngx_tavus_store_take();

    if (st->nbatch == 0) {
        return;
    }

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

    st->sent = ngx_current_msec;
    st->stats.batches++;
}


static void
ngx_tavus_store_timer_handler(ngx_event_t *ev)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    ngx_tavus_store_expire(&st->flight);
    ngx_tavus_store_expire(&st->waiting);
    ngx_tavus_store_expire(&st->journaling);

    ngx_tavus_store_set_timer();
}


/*
 * The timer waits for the row whose time is up first, and holds an exiting
 * worker so long.  Queues are nearly in the order of their rows' start.
 */

static void
ngx_tavus_store_set_timer(void)
{
    ngx_uint_t          i, found;
    ngx_queue_t        *q, *rows[3];
    ngx_msec_int_t      left, least;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (st->timer.timer_set) {
        return;
    }

    rows[0] = &st->flight;
    rows[1] = &st->waiting;
    rows[2] = &st->journaling;

    found = 0;
    least = 0;

    for (i = 0; i < 3; i++) {

        for (q = ngx_queue_head(rows[i]);
             q != ngx_queue_sentinel(rows[i]);
             q = ngx_queue_next(q))
        {
            row = ngx_queue_data(q, ngx_tavus_row_t, queue);
            left = ngx_tavus_store_left(row);

            if (left == NGX_TAVUS_STORE_TIMEOUT) {
                continue;
            }

            if (!found || left < least) {
                least = left;
            }

            found = 1;

            /* those with an entry have more time than those behind them */

            if (row->entry == NULL) {
                break;
            }
        }
    }

    if (found) {
        ngx_add_timer(&st->timer, (ngx_msec_t) ngx_max(least, 1));
    }
}


/* milliseconds; NGX_TAVUS_STORE_TIMEOUT if the row waits for no time */

static ngx_msec_int_t
ngx_tavus_store_left(ngx_tavus_row_t *row)
{
    ngx_msec_t          end;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (row->payload || row->journaled
        || (row->flying && row->handler == NULL && row->entry == NULL))
    {
        return NGX_TAVUS_STORE_TIMEOUT;
    }

    end = row->start + st->timeout;

    if (row->entry) {
        end += NGX_TAVUS_STORE_GRACE;
    }

    return (ngx_msec_int_t) (end - ngx_current_msec);
}


/* no connection after a try at one, or a batch that is overdue */

static ngx_uint_t
ngx_tavus_store_slow(void)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (!ngx_tavus_pg_ready(st->record)) {
        return ngx_tavus_pg_error(st->record)->len != 0;
    }

    return st->nbatch && ngx_current_msec - st->sent >= st->timeout;
}


static void
ngx_tavus_store_expire(ngx_queue_t *rows)
{
    ngx_queue_t      *q, *next;
    ngx_msec_int_t    left;
    ngx_tavus_row_t  *row;

    for (q = ngx_queue_head(rows); q != ngx_queue_sentinel(rows); q = next) {

        next = ngx_queue_next(q);
        row = ngx_queue_data(q, ngx_tavus_row_t, queue);

        left = ngx_tavus_store_left(row);

        if (left <= 0) {
            ngx_tavus_store_overdue(row, rows);

        } else if (left != NGX_TAVUS_STORE_TIMEOUT && row->entry == NULL) {
            return;
        }
    }
}


/* the database had its time: the journal is next, and then nothing */

static void
ngx_tavus_store_overdue(ngx_tavus_row_t *row, ngx_queue_t *rows)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (row->entry) {
        ngx_tavus_journal_forget(row->entry);
        row->entry = NULL;

    } else if (ngx_tavus_store_to_journal(row) == NGX_OK) {

        if (rows != &st->flight) {
            ngx_queue_remove(&row->queue);
            ngx_queue_insert_tail(&st->journaling, &row->queue);
        }

        return;
    }

    ngx_tavus_store_answer(row, NGX_TAVUS_UNAVAILABLE);

    if (rows != &st->flight) {
        ngx_tavus_store_free(row);
    }
}


static ngx_int_t
ngx_tavus_store_to_journal(ngx_tavus_row_t *row)
{
    size_t                n;
    uint8_t               numbers[NGX_TAVUS_ENCODE_NUMBER];
    tavus_record_field_t  fields[NGX_TAVUS_ENCODE_FIELDS];

    n = ngx_tavus_encode_record(fields, numbers, &row->event);

    row->entry = ngx_tavus_journal_append(fields, n, row->browser,
                                          ngx_tavus_store_journaled, row);

    return row->entry ? NGX_OK : NGX_DECLINED;
}


static void
ngx_tavus_store_journaled(void *data, ngx_int_t rc)
{
    ngx_tavus_row_t *row = data;

    row->entry = NULL;

    if (rc == NGX_OK) {
        row->journaled = 1;
        ngx_tavus_store.stats.journaled++;
    }

    ngx_tavus_store_answer(row, rc == NGX_OK ? NGX_TAVUS_JOURNALED
                                             : NGX_TAVUS_UNAVAILABLE);

    if (!row->flying) {
        ngx_tavus_store_free(row);
    }
}


static ngx_uint_t
ngx_tavus_store_replay_ready(void)
{
    return ngx_tavus_store.record && !ngx_tavus_store_slow()
           && ngx_tavus_pg_ready(ngx_tavus_store.record);
}


/* the payload stays where it is until ngx_tavus_journal_done() */

static ngx_int_t
ngx_tavus_store_replay(const uint8_t *payload, size_t len)
{
    ngx_tavus_row_t    *row;
    ngx_tavus_event_t   ev;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (!ngx_tavus_store_replay_ready()) {
        return NGX_ABORT;
    }

    if (st->nreplays
        && (st->nreplays >= NGX_TAVUS_STORE_FED_ROWS
            || st->replay_bytes + len > NGX_TAVUS_STORE_FED_BYTES))
    {
        return NGX_BUSY;
    }

    if (ngx_tavus_decode_record(&ev, payload, len) != NGX_OK) {
        return NGX_DECLINED;
    }

    row = ngx_calloc(sizeof(ngx_tavus_row_t), ngx_cycle->log);
    if (row == NULL) {
        return NGX_BUSY;
    }

    row->event = ev;
    row->payload = payload;
    row->len = len;
    row->start = ngx_current_msec;

    st->nreplays++;
    st->replay_bytes += len;

    ngx_queue_insert_tail(&st->replays, &row->queue);

    ngx_tavus_store_post_flush();

    return NGX_OK;
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

    if (row->payload) {
        st->nreplays--;
        st->replay_bytes -= row->len;

    } else {
        st->stats.rows--;
        st->stats.bytes -= row->size;

        if (row->browser) {
            st->browser -= row->size;
        }

        if (st->stats.rows == 0) {
            st->timer.cancelable = 1;
        }
    }

    ngx_free(row);
}


static void
ngx_tavus_store_take(void)
{
    size_t              bytes;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;
    bytes = 0;

    if (!ngx_tavus_store_suspects(&st->replays)
        || ngx_tavus_store_suspects(&st->waiting))
    {
        ngx_tavus_store_take_from(&st->waiting, NGX_TAVUS_STORE_ROWS, &bytes);
    }

    ngx_tavus_store_take_from(&st->replays, NGX_TAVUS_STORE_REPLAYS, &bytes);

    /* two workers that insert the same ids must do so in one order */

    ngx_qsort(st->batch, st->nbatch, sizeof(ngx_tavus_row_t *),
              ngx_tavus_store_cmp);
}


static ngx_uint_t
ngx_tavus_store_suspects(ngx_queue_t *rows)
{
    ngx_tavus_row_t  *row;

    if (ngx_queue_empty(rows)) {
        return 0;
    }

    row = ngx_queue_data(ngx_queue_head(rows), ngx_tavus_row_t, queue);

    return row->suspect;
}


/* suspects come first, and stay among themselves */

static void
ngx_tavus_store_take_from(ngx_queue_t *rows, ngx_uint_t max, size_t *bytes)
{
    ngx_queue_t        *q;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    while (!ngx_queue_empty(rows) && max--) {
        q = ngx_queue_head(rows);
        row = ngx_queue_data(q, ngx_tavus_row_t, queue);

        if (st->nbatch == NGX_TAVUS_STORE_ROWS
            || (st->nbatch
                && (*bytes + row->size + row->len > NGX_TAVUS_STORE_BYTES
                    || row->suspect != st->batch[0]->suspect))
            || (row->suspect && st->nbatch >= st->split))
        {
            return;
        }

        *bytes += row->size + row->len;
        row->tries++;
        row->flying = 1;

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&st->flight, q);

        st->batch[st->nbatch++] = row;
    }
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
    ngx_uint_t          i;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    for (i = 0; i < st->nbatch; i++) {
        st->events[i] = &st->batch[i]->event;
    }

    size = ngx_tavus_encode_batch_size(st->events, st->nbatch);

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

    ngx_tavus_encode_batch(&st->op, st->params, st->events, st->nbatch);

    return NGX_OK;
}


static void
ngx_tavus_store_recorded(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
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
        ngx_tavus_store_refused(res);
    }

    ngx_tavus_store_post_flush();
}


static void
ngx_tavus_store_refused(PGresult *res)
{
    const char         *state, *message;
    ngx_uint_t          i, n;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    message = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

    if (state == NULL) {
        state = "";
        message = "unexpected answer";
    }

    if (ngx_strncmp(state, "40", 2) == 0
        && st->batch[0]->tries < NGX_TAVUS_STORE_RETRIES)
    {
        ngx_tavus_store_put_back();
        return;
    }

    if (ngx_tavus_store_unfit(state, res)) {
        ngx_tavus_store_split(state);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "database refused %ui events: %s %s", st->nbatch, state,
                  message ? message : "");

    n = st->nbatch;
    st->nbatch = 0;

    for (i = 0; i < n; i++) {
        row = st->batch[i];
        row->flying = 0;

        if (row->payload) {
            ngx_tavus_journal_done(NGX_ERROR, row->payload, row->len);
            ngx_tavus_store_free(row);

        } else if (row->journaled) {
            ngx_tavus_store_free(row);

        } else if (row->entry) {
            ngx_queue_remove(&row->queue);
            ngx_queue_insert_tail(&st->journaling, &row->queue);

        } else {

            /* not &st->flight any more, whatever queue it still is in */

            ngx_tavus_store_overdue(row, NULL);
        }
    }
}


/* SQLSTATE classes that say something of the rows, not of the database */

static ngx_uint_t
ngx_tavus_store_unfit(const char *state, PGresult *res)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (ngx_strcmp(state, "23514") == 0
        && PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME) == NULL)
    {

        /* there is no partition for a month: it can be made */

        if ((ngx_msec_int_t) (st->impossible - ngx_current_msec) > 0) {
            return 1;
        }

        st->stats.month_missing = 1;

        if (st->missing) {
            st->missing();
        }

        return 0;
    }

    return ngx_strncmp(state, "22", 2) == 0
           || ngx_strncmp(state, "23", 2) == 0
           || ngx_strncmp(state, "54", 2) == 0;
}


/* by halves, until the culprit is alone and goes into quarantine */

static void
ngx_tavus_store_split(const char *state)
{
    ngx_uint_t          i, n;
    ngx_tavus_row_t    *row;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    n = st->nbatch;
    st->split = ngx_max(n / 2, 1);

    for (i = 0; i < n; i++) {
        st->batch[i]->suspect = 1;
    }

    if (n > 1) {
        ngx_tavus_store_put_back();
        return;
    }

    row = st->batch[0];

    if (row->stripped) {
        st->nbatch = 0;
        ngx_tavus_store_give_up(row);
        return;
    }

    if (row->event.reason.len) {

        /* not even that: its names may be what is unfit */

        row->event.event_type.len = 0;
        row->event.conversation_id.len = 0;
        row->event.verification.len = 0;
        row->event.bound = 0;
        row->event.floating = 0;
        row->stripped = 1;

    } else {
        row->event.reason.data = row->why;
        row->event.reason.len = ngx_snprintf(row->why, sizeof(row->why),
                                             "refused by the database, "
                                             "SQLSTATE %s", state)
                                - row->why;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "event \"%V\" goes into quarantine: %V",
                      &row->event.event_type, &row->event.reason);
    }

    ngx_tavus_store_put_back();
}


static void
ngx_tavus_store_give_up(ngx_tavus_row_t *row)
{
    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "event could not even be put into quarantine");

    if (row->entry) {
        ngx_tavus_journal_forget(row->entry);
        row->entry = NULL;
    }

    if (row->payload) {
        ngx_tavus_journal_done(NGX_DECLINED, row->payload, row->len);
    }

    ngx_tavus_store_answer(row, NGX_TAVUS_UNAVAILABLE);
    ngx_tavus_store_free(row);
}


static void
ngx_tavus_store_outcomes(const char *letters)
{
    ngx_uint_t            i, n;
    ngx_tavus_store_t    *st;
    ngx_tavus_outcome_e   outcome;

    st = &ngx_tavus_store;

    n = st->nbatch;
    st->nbatch = 0;

    for (i = 0; i < n; i++) {

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

        ngx_tavus_store_done(st->batch[i], outcome);
    }
}


static void
ngx_tavus_store_done(ngx_tavus_row_t *row, ngx_tavus_outcome_e outcome)
{
    row->flying = 0;
    row->suspect = 0;

    if (row->entry) {
        ngx_tavus_journal_forget(row->entry);
        row->entry = NULL;
    }

    if (row->payload) {

        if (outcome == NGX_TAVUS_FOREIGN) {

            /* it was acknowledged: nobody can be told any more */

            ngx_str_set(&row->event.reason,
                        "the token is another conversation's");
            ngx_tavus_store_return(row);
            return;
        }

        ngx_tavus_journal_done(outcome == NGX_TAVUS_UNAVAILABLE ? NGX_ERROR
                                                                : NGX_OK,
                               row->payload, row->len);
    }

    ngx_tavus_store_answer(row, outcome);
    ngx_tavus_store_free(row);
}


static void
ngx_tavus_store_put_back(void)
{
    ngx_queue_t        *q;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;
    st->nbatch = 0;

    while (!ngx_queue_empty(&st->flight)) {
        q = ngx_queue_last(&st->flight);
        ngx_tavus_store_return(ngx_queue_data(q, ngx_tavus_row_t, queue));
    }

    /* what is overdue among them has not to wait for others */

    if (st->timer.timer_set) {
        ngx_del_timer(&st->timer);
    }

    ngx_tavus_store_set_timer();
}


/* a row that was in flight goes first again, if it still has to go */

static void
ngx_tavus_store_return(ngx_tavus_row_t *row)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    row->flying = 0;

    if (row->journaled) {
        ngx_tavus_store_free(row);
        return;
    }

    ngx_queue_remove(&row->queue);

    if (row->entry) {
        ngx_queue_insert_tail(&st->journaling, &row->queue);

    } else if (row->payload) {
        ngx_queue_insert_head(&st->replays, &row->queue);

    } else {
        ngx_queue_insert_head(&st->waiting, &row->queue);
    }
}
