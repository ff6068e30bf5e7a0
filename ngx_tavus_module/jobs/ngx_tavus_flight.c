
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_flight.h"
#include "jobs/ngx_tavus_upkeep.h"
#include "service/ngx_tavus_service.h"
#include "store/ngx_tavus_statements.h"
#include "event/ngx_tavus_timer.h"
#include "core/tavus_metrics.h"
#include "core/tavus_webhook_out.h"


#define NGX_TAVUS_FLIGHT_SLICE    16        /* events made at once */
#define NGX_TAVUS_FLIGHT_HALVES   64        /* of what is split, waiting */
#define NGX_TAVUS_FLIGHT_TIMEOUT  15000     /* ms to tell the database */
#define NGX_TAVUS_FLIGHT_AGAIN    1000      /* ms until it is told again */
#define NGX_TAVUS_FLIGHT_EXIT     10000     /* ms that an exiting one tells */

/* flights that fail as a whole, until each event is looked at by itself */
#define NGX_TAVUS_FLIGHT_WHOLE    3

/* requests with an event each that fail in a row, until no more are sent */
#define NGX_TAVUS_FLIGHT_ROW      8

/* ms that a destination is let alone whose key or address is refused */
#define NGX_TAVUS_FLIGHT_REFUSED  (5 * 60000)

/* ms, the longest Retry-After that counts */
#define NGX_TAVUS_FLIGHT_LONGEST  (3600 * 1000)


/* the columns of tavus.deliver_claim() */

enum {
    ngx_tavus_claim_token = 0,
    ngx_tavus_claim_tries,
    ngx_tavus_claim_id,
    ngx_tavus_claim_source,
    ngx_tavus_claim_event_type,
    ngx_tavus_claim_conversation_id,
    ngx_tavus_claim_body,
    ngx_tavus_claim_visitor,
    ngx_tavus_claim_alone
};


typedef enum {
    NGX_TAVUS_PARCEL_READY = 0,
    NGX_TAVUS_PARCEL_SKIPPED,
    NGX_TAVUS_PARCEL_DELIVERED,
    NGX_TAVUS_PARCEL_FAILED,                /* waits, for parcel->wait */
    NGX_TAVUS_PARCEL_DEAD
} ngx_tavus_parcel_state_e;


typedef struct {
    ngx_tavus_parcel_t         parcel;
    ngx_tavus_parcel_state_e   state;
    ngx_uint_t                 tries;       /* this one included */
    int64_t                    wait;        /* ms */
    ngx_uint_t                 status;
    ngx_str_t                  reason;
    unsigned                   spared:1;    /* that it failed is no try */
} ngx_tavus_flight_item_t;


/* some that are sent together */

typedef struct {
    ngx_tavus_flight_t        *flight;
    ngx_uint_t                 from;        /* of the list of ready ones */
    ngx_uint_t                 to;
} ngx_tavus_flight_part_t;


struct ngx_tavus_flight_s {
    ngx_tavus_destination_t   *destination;
    ngx_pool_t                *pool;
    PGresult                  *res;
    ngx_tavus_flight_pt        handler;
    void                      *data;

    ngx_tavus_flight_item_t   *items;
    ngx_uint_t                 n;
    ngx_uint_t                 made;
    ngx_msec_t                 begun;
    ngx_msec_t                 ended;       /* when all was answered */
    ngx_uint_t                 failures;    /* of the destination, before */
    ngx_event_t                event;
    ngx_event_t                hold;        /* an exiting worker waits */

    ngx_tavus_flight_item_t  **ready;
    ngx_uint_t                 nready;
    ngx_uint_t                 next;        /* of these, not sent yet */
    ngx_tavus_flight_part_t    halves[NGX_TAVUS_FLIGHT_HALVES];
    ngx_uint_t                 nhalves;
    ngx_uint_t                 requests;    /* under way */

    ngx_uint_t                 rest;        /* item from which none was sent */
    ngx_uint_t                 row;         /* requests that failed in a row */
    ngx_uint_t                 delivered;
    ngx_uint_t                 failed;      /* by what is no fault of theirs */
    int64_t                    wait;        /* ms, the longest Retry-After */
    int64_t                    pause;       /* ms, or -1 */
    const char                *stop;
    ngx_str_t                  said;

