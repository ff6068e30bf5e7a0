
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_tail_feed.h"


#define NGX_TAVUS_TAIL_BEAT     15000       /* ms */

/* bytes that are looked through and sent in one turn of the event loop, of
   which the last event may be beyond; and what it takes to send anything */

#define NGX_TAVUS_TAIL_WORK     4194304
#define NGX_TAVUS_TAIL_SEND     4096

/* scratch memory that is kept */
#define NGX_TAVUS_TAIL_KEPT     1048576


static ngx_int_t ngx_tavus_tail_feed_row(size_t *work);
static ngx_int_t ngx_tavus_tail_match(tavus_filter_event_t *event,
    ngx_tavus_tail_t *tail, size_t *work);
static size_t ngx_tavus_tail_body(tavus_filter_event_t *event,
    ngx_tavus_tail_t *tail);
static void ngx_tavus_tail_fed(void);
static ngx_tavus_tail_text_t *ngx_tavus_tail_text(size_t len);
static void ngx_tavus_tail_send(ngx_tavus_tail_t *tail,
    ngx_tavus_tail_text_t *text);
static void ngx_tavus_tail_send_place(ngx_tavus_tail_t *tail,
    const char *before, const char *after);
static u_char *ngx_tavus_tail_room(ngx_tavus_tail_scratch_t *s, size_t size);
static void ngx_tavus_tail_column(tavus_filter_text_t *text, int column);


/*
 * Goes on from where it stopped: each has its place after the last event that
 * was judged for it.
 */

void
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

        /* before it grows: a turn gets on, however large a body is */

        if (*work >= NGX_TAVUS_TAIL_WORK) {

            if (text) {
                ngx_tavus_tail_release(text);
            }

            return NGX_AGAIN;
        }

        tail->place = place;

        if (!ngx_tavus_tail_match(&event, tail, work)) {
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

        *work += text->len + NGX_TAVUS_TAIL_SEND;

        tail->sent_id = place;
        ngx_tavus_tail_send(tail, text);
    }

    if (text) {
        ngx_tavus_tail_release(text);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_tail_match(tavus_filter_event_t *event, ngx_tavus_tail_t *tail,
    size_t *work)
{
    int  rc;

    rc = tavus_filter_match_names(&tail->filter, event);

    if (rc != -1) {
        return rc;
    }

    *work += ngx_tavus_tail_body(event, tail);

    return tavus_filter_match(&tail->filter, event, ngx_tavus_tails.folds);
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


ngx_tavus_tail_place_t *
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


void
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

        if (tail->known && !tail->greet
            && ngx_tavus_tail_compare(&tail->place, &tail->sent_id) != 0)
        {
            if (t->epoch[0]
                && ngx_tavus_tail_compare(&tail->place, &t->told) <= 0)
            {
                ngx_tavus_tail_send_place(tail, ":\n", "\n");
                continue;
            }

            /* nothing that it read was told: its place is, now */

            tail->greet = 1;
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


void
ngx_tavus_tail_release(void *text)
{
    ngx_tavus_tail_text_t  *tx = text;

    if (--tx->refs == 0) {
        ngx_free(tx);
    }
}


void
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


int
ngx_tavus_tail_compare(ngx_tavus_tail_place_t *a, ngx_tavus_tail_place_t *b)
{
    if (a->pos != b->pos) {
        return a->pos < b->pos ? -1 : 1;
    }

    return (a->ord > b->ord) - (a->ord < b->ord);
}
