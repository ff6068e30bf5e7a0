
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_tail_feed.h"
#include "store/ngx_tavus_encode.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"
#include "event/ngx_tavus_timer.h"


#define NGX_TAVUS_TAIL_TICK     5           /* ms */
#define NGX_TAVUS_TAIL_APART    10          /* queries at the common place, */
#define NGX_TAVUS_TAIL_WIDE     100         /* and more by so many events */
#define NGX_TAVUS_TAIL_HELD     20          /* what is stored is not final */
#define NGX_TAVUS_TAIL_POLL     100
#define NGX_TAVUS_TAIL_BEATS    1000
#define NGX_TAVUS_TAIL_RETRY    250
#define NGX_TAVUS_TAIL_RETRIES  2000
#define NGX_TAVUS_TAIL_TIMEOUT  5000

/* the session's own limits end it before */
#define NGX_TAVUS_TAIL_TELL     30000

/* of a page */

#define NGX_TAVUS_TAIL_EVENTS   "500"
#define NGX_TAVUS_TAIL_ROOM     "1048576"
#define NGX_TAVUS_TAIL_NARROW   "131072"    /* for who is slow */


static void ngx_tavus_tail_timer_handler(ngx_event_t *ev);
static void ngx_tavus_tail_next(void);
static ngx_tavus_tail_t *ngx_tavus_tail_unknown(void);
static ngx_int_t ngx_tavus_tail_recall(ngx_tavus_tail_t *tail);
static ngx_uint_t ngx_tavus_tail_is_due(void);
static ngx_tavus_tail_t *ngx_tavus_tail_behind_it(void);
static void ngx_tavus_tail_ask(ngx_uint_t asked_for, ngx_tavus_tail_t *tail);
static void ngx_tavus_tail_only(ngx_uint_t value, size_t member,
    u_char *only);
static void ngx_tavus_tail_asked(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_int_t ngx_tavus_tail_take(PGresult *res);
static ngx_int_t ngx_tavus_tail_same_run(PGresult *res);
static void ngx_tavus_tail_set_back(void);
static void ngx_tavus_tail_tell(ngx_tavus_tail_place_t *place);
static void ngx_tavus_tail_told(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_tail_failed(ngx_int_t rc, PGresult *res);
static void ngx_tavus_tail_lost(void);


ngx_tavus_tails_t  ngx_tavus_tails;


void
ngx_tavus_tail_init_process(ngx_atomic_t *stored)
{
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    ngx_queue_init(&t->tails);

    t->stored = stored;

    t->timer.data = &ngx_tavus_timer_dummy;
    t->timer.handler = ngx_tavus_tail_timer_handler;
    t->timer.log = ngx_cycle->log;
    t->timer.cancelable = 1;
}


void
ngx_tavus_tail_exit_process(void)
{
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    /* what is under way still comes back */

    t->over = 1;

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }
}


void
ngx_tavus_tail_join(ngx_tavus_tail_t *tail)
{
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    tail->known = 0;
    tail->greet = 0;
    tail->reset = 0;
    tail->in = 0;
    tail->slow = 0;
    tail->broken = 0;
    tail->sent_at = ngx_current_msec;
    tail->sent_id.pos = -1;
    tail->sent_id.ord = -1;

    ngx_queue_insert_tail(&t->tails, &tail->queue);

    if (t->n++ == 0) {
        t->beaten = ngx_current_msec;
        t->seen = t->stored ? *t->stored : 0;
    }

    if (!t->timer.timer_set) {
        ngx_add_timer(&t->timer, 1);
    }
}


void
ngx_tavus_tail_leave(ngx_tavus_tail_t *tail)
{
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    ngx_queue_remove(&tail->queue);

    if (t->asker == tail) {
        t->asker = NULL;
    }

    if (--t->n) {
        return;
    }

    /* who comes next begins with what is then */

    t->shared = 0;

    if (t->state == ngx_tavus_tail_feeding) {
        ngx_tavus_tail_drop();
    }

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }
}


static void
ngx_tavus_tail_timer_handler(ngx_event_t *ev)
{
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    if (t->stored && *t->stored != t->seen) {
        t->seen = *t->stored;
        t->due = 1;
    }

    if (t->state == ngx_tavus_tail_feeding) {
        ngx_tavus_tail_feed();

    } else if (t->state == ngx_tavus_tail_idle
               && (ngx_msec_int_t) (t->again - ngx_current_msec) <= 0)
    {
        ngx_tavus_tail_next();
    }

    if (ngx_current_msec - t->beaten >= NGX_TAVUS_TAIL_BEATS) {
        t->beaten = ngx_current_msec;
        ngx_tavus_tail_beat();
    }

    ngx_tavus_tail_lost();

    if (t->n && !t->timer.timer_set) {
        ngx_add_timer(&t->timer, NGX_TAVUS_TAIL_TICK);
    }
}


