
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_STORE_H_INCLUDED_
#define _NGX_TAVUS_STORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "core/tavus_event.h"
#include "event/ngx_tavus_pg.h"
#include "store/ngx_tavus_journal.h"


/* the seed's SystemEvent types, as the column has them */

typedef enum {
    NGX_TAVUS_KIND_WEBHOOK = 0,
    NGX_TAVUS_KIND_ERROR,
    NGX_TAVUS_KIND_INFO,
    NGX_TAVUS_KIND_CONVERSION
} ngx_tavus_kind_e;


/* each is worse than the one before */

typedef enum {
    NGX_TAVUS_STORED = 0,
    NGX_TAVUS_DUPLICATE,            /* is there already */
    NGX_TAVUS_JOURNALED,            /* on disk here, for the database later */
    NGX_TAVUS_QUARANTINED,          /* kept, but not as an event */
    NGX_TAVUS_FOREIGN,              /* the nonce is another conversation's */
    NGX_TAVUS_UNAVAILABLE           /* not acknowledged: try again later */
} ngx_tavus_outcome_e;


typedef struct {
    uint8_t       id[TAVUS_UUID_LEN];
    uint8_t       own[TAVUS_UUID_LEN];      /* the id of its own time */
    uint8_t       digest[TAVUS_EVENT_DIGEST];
    uint8_t       nonce[16];
    int64_t       received;         /* microseconds since 1970 */
    ngx_uint_t    kind;             /* ngx_tavus_kind_e */
    ngx_str_t     source;
    ngx_str_t     event_type;
    ngx_str_t     conversation_id;  /* empty: none */
    ngx_str_t     verification;     /* JSON; empty: none */
    ngx_str_t     body;
    ngx_str_t     reason;           /* to quarantine; empty: fit */
    unsigned      floating:1;       /* its id may be another next time */
    unsigned      timed:1;          /* own is set */
    unsigned      bound:1;          /* nonce is set */
} ngx_tavus_event_t;


typedef struct ngx_tavus_row_s  ngx_tavus_row_t;

/* Called once, from the event loop, unless the row was forgotten before. */
typedef void (*ngx_tavus_store_pt)(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);


typedef struct {
    ngx_tavus_pg_conf_t       *database;
    ngx_msec_t                 timeout;     /* of a commit, then the journal */
    size_t                     buffer;      /* bytes of rows that may wait */
    ngx_tavus_journal_conf_t   journal;     /* path: empty if there is none */
    void                     (*missing)(void);  /* a month's partition is */
    ngx_atomic_t              *stored;      /* counts batches; NULL: nobody */
} ngx_tavus_store_conf_t;


typedef struct {
    ngx_uint_t    rows;             /* wait or are in flight */
    size_t        bytes;
    ngx_uint_t    ready;            /* the database takes rows in time */
    ngx_uint_t    flight;           /* rows that were sent */
    ngx_msec_t    overdue;          /* what they wait, if that is too long */
    ngx_uint_t    month_missing;
    ngx_int_t     schema;           /* its version, 0: not known */
    ngx_str_t    *error;
    ngx_str_t    *query_error;      /* of the other connection */
} ngx_tavus_store_stats_t;


/*
 * Opens this worker's two connections, one to record and one to query, and
 * its journal; without a database it looks for what former journals hold.
 * At exit rows that still wait are written to the journal.
 */
ngx_int_t ngx_tavus_store_init_process(ngx_tavus_store_conf_t *conf,
    ngx_uint_t workers);
void ngx_tavus_store_exit_process(void);

/*
 * Sets id, digest and received from the parts of an event's identity and its
 * own time (microseconds since 1970, or -1 if it has none or none usable).
 */
ngx_int_t ngx_tavus_store_identify(ngx_tavus_event_t *ev, int64_t time,
    const tavus_part_t *parts, size_t n);

/*
 * Queues an event for the next batch; everything is copied.  The handler is
 * called when it is committed, or written to the journal because that takes
 * too long, or when neither can be done.  NULL if the buffer is full; events
 * of the source "browser" may take a quarter of it.
 */
ngx_tavus_row_t *ngx_tavus_store_put(ngx_tavus_event_t *ev,
    ngx_tavus_store_pt handler, void *data);

/* The owner goes away: the row is stored all the same, nobody is told. */
void ngx_tavus_store_forget(ngx_tavus_row_t *row);

/* A query of the admin API; see ngx_tavus_pg_query(). */
ngx_int_t ngx_tavus_store_query(ngx_tavus_pg_op_t *op);

/*
 * A short change that the admin API asks for, over the connection that
 * records; see ngx_tavus_pg_query().
 */
ngx_int_t ngx_tavus_store_change(ngx_tavus_pg_op_t *op);

/* Batches that this node has stored since it began; 0: nobody counts. */
ngx_atomic_uint_t ngx_tavus_store_batches(void);

/* Something was stored, or may go on: who delivers looks at once. */
void ngx_tavus_store_wake(void);

/* Whether a query would be answered at once, if at all. */
ngx_uint_t ngx_tavus_store_query_idle(void);

/* Where an event is, for $tavus_store: pg, journal, or empty. */
void ngx_tavus_store_name(ngx_tavus_outcome_e outcome, ngx_str_t *name);

/* The months that were missing are there: what the journal has may go. */
void ngx_tavus_store_months_made(void);

void ngx_tavus_store_stats(ngx_tavus_store_stats_t *stats);


#endif /* _NGX_TAVUS_STORE_H_INCLUDED_ */
