
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_LINE_H_INCLUDED_
#define _NGX_TAVUS_LINE_H_INCLUDED_


/*
 * What this node knows of the waiting line, in memory that all workers
 * share: which tickets are waiting, in their order, as the database was asked
 * about them at most once a second; and which were asked about here, so that
 * they keep their place.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "core/tavus_uuid.h"


#define NGX_TAVUS_LINE_MAX  1000            /* tickets */


typedef struct ngx_tavus_line_s  ngx_tavus_line_t;


/* why nobody gets on today */

typedef enum {
    NGX_TAVUS_LINE_OPEN = 0,
    NGX_TAVUS_LINE_DAY,
    NGX_TAVUS_LINE_MINUTES
} ngx_tavus_line_spent_e;


/* what the last look has told */

typedef struct {
    ngx_uint_t         number;              /* of the look; 0: none yet */
    ngx_msec_t         at;
    ngx_uint_t         waiting;             /* tickets, over all nodes */
    ngx_uint_t         free;                /* places for the first of them */
    ngx_int_t          step;                /* ms for one more; -1: unknown */
    ngx_uint_t         spent;               /* ngx_tavus_line_spent_e */
    ngx_uint_t         retry_after;         /* seconds, where it is spent */
} ngx_tavus_line_view_t;


/* a ticket that waits in this worker */

typedef struct {
    ngx_queue_t        queue;
    uint8_t            id[TAVUS_UUID_LEN];

    /* a few times a second; it may leave, and free itself */
    void             (*handler)(void *data);
    void              *data;

    ngx_uint_t         position;            /* 1 is the first; 0: unknown */

    /* for the line */
    ngx_uint_t         first;               /* the look that knows of it */
    ngx_uint_t         turn;
    unsigned           absent:1;            /* it does not wait any more */
    unsigned           joined:1;
} ngx_tavus_line_waiter_t;


/* Makes the zone, for a configuration with a waiting line. */
ngx_int_t ngx_tavus_line_zone(ngx_conf_t *cf, ngx_tavus_line_t **line);

/*
 * NULL: there is none.  The budget is JSON, as tavus.line_look() takes it.
 * One worker of the node looks: the one with the connection of upkeep.
 */
void ngx_tavus_line_init_process(ngx_tavus_line_t *line, ngx_str_t *budget);
void ngx_tavus_line_exit_process(void);

/* From now on the ticket is asked about here, or not any more. */
void ngx_tavus_line_join(ngx_tavus_line_waiter_t *w);
void ngx_tavus_line_leave(ngx_tavus_line_waiter_t *w);

/*
 * It was asked about once, or is in the line from now on; its position, if
 * that is known, else 0.
 */
ngx_uint_t ngx_tavus_line_asked(const uint8_t id[TAVUS_UUID_LEN]);

/*
 * Who waited with it was told that it is lost.  If it could wait on, it does
 * so when somebody asks, but not because somebody did just now.
 */
void ngx_tavus_line_forget(const uint8_t id[TAVUS_UUID_LEN]);

/* What this worker has read of the last look. */
const ngx_tavus_line_view_t *ngx_tavus_line_view(void);

/* Seconds that a ticket at this position may wait; -1: nobody knows. */
ngx_int_t ngx_tavus_line_estimate(ngx_uint_t position);

/*
 * That some worker of this node has told a ticket of its conversation, and
 * whether one did in the last two minutes.
 */
void ngx_tavus_line_tell(const uint8_t id[TAVUS_UUID_LEN]);
ngx_uint_t ngx_tavus_line_told(const uint8_t id[TAVUS_UUID_LEN]);


#endif /* _NGX_TAVUS_LINE_H_INCLUDED_ */
