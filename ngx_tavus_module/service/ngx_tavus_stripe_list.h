
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_STRIPE_LIST_H_INCLUDED_
#define _NGX_TAVUS_STRIPE_LIST_H_INCLUDED_


/*
 * Stripe's lists, newest first, in pages (https://docs.stripe.com/api/
 * pagination): events, and Checkout Sessions.
 */

#include "core/tavus_json_array.h"
#include "service/ngx_tavus_stripe.h"


#define NGX_TAVUS_STRIPE_PAGE      100      /* of a page, at most */
#define NGX_TAVUS_STRIPE_LIST_MAX  (8 * 1024 * 1024)
#define NGX_TAVUS_STRIPE_LIST_MS   15000    /* at most, as leases end */


typedef struct {
    ngx_uint_t            more;         /* behind this page */
    tavus_json_array_t    data;
} ngx_tavus_stripe_list_t;


typedef struct {
    ngx_str_t             json;
    tavus_json_status_t   status;
    tavus_json_member_t   id;
    tavus_json_member_t   type;
    tavus_json_member_t   created;
} ngx_tavus_stripe_event_t;


typedef struct {
    char                  id[NGX_TAVUS_STRIPE_ID + 1];
    char                  order[NGX_TAVUS_STRIPE_WORD];     /* or empty */
    ngx_uint_t            open;
    int64_t               expires;      /* seconds since 1970, or -1 */
} ngx_tavus_stripe_session_t;


/*
 * Asks for events since a time (seconds since 1970) that were not delivered
 * everywhere, or whole: for all that orders are made of.  after is the one
 * behind which the page begins, or empty; limit how many it has.  As
 * ngx_tavus_curl_send().
 */
ngx_int_t ngx_tavus_stripe_events(ngx_tavus_stripe_t *stripe, int64_t since,
    ngx_str_t *after, ngx_uint_t limit, ngx_uint_t whole,
    ngx_tavus_curl_pt handler, void *data);

/* Asks for the sessions that were created in a time. */
ngx_int_t ngx_tavus_stripe_sessions(ngx_tavus_stripe_t *stripe, int64_t from,
    int64_t to, ngx_str_t *after, ngx_tavus_curl_pt handler, void *data);

/* Ends a session that is open: nobody can pay it any more. */
ngx_int_t ngx_tavus_stripe_expire(ngx_tavus_stripe_t *stripe, const char *id,
    ngx_tavus_curl_pt handler, void *data);

/* Reads a page that was answered; NGX_ERROR if it is none. */
ngx_int_t ngx_tavus_stripe_list(ngx_tavus_curl_t *t,
    ngx_tavus_stripe_list_t *list);

/* The next event or session of a page: NGX_OK, or NGX_DONE. */
ngx_int_t ngx_tavus_stripe_next_event(ngx_tavus_stripe_list_t *list,
    ngx_tavus_stripe_event_t *event);
ngx_int_t ngx_tavus_stripe_next_session(ngx_tavus_stripe_list_t *list,
    ngx_tavus_stripe_session_t *session);


#endif /* _NGX_TAVUS_STRIPE_LIST_H_INCLUDED_ */
