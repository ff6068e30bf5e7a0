
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_STRIPE_CHECKOUT_H_INCLUDED_
#define _NGX_TAVUS_STRIPE_CHECKOUT_H_INCLUDED_


/*
 * POST /v1/checkout/sessions: what Stripe is asked for, and what it answers
 * (https://docs.stripe.com/api/checkout/sessions/create).
 */

#include "service/ngx_tavus_stripe.h"


typedef struct {
    ngx_str_t                     price;
    ngx_uint_t                    quantity;
} ngx_tavus_stripe_line_t;


/*
 * The same wish is the same request, whenever it is sent: nothing in it is of
 * the moment, so that the order's id, by which Stripe knows it again, does.
 * Texts that are empty are not sent.
 */

typedef struct {
    const char                   *order_id;     /* of ours */
    ngx_uint_t                    subscription; /* or one payment */
    ngx_tavus_stripe_line_t      *lines;
    ngx_uint_t                    nlines;
    ngx_keyval_t                 *metadata;     /* beside the order_id */
    ngx_uint_t                    nmetadata;
    ngx_str_t                     email;
    ngx_str_t                     success;      /* URLs */
    ngx_str_t                     cancel;
} ngx_tavus_stripe_wish_t;


/* what was made; texts have a NUL behind them, empty: not said, or unfit */

typedef struct {
    ngx_str_t                     id;
    ngx_str_t                     url;
    time_t                        expires;      /* 0: not said */
} ngx_tavus_stripe_made_t;


/*
 * Asks for a session; as ngx_tavus_curl_send().  The wish is the caller's to
 * keep no longer than that.
 */
ngx_int_t ngx_tavus_stripe_checkout(ngx_tavus_stripe_t *stripe,
    const ngx_tavus_stripe_wish_t *wish, ngx_tavus_curl_pt handler,
    void *data);

/*
 * Reads what Stripe answered into pool.  Pages of this machine are taken
 * without TLS, if plain.  NGX_ERROR: a visitor cannot be given this; the id
 * is there even then if it is known.
 */
ngx_int_t ngx_tavus_stripe_checkout_read(ngx_str_t *answer, ngx_uint_t plain,
    ngx_pool_t *pool, ngx_tavus_stripe_made_t *made);


#endif /* _NGX_TAVUS_STRIPE_CHECKOUT_H_INCLUDED_ */
