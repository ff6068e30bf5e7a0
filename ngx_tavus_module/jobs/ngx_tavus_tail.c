
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_tail.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"
#include "event/ngx_tavus_timer.h"


#define NGX_TAVUS_TAIL_TICK     5           /* ms */
#define NGX_TAVUS_TAIL_APART    10          /* queries at the common place */
#define NGX_TAVUS_TAIL_HELD     20          /* what is stored is not final */
#define NGX_TAVUS_TAIL_POLL     100
#define NGX_TAVUS_TAIL_BEAT     15000
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

/* bytes that are looked through in one turn of the event loop */
#define NGX_TAVUS_TAIL_WORK     4194304

/* scratch memory that is kept */
#define NGX_TAVUS_TAIL_KEPT     1048576

#define NGX_TAVUS_TAIL_RUN      64
#define NGX_TAVUS_TAIL_EPOCH    36

/* columns of a page, and what kind says in its first and its last row */

#define NGX_TAVUS_TAIL_POS      0
#define NGX_TAVUS_TAIL_ORD      1
#define NGX_TAVUS_TAIL_KIND     2
#define NGX_TAVUS_TAIL_SOURCE   3
#define NGX_TAVUS_TAIL_TYPE     4
#define NGX_TAVUS_TAIL_ID       5
#define NGX_TAVUS_TAIL_DATA     6
#define NGX_TAVUS_TAIL_BODY     7

#define NGX_TAVUS_TAIL_AHEAD    1
#define NGX_TAVUS_TAIL_FOLDS    2

#define NGX_TAVUS_TAIL_MORE     1
#define NGX_TAVUS_TAIL_UNFINAL  2


typedef enum {
    ngx_tavus_tail_idle = 0,
    ngx_tavus_tail_asking,
    ngx_tavus_tail_telling,
    ngx_tavus_tail_feeding
} ngx_tavus_tail_state_e;


typedef enum {
    ngx_tavus_tail_common = 0,
    ngx_tavus_tail_first,               /* of one whose place is unknown */
    ngx_tavus_tail_behind
} ngx_tavus_tail_for_e;


typedef struct {
    u_char                  *data;
    size_t                   size;
} ngx_tavus_tail_scratch_t;


typedef struct {
    ngx_queue_t              tails;
    ngx_uint_t               n;
    ngx_event_t              timer;
    ngx_atomic_t            *stored;
    ngx_atomic_uint_t        seen;          /* of what is stored */
    ngx_uint_t               state;         /* ngx_tavus_tail_state_e */
    ngx_msec_t               asked;         /* at the common place */
    ngx_msec_t               beaten;
    ngx_msec_t               again;         /* after a failure */
    ngx_msec_t               pause;

    /* the run of the server that was read last, and what it has told; no
       epoch: nothing */

    u_char                   run[NGX_TAVUS_TAIL_RUN];
    u_char                   epoch[NGX_TAVUS_TAIL_EPOCH + 1];
    ngx_tavus_tail_place_t   told;
    ngx_tavus_tail_place_t   common;

    /* the query, and what it points to */
    ngx_tavus_pg_op_t        op;
    ngx_uint_t               asked_for;     /* ngx_tavus_tail_for_e */
    ngx_tavus_tail_t        *asker;         /* the first page is of */
    u_char                   place[NGX_TAVUS_TAIL_PLACE + 1];
    u_char                   pos[NGX_INT64_LEN + 1];
    u_char                   ord[NGX_INT64_LEN + 1];
    u_char                   of[NGX_TAVUS_TAIL_RUN];

    /* the page */
    PGresult                *page;
    int                      row;
    ngx_tavus_tail_place_t   from;
    ngx_tavus_tail_place_t   to;
    ngx_tavus_tail_place_t   telling;
    ngx_tavus_tail_scratch_t lower;
    ngx_tavus_tail_scratch_t folded;

    unsigned                 shared:1;      /* there is a common place */
    unsigned                 due:1;         /* there is more, or may be */
    unsigned                 unfinal:1;
    unsigned                 turn:1;        /* the last query was another's */
    unsigned                 bodies:1;      /* the page has them */
    unsigned                 folds:1;
    unsigned                 more:1;
    unsigned                 failed:1;
    unsigned                 over:1;
} ngx_tavus_tails_t;


