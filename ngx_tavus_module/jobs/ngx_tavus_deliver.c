
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_deliver.h"
#include "jobs/ngx_tavus_flight.h"
#include "jobs/ngx_tavus_upkeep.h"
#include "store/ngx_tavus_statements.h"
#include "event/ngx_tavus_timer.h"

#include <openssl/rand.h>


#define NGX_TAVUS_DELIVER_TICK     50       /* ms */
#define NGX_TAVUS_DELIVER_APART    100      /* claims, as each costs a ms */
#define NGX_TAVUS_DELIVER_POLL     5000
#define NGX_TAVUS_DELIVER_LOOK     1000     /* paused, as that may be lifted */
#define NGX_TAVUS_DELIVER_FIRST    1000
#define NGX_TAVUS_DELIVER_TIMEOUT  15000

/* a claim that was not answered has committed by then, and its lease is over */
#define NGX_TAVUS_DELIVER_LOST     (10 * 60000)

/* of one destination, under way at once: over all nodes, and for this one */

#define NGX_TAVUS_DELIVER_FLIGHTS  "4"
#define NGX_TAVUS_DELIVER_MOST     4

/* of a claim */
#define NGX_TAVUS_DELIVER_EVENTS   "500"
#define NGX_TAVUS_DELIVER_BYTES    "4194304"

/* columns of a claim that are looked at here */
#define NGX_TAVUS_DELIVER_TOKEN    0
#define NGX_TAVUS_DELIVER_ID       2
#define NGX_TAVUS_DELIVER_WAIT     9


typedef struct ngx_tavus_deliver_item_s  ngx_tavus_deliver_item_t;


typedef struct {
    ngx_tavus_deliver_item_t *item;
    uint64_t                  token;        /* 0: free */
} ngx_tavus_deliver_held_t;


struct ngx_tavus_deliver_item_s {
    ngx_tavus_destination_t  *conf;
    ngx_tavus_pg_op_t         op;
    ngx_msec_t                next;         /* claim */
    ngx_msec_t                last;
    ngx_uint_t                flights;
    ngx_tavus_deliver_held_t  held[NGX_TAVUS_DELIVER_MOST];
    u_char                    tokens[NGX_TAVUS_DELIVER_MOST
                                     * (NGX_INT64_LEN + 1) + 2];
    ngx_uint_t                failures;     /* flights, one after the other */
    ngx_msec_t                lost_at;      /* a claim's answer */
    unsigned                  lost:1;
    unsigned                  asking:1;
    unsigned                  failed:1;     /* the last claim */
    unsigned                  more:1;       /* was left by it */
};


typedef struct {
    ngx_tavus_deliver_item_t  *items;       /* NULL: nobody is delivered to */
    ngx_uint_t                 n;
    ngx_atomic_t              *stored;
    ngx_atomic_uint_t          seen;        /* of what is stored */
    ngx_event_t                timer;
    u_char                     asker[NGX_INT32_LEN + 1];
} ngx_tavus_deliver_t;


static ngx_int_t ngx_tavus_deliver_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static void ngx_tavus_deliver_timer_handler(ngx_event_t *ev);
static void ngx_tavus_deliver_claim(ngx_tavus_deliver_item_t *item);
static char *ngx_tavus_deliver_tokens(ngx_tavus_deliver_item_t *item);
static ngx_int_t ngx_tavus_deliver_start(ngx_tavus_deliver_item_t *item,
    PGresult *res);