/* those who are behind and those who are not take turns */

static void
ngx_tavus_tail_next(void)
{
    ngx_tavus_tail_t        *tail;
    ngx_tavus_tails_t       *t;
    ngx_tavus_tail_place_t  *place;

    t = &ngx_tavus_tails;

    if (t->turn && ngx_tavus_tail_is_due()) {
        ngx_tavus_tail_ask(ngx_tavus_tail_common, NULL);
        return;
    }

    tail = ngx_tavus_tail_unknown();

    if (tail) {
        ngx_tavus_tail_ask(ngx_tavus_tail_first, tail);
        return;
    }

    place = ngx_tavus_tail_greet();

    if (place) {
        ngx_tavus_tail_tell(place);
        return;
    }

    tail = ngx_tavus_tail_behind_it();

    if (tail) {
        ngx_tavus_tail_ask(ngx_tavus_tail_behind, tail);
        return;
    }

    if (ngx_tavus_tail_is_due()) {
        ngx_tavus_tail_ask(ngx_tavus_tail_common, NULL);
    }
}


static ngx_tavus_tail_t *
ngx_tavus_tail_unknown(void)
{
    ngx_queue_t        *q;
    ngx_tavus_tail_t   *tail;
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        tail = ngx_queue_data(q, ngx_tavus_tail_t, queue);

        if (tail->known || tail->broken) {
            continue;
        }

        if (tail->last[0]) {

            if (ngx_tavus_tail_recall(tail) == NGX_OK) {
                tail->known = 1;
                continue;
            }

            return tail;
        }

        if (!t->shared) {
            return tail;
        }

        tail->place = t->common;
        tail->known = 1;
        tail->greet = 1;
    }

    return NULL;
}


/* a place that this worker knows to be told: many come back at once */

static ngx_int_t
ngx_tavus_tail_recall(ngx_tavus_tail_t *tail)
{
    u_char             *p, *dot, *last;
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    if (!t->shared || t->epoch[0] == '\0'
        || ngx_strncmp(tail->last, t->epoch, NGX_TAVUS_TAIL_EPOCH) != 0
        || tail->last[NGX_TAVUS_TAIL_EPOCH] != '.')
    {
        return NGX_DECLINED;
    }

    p = tail->last + NGX_TAVUS_TAIL_EPOCH + 1;
    last = tail->last + ngx_strlen(tail->last);

    dot = ngx_strlchr(p, last, '.');
    if (dot == NULL) {
        return NGX_DECLINED;
    }

    tail->place.pos = ngx_atoof(p, dot - p);
    tail->place.ord = ngx_atoof(dot + 1, last - dot - 1);

    return tail->place.pos >= 0 && tail->place.ord >= 0
           && ngx_tavus_tail_compare(&tail->place, &t->told) <= 0
           ? NGX_OK : NGX_DECLINED;
}


static ngx_uint_t
ngx_tavus_tail_is_due(void)
{
    ngx_msec_t          past;
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    if (!t->shared) {
        return 0;
    }

    past = ngx_current_msec - t->asked;

    return t->more_due
           || past >= NGX_TAVUS_TAIL_POLL
           || (t->unfinal && past >= NGX_TAVUS_TAIL_HELD)
           || (t->due && past >= t->apart);
}


/* the one that has waited longest; who takes nothing is not waited for */

static ngx_tavus_tail_t *
ngx_tavus_tail_behind_it(void)
{
    ngx_queue_t        *q;
    ngx_tavus_tail_t   *tail;
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        tail = ngx_queue_data(q, ngx_tavus_tail_t, queue);

        if (!tail->known || tail->broken
            || (t->shared
                && ngx_tavus_tail_compare(&tail->place, &t->common) >= 0)
            || tail->pending(tail) > NGX_TAVUS_TAIL_BUFFER / 2)
        {
            continue;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&t->tails, q);

        return tail;
    }

    return NULL;
}


