
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "store/ngx_tavus_wish.h"
#include "store/ngx_tavus_batch.h"
#include "store/ngx_tavus_encode.h"
#include "store/ngx_tavus_statements.h"
#include "event/ngx_tavus_timer.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"
#include "core/tavus_uuid.h"


#define NGX_TAVUS_WISH_ROWS     1000    /* that may wait */
#define NGX_TAVUS_WISH_BATCH    64      /* rows, as others wait for the lock */
#define NGX_TAVUS_WISH_RETRIES  3
#define NGX_TAVUS_WISH_COLUMNS  5       /* behind those of an event */
#define NGX_TAVUS_WISH_SELDOM   60000   /* ms between lines of the log */

/* ms until a lock is tried again that another node or worker has */
#define NGX_TAVUS_WISH_AGAIN    2
#define NGX_TAVUS_WISH_JITTER   3


/* a row is waiting, or in flight */

typedef struct {
    ngx_queue_t           queue;
    ngx_tavus_event_t     event;
    ngx_tavus_wish_t      asked;        /* a copy of the owner's */
    ngx_tavus_wish_t     *wish;         /* NULL: nobody waits */
    ngx_tavus_store_pt    handler;
    void                 *data;
    ngx_msec_t            start;
    ngx_uint_t            tries;
    unsigned              unknown:1;    /* it was sent, to no answer */
} ngx_tavus_wish_row_t;


typedef struct {
    ngx_queue_t            waiting;
    ngx_queue_t            flight;
    ngx_event_t            post;
    ngx_event_t            timer;       /* of who waits longest */
    ngx_event_t            again;       /* the lock is tried */

    ngx_tavus_pg_op_t      op;
    ngx_tavus_wish_row_t  *batch[NGX_TAVUS_WISH_BATCH];
    ngx_tavus_event_t     *events[NGX_TAVUS_WISH_BATCH];
    ngx_uint_t             nbatch;
    ngx_uint_t             alone;       /* rows to send one by one */
    ngx_uint_t             rows;
    u_char                *params;
    int64_t                sent_us;

    ngx_msec_t             said;        /* of what lasts */
    ngx_str_t              refused;
    u_char                 refused_text[256];

    unsigned               busy:1;
} ngx_tavus_wishes_t;