static void ngx_tavus_tail_timer_handler(ngx_event_t *ev);
static void ngx_tavus_tail_next(void);
static ngx_tavus_tail_t *ngx_tavus_tail_unknown(void);
static ngx_int_t ngx_tavus_tail_recall(ngx_tavus_tail_t *tail);
static ngx_uint_t ngx_tavus_tail_is_due(void);
static ngx_tavus_tail_t *ngx_tavus_tail_behind_it(void);
static void ngx_tavus_tail_ask(ngx_uint_t asked_for, ngx_tavus_tail_t *tail);
static void ngx_tavus_tail_asked(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_int_t ngx_tavus_tail_take(PGresult *res);
static ngx_int_t ngx_tavus_tail_same_run(PGresult *res);
static void ngx_tavus_tail_set_back(void);
static void ngx_tavus_tail_tell(ngx_tavus_tail_place_t *place);
static void ngx_tavus_tail_told(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_tail_failed(ngx_int_t rc, PGresult *res);
static void ngx_tavus_tail_drop(void);
static void ngx_tavus_tail_feed(void);
static ngx_int_t ngx_tavus_tail_feed_row(size_t *work);
static size_t ngx_tavus_tail_body(tavus_filter_event_t *event,
    ngx_tavus_tail_t *tail);
static void ngx_tavus_tail_fed(void);
static ngx_tavus_tail_place_t *ngx_tavus_tail_greet(void);
static void ngx_tavus_tail_beat(void);
static ngx_tavus_tail_text_t *ngx_tavus_tail_text(size_t len);
static void ngx_tavus_tail_send(ngx_tavus_tail_t *tail,
    ngx_tavus_tail_text_t *text);
static void ngx_tavus_tail_send_place(ngx_tavus_tail_t *tail,
    const char *before, const char *after);
static void ngx_tavus_tail_lost(void);
static u_char *ngx_tavus_tail_room(ngx_tavus_tail_scratch_t *s, size_t size);
static void ngx_tavus_tail_column(tavus_filter_text_t *text, int column);
static int ngx_tavus_tail_compare(ngx_tavus_tail_place_t *a,
    ngx_tavus_tail_place_t *b);


static ngx_tavus_tails_t  ngx_tavus_tails;


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

    if (t->timer.timer_set) {
        ngx_del_timer(&t->timer);
    }
}


void
ngx_tavus_tail_release(void *text)
{
    ngx_tavus_tail_text_t  *tx = text;

    if (--tx->refs == 0) {
        ngx_free(tx);
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

    return past >= NGX_TAVUS_TAIL_POLL
           || (t->unfinal && past >= NGX_TAVUS_TAIL_HELD)
           || (t->due && past >= NGX_TAVUS_TAIL_APART);
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
    t->bodies = 0;
    t->turn = asked_for != ngx_tavus_tail_common;

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        each = ngx_queue_data(q, ngx_tavus_tail_t, queue);
        t->bodies |= each->filter.word_len != 0;
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
    op->values[6] = t->bodies ? "true" : "false";

    op->stmt = &ngx_tavus_statements[ngx_tavus_stmt_tail_page];
    op->timeout = NGX_TAVUS_TAIL_TIMEOUT;
    op->background = 1;
    op->keep = 1;
    op->handler = ngx_tavus_tail_asked;

    if (asked_for == ngx_tavus_tail_common) {
        t->asked = ngx_current_msec;
        t->due = 0;
    }

    rc = ngx_tavus_store_query(op);

    if (rc != NGX_OK) {
        ngx_tavus_tail_failed(rc, NULL);
        return;
    }

    t->state = ngx_tavus_tail_asking;
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
        t->due |= t->more;
    }

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        tail = ngx_queue_data(q, ngx_tavus_tail_t, queue);

        tail->in = tail->known && !tail->broken
                   && (t->bodies || tail->filter.word_len == 0)
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
        ngx_tavus_tail_drop();
        ngx_tavus_tail_set_back();
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


static void
ngx_tavus_tail_drop(void)
{
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    if (t->page) {
        PQclear(t->page);
        t->page = NULL;
    }

    t->state = ngx_tavus_tail_idle;
}


/*
 * Goes on from where it stopped: each has its place after the last event that
 * was judged for it.
 */

static void
ngx_tavus_tail_feed(void)
{
    size_t              work;
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    if (t->page == NULL) {
        t->state = ngx_tavus_tail_idle;
        return;
    }

    if (t->row == 1) {
        (void) ngx_tavus_tail_greet();
    }

    work = 0;

    while (t->row < PQntuples(t->page) - 1) {

        if (ngx_tavus_tail_feed_row(&work) != NGX_OK) {
            return;
        }

        t->row++;
    }

    ngx_tavus_tail_fed();
}


/* NGX_AGAIN: it is enough for now */

static ngx_int_t
ngx_tavus_tail_feed_row(size_t *work)
{
    u_char                  *p;
    size_t                   len;
    PGresult                *res;
    ngx_queue_t             *q;
    ngx_tavus_tail_t        *tail;
    ngx_tavus_tails_t       *t;
    tavus_filter_event_t     event;
    ngx_tavus_tail_text_t   *text;
    ngx_tavus_tail_place_t   place;

    t = &ngx_tavus_tails;
    res = t->page;
    text = NULL;

    place.pos = (int64_t) ngx_tavus_pg_number(res, t->row,
                                              NGX_TAVUS_TAIL_POS);
    place.ord = (int64_t) ngx_tavus_pg_number(res, t->row,
                                              NGX_TAVUS_TAIL_ORD);

    ngx_memzero(&event, sizeof(tavus_filter_event_t));

    event.kind = (int) ngx_tavus_pg_number(res, t->row, NGX_TAVUS_TAIL_KIND);

    ngx_tavus_tail_column(&event.source, NGX_TAVUS_TAIL_SOURCE);
    ngx_tavus_tail_column(&event.event_type, NGX_TAVUS_TAIL_TYPE);
    ngx_tavus_tail_column(&event.conversation_id, NGX_TAVUS_TAIL_ID);

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        tail = ngx_queue_data(q, ngx_tavus_tail_t, queue);

        if (!tail->in
            || ngx_tavus_tail_compare(&tail->place, &place) >= 0)
        {
            continue;
        }

        if (tail->pending(tail) > NGX_TAVUS_TAIL_BUFFER) {
            tail->in = 0;
            tail->slow = 1;
            continue;
        }

        if (tail->filter.word_len) {
            *work += ngx_tavus_tail_body(&event, tail);

            if (*work > NGX_TAVUS_TAIL_WORK) {
                *work = 0;

                if (text) {
                    ngx_tavus_tail_release(text);
                }

                return NGX_AGAIN;
            }
        }

        tail->place = place;

        if (!tavus_filter_match(&tail->filter, &event, t->folds)) {
            continue;
        }

        if (text == NULL) {
            len = PQgetlength(res, t->row, NGX_TAVUS_TAIL_DATA);

            text = ngx_tavus_tail_text(len + NGX_TAVUS_TAIL_PLACE
                                       + sizeof("id: \ndata: \n\n"));
            if (text == NULL) {
                tail->broken = 1;
                continue;
            }

            p = ngx_sprintf(text->data, "id: %s.%L.%L\ndata: ", t->epoch,
                            place.pos, place.ord);
            p = ngx_cpymem(p, PQgetvalue(res, t->row, NGX_TAVUS_TAIL_DATA),
                           len);
            p = ngx_cpymem(p, "\n\n", 2);

            text->len = p - text->data;
        }

        tail->sent_id = place;
        ngx_tavus_tail_send(tail, text);
    }

    if (text) {
        ngx_tavus_tail_release(text);
    }

    return NGX_OK;
}


/* in the form that the filter asks for; how much work that was */

static size_t
ngx_tavus_tail_body(tavus_filter_event_t *event, ngx_tavus_tail_t *tail)
{
    u_char               *p;
    size_t                work;
    tavus_filter_text_t   body;
    ngx_tavus_tails_t    *t;

    t = &ngx_tavus_tails;

    ngx_tavus_tail_column(&body, NGX_TAVUS_TAIL_BODY);

    work = body.len;

    if (tail->filter.ascii || !t->folds) {

        if (event->lower.data == NULL && body.data) {
            p = ngx_tavus_tail_room(&t->lower, body.len);

            if (p) {
                tavus_filter_lower((char *) p, body.data, body.len);
                event->lower.data = (char *) p;
                event->lower.len = body.len;
                work += body.len;
            }
        }

    } else if (event->folded.data == NULL && body.data) {
        p = ngx_tavus_tail_room(&t->folded, 2 * body.len);

        if (p) {
            event->folded.len = tavus_filter_fold((char *) p, body.data,
                                                  body.len);
            event->folded.data = (char *) p;
            work += 4 * body.len;
        }
    }

    return work;
}


static void
ngx_tavus_tail_fed(void)
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

        if (tail->in) {
            tail->place = t->to;
            tail->in = 0;
            tail->slow = 0;
        }
    }

    if (!t->shared) {

        if (!t->more) {
            t->shared = 1;
            t->common = t->to;
            t->asked = ngx_current_msec;
        }

    } else if (ngx_tavus_tail_compare(&t->from, &t->common) <= 0
               && ngx_tavus_tail_compare(&t->to, &t->common) > 0)
    {
        t->common = t->to;
    }

    (void) ngx_tavus_tail_room(&t->lower, 0);
    (void) ngx_tavus_tail_room(&t->folded, 0);

    ngx_tavus_tail_drop();
}