    ngx_tavus_pg_op_t          op;
    unsigned                   alone:1;     /* what failed before */
    unsigned                   halted:1;    /* nothing more is sent */
    unsigned                   again:1;     /* as a whole */
    unsigned                   blamed:1;    /* which counts as a try */
};


static ngx_int_t ngx_tavus_flight_read(ngx_tavus_flight_t *f);
static void ngx_tavus_flight_part(PGresult *res, int row, int column,
    tavus_part_t *part);
static void ngx_tavus_flight_make(ngx_event_t *ev);
static void ngx_tavus_flight_send(ngx_tavus_flight_t *f);
static ngx_uint_t ngx_tavus_flight_take(ngx_tavus_flight_t *f,
    ngx_tavus_flight_part_t *part);
static ngx_int_t ngx_tavus_flight_request(ngx_tavus_flight_t *f,
    ngx_tavus_flight_part_t *part);
static void ngx_tavus_flight_answered(ngx_tavus_curl_t *t);
static void ngx_tavus_flight_refused(ngx_tavus_flight_part_t *part,
    ngx_tavus_curl_t *t, tavus_verdict_t verdict);
static void ngx_tavus_flight_wait(ngx_tavus_flight_t *f,
    ngx_tavus_flight_part_t *part, ngx_uint_t status, int64_t wait,
    ngx_uint_t fault);