static void ngx_tavus_wish_init(void);
static void ngx_tavus_wish_post_handler(ngx_event_t *ev);
static void ngx_tavus_wish_again_handler(ngx_event_t *ev);
static void ngx_tavus_wish_send(void);
static void ngx_tavus_wish_unsent(void);
static ngx_int_t ngx_tavus_wish_params(void);
static u_char *ngx_tavus_wish_column(u_char *p, ngx_uint_t column);
static void ngx_tavus_wish_recorded(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_int_t ngx_tavus_wish_verdicts(PGresult *res);
static void ngx_tavus_wish_verdict(ngx_tavus_wish_row_t *row, cJSON *json);
static ngx_uint_t ngx_tavus_wish_number(cJSON *json, const char *name,
    ngx_int_t *n);
static void ngx_tavus_wish_refused(PGresult *res);
static void ngx_tavus_wish_note(const char *state, const char *message);
static void ngx_tavus_wish_timer_handler(ngx_event_t *ev);
static void ngx_tavus_wish_set_timer(void);
static void ngx_tavus_wish_put_back(void);
static void ngx_tavus_wish_answer_batch(void);
static void ngx_tavus_wish_answer(ngx_tavus_wish_row_t *row);
static void ngx_tavus_wish_free(ngx_tavus_wish_row_t *row);


/* as tavus.record_wishes() says them, and as they are counted */

static const char  *ngx_tavus_wish_fates[] = {
    NULL,
    "granted",
    "duplicate",
    "waits",
    "busy",
    "line_full",
    "day_spent",
    "minutes_spent",
    "visitor_spent",
    "taken",
    "unknown_ticket"
};


static const Oid  ngx_tavus_wish_elements[NGX_TAVUS_WISH_COLUMNS] = {
    NGX_TAVUS_OID_INT4,
    NGX_TAVUS_OID_INT4,
    NGX_TAVUS_OID_BYTEA,
    NGX_TAVUS_OID_BYTEA,
    NGX_TAVUS_OID_UUID
};


static ngx_tavus_wishes_t  ngx_tavus_wishes;


static void
ngx_tavus_wish_init(void)
{
    ngx_uint_t           i;
    ngx_event_t         *ev[3];
    ngx_tavus_wishes_t  *w;

    w = &ngx_tavus_wishes;

    if (w->post.handler) {
        return;
    }

    ngx_queue_init(&w->waiting);
    ngx_queue_init(&w->flight);

    ev[0] = &w->post;
    ev[1] = &w->timer;
    ev[2] = &w->again;

    for (i = 0; i < 3; i++) {
        ev[i]->data = &ngx_tavus_timer_dummy;
        ev[i]->log = ngx_cycle->log;
    }

    w->post.handler = ngx_tavus_wish_post_handler;
    w->timer.handler = ngx_tavus_wish_timer_handler;
    w->again.handler = ngx_tavus_wish_again_handler;
}


ngx_int_t
ngx_tavus_wish_put(ngx_tavus_event_t *ev, ngx_tavus_wish_t *wish,
    ngx_tavus_store_pt handler, void *data)
{
    ngx_tavus_wishes_t    *w;
    ngx_tavus_wish_row_t  *row;

    w = &ngx_tavus_wishes;

    ngx_memzero(&wish->verdict, sizeof(ngx_tavus_verdict_t));

    /* to wait for what is known not to come helps nobody */

    if (ngx_tavus_store.record == NULL || ngx_tavus_store_slow()
        || w->rows == NGX_TAVUS_WISH_ROWS)
    {
        return NGX_ERROR;
    }

    ngx_tavus_wish_init();

    row = ngx_calloc(sizeof(ngx_tavus_wish_row_t) + ev->body.len,
                     ngx_cycle->log);
    if (row == NULL) {
        return NGX_ERROR;
    }

    row->event = *ev;
    row->event.body.data = (u_char *) row + sizeof(ngx_tavus_wish_row_t);
    ngx_memcpy(row->event.body.data, ev->body.data, ev->body.len);

    row->asked = *wish;
    row->wish = wish;
    row->handler = handler;
    row->data = data;
    row->start = ngx_current_msec;

    w->rows++;

    ngx_queue_insert_tail(&w->waiting, &row->queue);

    ngx_tavus_wish_flush();
    ngx_tavus_wish_set_timer();

    return NGX_OK;
}


void
ngx_tavus_wish_flush(void)
{
    ngx_tavus_wishes_t  *w;

    w = &ngx_tavus_wishes;

    if (w->rows && !w->busy && !w->post.posted && !w->again.timer_set
        && !ngx_queue_empty(&w->waiting))
    {
        ngx_post_event(&w->post, &ngx_posted_events);
    }
}


void
ngx_tavus_wish_exit_process(void)
{
    ngx_queue_t           *q, *rows;
    ngx_uint_t             i;
    ngx_tavus_wishes_t    *w;
    ngx_tavus_wish_row_t  *row;

    w = &ngx_tavus_wishes;

    if (w->post.handler == NULL) {
        return;
    }

    for (i = 0; i < 2; i++) {
        rows = i ? &w->waiting : &w->flight;

        for (q = ngx_queue_head(rows); q != ngx_queue_sentinel(rows);
             q = ngx_queue_next(q))
        {
            row = ngx_queue_data(q, ngx_tavus_wish_row_t, queue);
            row->unknown |= !i;

            ngx_tavus_wish_answer(row);
        }
    }

    while (!ngx_queue_empty(&w->waiting)) {
        q = ngx_queue_head(&w->waiting);
        ngx_tavus_wish_free(ngx_queue_data(q, ngx_tavus_wish_row_t, queue));
    }

    if (w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }

    if (w->again.timer_set) {
        ngx_del_timer(&w->again);
    }

    if (w->post.posted) {
        ngx_delete_posted_event(&w->post);
    }
}


/* at the end of this turn of the loop: what it brought goes together */

static void
ngx_tavus_wish_post_handler(ngx_event_t *ev)
{
    ngx_tavus_wish_send();
}


static void
ngx_tavus_wish_again_handler(ngx_event_t *ev)
{
    ngx_tavus_wish_send();
}


static void
ngx_tavus_wish_send(void)
{
    ngx_uint_t             max;
    ngx_queue_t           *q;
    ngx_tavus_wishes_t    *w;
    ngx_tavus_wish_row_t  *row;

    w = &ngx_tavus_wishes;

    if (w->busy || ngx_tavus_store.record == NULL
        || !ngx_tavus_pg_ready(ngx_tavus_store.record))
    {
        return;
    }

    max = w->alone ? 1 : NGX_TAVUS_WISH_BATCH;

    while (w->nbatch < max && !ngx_queue_empty(&w->waiting)) {
        q = ngx_queue_head(&w->waiting);
        row = ngx_queue_data(q, ngx_tavus_wish_row_t, queue);

        row->tries++;

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&w->flight, q);

        w->batch[w->nbatch++] = row;
    }

    if (w->nbatch == 0) {
        return;
    }

    w->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_record_wishes];
    w->op.timeout = NGX_TAVUS_STORE_TIMEOUT;
    w->op.background = 1;
    w->op.handler = ngx_tavus_wish_recorded;

    if (ngx_tavus_wish_params() != NGX_OK
        || ngx_tavus_pg_query(ngx_tavus_store.record, &w->op) != NGX_OK)
    {
        ngx_tavus_wish_unsent();
        return;
    }

    if (w->alone) {
        w->alone--;
    }

    w->busy = 1;
    w->sent_us = ngx_tavus_batch_clock();
}


