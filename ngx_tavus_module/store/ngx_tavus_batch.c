
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "store/ngx_tavus_batch.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_metrics.h"
#include "core/tavus_uuid.h"


#define NGX_TAVUS_BATCH_BYTES     (4 * 1024 * 1024)
#define NGX_TAVUS_BATCH_KEEP      (1024 * 1024)
#define NGX_TAVUS_BATCH_RETRIES   3

/* ms until an empty batch tells whether the database takes any again */
#define NGX_TAVUS_BATCH_PROBE     1000

/*
 * A commit costs much, and each row more in it little.  Where the last batch
 * had so many rows, as many are expected beside those that wait already; for
 * three fifths of all a millisecond is waited, at most: with more of them the
 * database stands idle until the slowest sender is there.
 */
#define NGX_TAVUS_BATCH_HOLD_ROWS 4
#define NGX_TAVUS_BATCH_HOLD      1

/* replayed rows in a batch, so that they delay nobody */
#define NGX_TAVUS_BATCH_REPLAYS   250

/* what tavus.maintain() surely has made, around now: milliseconds */
#define NGX_TAVUS_BATCH_PAST      (59 * 24 * 3600 * 1000LL)
#define NGX_TAVUS_BATCH_FUTURE    (60 * 24 * 3600 * 1000LL)


static ngx_uint_t ngx_tavus_batch_held(ngx_tavus_store_t *st);
static void ngx_tavus_batch_take(void);
static ngx_uint_t ngx_tavus_batch_suspects(ngx_queue_t *rows);
static void ngx_tavus_batch_take_from(ngx_queue_t *rows, ngx_uint_t max,
    size_t *bytes);
static ngx_int_t ngx_tavus_batch_params(void);
static void ngx_tavus_batch_recorded(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_batch_refused(PGresult *res);
static void ngx_tavus_batch_note(const char *state, const char *message);
static void ngx_tavus_batch_accepted(void);
static ngx_uint_t ngx_tavus_batch_unfit(const char *state, PGresult *res);
static ngx_uint_t ngx_tavus_batch_distant(void);
static void ngx_tavus_batch_split(const char *state);
static void ngx_tavus_batch_outcomes(const char *letters);
static void ngx_tavus_batch_done(ngx_tavus_row_t *row,
    ngx_tavus_outcome_e outcome);
static void ngx_tavus_batch_put_back(void);
static void ngx_tavus_batch_return(ngx_tavus_row_t *row);
static void ngx_tavus_batch_give_up(ngx_tavus_row_t *row);
static int ngx_libc_cdecl ngx_tavus_batch_cmp(const void *one,
    const void *two);


void
ngx_tavus_batch_flush_handler(ngx_event_t *ev)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (st->busy || !ngx_tavus_pg_ready(st->record)) {
        return;
    }

    if (ngx_tavus_batch_held(st)) {
        return;
    }

    ngx_tavus_batch_take();

    if (st->nbatch == 0 && !st->probing) {
        return;
    }

    st->probing = 0;

    if (ngx_tavus_batch_params() != NGX_OK) {
        ngx_tavus_batch_put_back();
        return;
    }

    st->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_record];
    st->op.timeout = NGX_TAVUS_STORE_TIMEOUT;
    st->op.background = 1;
    st->op.handler = ngx_tavus_batch_recorded;

    if (ngx_tavus_pg_query(st->record, &st->op) != NGX_OK) {
        ngx_tavus_batch_put_back();
        return;
    }

    st->busy = 1;
    st->sent = ngx_current_msec;
    st->sent_us = ngx_tavus_batch_clock();

    if (st->nbatch) {
        st->last = st->nbatch;

        tavus_metric_add(TAVUS_METRIC_BATCHES, 1);
        tavus_metric_observe(TAVUS_METRIC_BATCH_ROWS, st->nbatch);
    }
}


/*
 * Who answered the last batch's senders has their next events soon, or not at
 * all: what comes alone, after a pause, or is urgent waits for nobody.
 */

static ngx_uint_t
ngx_tavus_batch_held(ngx_tavus_store_t *st)
{
    if (st->hold.timer_set) {

        if (!st->urgent && !ngx_exiting && st->stats.rows < st->wanted) {
            return 1;
        }

        ngx_del_timer(&st->hold);
        return 0;
    }

    if (st->urgent || st->probing || ngx_exiting
        || st->last < NGX_TAVUS_BATCH_HOLD_ROWS
        || ngx_current_msec - st->done > NGX_TAVUS_BATCH_HOLD
        || ngx_queue_empty(&st->waiting)
        || !ngx_queue_empty(&st->replays)
        || !ngx_queue_empty(&st->journaling))
    {
        return 0;
    }

    st->wanted = (st->stats.rows + st->last) * 3 / 5;

    if (st->stats.rows >= st->wanted) {
        return 0;
    }

    ngx_add_timer(&st->hold, NGX_TAVUS_BATCH_HOLD);

    return 1;
}