/*
 * Tells those who do not know it where they are, that is from where they would
 * go on.  The furthest place of one for whom it was not noted yet; NULL: none.
 */

static ngx_tavus_tail_place_t *
ngx_tavus_tail_greet(void)
{
    ngx_queue_t             *q;
    ngx_tavus_tail_t        *tail;
    ngx_tavus_tails_t       *t;
    ngx_tavus_tail_place_t  *place;

    t = &ngx_tavus_tails;
    place = NULL;

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        tail = ngx_queue_data(q, ngx_tavus_tail_t, queue);

        if (!tail->known || !tail->greet || tail->broken) {
            continue;
        }

        if (t->epoch[0] == '\0' || tail->place.pos > t->told.pos) {

            if (place == NULL
                || ngx_tavus_tail_compare(&tail->place, place) > 0)
            {
                place = &tail->place;
            }

            continue;
        }

        if (tail->reset) {
            ngx_tavus_tail_send_place(tail, "event: reset\n", "data: {}\n\n");

        } else {
            ngx_tavus_tail_send_place(tail, "", "\n");
        }

        tail->greet = 0;
        tail->reset = 0;
    }

    return place;
}


/* who hears nothing else hears that there is somebody, and where it is */

static void
ngx_tavus_tail_beat(void)
{
    ngx_queue_t            *q;
    ngx_tavus_tail_t       *tail;
    ngx_tavus_tails_t      *t;
    ngx_tavus_tail_text_t  *text;

    t = &ngx_tavus_tails;
    text = NULL;

    for (q = ngx_queue_head(&t->tails);
         q != ngx_queue_sentinel(&t->tails);
         q = ngx_queue_next(q))
    {
        tail = ngx_queue_data(q, ngx_tavus_tail_t, queue);

        if (ngx_current_msec - tail->sent_at < NGX_TAVUS_TAIL_BEAT
            || tail->pending(tail))
        {
            continue;
        }

        if (tail->known && !tail->greet && t->epoch[0]
            && ngx_tavus_tail_compare(&tail->place, &t->told) <= 0
            && ngx_tavus_tail_compare(&tail->place, &tail->sent_id) != 0)
        {
            ngx_tavus_tail_send_place(tail, ":\n", "\n");
            continue;
        }

        if (text == NULL) {
            text = ngx_tavus_tail_text(3);
            if (text == NULL) {
                return;
            }

            text->len = ngx_sprintf(text->data, ":\n\n") - text->data;
        }

        ngx_tavus_tail_send(tail, text);
    }

    if (text) {
        ngx_tavus_tail_release(text);
    }
}


