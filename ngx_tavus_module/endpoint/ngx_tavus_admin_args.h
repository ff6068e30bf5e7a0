
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_ARGS_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_ARGS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "event/ngx_tavus_pg.h"
#include "core/tavus_json.h"


/* The arguments of an admin route, as parameters of a statement. */

typedef enum {
    ngx_tavus_arg_text = 0,
    ngx_tavus_arg_time,
    ngx_tavus_arg_limit,
    ngx_tavus_arg_most,             /* the same, whose default is SQL's */
    ngx_tavus_arg_number,
    ngx_tavus_arg_uuid,
    ngx_tavus_arg_personal,         /* a text that the trail must not hold */
    ngx_tavus_arg_key,              /* nor this: but one is not another */

    /* not the client's to give: the last one of a route */
    ngx_tavus_arg_budget,

    /* one of ngx_tavus_admin_words */
    ngx_tavus_arg_type,
    ngx_tavus_arg_status,
    ngx_tavus_arg_sort,
    ngx_tavus_arg_delivery,
    ngx_tavus_arg_alert,
    ngx_tavus_arg_order,
    ngx_tavus_arg_boolean,
    ngx_tavus_arg_visitor,
    ngx_tavus_arg_format,
    ngx_tavus_arg_bucket,
    ngx_tavus_arg_dimension
} ngx_tavus_arg_e;


/* an argument of a route, in the order of its function's parameters */

typedef struct {
    const char              *name;
    size_t                   max;
    ngx_uint_t               kind;          /* ngx_tavus_arg_e */
} ngx_tavus_admin_arg_t;


/* which events: the same for their list, stream and export */

#define NGX_TAVUS_ADMIN_EVENTS_FILTER                                         \
        { "type", 16, ngx_tavus_arg_type },                                   \
        { "event_type", 200, ngx_tavus_arg_text },                            \
        { "source", 32, ngx_tavus_arg_text },                                 \
        { "conversation_id", 200, ngx_tavus_arg_text },                       \
        { "q", 200, ngx_tavus_arg_personal },                                 \
        { "from", 64, ngx_tavus_arg_time },                                   \
        { "to", 64, ngx_tavus_arg_time }

#define NGX_TAVUS_ADMIN_MAX_ARGS   12

/* microseconds from 1970 to PostgreSQL's epoch, 2000-01-01 */
#define NGX_TAVUS_ADMIN_EPOCH      946684800000000


/*
 * Reads the arguments of a request: args[from] to args[n - 1], n at most
 * NGX_TAVUS_ADMIN_MAX_ARGS, into the values of op with the same number, in
 * memory of pool: texts and words with a NUL, NULL if absent or empty, a time
 * as eight bytes in network order, microseconds since PostgreSQL's epoch.
 * What the trail may have of them is added to *object, which is made if it is
 * NULL; object is NULL if there is none.  NGX_OK; NGX_DECLINED if a problem
 * was sent, *sent is what came of it.
 */
ngx_int_t ngx_tavus_admin_args_read(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_tavus_admin_arg_t *args, ngx_uint_t from, ngx_uint_t n,
    ngx_tavus_pg_op_t *op, cJSON **object, ngx_int_t *sent);

/* One of them, which may be in a path: NGX_ERROR if it is not valid. */
ngx_int_t ngx_tavus_admin_args_value(ngx_pool_t *pool,
    ngx_tavus_admin_arg_t *arg, ngx_tavus_pg_op_t *op, ngx_uint_t n,
    const char *value, size_t len);

/* Adds to *object what the trail has of one. */
void ngx_tavus_admin_args_told(cJSON **object, ngx_tavus_admin_arg_t *arg,
    const char *value);

/* For each configuration, before the first one is told. */
ngx_int_t ngx_tavus_admin_args_init(void);


#endif /* _NGX_TAVUS_ADMIN_ARGS_H_INCLUDED_ */
