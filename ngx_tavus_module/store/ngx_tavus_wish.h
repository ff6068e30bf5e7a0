
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_WISH_H_INCLUDED_
#define _NGX_TAVUS_WISH_H_INCLUDED_


/*
 * Wishes: events "conversation.requested" that a budget judges.  They go in
 * batches of their own, tavus.record_wishes(), so that no webhook waits for
 * the budget's lock, and never to the journal: what cannot be counted is not
 * granted.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "store/ngx_tavus_store.h"


#define NGX_TAVUS_WISH_HASH  16


/* the names are in ngx_tavus_wish.c; counted by a label of metrics */

typedef enum {
    NGX_TAVUS_FATE_NONE = 0,            /* nobody could judge */
    NGX_TAVUS_FATE_GRANTED,
    NGX_TAVUS_FATE_DUPLICATE,           /* granted already: sent twice */
    NGX_TAVUS_FATE_WAITS,               /* in the line */
    NGX_TAVUS_FATE_BUSY,                /* no place, nor one in the line */
    NGX_TAVUS_FATE_LINE_FULL,
    NGX_TAVUS_FATE_DAY_SPENT,
    NGX_TAVUS_FATE_MINUTES_SPENT,
    NGX_TAVUS_FATE_VISITOR_SPENT,
    NGX_TAVUS_FATE_TAKEN,               /* the ticket has its conversation */
    NGX_TAVUS_FATE_UNKNOWN_TICKET
} ngx_tavus_fate_e;


typedef struct {
    ngx_tavus_fate_e   fate;
    uint8_t            ticket[TAVUS_UUID_LEN];  /* of one that waits */
    ngx_int_t          position;        /* in the line, from 1; 0: not known */
    ngx_int_t          wait;            /* seconds, -1: not known */
    ngx_uint_t         retry_after;     /* seconds, 0: not known */
    ngx_uint_t         unknown;         /* it may be granted all the same,
                                           to a connection that was lost */
} ngx_tavus_verdict_t;


/* what is judged by; the verdict is for the owner */

typedef struct {
    ngx_str_t         *budget;          /* JSON, NUL behind it; NULL: none */
    uint32_t           seconds;         /* of the longest call; 0: the line */
    uint32_t           stays;           /* seconds that its place is held */
    uint8_t            address[NGX_TAVUS_WISH_HASH];
    uint8_t            visitor[NGX_TAVUS_WISH_HASH];
    uint8_t            ticket[TAVUS_UUID_LEN];
    unsigned           has_visitor:1;
    unsigned           has_ticket:1;    /* without it, it cannot wait */

    ngx_tavus_verdict_t  verdict;
} ngx_tavus_wish_t;


/*
 * Queues an event for the next batch of wishes.  Its body is copied, its
 * names are static; the wish is the owner's, who leaves it where it is until
 * the handler was called: once, with STORED or DUPLICATE if it was granted,
 * else with UNAVAILABLE, and the verdict set.  NGX_ERROR, and no handler, if
 * nobody can judge now.
 */
ngx_int_t ngx_tavus_wish_put(ngx_tavus_event_t *ev,
    ngx_tavus_wish_t *wish, ngx_tavus_store_pt handler, void *data);

/* The connection is there, or idle again. */
void ngx_tavus_wish_flush(void);

/* Answers all that wait; what is in flight may still be granted. */
void ngx_tavus_wish_exit_process(void);


#endif /* _NGX_TAVUS_WISH_H_INCLUDED_ */
