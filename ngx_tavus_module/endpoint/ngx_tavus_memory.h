
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_MEMORY_H_INCLUDED_
#define _NGX_TAVUS_MEMORY_H_INCLUDED_


/*
 * What an agent remembers: stores at Tavus, by their names.  A visitor may
 * choose among those that a vertical names literally; those whose names are
 * made for a request, and a visitor's own, are for the server to name.
 */

#include "http/ngx_tavus_endpoint.h"
#include "core/tavus_json.h"


/* whether each visitor has a memory of their own */

typedef enum {
    NGX_TAVUS_MEMORY_OFF = 0,
    NGX_TAVUS_MEMORY_ON,
    NGX_TAVUS_MEMORY_CONSENT            /* who has granted it */
} ngx_tavus_memory_e;


/* what a visitor said of it */

typedef enum {
    NGX_TAVUS_CONSENT_NONE = 0,
    NGX_TAVUS_CONSENT_GRANTED,
    NGX_TAVUS_CONSENT_DENIED
} ngx_tavus_consent_e;


/* the lines "memory_stores" and "visitor_memory" of a vertical; zeroed */

typedef struct {
    ngx_array_t               *named;       /* of ngx_str_t */
    ngx_array_t               *made;        /* those with variables */
    ngx_uint_t                 visitor;     /* ngx_tavus_memory_e */
    ngx_tavus_place_t          place;
} ngx_tavus_memory_conf_t;


/* of one create */

typedef struct {
    ngx_tavus_memory_conf_t   *conf;
    ngx_str_t                 *vertical;
    ngx_uint_t                 consent;     /* ngx_tavus_consent_e */
    cJSON                     *stores;      /* names are added to it */
    ngx_pool_t                *pool;        /* of what outlives the request */
    ngx_str_t                  cookie;      /* to set; empty: none */
    ngx_str_t                  visitor;     /* whose memory; empty: nobody's */
} ngx_tavus_memory_t;


/* Reads the one and the other line of a vertical. */
char *ngx_tavus_memory_conf_stores(ngx_conf_t *cf,
    ngx_tavus_memory_conf_t *conf);
char *ngx_tavus_memory_conf_visitor(ngx_conf_t *cf,
    ngx_tavus_memory_conf_t *conf);

/* When all is read: whether visitors may have cookies at this site. */
ngx_int_t ngx_tavus_memory_check(ngx_conf_t *cf,
    ngx_tavus_main_conf_t *mcf, ngx_tavus_memory_conf_t *conf);

/* Adds the stores that are the server's to name; NGX_ERROR. */
ngx_int_t ngx_tavus_memory_add(ngx_http_request_t *r,
    ngx_tavus_memory_t *memory);

/* The cookie that a yes has brought goes with the answer; NGX_ERROR. */
ngx_int_t ngx_tavus_memory_withdraw(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_MEMORY_H_INCLUDED_ */