static void
ngx_tavus_tail_ask(ngx_uint_t asked_for, ngx_tavus_tail_t *tail)
{
    ngx_int_t                rc;
    ngx_uint_t               bodies;
    ngx_queue_t             *q;
    ngx_tavus_tail_t        *each;
    ngx_tavus_tails_t       *t;
    ngx_tavus_pg_op_t       *op;
    ngx_tavus_tail_place_t  *place;

    t = &ngx_tavus_tails;
    op = &t->op;

    ngx_memzero(op, sizeof(ngx_tavus_pg_op_t));

    t->asked_for = asked_for;
    t->asker = tail;
    t->turn = asked_for != ngx_tavus_tail_common;

    bodies = 0;

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        each = ngx_queue_data(q, ngx_tavus_tail_t, queue);
        bodies |= each->filter.word_len != 0;
    }

    if (asked_for == ngx_tavus_tail_first) {

        if (tail->last[0]) {
            ngx_cpystrn(t->place, tail->last, sizeof(t->place));
            op->values[0] = (char *) t->place;
        }

    } else {
        place = tail ? &tail->place : &t->common;

        ngx_memcpy(t->of, t->run, sizeof(t->of));
        ngx_sprintf(t->pos, "%L%Z", place->pos);
        ngx_sprintf(t->ord, "%L%Z", place->ord);

        op->values[1] = (char *) t->of;
        op->values[2] = (char *) t->pos;
        op->values[3] = (char *) t->ord;
    }

    op->values[4] = NGX_TAVUS_TAIL_EVENTS;
    op->values[5] = (tail && tail->slow) ? NGX_TAVUS_TAIL_NARROW
                                         : NGX_TAVUS_TAIL_ROOM;
    op->values[6] = bodies ? "true" : "false";

    ngx_tavus_tail_only(7, offsetof(tavus_filter_t, conversation_id),
                        t->only[0]);
    ngx_tavus_tail_only(8, offsetof(tavus_filter_t, source), t->only[1]);
    ngx_tavus_tail_only(9, offsetof(tavus_filter_t, event_type), t->only[2]);

    op->stmt = &ngx_tavus_statements[ngx_tavus_stmt_tail_page];
    op->timeout = NGX_TAVUS_TAIL_TIMEOUT;
    op->background = 1;
    op->keep = 1;
    op->handler = ngx_tavus_tail_asked;

    if (asked_for == ngx_tavus_tail_common) {
        t->asked = ngx_current_msec;
        t->due = 0;
        t->more_due = 0;
    }

    rc = ngx_tavus_store_query(op);

    if (rc != NGX_OK) {
        ngx_tavus_tail_failed(rc, NULL);
        return;
    }

    t->state = ngx_tavus_tail_asking;
}


/*
 * What nobody wants is not read: where all filters have a name, and there are
 * few of them, these are an argument.  Who has joined since has no place yet,
 * and so the page is not theirs.
 */

static void
ngx_tavus_tail_only(ngx_uint_t value, size_t member, u_char *only)
{
    size_t                size;
    u_char               *p;
    ngx_uint_t            i, n;
    ngx_queue_t          *q;
    ngx_tavus_tail_t     *tail;
    ngx_tavus_tails_t    *t;
    tavus_filter_text_t  *name, *names[NGX_TAVUS_TAIL_NAMES];

    t = &ngx_tavus_tails;

    n = 0;
    size = NGX_TAVUS_ENCODE_ARRAY;

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        tail = ngx_queue_data(q, ngx_tavus_tail_t, queue);
        name = (tavus_filter_text_t *) ((u_char *) &tail->filter + member);

        if (name->data == NULL
            || (tail->filter.prefix && name == &tail->filter.event_type))
        {
            return;
        }

        for (i = 0; i < n; i++) {
            if (names[i]->len == name->len
                && ngx_memcmp(names[i]->data, name->data, name->len) == 0)
            {
                break;
            }
        }

        if (i < n) {
            continue;
        }

        size += 4 + name->len;

        if (n == NGX_TAVUS_TAIL_NAMES || size > NGX_TAVUS_TAIL_ONLY) {
            return;
        }

        names[n++] = name;
    }

    p = ngx_tavus_encode_array(only, NGX_TAVUS_OID_TEXT, n);

    for (i = 0; i < n; i++) {
        p = ngx_tavus_encode_bytes(p, (const uint8_t *) names[i]->data,
                                   names[i]->len);
    }

    t->op.values[value] = (char *) only;
    t->op.lengths[value] = p - only;
    t->op.formats[value] = 1;
}