static void ngx_tavus_deliver_lost(ngx_tavus_deliver_item_t *item);
static void ngx_tavus_deliver_claimed(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_deliver_over(void *data, ngx_int_t rc);


static ngx_tavus_deliver_t  ngx_tavus_deliver;

static ngx_uint_t  ngx_tavus_deliver_tag;


ngx_int_t
ngx_tavus_deliver_zone(ngx_conf_t *cf, ngx_atomic_t **stored)
{
    ngx_shm_zone_t  *shm_zone;

    /* no other zone has a blank in its name */

    static ngx_str_t  name = ngx_string("tavus deliver");

    shm_zone = ngx_shared_memory_add(cf, &name, 8 * ngx_pagesize,
                                     &ngx_tavus_deliver_tag);
    if (shm_zone == NULL) {
        return NGX_ERROR;
    }

    shm_zone->init = ngx_tavus_deliver_init_zone;
    shm_zone->data = stored;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_deliver_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_atomic_t     **stored;
    ngx_slab_pool_t   *shpool;

    stored = shm_zone->data;
    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (data == NULL && !shm_zone->shm.exists) {
        shpool->data = ngx_slab_calloc(shpool, sizeof(ngx_atomic_t));
        if (shpool->data == NULL) {
            return NGX_ERROR;
        }
    }

    *stored = shpool->data;

    return NGX_OK;
}


ngx_int_t
ngx_tavus_deliver_init_process(ngx_array_t *destinations,
    ngx_tavus_destination_t *erase, ngx_atomic_t *stored)
{
    uint32_t                   asker;
    ngx_uint_t                 i;
    ngx_tavus_deliver_t       *dv;
    ngx_tavus_destination_t  **d;

    dv = &ngx_tavus_deliver;

    if ((destinations->nelts == 0 && erase == NULL)
        || (ngx_worker != 0 && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    if (RAND_bytes((u_char *) &asker, sizeof(uint32_t)) != 1) {
        return NGX_ERROR;
    }

    ngx_sprintf(dv->asker, "%uD%Z", (asker & 0x7fffffff) | 1);

    dv->items = ngx_calloc((destinations->nelts + 1)
                           * sizeof(ngx_tavus_deliver_item_t),
                           ngx_cycle->log);
    if (dv->items == NULL) {
        return NGX_ERROR;
    }

    d = destinations->elts;
    dv->n = destinations->nelts;

    for (i = 0; i < dv->n; i++) {
        dv->items[i].conf = d[i];
        dv->items[i].next = ngx_current_msec + NGX_TAVUS_DELIVER_FIRST;
    }

    if (erase) {
        dv->items[i].conf = erase;
        dv->items[i].next = ngx_current_msec + NGX_TAVUS_DELIVER_FIRST;
        dv->n++;
    }

    dv->stored = stored;
    dv->seen = stored ? *stored : 0;

    dv->timer.data = &ngx_tavus_timer_dummy;
    dv->timer.handler = ngx_tavus_deliver_timer_handler;
    dv->timer.log = ngx_cycle->log;
    dv->timer.cancelable = 1;

    ngx_add_timer(&dv->timer, NGX_TAVUS_DELIVER_TICK);

    return NGX_OK;
}


void
ngx_tavus_deliver_exit_process(void)
{
    ngx_tavus_deliver_t  *dv;

    dv = &ngx_tavus_deliver;

    if (dv->timer.timer_set) {
        ngx_del_timer(&dv->timer);
    }

    /* what is under way still points there */

    dv->n = 0;
}


static void
ngx_tavus_deliver_timer_handler(ngx_event_t *ev)
{
    ngx_uint_t                 i, more;
    ngx_atomic_uint_t          stored;
    ngx_tavus_deliver_t       *dv;
    ngx_tavus_deliver_item_t  *item;

    dv = &ngx_tavus_deliver;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    stored = dv->stored ? *dv->stored : 0;
    more = stored != dv->seen;
    dv->seen = stored;

    for (i = 0; i < dv->n; i++) {
        item = &dv->items[i];

        if (more && item->failures == 0 && !item->conf->rows) {
            item->next = ngx_current_msec;
        }

        if (!item->asking && item->flights < NGX_TAVUS_DELIVER_MOST
            && (ngx_msec_int_t) (item->next - ngx_current_msec) <= 0
            && ngx_current_msec - item->last >= NGX_TAVUS_DELIVER_APART)
        {
            ngx_tavus_deliver_claim(item);
        }
    }

    ngx_add_timer(&dv->timer, NGX_TAVUS_DELIVER_TICK);
}


static void
ngx_tavus_deliver_claim(ngx_tavus_deliver_item_t *item)
{
    ngx_tavus_pg_op_t        *op;
    ngx_tavus_destination_t  *d;

    d = item->conf;
    op = &item->op;

    item->next = ngx_current_msec + NGX_TAVUS_DELIVER_POLL;

    op->stmt = &ngx_tavus_statements[d->service->lines
                                     ? ngx_tavus_stmt_mail_claim
                                     : ngx_tavus_stmt_deliver_claim];

    op->values[0] = (char *) d->name.data;
    op->values[1] = (char *) d->service->name.data;
    op->values[2] = d->beginning ? "true" : "false";
    op->values[3] = d->names;
    op->values[4] = d->prefixes;
    op->values[5] = d->content;
    op->values[6] = NGX_TAVUS_DELIVER_FLIGHTS;
    op->values[7] = NGX_TAVUS_DELIVER_EVENTS;
    op->values[8] = NGX_TAVUS_DELIVER_BYTES;
    op->values[9] = (char *) ngx_tavus_deliver.asker;
    op->values[10] = ngx_tavus_deliver_tokens(item);
    op->values[11] = d->transcripts;
    op->values[12] = d->digest;

    op->timeout = NGX_TAVUS_DELIVER_TIMEOUT;
    op->background = 0;         /* what is leased is sent, in any case */
    op->keep = 1;
    op->handler = ngx_tavus_deliver_claimed;
    op->data = item;

    if (ngx_tavus_upkeep_query(op) == NGX_OK) {
        item->asking = 1;
        item->last = ngx_current_msec;
    }
}


/* what is under way, if the database may believe that more is */

static char *
ngx_tavus_deliver_tokens(ngx_tavus_deliver_item_t *item)
{
    u_char      *p;
    ngx_uint_t   i;

    if (item->lost
        && ngx_current_msec - item->lost_at > NGX_TAVUS_DELIVER_LOST)
    {
        item->lost = 0;
    }

    if (!item->lost) {
        return NULL;
    }

    p = item->tokens;
    *p++ = '{';

    for (i = 0; i < NGX_TAVUS_DELIVER_MOST; i++) {
        if (item->held[i].token) {
            p = ngx_sprintf(p, "%s%uL", p[-1] == '{' ? "" : ",",
                            item->held[i].token);
        }
    }

    *p++ = '}';
    *p = '\0';

    return (char *) item->tokens;
}


static void
ngx_tavus_deliver_lost(ngx_tavus_deliver_item_t *item)
{
    item->lost = 1;
    item->lost_at = ngx_current_msec;
}


static ngx_int_t
ngx_tavus_deliver_start(ngx_tavus_deliver_item_t *item, PGresult *res)
{
    ngx_uint_t                 i;
    ngx_tavus_deliver_held_t  *held;

    for (i = 0; i < NGX_TAVUS_DELIVER_MOST - 1; i++) {
        if (item->held[i].token == 0) {
            break;
        }
    }

    held = &item->held[i];

    if (ngx_tavus_flight_start(item->conf, res, item->failures,
                               ngx_tavus_deliver_over, held)
        != NGX_OK)
    {
        ngx_tavus_deliver_lost(item);
        return NGX_ERROR;
    }

    held->item = item;
    held->token = ngx_tavus_pg_number(res, 0, NGX_TAVUS_DELIVER_TOKEN);

    item->flights++;

    return NGX_OK;
}


static void
ngx_tavus_deliver_claimed(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_deliver_item_t *item = op->data;

    int          n;
    int64_t      wait;
    const char  *text;

    item->asking = 0;

    if (rc != NGX_OK) {

        if (res && !item->failed) {
            text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "database could not be asked what to deliver to "
                          "\"%V\": %s", &item->conf->name, text ? text : "");
        }

        item->failed = (res != NULL);

        /* even a server that refuses may have committed, if it shuts down */

        ngx_tavus_deliver_lost(item);

        PQclear(res);
        return;
    }

    item->failed = 0;

    n = PQntuples(res);
    item->more = 0;

    if (n == 1 && PQgetisnull(res, 0, NGX_TAVUS_DELIVER_ID)) {

        /* nothing to send, but when to ask */

        wait = (int64_t) ngx_tavus_pg_number(res, 0, NGX_TAVUS_DELIVER_WAIT);

        item->next = ngx_current_msec
                     + (ngx_msec_t) ngx_min(ngx_max(wait, 0),
                                            NGX_TAVUS_DELIVER_LOOK);
        n = 0;
    }

    if (n) {
        item->more = !PQgetisnull(res, 0, NGX_TAVUS_DELIVER_WAIT);
    }

    if (n == 0 || ngx_tavus_deliver_start(item, res) != NGX_OK) {
        PQclear(res);
        return;
    }

    /*
     * Until there are as many as may be, or no more events.  Those that come
     * meanwhile wait for the timer, as a claim costs much for few.
     */

    if (item->more && item->failures == 0
        && item->flights < NGX_TAVUS_DELIVER_MOST && !ngx_exiting)
    {
        ngx_tavus_deliver_claim(item);
    }
}


static void
ngx_tavus_deliver_over(void *data, ngx_int_t rc)
{
    ngx_tavus_deliver_held_t *held = data;

    ngx_tavus_deliver_item_t  *item;

    item = held->item;

    held->token = 0;
    item->flights--;

    if (rc == NGX_OK) {
        item->failures = 0;

    } else if (rc == NGX_ERROR) {
        item->failures++;
    }

    if (ngx_tavus_deliver.n == 0 || ngx_exiting) {
        return;
    }

    item->next = ngx_current_msec;

    if (item->more && !item->asking) {
        ngx_tavus_deliver_claim(item);
    }
}
