
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_TAIL_FEED_H_INCLUDED_
#define _NGX_TAVUS_TAIL_FEED_H_INCLUDED_


/* The two halves of the live tail: ngx_tavus_tail.c asks, this one sends. */

#include "jobs/ngx_tavus_tail.h"
#include "event/ngx_tavus_pg.h"


#define NGX_TAVUS_TAIL_RUN      64
#define NGX_TAVUS_TAIL_EPOCH    36

/* names that all filters have, and what they take as an argument */
#define NGX_TAVUS_TAIL_NAMES    16
#define NGX_TAVUS_TAIL_ONLY     4096

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
    ngx_msec_t               apart;
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
    u_char                   only[3][NGX_TAVUS_TAIL_ONLY];

    /* the page */
    PGresult                *page;
    int                      row;
    ngx_tavus_tail_place_t   from;
    ngx_tavus_tail_place_t   to;
    ngx_tavus_tail_place_t   telling;
    ngx_tavus_tail_scratch_t lower;
    ngx_tavus_tail_scratch_t folded;

    unsigned                 shared:1;      /* there is a common place */
    unsigned                 due:1;         /* there may be more */
    unsigned                 more_due:1;    /* there is */
    unsigned                 unfinal:1;
    unsigned                 turn:1;        /* the last query was another's */
    unsigned                 folds:1;
    unsigned                 more:1;
    unsigned                 failed:1;
    unsigned                 over:1;
} ngx_tavus_tails_t;


extern ngx_tavus_tails_t  ngx_tavus_tails;


/* Sends what was read to those it is for; in several turns, if it is much. */
void ngx_tavus_tail_feed(void);

/*
 * Tells those who do not know it where they are, that is from where they would
 * go on.  The furthest place of one for whom it was not noted yet; NULL: none.
 */
ngx_tavus_tail_place_t *ngx_tavus_tail_greet(void);

/* Who hears nothing else hears that there is somebody, and where it is. */
void ngx_tavus_tail_beat(void);

/* Forgets the page: nothing is under way. */
void ngx_tavus_tail_drop(void);

/* As of numbers. */
int ngx_tavus_tail_compare(ngx_tavus_tail_place_t *a,
    ngx_tavus_tail_place_t *b);


#endif /* _NGX_TAVUS_TAIL_FEED_H_INCLUDED_ */
