
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_DOCUMENT_H_INCLUDED_
#define _NGX_TAVUS_DOCUMENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_api_documents.h"
#include "store/ngx_tavus_store.h"
#include "store/ngx_tavus_trail.h"


/*
 * Something that is asked of the knowledge base, or changed in it.  A change
 * outlives who asked for it: it is sent once, and what came of it is an event
 * before anybody is told.  The trail has what came of each that was started.
 */

typedef struct ngx_tavus_document_s  ngx_tavus_document_t;


/* Called at most once, from the event loop; then it frees itself. */
typedef void (*ngx_tavus_document_pt)(ngx_tavus_document_t *d);


struct ngx_tavus_document_s {
    ngx_pool_t                  *pool;
    ngx_tavus_api_t             *api;
    ngx_log_t                   *log;       /* of who waits, or the cycle's */
    ngx_tavus_document_pt        handler;   /* NULL: nobody waits */
    void                        *data;

    ngx_uint_t                   op;        /* ngx_tavus_document_op_e */
    ngx_str_t                    id;
    ngx_str_t                    query;
    cJSON                       *body;      /* for Tavus; NULL: none */
    ngx_tavus_trail_t            who;       /* with a NUL behind each */

    /* what came of it */
    ngx_tavus_document_fault_t   fault;
    cJSON                       *answer;    /* NULL: there is a fault */
    unsigned                     recorded:1;

    /* for the log */
    const char                  *event_type;
    ngx_str_t                    store;
    ngx_msec_int_t               store_time;    /* ms, -1: none */
    ngx_msec_int_t               upstream_time;

    /* its own */
    ngx_uint_t                   step;      /* what is asked now */
    ngx_uint_t                   waits;     /* events that are under way */
    ngx_str_t                    text;
    ngx_tavus_curl_t            *transfer;
};


/* For who asks; copied.  NULL if no memory. */
ngx_tavus_document_t *ngx_tavus_document_create(ngx_tavus_api_t *api,
    ngx_uint_t op, ngx_tavus_trail_t *who);

/* What the trail says of it before it is started.  NULL if no memory. */
cJSON *ngx_tavus_document_trail(ngx_tavus_document_t *d);

/* For one that was not started. */
void ngx_tavus_document_free(ngx_tavus_document_t *d);

/* On NGX_OK it frees itself when all is done; NGX_ERROR. */
ngx_int_t ngx_tavus_document_start(ngx_tavus_document_t *d);

/* Nobody waits any more: what is only read is given up, and freed. */
void ngx_tavus_document_leave(ngx_tavus_document_t *d);


#endif /* _NGX_TAVUS_DOCUMENT_H_INCLUDED_ */
