
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "store/ngx_tavus_store.h"
#include "store/ngx_tavus_batch.h"
#include "store/ngx_tavus_encode.h"
#include "store/ngx_tavus_node.h"
#include "store/ngx_tavus_wish.h"
#include "event/ngx_tavus_timer.h"
#include "core/tavus_metrics.h"


/* of what is replayed and waits for a batch */
#define NGX_TAVUS_STORE_FED_ROWS  2000
#define NGX_TAVUS_STORE_FED_BYTES (8 * 1024 * 1024)

/* how long the journal may take beyond a row's own time */
#define NGX_TAVUS_STORE_GRACE     4000


static void ngx_tavus_store_ready(void *data);
static void ngx_tavus_store_timer_handler(ngx_event_t *ev);
static ngx_msec_int_t ngx_tavus_store_left(ngx_tavus_row_t *row);
static void ngx_tavus_store_gauge(void);
static void ngx_tavus_store_expire(ngx_queue_t *rows);
static ngx_int_t ngx_tavus_store_to_journal(ngx_tavus_row_t *row);
static void ngx_tavus_store_journaled(void *data, ngx_int_t rc);
static ngx_uint_t ngx_tavus_store_replay_ready(void);
static ngx_int_t ngx_tavus_store_replay(const uint8_t *payload, size_t len);


static const ngx_tavus_pg_setting_t  ngx_tavus_store_record_settings[] = {
    { "statement_timeout", "20s" },
    { "lock_timeout", "5s" },
    { NULL, NULL }
};

static const ngx_tavus_pg_setting_t  ngx_tavus_store_query_settings[] = {
    { "role", "tavus_admin" },
    { "statement_timeout", "3s" },
    { NULL, NULL }
};

ngx_tavus_store_t         ngx_tavus_store;


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
    st->stored = conf->stored;

    st->flush.data = &ngx_tavus_timer_dummy;
    st->flush.handler = ngx_tavus_batch_flush_handler;
    st->flush.log = ngx_cycle->log;

    st->timer.data = &ngx_tavus_timer_dummy;
    st->timer.handler = ngx_tavus_store_timer_handler;
    st->timer.log = ngx_cycle->log;

    ngx_tavus_node_init_process(&conf->journal);

    if ((conf->journal.path.len || conf->journal.former)
        && ngx_tavus_journal_init_process(&conf->journal, workers,
                                          ngx_tavus_store_replay_ready,
                                          ngx_tavus_store_replay)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->database == NULL) {
        return NGX_OK;
    }

    tavus_metric_set(TAVUS_METRIC_STORE_MAX, st->buffer);

    st->hold.data = &ngx_tavus_timer_dummy;
    st->hold.handler = ngx_tavus_batch_hold_handler;
    st->hold.log = ngx_cycle->log;

    st->probe.data = &ngx_tavus_timer_dummy;
    st->probe.handler = ngx_tavus_batch_probe_handler;
    st->probe.log = ngx_cycle->log;
    st->probe.cancelable = 1;

    st->record = ngx_tavus_pg_open(conf->database, "record",
                                   ngx_tavus_store_record_settings, 0);
    if (st->record == NULL) {
        return NGX_ERROR;
    }

    ngx_tavus_pg_on_ready(st->record, ngx_tavus_store_ready, st);

    st->query = ngx_tavus_pg_open(conf->database, "query",
                                  ngx_tavus_store_query_settings, 1);
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
        ngx_tavus_journal_exit_process();
        return;
    }

    /* who is told so puts what frees a place */

    ngx_tavus_wish_exit_process();

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

    if (st->probe.timer_set) {
        ngx_del_timer(&st->probe);
    }

    if (st->hold.timer_set) {
        ngx_del_timer(&st->hold);
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
    ngx_uint_t      usable;
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    ev->received = (int64_t) tv.tv_sec * 1000000 + tv.tv_usec;

    if (tavus_event_digest(ev->digest, parts, n) != 0) {
        return NGX_ERROR;
    }

    usable = 0;

    if (time >= 0) {
        usable = tavus_event_time_usable(time, ev->received);

        ev->timed = 1;
        tavus_event_id(ev->own, time, ev->digest);
    }

    ev->floating = !usable || tavus_event_time_edge(time, ev->received);

    tavus_event_id(ev->id, usable ? time : ev->received, ev->digest);

    return NGX_OK;
}


