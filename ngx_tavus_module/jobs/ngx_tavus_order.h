
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ORDER_H_INCLUDED_
#define _NGX_TAVUS_ORDER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_stripe_checkout.h"
#include "event/ngx_tavus_pg.h"
#include "core/tavus_uuid.h"


/*
 * An order that a visitor places.  It outlives the visitor: what Stripe was
 * asked for is on record before, and what came of it afterwards, before the
 * visitor is told, or without one.  What nobody knows of it by then is looked
 * for by others, by the order's id.
 */

#define NGX_TAVUS_ORDER_TIMEOUT  5000       /* ms, of a statement */

typedef struct ngx_tavus_order_s  ngx_tavus_order_t;


/* what a visitor is told if it did not work out */

typedef struct {
    ngx_uint_t                   status;        /* of HTTP */
    const char                  *code;
    ngx_uint_t                   retry_after;   /* seconds, 0: none */
    const char                  *detail;
    const char                  *field;         /* of the request, or NULL */
} ngx_tavus_order_answer_t;


/* Called at most once, from the event loop; answer is NULL if all is well. */
typedef void (*ngx_tavus_order_pt)(ngx_tavus_order_t *order,
    const ngx_tavus_order_answer_t *answer);


/* what a visitor says, as the columns of orders have it */

enum {
    ngx_tavus_order_email = 0,
    ngx_tavus_order_conversation,
    ngx_tavus_order_session,
    ngx_tavus_order_user,
    ngx_tavus_order_source,
    ngx_tavus_order_medium,
    ngx_tavus_order_campaign,
    ngx_tavus_order_consent,
    ngx_tavus_order_words
};


struct ngx_tavus_order_s {
    ngx_pool_t                  *pool;
    ngx_tavus_stripe_t          *stripe;
    ngx_log_t                   *log;       /* of who waits, or the cycle's */
    ngx_tavus_order_pt           handler;   /* NULL: nobody waits */
    void                        *data;

    ngx_str_t                    cause;     /* the id of the request */
    uint8_t                      id[TAVUS_UUID_LEN];
    char                         id_text[TAVUS_UUID_TEXT_LEN + 1];

    /* the caller's, in the order's pool or longer, with a NUL behind them */
    ngx_str_t                    plan;
    const char                  *lines;     /* JSON */
    const char                  *words[ngx_tavus_order_words];
    ngx_tavus_stripe_wish_t      wish;      /* but for id and metadata */
    ngx_uint_t                   patience;  /* seconds */
    ngx_uint_t                   sandbox;   /* pages may be without TLS */

    ngx_tavus_stripe_made_t      made;

    /* for the log */
    const char                  *event_type;
    ngx_msec_int_t               store_time;    /* ms, -1: none */
    ngx_msec_int_t               upstream_time;

    /* of ngx_tavus_order.c */
    ngx_tavus_pg_op_t            op;
    ngx_msec_t                   asked;     /* the database */
    unsigned                     intending:1;
};


/* An order with an id of its own; NULL if no memory. */
ngx_tavus_order_t *ngx_tavus_order_create(ngx_tavus_stripe_t *stripe,
    ngx_str_t *cause);

/* For one that was not started. */
void ngx_tavus_order_free(ngx_tavus_order_t *order);

/*
 * Commits that it is to be asked for, and asks Stripe.  On NGX_OK it frees
 * itself when all is done; on NGX_ERROR it is the caller's, who answers with
 * ngx_tavus_order_unrecorded.
 */
ngx_int_t ngx_tavus_order_start(ngx_tavus_order_t *order);

/* Who waited is gone; the order may be, too. */
void ngx_tavus_order_leave(ngx_tavus_order_t *order);


extern const ngx_tavus_order_answer_t  ngx_tavus_order_unrecorded;


#endif /* _NGX_TAVUS_ORDER_H_INCLUDED_ */