/* there is no memory, or no room: nobody would come back to them */

static void
ngx_tavus_wish_unsent(void)
{
    ngx_tavus_wishes_t  *w;

    w = &ngx_tavus_wishes;

    if (w->params) {
        ngx_free(w->params);
        w->params = NULL;
    }

    ngx_tavus_wish_answer_batch();

    ngx_tavus_wish_flush();
    ngx_tavus_wish_set_timer();
}


static ngx_int_t
ngx_tavus_wish_params(void)
{
    size_t               size;
    u_char              *p, *start;
    ngx_uint_t           i, k;
    ngx_tavus_wishes_t  *w;

    w = &ngx_tavus_wishes;

    for (i = 0; i < w->nbatch; i++) {
        w->events[i] = &w->batch[i]->event;
    }

    size = ngx_tavus_encode_batch_size(w->events, w->nbatch);

    w->params = ngx_alloc(size + NGX_TAVUS_WISH_COLUMNS
                                 * (NGX_TAVUS_ENCODE_ARRAY
                                    + w->nbatch * (4 + TAVUS_UUID_LEN)),
                          ngx_cycle->log);
    if (w->params == NULL) {
        return NGX_ERROR;
    }

    ngx_tavus_encode_batch(&w->op, w->params, w->events, w->nbatch);

    k = NGX_TAVUS_ENCODE_COLUMNS;

    w->op.values[k] = (char *) w->batch[0]->asked.budget->data;
    w->op.formats[k++] = 0;

    p = w->params + size;

    for (i = 0; i < NGX_TAVUS_WISH_COLUMNS; i++) {
        start = p;
        p = ngx_tavus_wish_column(p, i);

        w->op.values[k] = (char *) start;
        w->op.lengths[k] = (int) (p - start);
        w->op.formats[k++] = 1;
    }

    return NGX_OK;
}


static u_char *
ngx_tavus_wish_column(u_char *p, ngx_uint_t column)
{
    ngx_uint_t           i;
    ngx_tavus_wish_t    *wish;
    ngx_tavus_wishes_t  *w;

    w = &ngx_tavus_wishes;

    p = ngx_tavus_encode_array(p, ngx_tavus_wish_elements[column],
                               w->nbatch);

    for (i = 0; i < w->nbatch; i++) {
        wish = &w->batch[i]->asked;

        switch (column) {

        case 0:
            p = ngx_tavus_encode_int(p, 4);
            p = ngx_tavus_encode_int(p, wish->seconds);
            break;

        case 1:
            p = ngx_tavus_encode_int(p, 4);
            p = ngx_tavus_encode_int(p, wish->stays);
            break;

        case 2:
            p = ngx_tavus_encode_bytes(p, wish->address,
                                       NGX_TAVUS_WISH_HASH);
            break;

        case 3:
            p = ngx_tavus_encode_bytes(p, wish->has_visitor ? wish->visitor
                                                            : NULL,
                                       NGX_TAVUS_WISH_HASH);
            break;

        default: /* 4 */
            p = ngx_tavus_encode_bytes(p, wish->has_ticket ? wish->ticket
                                                           : NULL,
                                       TAVUS_UUID_LEN);
        }
    }

    return p;
}