ngx_tavus_row_t *
ngx_tavus_store_put(ngx_tavus_event_t *ev, ngx_tavus_store_pt handler,
    void *data)
{
    size_t              size;
    u_char             *p;
    ngx_str_t          *from, *to;
    unsigned            source;
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

    row = NULL;

    if (st->record
        && (st->stats.rows == 0 || st->stats.bytes + size <= st->buffer)
        && (!browser || !st->browser || st->browser + size <= st->buffer / 4))
    {
        row = ngx_alloc(size, ngx_cycle->log);
    }

    source = tavus_metric_label(TAVUS_METRIC_EVENTS, 0,
                                (char *) ev->source.data, ev->source.len);

    if (row == NULL) {
        tavus_metric_add(tavus_metric_of(TAVUS_METRIC_EVENTS, source,
                                         NGX_TAVUS_UNAVAILABLE), 1);
        return NULL;
    }

    ngx_memzero(row, sizeof(ngx_tavus_row_t));

    row->event = *ev;
    row->handler = handler;
    row->data = data;
    row->start = ngx_current_msec;
    row->size = size;
    row->browser = browser;
    row->source = source;

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

    /* what the module itself tells somebody waits for who asked */

    if (st->urgent == 0 && ev->source.len == sizeof("server") - 1
        && ngx_strncmp(ev->source.data, "server", sizeof("server") - 1) == 0)
    {
        st->urgent = 1;
    }

    /* to wait for what is known not to come helps nobody */

    if (ngx_tavus_store_slow() && ngx_tavus_store_to_journal(row) == NGX_OK) {
        ngx_queue_insert_tail(&st->journaling, &row->queue);

    } else {
        ngx_queue_insert_tail(&st->waiting, &row->queue);
        ngx_tavus_store_post_flush();
    }

    ngx_tavus_store_gauge();
    ngx_tavus_store_set_timer();

    return row;
}


static void
ngx_tavus_store_gauge(void)
{
    ngx_tavus_store_stats_t  *stats;

    stats = &ngx_tavus_store.stats;

    tavus_metric_set(TAVUS_METRIC_STORE_EVENTS, stats->rows);
    tavus_metric_set(TAVUS_METRIC_STORE_BYTES, stats->bytes);
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


ngx_atomic_uint_t
ngx_tavus_store_batches(void)
{
    return ngx_tavus_store.stored ? *ngx_tavus_store.stored : 0;
}


void
ngx_tavus_store_wake(void)
{
    if (ngx_tavus_store.stored) {
        (void) ngx_atomic_fetch_add(ngx_tavus_store.stored, 1);
    }
}


ngx_int_t
ngx_tavus_store_change(ngx_tavus_pg_op_t *op)
{
    if (ngx_tavus_store.record == NULL) {
        return NGX_ERROR;
    }

    return ngx_tavus_pg_query(ngx_tavus_store.record, op);
}


ngx_uint_t
ngx_tavus_store_query_idle(void)
{
    return ngx_tavus_store.query
           && ngx_tavus_pg_ready(ngx_tavus_store.query)
           && ngx_tavus_pg_vacant(ngx_tavus_store.query);
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
    stats->schema = ngx_tavus_pg_schema(st->record);
    stats->error = ngx_tavus_pg_error(st->record);

    if (stats->error->len == 0) {
        stats->error = &st->refused;
    }

    if (st->query) {
        stats->query_error = ngx_tavus_pg_error(st->query);
    }

    if (st->busy) {
        stats->flight = st->nbatch;

        if (ngx_current_msec - st->sent >= st->timeout) {
            stats->overdue = ngx_current_msec - st->sent;
        }
    }
}


static void
ngx_tavus_store_ready(void *data)
{
    /* whether the schema is there is known before the first event comes */

    ngx_tavus_store.probing = 1;

    ngx_tavus_store_post_flush();
    ngx_tavus_wish_flush();
    ngx_tavus_journal_replay();
}


/* at the end of this turn of the loop: what it brought goes together */

void
ngx_tavus_store_post_flush(void)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (!st->flush.posted
        && (st->probing
            || !ngx_queue_empty(&st->waiting)
            || !ngx_queue_empty(&st->replays)))
    {
        ngx_post_event(&st->flush, &ngx_posted_events);
    }
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

void
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


ngx_uint_t
ngx_tavus_store_slow(void)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (!ngx_tavus_pg_ready(st->record)) {
        return ngx_tavus_pg_error(st->record)->len != 0;
    }

    return st->refused.len
           || (st->busy && ngx_current_msec - st->sent >= st->timeout);
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

void
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


void
ngx_tavus_store_answer(ngx_tavus_row_t *row, ngx_tavus_outcome_e outcome)
{
    ngx_tavus_store_pt  handler;

    handler = row->handler;
    row->handler = NULL;

    /* one in a journal was counted when it came */

    if (!row->counted && row->payload == NULL) {
        row->counted = 1;

        tavus_metric_add(tavus_metric_of(TAVUS_METRIC_EVENTS, row->source,
                                         outcome), 1);
    }

    if (handler) {
        handler(row->data, outcome, ngx_current_msec - row->start);
    }
}


void
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

        ngx_tavus_store_gauge();
    }

    ngx_free(row);
}
