
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CALL_H_INCLUDED_
#define _NGX_TAVUS_CALL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "jobs/ngx_tavus_ends.h"
#include "service/ngx_tavus_api_create.h"
#include "store/ngx_tavus_wish.h"
#include "core/tavus_json.h"
#include "core/tavus_signature.h"


/*
 * A call that is made or ended.  It outlives the visitor who asked for it:
 * what costs money at Tavus is brought to an end and recorded all the same.
 * The intent is on record before Tavus is asked, and what came of it before
 * the visitor is told.
 */

typedef struct ngx_tavus_call_s  ngx_tavus_call_t;


/* what a visitor is told if it did not work out */

typedef struct {
    ngx_uint_t                status;       /* of HTTP */
    const char               *code;
    ngx_uint_t                retry_after;  /* seconds, 0: none */
    const char               *detail;
    const char               *reason;       /* which limit; NULL: none */
} ngx_tavus_call_answer_t;


/* Called at most once, from the event loop; answer is NULL if all is well. */
typedef void (*ngx_tavus_call_pt)(ngx_tavus_call_t *call,
    const ngx_tavus_call_answer_t *answer);


struct ngx_tavus_call_s {
    ngx_pool_t               *pool;
    ngx_tavus_api_t          *api;
    ngx_log_t                *log;          /* of who waits, or the cycle's */
    ngx_tavus_call_pt         handler;      /* NULL: nobody waits */
    void                     *data;

    ngx_str_t                 cause;        /* the id of the request */
    uint8_t                   nonce[TAVUS_NONCE_LEN];
    char                      nonce_hex[2 * TAVUS_NONCE_LEN + 1];

    /* of one that is made */
    cJSON                    *intent;       /* what the events will say */
    ngx_str_t                 vertical;
    ngx_str_t                 body;         /* for Tavus */
    ngx_uint_t                patience;     /* seconds */
    ngx_uint_t                sandbox;      /* rooms may be without TLS */
    ngx_uint_t                require_auth;
    ngx_tavus_wish_t          wish;         /* for the budget */

    /* of one that a visitor ends */
    ngx_tavus_ends_t         *ends;
    time_t                    expiry;       /* of the end token */

    ngx_str_t                 conversation_id;
    ngx_str_t                 conversation_url;
    ngx_str_t                 status;
    ngx_str_t                 meeting_token;    /* for the visitor alone */
    const char               *end_reason;
    ngx_uint_t                retry_after;      /* that Tavus said */

    /* for the log */
    const char               *event_type;
    ngx_str_t                 store;
    ngx_msec_int_t            store_time;   /* ms, -1: none */
    ngx_msec_int_t            upstream_time;

    ngx_msec_t                start;
    time_t                    began;
};


/* A call with a nonce and an empty intent; NULL if no memory. */
ngx_tavus_call_t *ngx_tavus_call_create(ngx_tavus_api_t *api,
    ngx_str_t *cause);

/* For one that was not started. */
void ngx_tavus_call_free(ngx_tavus_call_t *call);

/*
 * Makes the call: records its intent, which a budget may refuse, and asks
 * Tavus.  On NGX_OK it frees itself when all is done; on NGX_ERROR it is the
 * caller's, who answers with ngx_tavus_call_unrecorded.
 */
ngx_int_t ngx_tavus_call_start(ngx_tavus_call_t *call);

/*
 * Ends a conversation, of which id, nonce and reason are known.  On NGX_OK
 * it frees itself when all is done.
 */
ngx_int_t ngx_tavus_call_end(ngx_tavus_call_t *call, const char *reason);

/* A string of at most max bytes, copied into pool with a NUL behind it. */
ngx_int_t ngx_tavus_call_string(ngx_pool_t *pool, cJSON *item, size_t max,
    ngx_str_t *s);


extern const ngx_tavus_call_answer_t  ngx_tavus_call_unrecorded;

/* The visitor is in the line, where wish.verdict says. */
extern const ngx_tavus_call_answer_t  ngx_tavus_call_waits;


#endif /* _NGX_TAVUS_CALL_H_INCLUDED_ */