static void
ngx_tavus_wish_recorded(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_uint_t           i;
    ngx_tavus_wishes_t  *w;

    w = &ngx_tavus_wishes;
    w->busy = 0;

    ngx_free(w->params);
    w->params = NULL;

    if (rc == NGX_OK && PQntuples(res) == 1 && PQgetisnull(res, 0, 0)) {

        /* somebody else is judging: webhooks need not wait for that */

        for (i = 0; i < w->nbatch; i++) {
            w->batch[i]->tries--;
        }

        ngx_tavus_wish_put_back();

        ngx_add_timer(&w->again, NGX_TAVUS_WISH_AGAIN
                                 + ngx_random() % NGX_TAVUS_WISH_JITTER);

    } else if (rc == NGX_OK && ngx_tavus_wish_verdicts(res) == NGX_OK) {

        tavus_metric_observe(TAVUS_METRIC_COMMIT,
                             ngx_tavus_batch_clock() - w->sent_us);

    } else if (rc == NGX_ABORT || rc == NGX_BUSY) {

        /* ids make it safe to send the same again */

        for (i = 0; i < w->nbatch; i++) {
            w->batch[i]->unknown |= (rc == NGX_ABORT);
        }

        ngx_tavus_wish_put_back();

    } else {
        ngx_tavus_wish_refused(res);
    }

    ngx_tavus_wish_flush();
    ngx_tavus_wish_set_timer();
}


static ngx_int_t
ngx_tavus_wish_verdicts(PGresult *res)
{
    cJSON                 *root;
    ngx_uint_t             i, n, granted;
    ngx_tavus_wishes_t    *w;
    ngx_tavus_wish_row_t  *row;

    w = &ngx_tavus_wishes;

    root = PQntuples(res) == 1 ? cJSON_Parse(PQgetvalue(res, 0, 0)) : NULL;

    if (!cJSON_IsArray(root)
        || (ngx_uint_t) cJSON_GetArraySize(root) != w->nbatch)
    {
        cJSON_Delete(root);
        return NGX_ERROR;
    }

    n = w->nbatch;
    w->nbatch = 0;
    w->refused.len = 0;
    granted = 0;

    tavus_metric_add(TAVUS_METRIC_BATCHES, 1);
    tavus_metric_observe(TAVUS_METRIC_BATCH_ROWS, n);

    for (i = 0; i < n; i++) {
        row = w->batch[i];

        ngx_tavus_wish_verdict(row, cJSON_GetArrayItem(root, (int) i));

        granted |= (row->asked.verdict.fate == NGX_TAVUS_FATE_GRANTED);

        ngx_tavus_wish_answer(row);
        ngx_tavus_wish_free(row);
    }

    cJSON_Delete(root);

    /* whoever goes on from there looks at this */

    if (granted) {
        ngx_tavus_store_wake();
    }

    return NGX_OK;
}


static void
ngx_tavus_wish_verdict(ngx_tavus_wish_row_t *row, cJSON *json)
{
    cJSON                *item;
    ngx_int_t             n;
    ngx_uint_t            i;
    ngx_tavus_verdict_t  *v;

    v = &row->asked.verdict;
    v->wait = -1;

    item = cJSON_GetObjectItemCaseSensitive(json, "fate");

    for (i = 1; i < sizeof(ngx_tavus_wish_fates) / sizeof(char *); i++) {
        if (cJSON_IsString(item)
            && ngx_strcmp(item->valuestring, ngx_tavus_wish_fates[i]) == 0)
        {
            v->fate = (ngx_tavus_fate_e) i;
            break;
        }
    }

    item = cJSON_GetObjectItemCaseSensitive(json, "ticket");

    if (v->fate == NGX_TAVUS_FATE_WAITS
        && (!cJSON_IsString(item)
            || tavus_uuid_parse(v->ticket, item->valuestring,
                                ngx_strlen(item->valuestring))
               != 0))
    {
        v->fate = NGX_TAVUS_FATE_NONE;
    }

    (void) ngx_tavus_wish_number(json, "position", &v->position);
    (void) ngx_tavus_wish_number(json, "wait", &v->wait);

    if (ngx_tavus_wish_number(json, "retry_after", &n)) {
        v->retry_after = (ngx_uint_t) n;
    }
}


