
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_BATCH_H_INCLUDED_
#define _NGX_TAVUS_BATCH_H_INCLUDED_


/* What the store's two halves share: rows that wait, and the batch. */

#include "store/ngx_tavus_encode.h"
#include "store/ngx_tavus_journal.h"
#include "store/ngx_tavus_store.h"


#define NGX_TAVUS_STORE_ROWS      1000
#define NGX_TAVUS_STORE_TIMEOUT   30000


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
    unsigned              source;       /* label of metrics */
    u_char                why[128];     /* event.reason, made here */

    unsigned              flying:1;     /* in flight */
    unsigned              journaled:1;  /* the journal has it */
    unsigned              browser:1;
    unsigned              suspect:1;    /* of a batch that was refused */
    unsigned              stripped:1;   /* nothing but its body is left */
    unsigned              counted:1;
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
    ngx_event_t           probe;
    ngx_event_t           hold;         /* ends the wait for more rows */

    ngx_tavus_pg_op_t     op;
    ngx_tavus_row_t      *batch[NGX_TAVUS_STORE_ROWS];
    ngx_tavus_event_t    *events[NGX_TAVUS_STORE_ROWS];
    ngx_uint_t            nbatch;
    ngx_uint_t            last;         /* rows of the last batch */
    ngx_msec_t            done;         /* when it was */
    ngx_uint_t            wanted;       /* rows that are waited for */
    ngx_uint_t            split;        /* rows to try of a refused batch */
    ngx_msec_t            sent;         /* when the batch was */
    int64_t               sent_us;
    u_char               *params;
    size_t                params_size;

    size_t                browser;      /* bytes of browsers' rows */
    ngx_uint_t            nreplays;
    size_t                replay_bytes;

    void                (*missing)(void);
    ngx_atomic_t         *stored;

    ngx_str_t             refused;      /* why; empty: it takes batches */
    u_char                refused_text[256];

    ngx_tavus_store_stats_t  stats;

    unsigned              busy:1;       /* a batch is in flight */
    unsigned              urgent:1;     /* a row that waits is not held */
    unsigned              probing:1;    /* an empty one is wanted */
} ngx_tavus_store_t;


/* Puts what waits into a batch and sends it, unless one is in flight. */
void ngx_tavus_batch_flush_handler(ngx_event_t *ev);

/* What waits was held for long enough. */
void ngx_tavus_batch_hold_handler(ngx_event_t *ev);

/* The timer that tries a database again that refuses everything. */
void ngx_tavus_batch_probe_handler(ngx_event_t *ev);

/* A row was refused, as its month has no partition. */
void ngx_tavus_batch_month_missing(void);

/* Microseconds of no particular beginning. */
int64_t ngx_tavus_batch_clock(void);

/* No connection after a try at one, a batch overdue, or all are refused. */
ngx_uint_t ngx_tavus_store_slow(void);

/* Sees to it that what waits goes into a batch at the end of this turn. */
void ngx_tavus_store_post_flush(void);

void ngx_tavus_store_set_timer(void);

/*
 * A row had its time with the database: it goes to the journal, or is
 * answered UNAVAILABLE.  rows is the queue that it is in.
 */
void ngx_tavus_store_overdue(ngx_tavus_row_t *row, ngx_queue_t *rows);

/* Tells who waits for the row, if anybody still does. */
void ngx_tavus_store_answer(ngx_tavus_row_t *row,
    ngx_tavus_outcome_e outcome);
void ngx_tavus_store_free(ngx_tavus_row_t *row);


extern ngx_tavus_store_t  ngx_tavus_store;


#endif /* _NGX_TAVUS_BATCH_H_INCLUDED_ */