/* with a reference, of who makes it */

static ngx_tavus_tail_text_t *
ngx_tavus_tail_text(size_t len)
{
    ngx_tavus_tail_text_t  *text;

    text = ngx_alloc(offsetof(ngx_tavus_tail_text_t, data) + len,
                     ngx_cycle->log);

    if (text) {
        text->refs = 1;
        text->len = 0;
    }

    return text;
}


static void
ngx_tavus_tail_send(ngx_tavus_tail_t *tail, ngx_tavus_tail_text_t *text)
{
    text->refs++;

    tail->sent_at = ngx_current_msec;

    if (tail->send(tail, text) != NGX_OK) {
        tail->broken = 1;
        tail->in = 0;
    }
}


static void
ngx_tavus_tail_send_place(ngx_tavus_tail_t *tail, const char *before,
    const char *after)
{
    ngx_tavus_tails_t      *t;
    ngx_tavus_tail_text_t  *text;

    t = &ngx_tavus_tails;

    text = ngx_tavus_tail_text(ngx_strlen(before) + ngx_strlen(after)
                               + NGX_TAVUS_TAIL_PLACE + sizeof("id: \n"));
    if (text == NULL) {
        tail->broken = 1;
        return;
    }

    text->len = ngx_sprintf(text->data, "%sid: %s.%L.%L\n%s", before,
                            t->epoch, tail->place.pos, tail->place.ord,
                            after)
                - text->data;

    tail->sent_id = tail->place;

    ngx_tavus_tail_send(tail, text);
    ngx_tavus_tail_release(text);
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


/* of size 0 it is given back if it is large */

static u_char *
ngx_tavus_tail_room(ngx_tavus_tail_scratch_t *s, size_t size)
{
    if (s->data && (s->size < size
                    || (size == 0 && s->size > NGX_TAVUS_TAIL_KEPT)))
    {
        ngx_free(s->data);
        s->data = NULL;
    }

    if (s->data == NULL && size) {
        s->size = ngx_max(size, 4096);
        s->data = ngx_alloc(s->size, ngx_cycle->log);
    }

    return s->data;
}


static void
ngx_tavus_tail_column(tavus_filter_text_t *text, int column)
{
    ngx_tavus_tails_t  *t;

    t = &ngx_tavus_tails;

    text->data = NULL;
    text->len = 0;

    if (!PQgetisnull(t->page, t->row, column)) {
        text->data = PQgetvalue(t->page, t->row, column);
        text->len = PQgetlength(t->page, t->row, column);
    }
}


static int
ngx_tavus_tail_compare(ngx_tavus_tail_place_t *a, ngx_tavus_tail_place_t *b)
{
    if (a->pos != b->pos) {
        return a->pos < b->pos ? -1 : 1;
    }

    return (a->ord > b->ord) - (a->ord < b->ord);
}