static void
ngx_tavus_tail_asked(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    t->state = ngx_tavus_tail_idle;

    if (t->over || t->n == 0) {
        PQclear(res);
        return;
    }

    if (rc != NGX_OK || PQntuples(res) < 2) {
        ngx_tavus_tail_failed(rc, res);
        PQclear(res);
        return;
    }

    t->failed = 0;
    t->pause = 0;

    if (ngx_tavus_tail_take(res) != NGX_OK) {
        PQclear(res);
        return;
    }

    t->page = res;
    t->row = 1;

    /* nothing is sent that the database has not noted */

    if (PQntuples(res) > 2
        && (t->epoch[0] == '\0' || t->to.pos > t->told.pos))
    {
        ngx_tavus_tail_tell(&t->to);
        return;
    }

    if (t->to.pos == t->told.pos && t->to.ord > t->told.ord) {
        t->told.ord = t->to.ord;
    }

    t->state = ngx_tavus_tail_feeding;

    ngx_tavus_tail_feed();
    ngx_tavus_tail_lost();
}


/* NGX_OK: the page may be fed */

static ngx_int_t
ngx_tavus_tail_take(PGresult *res)
{
    int                 n, kind;
    ngx_queue_t        *q;
    ngx_tavus_tail_t   *tail;
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;
    n = PQntuples(res) - 1;

    if (ngx_tavus_tail_same_run(res) != NGX_OK) {
        return NGX_DECLINED;
    }

    t->from.pos = (int64_t) ngx_tavus_pg_number(res, 0, NGX_TAVUS_TAIL_POS);
    t->from.ord = (int64_t) ngx_tavus_pg_number(res, 0, NGX_TAVUS_TAIL_ORD);
    t->to.pos = (int64_t) ngx_tavus_pg_number(res, n, NGX_TAVUS_TAIL_POS);
    t->to.ord = (int64_t) ngx_tavus_pg_number(res, n, NGX_TAVUS_TAIL_ORD);

    kind = (int) ngx_tavus_pg_number(res, 0, NGX_TAVUS_TAIL_KIND);
    t->folds = (kind & NGX_TAVUS_TAIL_FOLDS) ? 1 : 0;

    if (t->asked_for == ngx_tavus_tail_first) {
        tail = t->asker;
        t->asker = NULL;

        if (tail == NULL) {
            return NGX_DECLINED;
        }

        tail->place = t->from;
        tail->known = 1;
        tail->greet = 1;
        tail->reset = (kind & NGX_TAVUS_TAIL_AHEAD) ? 1 : 0;
    }

    kind = (int) ngx_tavus_pg_number(res, n, NGX_TAVUS_TAIL_KIND);
    t->more = (kind & NGX_TAVUS_TAIL_MORE) ? 1 : 0;

    if (t->asked_for == ngx_tavus_tail_common) {
        t->unfinal = (kind & NGX_TAVUS_TAIL_UNFINAL) ? 1 : 0;
        t->more_due = t->more;
        t->apart = NGX_TAVUS_TAIL_APART * (1 + n / NGX_TAVUS_TAIL_WIDE);
    }

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        tail = ngx_queue_data(q, ngx_tavus_tail_t, queue);

        tail->in = tail->known && !tail->broken
                   && ngx_tavus_tail_compare(&tail->place, &t->from) >= 0
                   && ngx_tavus_tail_compare(&tail->place, &t->to) < 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_tail_same_run(PGresult *res)
{
    size_t              len;
    u_char              run[NGX_TAVUS_TAIL_RUN];
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    len = (size_t) PQgetlength(res, 0, NGX_TAVUS_TAIL_SOURCE) + 1;

    ngx_cpystrn(run, (u_char *) PQgetvalue(res, 0, NGX_TAVUS_TAIL_SOURCE),
                ngx_min(len, sizeof(run)));

    if (ngx_strcmp(run, t->run) == 0) {
        return NGX_OK;
    }

    if (t->run[0] && (t->shared || t->asked_for != ngx_tavus_tail_first)) {
        ngx_tavus_tail_set_back();
        return NGX_DECLINED;
    }

    ngx_tavus_tail_set_back();
    ngx_memcpy(t->run, run, sizeof(run));

    return NGX_OK;
}


/*
 * The server began anew, or another took its place.  So each looks for what
 * was told last, which may be lost; what came later was sent to nobody.
 */

static void
ngx_tavus_tail_set_back(void)
{
    ngx_queue_t             *q;
    ngx_tavus_tail_t        *tail;
    ngx_tavus_tails_t       *t;
    ngx_tavus_tail_place_t  *place;

    t = &ngx_tavus_tails;

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        tail = ngx_queue_data(q, ngx_tavus_tail_t, queue);

        if (!tail->known) {
            continue;
        }

        /* who is to hear of what it lost has got nothing since */

        if (t->epoch[0] && !tail->reset) {
            place = ngx_tavus_tail_compare(&tail->place, &t->told) > 0
                    ? &t->told : &tail->place;

            ngx_sprintf(tail->last, "%s.%L.%L%Z", t->epoch, place->pos,
                        place->ord);
        }

        tail->known = 0;
        tail->in = 0;
    }

    t->run[0] = '\0';
    t->epoch[0] = '\0';
    t->told.pos = 0;
    t->told.ord = 0;
    t->shared = 0;
}


