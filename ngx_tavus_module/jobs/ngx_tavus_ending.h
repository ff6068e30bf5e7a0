
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ENDING_H_INCLUDED_
#define _NGX_TAVUS_ENDING_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_api.h"
#include "store/ngx_tavus_store.h"
#include "store/ngx_tavus_trail.h"
#include "core/tavus_signature.h"


/*
 * A conversation that an admin ends.  It outlives who asked for it: Tavus is
 * asked once, and what came of it is an event, and on the trail, before
 * anybody is told.
 */

typedef struct ngx_tavus_ending_s  ngx_tavus_ending_t;


/* Called at most once, from the event loop; then it frees itself. */
typedef void (*ngx_tavus_ending_pt)(ngx_tavus_ending_t *e);


/* why it is not known to be over */

typedef struct {
    const char              *code;
    const char              *detail;
    const char              *outcome;   /* failed, unknown */
} ngx_tavus_ending_fault_t;


struct ngx_tavus_ending_s {
    ngx_pool_t              *pool;
    ngx_tavus_api_t         *api;
    ngx_log_t               *log;       /* of who waits, or the cycle's */
    ngx_tavus_ending_pt      handler;   /* NULL: nobody waits */
    void                    *data;

    ngx_str_t                id;        /* with a NUL behind it */
    uint8_t                  nonce[TAVUS_NONCE_LEN];
    ngx_tavus_trail_t        who;       /* with a NUL behind each */

    /* what came of it; NULL: it is over */
    const ngx_tavus_ending_fault_t  *fault;
    unsigned                 recorded:1;    /* as an event */

    /* for the log */
    const char              *event_type;
    ngx_str_t                store;
    ngx_msec_int_t           store_time;        /* ms, -1: none */
    ngx_msec_int_t           upstream_time;

    /* its own */
    ngx_uint_t               waits;     /* events that are under way */

    unsigned                 untold:1;  /* of the event, or on the trail */
    unsigned                 bound:1;   /* the nonce is the conversation's */
};


/*
 * For one of a valid id of Tavus's, and who asks; copied.  The nonce is
 * random, until the caller knows that of the create.  NULL if no memory.
 */
ngx_tavus_ending_t *ngx_tavus_ending_create(ngx_tavus_api_t *api,
    ngx_str_t *id, ngx_tavus_trail_t *who);

/* What the trail says of it.  NULL if no memory. */
cJSON *ngx_tavus_ending_trail(ngx_tavus_ending_t *e);

/* For one that was not started. */
void ngx_tavus_ending_free(ngx_tavus_ending_t *e);

/* Asks Tavus; it frees itself when all is done, and tells of a failure. */
void ngx_tavus_ending_start(ngx_tavus_ending_t *e);


#endif /* _NGX_TAVUS_ENDING_H_INCLUDED_ */
