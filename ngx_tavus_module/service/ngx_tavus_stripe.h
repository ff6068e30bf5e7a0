
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_STRIPE_H_INCLUDED_
#define _NGX_TAVUS_STRIPE_H_INCLUDED_


/* Requests to Stripe (https://docs.stripe.com/api), over the bridge. */

#include "event/ngx_tavus_curl.h"
#include "core/tavus_form.h"


/* what is asked, and so what is answered, is of this version of the API */

#define NGX_TAVUS_STRIPE_VERSION  "2026-10-28.endive"

#define NGX_TAVUS_STRIPE_ANSWER   (256 * 1024)      /* bytes, unless said */
#define NGX_TAVUS_STRIPE_WORD     64        /* bytes of a type, code, param */
#define NGX_TAVUS_STRIPE_WORDS    160
#define NGX_TAVUS_STRIPE_ID       255       /* bytes of an id of Stripe's */


typedef struct {
    ngx_tavus_curl_peer_t       *peer;
    ngx_str_t                    key;
    ngx_str_t                    bearer;    /* the same, as a header has it */
    ngx_msec_t                   timeout;
    ngx_uint_t                   live;      /* the key is of live mode */
} ngx_tavus_stripe_t;


typedef enum {
    NGX_TAVUS_STRIPE_DONE = 0,
    NGX_TAVUS_STRIPE_NEVER,     /* nothing was done: nor will be, as it is */
    NGX_TAVUS_STRIPE_LATER,     /* nothing was done, it may be asked again */
    NGX_TAVUS_STRIPE_UNKNOWN    /* it may have been done */
} ngx_tavus_stripe_outcome_e;


/*
 * What came of a request.  Texts are printable ASCII with a NUL behind them,
 * empty if Stripe said none.  words are Stripe's own, for a log, where they
 * are of what is configured: they repeat nothing of a visitor's, and no key.
 */

typedef struct {
    ngx_tavus_stripe_outcome_e   outcome;
    const char                  *reason;    /* a word; "ok" if done */
    char                         type[NGX_TAVUS_STRIPE_WORD];
    char                         code[NGX_TAVUS_STRIPE_WORD];
    char                         param[NGX_TAVUS_STRIPE_WORD];
    char                         words[NGX_TAVUS_STRIPE_WORDS];
} ngx_tavus_stripe_result_t;


/* Adds all fields of a form; called twice, first to measure it. */
typedef void (*ngx_tavus_stripe_fill_pt)(tavus_form_t *form, void *data);


/*
 * A transfer with the key and the version, for the caller to complete (path,
 * and max where more than NGX_TAVUS_STRIPE_ANSWER may come) and send; or NULL.
 */
ngx_tavus_curl_t *ngx_tavus_stripe_transfer(ngx_tavus_stripe_t *stripe,
    const char *method, ngx_tavus_curl_pt handler, void *data);

/*
 * Gives it a form as body, and a key by which Stripe knows the same request
 * again (https://docs.stripe.com/api/idempotent_requests), or NULL.
 */
ngx_int_t ngx_tavus_stripe_body(ngx_tavus_curl_t *t, const char *key,
    ngx_tavus_stripe_fill_pt fill, void *data);

/* What came of a transfer that is over; NULL: it could not be sent. */
void ngx_tavus_stripe_result(ngx_tavus_curl_t *t,
    ngx_tavus_stripe_result_t *result);

/* Counts a transfer that is over in the metrics. */
void ngx_tavus_stripe_measure(ngx_tavus_curl_t *t);

/* Whether it is an id of Stripe's with that prefix, fit for a path. */
ngx_uint_t ngx_tavus_stripe_valid_id(const u_char *id, size_t len,
    const char *prefix);


#endif /* _NGX_TAVUS_STRIPE_H_INCLUDED_ */