static int64_t ngx_tavus_flight_backoff(ngx_tavus_flight_t *f, int64_t asked);
static void ngx_tavus_flight_end(ngx_tavus_flight_t *f);
static void ngx_tavus_flight_count(ngx_tavus_flight_t *f);
static void ngx_tavus_flight_log(ngx_tavus_flight_t *f);
static ngx_int_t ngx_tavus_flight_settle(ngx_tavus_flight_t *f);
static void ngx_tavus_flight_tell(ngx_event_t *ev);
static void ngx_tavus_flight_later(ngx_tavus_flight_t *f);
static void ngx_tavus_flight_held(ngx_event_t *ev);
static void ngx_tavus_flight_told(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_flight_free(ngx_tavus_flight_t *f);


ngx_int_t
ngx_tavus_flight_start(ngx_tavus_destination_t *d, PGresult *res,
    ngx_uint_t failures, ngx_tavus_flight_pt handler, void *data)
{
    ngx_pool_t          *pool;
    ngx_tavus_flight_t  *f;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    f = ngx_pcalloc(pool, sizeof(ngx_tavus_flight_t));
    if (f == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    f->destination = d;
    f->pool = pool;
    f->res = res;
    f->failures = failures;
    f->handler = handler;
    f->data = data;
    f->begun = ngx_current_msec;
    f->pause = -1;
    f->alone = ngx_tavus_pg_number(res, 0, ngx_tavus_claim_alone) != 0;

    if (ngx_tavus_flight_read(f) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    f->event.data = f;
    f->event.handler = ngx_tavus_flight_make;
    f->event.log = ngx_cycle->log;

    /* a posted event alone would not keep an exiting worker */

    f->hold.data = &ngx_tavus_timer_dummy;
    f->hold.handler = ngx_tavus_flight_held;
    f->hold.log = ngx_cycle->log;

    ngx_add_timer(&f->hold, NGX_TAVUS_FLIGHT_TIME);

    ngx_post_event(&f->event, &ngx_posted_next_events);

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_flight_read(ngx_tavus_flight_t *f)
{
    ngx_uint_t                i;
    tavus_delivery_t         *delivery;
    ngx_tavus_flight_item_t  *item;

    f->n = PQntuples(f->res);
    f->items = ngx_pcalloc(f->pool, f->n * sizeof(ngx_tavus_flight_item_t));
    f->ready = ngx_palloc(f->pool, f->n * sizeof(void *));

    if (f->items == NULL || f->ready == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < f->n; i++) {
        item = &f->items[i];
        delivery = &item->parcel.delivery;

        if (PQgetlength(f->res, i, ngx_tavus_claim_id) != TAVUS_UUID_LEN) {
            return NGX_ERROR;
        }

        tavus_uuid_format((uint8_t *) PQgetvalue(f->res, i,
                                                 ngx_tavus_claim_id),
                          delivery->id);
        delivery->id[TAVUS_UUID_TEXT_LEN] = '\0';

        delivery->time = 1000 * (int64_t)
            (ngx_tavus_pg_number(f->res, i, ngx_tavus_claim_id) >> 16);

        ngx_tavus_flight_part(f->res, i, ngx_tavus_claim_source,
                              &delivery->source);
        ngx_tavus_flight_part(f->res, i, ngx_tavus_claim_event_type,
                              &delivery->event_type);
        ngx_tavus_flight_part(f->res, i, ngx_tavus_claim_conversation_id,
                              &delivery->conversation_id);
        ngx_tavus_flight_part(f->res, i, ngx_tavus_claim_body,
                              &delivery->body);
        ngx_tavus_flight_part(f->res, i, ngx_tavus_claim_visitor,
                              &delivery->visitor);

        item->tries = ngx_tavus_pg_number(f->res, i, ngx_tavus_claim_tries);
    }

    return NGX_OK;
}


static void
ngx_tavus_flight_part(PGresult *res, int row, int column, tavus_part_t *part)
{
    part->data = PQgetvalue(res, row, column);
    part->len = PQgetlength(res, row, column);
}


/* a few in each turn of the event loop, as requests are answered in between */

static void
ngx_tavus_flight_make(ngx_event_t *ev)
{
    ngx_tavus_flight_t *f = ev->data;

    size_t                    n;
    ngx_uint_t                end;
    const char               *reason;
    tavus_part_t             *type;
    ngx_tavus_flight_item_t  *item;
    ngx_tavus_destination_t  *d;
    tavus_delivery_status_t   rc;

    d = f->destination;
    end = ngx_min(f->made + NGX_TAVUS_FLIGHT_SLICE, f->n);

    for ( /* void */ ; f->made < end; f->made++) {
        item = &f->items[f->made];
        type = &item->parcel.delivery.event_type;
        reason = "";

        n = d->patterns.nelts;

        rc = tavus_delivery_match(type->data, type->len, d->patterns.elts, n)
             ? d->service->make(d, &item->parcel, &reason)
             : TAVUS_DELIVERY_SKIP;

        switch (rc) {

        case TAVUS_DELIVERY_OK:
            f->ready[f->nready++] = item;
            break;

        case TAVUS_DELIVERY_SKIP:
            item->state = NGX_TAVUS_PARCEL_SKIPPED;
            break;

        case TAVUS_DELIVERY_BAD:
            item->state = NGX_TAVUS_PARCEL_DEAD;
            item->reason.data = (u_char *) reason;
            item->reason.len = ngx_strlen(reason);
            break;

        default: /* TAVUS_DELIVERY_ERROR */
            item->state = NGX_TAVUS_PARCEL_FAILED;
            item->spared = 1;
            item->wait = tavus_delivery_backoff(item->tries, ngx_random());
            ngx_str_set(&item->reason, "no memory");
        }
    }

    if (f->made < f->n) {
        ngx_post_event(&f->event, &ngx_posted_next_events);
        return;
    }

    ngx_tavus_flight_send(f);
}


static void
ngx_tavus_flight_send(ngx_tavus_flight_t *f)
{
    ngx_tavus_flight_part_t  part, *p;

    while (f->requests < f->destination->service->requests
           && ngx_tavus_flight_take(f, &part))
    {
        p = ngx_palloc(f->pool, sizeof(ngx_tavus_flight_part_t));

        if (p) {
            *p = part;
        }

        if (p == NULL || ngx_tavus_flight_request(f, p) != NGX_OK) {
            ngx_str_set(&f->said, "not sent");
            ngx_tavus_flight_wait(f, &part, 0, NGX_TAVUS_FLIGHT_AGAIN, 0);
            continue;
        }

        f->requests++;
    }

    if (f->requests == 0) {
        ngx_tavus_flight_end(f);
    }
}


/* a half of what was refused, or as many of the next as a request may have */

static ngx_uint_t
ngx_tavus_flight_take(ngx_tavus_flight_t *f, ngx_tavus_flight_part_t *part)
{
    size_t                                  bytes;
    ngx_uint_t                              i;
    const ngx_tavus_destination_service_t  *s;

    if (f->halted || ngx_current_msec - f->begun > NGX_TAVUS_FLIGHT_TIME) {
        return 0;
    }

    if (f->nhalves) {
        *part = f->halves[--f->nhalves];
        return 1;
    }

    s = f->destination->service;
    bytes = 0;

    for (i = f->next; i < f->nready; i++) {

        if (i - f->next >= s->events
            && !(f->ready[f->next]->parcel.digest
                 && f->ready[i]->parcel.digest))
        {
            break;
        }

        bytes += f->ready[i]->parcel.json.len + 1;

        if (bytes > s->bytes && i > f->next) {
            break;
        }
    }

    part->flight = f;
    part->from = f->next;
    part->to = i;

    f->next = i;

    return part->to > part->from;
}


static ngx_int_t
ngx_tavus_flight_request(ngx_tavus_flight_t *f, ngx_tavus_flight_part_t *part)
{
    ngx_uint_t            i, n;
    ngx_tavus_curl_t     *t;
    ngx_tavus_parcel_t  **parcels;

    n = part->to - part->from;

    parcels = ngx_alloc(n * sizeof(void *), ngx_cycle->log);
    if (parcels == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        parcels[i] = &f->ready[part->from + i]->parcel;
    }

    t = f->destination->service->request(f->destination, parcels, n);

    ngx_free(parcels);

    if (t == NULL) {
        return NGX_ERROR;
    }

    t->handler = ngx_tavus_flight_answered;
    t->data = part;

    return ngx_tavus_curl_send(t);
}


static void
ngx_tavus_flight_answered(ngx_tavus_curl_t *t)
{
    ngx_tavus_flight_part_t *part = t->data;

    ngx_uint_t                i;
    tavus_verdict_t           verdict;
    ngx_tavus_curl_t         *next;
    ngx_tavus_flight_t       *f;
    ngx_tavus_destination_t  *d;

    f = part->flight;
    d = f->destination;

    ngx_tavus_service_measure(t, d->service->service);

    next = d->service->next ? d->service->next(d, t) : NULL;

    if (next) {
        next->handler = ngx_tavus_flight_answered;
        next->data = part;

        if (ngx_tavus_curl_send(next) == NGX_OK) {
            return;
        }
    }

    f->requests--;

    /* what could not be sent now goes again */

    verdict = next ? TAVUS_VERDICT_AGAIN
              : d->service->verdict ? d->service->verdict(t)
              : tavus_delivery_verdict(d->service->kind,
                                       ngx_tavus_destination_status(t));

    if (verdict == TAVUS_VERDICT_DELIVERED) {

        for (i = part->from; i < part->to; i++) {
            f->ready[i]->state = NGX_TAVUS_PARCEL_DELIVERED;
        }

        f->delivered += part->to - part->from;
        f->row = 0;

    } else {
        ngx_tavus_flight_refused(part, t, verdict);
    }

    ngx_tavus_flight_send(f);
}


static void
ngx_tavus_flight_refused(ngx_tavus_flight_part_t *part, ngx_tavus_curl_t *t,
    tavus_verdict_t verdict)
{
    u_char                    said[NGX_TAVUS_DESTINATION_SAID];
    int64_t                   wait;
    ngx_str_t                 s;
    ngx_uint_t                i, half;
    ngx_tavus_flight_t       *f;
    ngx_tavus_flight_item_t  *item;

    f = part->flight;
    s = ngx_tavus_destination_said(f->destination, t, said);

    /* the last word counts; without memory there is none */

    f->said.data = ngx_pstrdup(f->pool, &s);
    f->said.len = f->said.data ? s.len : 0;

    wait = (int64_t) t->retry_after * 1000;
    wait = ngx_min(wait, NGX_TAVUS_FLIGHT_LONGEST);
    f->wait = ngx_max(f->wait, wait);

    if (verdict == TAVUS_VERDICT_NEVER) {
        f->row = 0;

        if (part->to - part->from > 1 && f->destination->service->events > 1
            && f->nhalves + 2 <= NGX_TAVUS_FLIGHT_HALVES)
        {
            half = part->from + (part->to - part->from) / 2;

            f->halves[f->nhalves] = *part;
            f->halves[f->nhalves++].from = half;
            f->halves[f->nhalves] = *part;
            f->halves[f->nhalves++].to = half;

            return;
        }

        for (i = part->from; i < part->to; i++) {
            item = f->ready[i];
            item->state = NGX_TAVUS_PARCEL_DEAD;
            item->status = ngx_tavus_destination_status(t);
            item->reason = f->said;
        }

        return;
    }

    switch (verdict) {

    case TAVUS_VERDICT_GONE:
        f->stop = "gone";
        f->halted = 1;
        break;

    case TAVUS_VERDICT_REFUSED:
        f->pause = ngx_max(wait, NGX_TAVUS_FLIGHT_REFUSED);
        f->halted = 1;
        break;

    case TAVUS_VERDICT_SLOW:
        wait = ngx_tavus_flight_backoff(f, wait);
        f->pause = ngx_max(f->pause, wait);
        f->halted = 1;
        break;

    default: /* TAVUS_VERDICT_AGAIN */

        /*
         * After one batch there is no use in the next; but of single events
         * a few may have a fault of their own.
         */

        f->row++;
        f->halted |= f->destination->service->events > 1
                     || (!f->alone && f->row >= NGX_TAVUS_FLIGHT_ROW);
    }

    ngx_tavus_flight_wait(f, part, ngx_tavus_destination_status(t), wait,
                          verdict == TAVUS_VERDICT_AGAIN);
}


/*
 * Each goes again by itself, if the flight does not as a whole: by the
 * schedule, at whose end it is dead, if it may be a fault of its own, or else
 * when the destination does.
 */

static void
ngx_tavus_flight_wait(ngx_tavus_flight_t *f, ngx_tavus_flight_part_t *part,
    ngx_uint_t status, int64_t wait, ngx_uint_t fault)
{
    int64_t                   later;
    ngx_uint_t                i, tries;
    ngx_tavus_flight_item_t  *item;

    for (i = part->from; i < part->to; i++) {
        item = f->ready[i];

        /* that it went with others before is no attempt of its own */

        tries = f->alone ? item->tries : 1;

        later = fault ? tavus_webhook_out_retry(tries, ngx_random())
                      : ngx_max(f->pause, 0);

        item->state = later < 0 ? NGX_TAVUS_PARCEL_DEAD
                                : NGX_TAVUS_PARCEL_FAILED;
        item->spared = !fault;
        item->wait = ngx_max(later, wait);
        item->status = status;
        item->reason = f->said;
    }

    f->failed += part->to - part->from;
}


/* the destination may ask for longer */

static int64_t
ngx_tavus_flight_backoff(ngx_tavus_flight_t *f, int64_t asked)
{
    int64_t  backoff;

    backoff = tavus_delivery_backoff(f->failures + 1, ngx_random());

    return ngx_max(asked, backoff);
}


/*
 * Where nothing went through it is the destination that has failed, until
 * the same flight has come so a few times: it may be one of its events.  What
 * has not been sent by then stays a flight.
 */

static void
ngx_tavus_flight_end(ngx_tavus_flight_t *f)
{
    ngx_uint_t                i, dead;
    ngx_tavus_flight_item_t  *item;

    dead = 0;
    f->rest = f->n;

    if (!f->alone && f->next < f->nready) {
        f->rest = (ngx_uint_t) (f->ready[f->next] - f->items);
    }

    if (f->failed && f->delivered == 0 && !f->alone && f->stop == NULL
        && f->pause < 0)
    {
        f->again = f->items[0].tries < NGX_TAVUS_FLIGHT_WHOLE;
        f->blamed = 1;
        f->pause = ngx_tavus_flight_backoff(f, f->wait);

    } else if (f->delivered == 0 && !f->alone
               && (f->stop || f->pause >= 0
                   || (f->nready && f->next == 0)))
    {
        f->again = 1;
    }

    for (i = 0; i < f->rest; i++) {
        item = &f->items[i];

        dead += item->state == NGX_TAVUS_PARCEL_DEAD;

        /* what there was no time for, or no use in */

        if (item->state == NGX_TAVUS_PARCEL_READY) {
            item->state = NGX_TAVUS_PARCEL_FAILED;
            item->spared = 1;
            item->wait = ngx_max(f->pause, 0);
            item->reason = f->said;
        }
    }

    /* who is dead is told of at once: others that failed go again as rows */

    if (dead) {
        f->again = 0;
    }

    f->ended = ngx_current_msec;

    ngx_tavus_flight_count(f);
    ngx_tavus_flight_log(f);

    f->event.handler = ngx_tavus_flight_tell;

    if (ngx_tavus_flight_settle(f) != NGX_OK) {
        ngx_tavus_flight_free(f);
        return;
    }

    ngx_tavus_flight_tell(&f->event);
}


static void
ngx_tavus_flight_count(ngx_tavus_flight_t *f)
{
    ngx_uint_t  i, result;

    for (i = 0; i < f->rest; i++) {

        switch (f->items[i].state) {

        case NGX_TAVUS_PARCEL_DELIVERED:
            result = TAVUS_DELIVERED;
            break;

        case NGX_TAVUS_PARCEL_SKIPPED:
            result = TAVUS_DELIVERY_SKIPPED;
            break;

        case NGX_TAVUS_PARCEL_DEAD:
            result = TAVUS_DELIVERY_DEAD;
            break;

        default:
            result = TAVUS_DELIVERY_FAILED;
        }

        tavus_metric_add(tavus_metric_of(TAVUS_METRIC_DELIVERIES,
                                         f->destination->service->kind,
                                         result), 1);
    }
}


/* once, as long as it goes on */

static void
ngx_tavus_flight_log(ngx_tavus_flight_t *f)
{
    ngx_tavus_destination_t  *d;

    d = f->destination;

    if (f->delivered && f->stop == NULL && f->pause < 0) {
        d->told = NGX_TAVUS_DESTINATION_WELL;

    } else if (f->stop && d->told < NGX_TAVUS_DESTINATION_STOPPED) {
        d->told = NGX_TAVUS_DESTINATION_STOPPED;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "nothing is delivered to \"%V\" any more: \"%V\"",
                      &d->name, &f->said);

    } else if (f->pause >= 0 && d->told < NGX_TAVUS_DESTINATION_PAUSED) {
        d->told = NGX_TAVUS_DESTINATION_PAUSED;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "\"%V\" takes nothing, it is tried again in %L ms: "
                      "\"%V\"", &d->name, f->pause, &f->said);
    }
}


/* the values of tavus.deliver_settle() */

static ngx_int_t
ngx_tavus_flight_settle(ngx_tavus_flight_t *f)
{
    size_t                    len;
    u_char                   *p[5], *text;
    ngx_uint_t                i, k;
    ngx_tavus_flight_item_t  *item;

    /* of each: an id, numbers, and a reason whose every byte is escaped */

    len = sizeof("{}");

    for (i = 0; i < f->n; i++) {
        len += 2 * f->items[i].reason.len + TAVUS_UUID_TEXT_LEN
               + NGX_INT64_LEN + 4;
    }

    text = ngx_pnalloc(f->pool, 5 * len + 5 * (NGX_INT64_LEN + 1)
                                + f->said.len + 1);
    if (text == NULL) {
        return NGX_ERROR;
    }

    for (k = 0; k < 5; k++) {
        p[k] = text + k * len;
        f->op.values[3 + k] = (char *) p[k];
        *p[k]++ = '{';
    }

    for (i = 0; i < f->rest && !f->again; i++) {
        item = &f->items[i];

        if (item->state != NGX_TAVUS_PARCEL_FAILED
            && item->state != NGX_TAVUS_PARCEL_DEAD)
        {
            continue;
        }

        for (k = 0; k < 5; k++) {
            if (*(p[k] - 1) != '{') {
                *p[k]++ = ',';
            }
        }

        p[0] = ngx_sprintf(p[0], "%s", item->parcel.delivery.id);

        p[1] = item->state == NGX_TAVUS_PARCEL_DEAD
               ? ngx_sprintf(p[1], "NULL")
               : ngx_sprintf(p[1], "%L", item->wait);

        *p[2]++ = item->spared ? 't' : 'f';

        p[3] = item->status ? ngx_sprintf(p[3], "%ui", item->status)
                            : ngx_sprintf(p[3], "NULL");

        *p[4]++ = '"';

        for (k = 0; k < item->reason.len; k++) {

            if (item->reason.data[k] == '"' || item->reason.data[k] == '\\') {
                *p[4]++ = '\\';
            }

            *p[4]++ = item->reason.data[k];
        }

        *p[4]++ = '"';
    }

    for (k = 0; k < 5; k++) {
        *p[k]++ = '}';
        *p[k] = '\0';
    }

    text += 5 * len;

    f->op.values[0] = (char *) f->destination->name.data;

    f->op.values[1] = (char *) text;
    text = ngx_sprintf(text, "%uL%Z",
                       ngx_tavus_pg_number(f->res, 0,
                                           ngx_tavus_claim_token));

    f->op.values[2] = (char *) text;
    text = ngx_sprintf(text, "%ui%Z", f->delivered);

    f->op.values[8] = NULL;
    f->op.values[9] = NULL;

    if (f->again) {
        f->op.values[8] = (char *) text;
        text = ngx_sprintf(text, "%L%Z", f->blamed ? f->pause : 0);
    }

    if (f->pause >= 0) {
        f->op.values[9] = (char *) text;
        text = ngx_sprintf(text, "%L%Z", f->pause);
    }

    f->op.values[10] = f->stop;
    f->op.values[11] = NULL;

    if (f->said.len) {
        f->op.values[11] = (char *) text;
        ngx_sprintf(text, "%V%Z", &f->said);
    }

    f->op.values[12] = f->again || f->rest == f->n
                       ? NULL : f->items[f->rest].parcel.delivery.id;

    f->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_deliver_settle];
    f->op.timeout = NGX_TAVUS_FLIGHT_TIMEOUT;
    f->op.handler = ngx_tavus_flight_told;
    f->op.data = f;

    return NGX_OK;
}


static void
ngx_tavus_flight_tell(ngx_event_t *ev)
{
    ngx_tavus_flight_t *f = ev->data;

    if (ngx_tavus_upkeep_query(&f->op) != NGX_OK) {
        ngx_tavus_flight_later(f);
    }
}


/*
 * As long as the lease may hold; after it all goes again.  An exiting worker
 * has less patience, and one that has to go none.
 */

static void
ngx_tavus_flight_later(ngx_tavus_flight_t *f)
{
    if (ngx_current_msec - f->begun > 2 * NGX_TAVUS_FLIGHT_TIME
        || (ngx_exiting
            && ngx_current_msec - f->ended > NGX_TAVUS_FLIGHT_EXIT)
        || ngx_terminate)
    {
        ngx_tavus_flight_free(f);
        return;
    }

    ngx_add_timer(&f->event, NGX_TAVUS_FLIGHT_AGAIN);
}


static void
ngx_tavus_flight_held(ngx_event_t *ev)
{
    /* transfers have timers of their own */
}


static void
ngx_tavus_flight_told(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_flight_t *f = op->data;

    const char  *text;

    if (rc == NGX_OK) {

        if (ngx_tavus_pg_number(res, 0, 0) == 0) {
            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "%ui events to \"%V\" took longer than their "
                          "lease, and may go again", f->n,
                          &f->destination->name);
        }

        ngx_tavus_flight_free(f);
        return;
    }

    if (res) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not be told what was delivered to "
                      "\"%V\": %s", &f->destination->name, text ? text : "");
    }

    ngx_tavus_flight_later(f);
}


static void
ngx_tavus_flight_free(ngx_tavus_flight_t *f)
{
    void                 *data;
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_tavus_flight_pt   handler;

    handler = f->handler;
    data = f->data;

    rc = f->pause >= 0 || f->stop ? NGX_ERROR
         : f->failed && f->delivered == 0 ? NGX_DECLINED : NGX_OK;

    if (f->hold.timer_set) {
        ngx_del_timer(&f->hold);
    }

    for (i = 0; i < f->n; i++) {
        free(f->items[i].parcel.json.data);
    }

    PQclear(f->res);
    ngx_destroy_pool(f->pool);

    handler(data, rc);
}
