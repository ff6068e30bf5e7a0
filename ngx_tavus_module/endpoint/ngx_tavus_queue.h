
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_QUEUE_H_INCLUDED_
#define _NGX_TAVUS_QUEUE_H_INCLUDED_


#include "endpoint/ngx_tavus_conversation.h"
#include "guard/ngx_tavus_ticket.h"
#include "jobs/ngx_tavus_line.h"
#include "event/ngx_tavus_pg.h"


/* seconds until somebody who was not held is to ask again */
#define NGX_TAVUS_QUEUE_RETRY  5

/*
 * ms that a conversation is kept for a visitor who was not there for it: less
 * than a ticket is known to have it, 60 seconds, and more than it is repeated
 * for, 50, as what another node has told is noted a few seconds later.
 */
#define NGX_TAVUS_QUEUE_KEEP   58000


/* a ticket that is asked about in this worker, by one tab or more */

typedef struct {
    ngx_tavus_line_waiter_t   waiter;
    ngx_queue_t               queue;
    ngx_pool_t               *pool;

    ngx_queue_t               asks;         /* ngx_tavus_queue_ask_t */
    ngx_uint_t                nasks;
    ngx_msec_t                again;        /* nothing is tried before */

    ngx_tavus_pg_op_t         op;
    char                      text[TAVUS_UUID_TEXT_LEN + 1];
    ngx_tavus_create_t       *create;       /* that is under way */

    ngx_uint_t                busy;         /* not to be freed */
    unsigned                  asking:1;     /* the database */
    unsigned                  doubtful:1;   /* its state is to be asked for */
} ngx_tavus_queue_t;


/* a request that is held, in its own memory */

typedef struct {
    ngx_queue_t               queue;
    ngx_tavus_queue_t        *group;
    ngx_tavus_wait_t          wait;
    ngx_msec_t                until;
    ngx_tavus_ticket_t        ticket;
} ngx_tavus_queue_ask_t;


/* The content handler of tavus_queue, and what its location needs. */
ngx_int_t ngx_tavus_queue_handler(ngx_http_request_t *r);
ngx_int_t ngx_tavus_queue_check(ngx_conf_t *cf,
    ngx_tavus_location_t *location);

/* for the files of the queue */

/* The next one that is held, which is the caller's to answer; or NULL. */
ngx_http_request_t *ngx_tavus_queue_next(ngx_tavus_queue_t *group);

/* Answers all that are held with a problem. */
void ngx_tavus_queue_fail(ngx_tavus_queue_t *group,
    const ngx_tavus_call_answer_t *answer);

/* Frees the group if nothing holds it any more. */
void ngx_tavus_queue_release(ngx_tavus_queue_t *group);

/* Asks the database what has become of the ticket, and answers by it. */
void ngx_tavus_queue_inquire(ngx_tavus_queue_t *group);

/* Makes the conversation that the ticket has come up for. */
void ngx_tavus_queue_create(ngx_tavus_queue_t *group);

extern const ngx_tavus_call_answer_t  ngx_tavus_queue_expired;

/* directive: tavus_queue [hold=time] */
extern ngx_module_t  ngx_tavus_queue_module;


#endif /* _NGX_TAVUS_QUEUE_H_INCLUDED_ */
