
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_TRAIL_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_TRAIL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "store/ngx_tavus_trail.h"


/*
 * The trail of the admin API: what is asked is told of before it is done.  A
 * change in the database is told of in its transaction, which is
 * ngx_tavus_admin_change_make()'s; what else changes something, and looks at
 * what is personal, come here.
 */

/* Finalizes the request, or sees to it that somebody does. */
typedef void (*ngx_tavus_admin_trail_pt)(ngx_http_request_t *r, void *data);

typedef struct {
    ngx_tavus_admin_trail_pt    handler;    /* it is told of */
    void                      (*gone)(void *data);      /* it will not be */
    void                       *data;
} ngx_tavus_admin_trail_t;


/* Who asks for r, and from where, in r's memory. */
ngx_int_t ngx_tavus_admin_trail_who(ngx_http_request_t *r,
    ngx_tavus_trail_t *trail);

/*
 * Tells that somebody looks at what is personal: the route, and object, its
 * ids and filters, which is freed; NULL: none.  No filter that is personal
 * itself belongs into it.  The same user, address, route and object within
 * five minutes are one event, which has the id of their beginning, on all
 * nodes.
 *
 * NGX_OK: it is told of already, and nothing is called.  NGX_AGAIN: one of
 * the two will be called, and r is finalized if it is not the first; the
 * caller has not begun anything, and returns NGX_DONE with r->main->count
 * raised.  NGX_ERROR: it cannot be told of, so there is no look.
 */
ngx_int_t ngx_tavus_admin_trail_look(ngx_http_request_t *r,
    const char *route, cJSON *object, ngx_tavus_admin_trail_t *trail);

/*
 * Tells that somebody is about to change what is not the database's own;
 * data begins with ngx_tavus_trail_data(), and is freed.  As above, from a
 * body handler: NGX_AGAIN or NGX_ERROR.
 */
ngx_int_t ngx_tavus_admin_trail_ask(ngx_http_request_t *r, const char *type,
    cJSON *data, ngx_tavus_admin_trail_t *trail);

/* The 503 of what cannot be told of. */
ngx_int_t ngx_tavus_admin_trail_unavailable(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_ADMIN_TRAIL_H_INCLUDED_ */