void
ngx_tavus_batch_hold_handler(ngx_event_t *ev)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    st->done = ngx_current_msec - NGX_TAVUS_BATCH_HOLD - 1;

    ngx_tavus_store_post_flush();
}


void
ngx_tavus_batch_probe_handler(ngx_event_t *ev)
{
    ngx_tavus_store.probing = 1;

    ngx_tavus_store_post_flush();
}


int64_t
ngx_tavus_batch_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static void
ngx_tavus_batch_take(void)
{
    size_t              bytes;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;
    bytes = 0;
    st->urgent = 0;

    if (!ngx_tavus_batch_suspects(&st->replays)
        || ngx_tavus_batch_suspects(&st->waiting))
    {
        ngx_tavus_batch_take_from(&st->waiting, NGX_TAVUS_STORE_ROWS, &bytes);
    }

    ngx_tavus_batch_take_from(&st->replays, NGX_TAVUS_BATCH_REPLAYS, &bytes);

    /* two workers that insert the same ids must do so in one order */

    ngx_qsort(st->batch, st->nbatch, sizeof(ngx_tavus_row_t *),
              ngx_tavus_batch_cmp);
}


static ngx_uint_t
ngx_tavus_batch_suspects(ngx_queue_t *rows)
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
ngx_tavus_batch_take_from(ngx_queue_t *rows, ngx_uint_t max, size_t *bytes)
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
                && (*bytes + row->size + row->len > NGX_TAVUS_BATCH_BYTES
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
ngx_tavus_batch_cmp(const void *one, const void *two)
{
    return ngx_memcmp((*(ngx_tavus_row_t * const *) one)->event.id,
                      (*(ngx_tavus_row_t * const *) two)->event.id,
                      TAVUS_UUID_LEN);
}


static ngx_int_t
ngx_tavus_batch_params(void)
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
ngx_tavus_batch_recorded(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;
    st->busy = 0;
    st->done = ngx_current_msec;

    if (st->params_size > NGX_TAVUS_BATCH_KEEP) {
        ngx_free(st->params);
        st->params = NULL;
        st->params_size = 0;
    }

    if (rc == NGX_OK && st->nbatch) {
        tavus_metric_observe(TAVUS_METRIC_COMMIT,
                             ngx_tavus_batch_clock() - st->sent_us);
    }

    if (rc == NGX_OK
        && PQntuples(res) == 1
        && (ngx_uint_t) PQgetlength(res, 0, 0) == st->nbatch)
    {
        ngx_tavus_batch_accepted();
        ngx_tavus_batch_outcomes(PQgetvalue(res, 0, 0));

    } else if (rc == NGX_ABORT || rc == NGX_BUSY) {

        /* ids make it safe to send the same again */

        ngx_tavus_batch_put_back();

    } else {
        ngx_tavus_batch_refused(res);
    }

    ngx_tavus_store_post_flush();
}


static void
ngx_tavus_batch_refused(PGresult *res)
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
        && st->nbatch
        && st->batch[0]->tries < NGX_TAVUS_BATCH_RETRIES)
    {
        ngx_tavus_batch_put_back();
        return;
    }

    if (st->nbatch && ngx_tavus_batch_unfit(state, res)) {
        ngx_tavus_batch_split(state);
        return;
    }

    ngx_tavus_batch_note(state, message ? message : "");

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


/* what lasts is logged once, but for events that it hits */

static void
ngx_tavus_batch_note(const char *state, const char *message)
{
    ngx_str_t           text;
    u_char              buf[sizeof(ngx_tavus_store.refused_text)];
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    text.data = buf;
    text.len = ngx_snprintf(buf, sizeof(buf), "%s %s", state, message) - buf;

    if (st->nbatch) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database refused %ui events: %V", st->nbatch, &text);

    } else if (text.len != st->refused.len
               || ngx_memcmp(text.data, st->refused.data, text.len) != 0)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database is not usable: %V", &text);
    }

    ngx_memcpy(st->refused_text, buf, text.len);

    st->refused.data = st->refused_text;
    st->refused.len = text.len;

    if (!st->probe.timer_set) {
        ngx_add_timer(&st->probe, NGX_TAVUS_BATCH_PROBE);
    }
}