static ngx_uint_t
ngx_tavus_wish_number(cJSON *json, const char *name, ngx_int_t *n)
{
    cJSON  *item;

    item = cJSON_GetObjectItemCaseSensitive(json, name);

    if (!cJSON_IsNumber(item) || item->valuedouble < 0
        || item->valuedouble > NGX_MAX_INT32_VALUE)
    {
        return 0;
    }

    *n = (ngx_int_t) item->valuedouble;

    return 1;
}


static void
ngx_tavus_wish_refused(PGresult *res)
{
    const char          *state, *message;
    ngx_tavus_wishes_t  *w;

    w = &ngx_tavus_wishes;

    state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    message = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

    if (state == NULL) {
        state = "";
        message = "unexpected answer";
    }

    if (ngx_strncmp(state, "40", 2) == 0
        && w->batch[0]->tries < NGX_TAVUS_WISH_RETRIES)
    {
        ngx_tavus_wish_put_back();
        return;
    }

    if (ngx_strcmp(state, "23514") == 0
        && PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME) == NULL)
    {
        ngx_tavus_batch_month_missing();

    } else if (w->nbatch > 1
               && (ngx_strncmp(state, "22", 2) == 0
                   || ngx_strncmp(state, "23", 2) == 0
                   || ngx_strncmp(state, "54", 2) == 0))
    {

        /* one of them: the others are judged without it */

        w->alone = w->nbatch;
        ngx_tavus_wish_put_back();
        return;
    }

    ngx_tavus_wish_note(state, message ? message : "");

    ngx_tavus_wish_answer_batch();
}


/* what lasts is said once a minute */

static void
ngx_tavus_wish_note(const char *state, const char *message)
{
    ngx_str_t            text;
    u_char               buf[sizeof(ngx_tavus_wishes.refused_text)];
    ngx_tavus_wishes_t  *w;

    w = &ngx_tavus_wishes;

    text.data = buf;
    text.len = ngx_snprintf(buf, sizeof(buf), "%s %s", state, message) - buf;

    if (text.len == w->refused.len
        && ngx_memcmp(text.data, w->refused.data, text.len) == 0
        && ngx_current_msec - w->said < NGX_TAVUS_WISH_SELDOM)
    {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "database could not judge by \"tavus_budget\": %V", &text);

    ngx_memcpy(w->refused_text, buf, text.len);

    w->refused.data = w->refused_text;
    w->refused.len = text.len;
    w->said = ngx_current_msec;
}


static void
ngx_tavus_wish_timer_handler(ngx_event_t *ev)
{
    ngx_queue_t           *q, *rows;
    ngx_uint_t             i;
    ngx_tavus_wishes_t    *w;
    ngx_tavus_wish_row_t  *row;

    w = &ngx_tavus_wishes;

    /* what only waits behind another query has not been asked for yet */

    if (w->busy && ngx_tavus_pg_withdraw(&w->op) == NGX_OK) {
        w->busy = 0;

        ngx_free(w->params);
        w->params = NULL;

        ngx_tavus_wish_put_back();
    }

    for (i = 0; i < 2; i++) {
        rows = i ? &w->waiting : &w->flight;
        q = ngx_queue_head(rows);

        while (q != ngx_queue_sentinel(rows)) {
            row = ngx_queue_data(q, ngx_tavus_wish_row_t, queue);
            q = ngx_queue_next(q);

            if ((ngx_msec_int_t) (row->start + ngx_tavus_store.timeout
                                  - ngx_current_msec)
                > 0)
            {
                break;
            }

            row->unknown |= (rows == &w->flight);

            ngx_tavus_wish_answer(row);

            if (rows == &w->waiting) {
                ngx_tavus_wish_free(row);
            }
        }
    }

    ngx_tavus_wish_flush();
    ngx_tavus_wish_set_timer();
}