/* by the session that records, as the other one cannot write */

static void
ngx_tavus_tail_tell(ngx_tavus_tail_place_t *place)
{
    ngx_int_t           rc;
    ngx_tavus_tails_t  *t;
    ngx_tavus_pg_op_t  *op;

    t = &ngx_tavus_tails;
    op = &t->op;

    ngx_memzero(op, sizeof(ngx_tavus_pg_op_t));

    t->telling = *place;

    ngx_memcpy(t->of, t->run, sizeof(t->of));
    ngx_sprintf(t->pos, "%L%Z", place->pos);
    ngx_sprintf(t->ord, "%L%Z", place->ord);

    op->values[0] = (char *) t->of;
    op->values[1] = (char *) t->pos;
    op->values[2] = (char *) t->ord;

    op->stmt = &ngx_tavus_statements[ngx_tavus_stmt_tail_tell];
    op->timeout = NGX_TAVUS_TAIL_TELL;
    op->background = 1;
    op->handler = ngx_tavus_tail_told;

    rc = ngx_tavus_store_change(op);

    if (rc != NGX_OK) {
        ngx_tavus_tail_drop();
        ngx_tavus_tail_failed(rc, NULL);
        return;
    }

    t->state = ngx_tavus_tail_telling;
}


static void
ngx_tavus_tail_told(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    t->state = ngx_tavus_tail_idle;

    if (t->over || t->n == 0) {
        ngx_tavus_tail_drop();
        return;
    }

    if (rc != NGX_OK || PQntuples(res) != 1) {
        ngx_tavus_tail_drop();
        ngx_tavus_tail_failed(rc, res);
        return;
    }

    if (PQgetlength(res, 0, 0) < NGX_TAVUS_TAIL_EPOCH) {

        /* one of the two sessions knows of another server than the other */

        ngx_tavus_tail_drop();
        ngx_tavus_tail_set_back();
        ngx_tavus_tail_failed(rc, NULL);
        return;
    }

    t->failed = 0;
    t->pause = 0;

    ngx_cpystrn(t->epoch, (u_char *) PQgetvalue(res, 0, 0),
                NGX_TAVUS_TAIL_EPOCH + 1);

    t->told = t->telling;

    if (t->page) {
        t->state = ngx_tavus_tail_feeding;
        ngx_tavus_tail_feed();

    } else {
        (void) ngx_tavus_tail_greet();
    }

    ngx_tavus_tail_lost();
}


static void
ngx_tavus_tail_failed(ngx_int_t rc, PGresult *res)
{
    const char         *text;
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    t->pause = t->pause ? ngx_min(2 * t->pause, NGX_TAVUS_TAIL_RETRIES)
                        : NGX_TAVUS_TAIL_RETRY;
    t->again = ngx_current_msec + t->pause;
    t->asker = NULL;
    t->due = 1;

    if (res && !t->failed) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not be asked for the live tail: %s",
                      text ? text : "");
    }

    t->failed = (res != NULL);
}


/* not while others are gone through, as any may go with it */

static void
ngx_tavus_tail_lost(void)
{
    ngx_queue_t        *q;
    ngx_tavus_tail_t   *tail;
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    q = ngx_queue_head(&t->tails);

    while (q != ngx_queue_sentinel(&t->tails)) {

        tail = ngx_queue_data(q, ngx_tavus_tail_t, queue);
        q = ngx_queue_next(q);

        if (tail->broken) {
            ngx_tavus_tail_leave(tail);
            tail->lost(tail);

            q = ngx_queue_head(&t->tails);
        }
    }
}