static void
ngx_tavus_batch_accepted(void)
{
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;

    if (st->refused.len == 0) {
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "database takes events again");

    st->refused.len = 0;

    ngx_tavus_journal_replay();
}


/* SQLSTATE classes that say something of the rows, not of the database */

static ngx_uint_t
ngx_tavus_batch_unfit(const char *state, PGresult *res)
{
    if (ngx_strcmp(state, "23514") == 0
        && PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME) == NULL)
    {

        /* a month has no partition; nobody makes one that is long past */

        if (ngx_tavus_batch_distant()) {
            return 1;
        }

        ngx_tavus_batch_month_missing();

        return 0;
    }

    return ngx_strncmp(state, "22", 2) == 0
           || ngx_strncmp(state, "23", 2) == 0
           || ngx_strncmp(state, "54", 2) == 0;
}


void
ngx_tavus_batch_month_missing(void)
{
    ngx_tavus_store.stats.month_missing = 1;

    if (ngx_tavus_store.missing) {
        ngx_tavus_store.missing();
    }
}


static ngx_uint_t
ngx_tavus_batch_distant(void)
{
    int64_t             time, now;
    uint8_t            *id;
    ngx_uint_t          i, k;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;
    now = (int64_t) ngx_time() * 1000;

    for (i = 0; i < st->nbatch; i++) {
        id = st->batch[i]->event.id;
        time = 0;

        for (k = 0; k < 6; k++) {
            time = time << 8 | id[k];
        }

        if (time < now - NGX_TAVUS_BATCH_PAST
            || time > now + NGX_TAVUS_BATCH_FUTURE)
        {
            return 1;
        }
    }

    return 0;
}


/* by halves, until the culprit is alone and goes into quarantine */

static void
ngx_tavus_batch_split(const char *state)
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
        ngx_tavus_batch_put_back();
        return;
    }

    row = st->batch[0];

    if (row->stripped) {
        st->nbatch = 0;
        ngx_tavus_batch_give_up(row);
        return;
    }

    if (row->event.reason.len) {

        /*
         * Not even that: its names may be what is unfit.  By its proof and
         * its nonce it is judged when it is released.
         */

        row->event.event_type.len = 0;
        row->event.conversation_id.len = 0;
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

    ngx_tavus_batch_put_back();
}


static void
ngx_tavus_batch_give_up(ngx_tavus_row_t *row)
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
ngx_tavus_batch_outcomes(const char *letters)
{
    ngx_uint_t            i, n, stored;
    ngx_tavus_store_t    *st;
    ngx_tavus_outcome_e   outcome;

    st = &ngx_tavus_store;

    n = st->nbatch;
    st->nbatch = 0;
    stored = 0;

    for (i = 0; i < n; i++) {

        switch (letters[i]) {

        case 's':
            outcome = NGX_TAVUS_STORED;
            stored = 1;
            break;

        case 'd':
            outcome = NGX_TAVUS_DUPLICATE;
            break;

        case 'q':
            outcome = NGX_TAVUS_QUARANTINED;
            break;

        case 'b':
            outcome = NGX_TAVUS_FOREIGN;
            break;

        default:
            outcome = NGX_TAVUS_UNAVAILABLE;
        }

        ngx_tavus_batch_done(st->batch[i], outcome);
    }

    /* whoever goes on from there looks at this */

    if (stored) {
        ngx_tavus_store_wake();
    }
}


static void
ngx_tavus_batch_done(ngx_tavus_row_t *row, ngx_tavus_outcome_e outcome)
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
            ngx_tavus_batch_return(row);
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
ngx_tavus_batch_put_back(void)
{
    ngx_queue_t        *q;
    ngx_tavus_store_t  *st;

    st = &ngx_tavus_store;
    st->nbatch = 0;

    while (!ngx_queue_empty(&st->flight)) {
        q = ngx_queue_last(&st->flight);
        ngx_tavus_batch_return(ngx_queue_data(q, ngx_tavus_row_t, queue));
    }

    /* what is overdue among them has not to wait for others */

    if (st->timer.timer_set) {
        ngx_del_timer(&st->timer);
    }

    ngx_tavus_store_set_timer();
}


/* a row that was in flight goes first again, if it still has to go */

static void
ngx_tavus_batch_return(ngx_tavus_row_t *row)
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