/* holds an exiting worker so long; both queues are in the order of time */

static void
ngx_tavus_wish_set_timer(void)
{
    ngx_queue_t           *q, *rows;
    ngx_uint_t             i;
    ngx_msec_int_t         left, least;
    ngx_tavus_wishes_t    *w;
    ngx_tavus_wish_row_t  *row;

    w = &ngx_tavus_wishes;
    least = NGX_TAVUS_STORE_TIMEOUT;

    for (i = 0; i < 2; i++) {
        rows = i ? &w->waiting : &w->flight;

        for (q = ngx_queue_head(rows); q != ngx_queue_sentinel(rows);
             q = ngx_queue_next(q))
        {
            row = ngx_queue_data(q, ngx_tavus_wish_row_t, queue);

            if (row->wish) {
                left = (ngx_msec_int_t) (row->start + ngx_tavus_store.timeout
                                         - ngx_current_msec);
                least = ngx_min(least, left);
                break;
            }
        }
    }

    if (least == NGX_TAVUS_STORE_TIMEOUT) {

        if (w->timer.timer_set) {
            ngx_del_timer(&w->timer);
        }

    } else if (!w->timer.timer_set) {
        ngx_add_timer(&w->timer, (ngx_msec_t) ngx_max(least, 1));
    }
}


static void
ngx_tavus_wish_put_back(void)
{
    ngx_queue_t           *q;
    ngx_tavus_wishes_t    *w;
    ngx_tavus_wish_row_t  *row;

    w = &ngx_tavus_wishes;
    w->nbatch = 0;

    while (!ngx_queue_empty(&w->flight)) {
        q = ngx_queue_last(&w->flight);
        row = ngx_queue_data(q, ngx_tavus_wish_row_t, queue);

        if (row->wish == NULL) {
            ngx_tavus_wish_free(row);
            continue;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_head(&w->waiting, q);
    }
}


static void
ngx_tavus_wish_answer_batch(void)
{
    ngx_uint_t             i, n;
    ngx_tavus_wishes_t    *w;
    ngx_tavus_wish_row_t  *row;

    w = &ngx_tavus_wishes;

    n = w->nbatch;
    w->nbatch = 0;

    for (i = 0; i < n; i++) {
        row = w->batch[i];

        ngx_tavus_wish_answer(row);
        ngx_tavus_wish_free(row);
    }
}


static void
ngx_tavus_wish_answer(ngx_tavus_wish_row_t *row)
{
    ngx_tavus_fate_e      fate;
    ngx_tavus_wish_t     *wish;
    ngx_tavus_outcome_e   outcome;

    wish = row->wish;
    row->wish = NULL;

    if (wish == NULL) {
        return;
    }

    wish->verdict = row->asked.verdict;

    fate = wish->verdict.fate;

    /* what was sent first may be granted yet, whatever the second was told */

    wish->verdict.unknown = row->unknown
                            && fate != NGX_TAVUS_FATE_GRANTED
                            && fate != NGX_TAVUS_FATE_DUPLICATE;

    outcome = fate == NGX_TAVUS_FATE_GRANTED ? NGX_TAVUS_STORED
              : fate == NGX_TAVUS_FATE_DUPLICATE ? NGX_TAVUS_DUPLICATE
              : NGX_TAVUS_UNAVAILABLE;

    /* what was judged and refused is no event */

    if (fate <= NGX_TAVUS_FATE_DUPLICATE) {
        tavus_metric_add(tavus_metric_of(TAVUS_METRIC_EVENTS,
                                         TAVUS_SOURCE_SERVER, outcome), 1);
    }

    if (fate) {
        tavus_metric_add(tavus_metric_of(TAVUS_METRIC_BUDGET_VERDICTS,
                                         fate - 1, 0), 1);
    }

    row->handler(row->data, outcome, ngx_current_msec - row->start);
}


static void
ngx_tavus_wish_free(ngx_tavus_wish_row_t *row)
{
    ngx_queue_remove(&row->queue);
    ngx_tavus_wishes.rows--;

    ngx_free(row);
}
