
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_TICKET_H_INCLUDED_
#define _NGX_TAVUS_TICKET_H_INCLUDED_


/*
 * Who waits for a conversation holds a ticket: which place in the line is
 * theirs, and what was asked for, signed, and good for one address and one
 * visitor.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/tavus_json.h"
#include "core/tavus_line.h"


#define NGX_TAVUS_TICKET_LIFETIME  (4 * 3600)       /* seconds */


typedef struct {
    tavus_line_ticket_t   line;
    ngx_uint_t            old;      /* half its time is over, or its key */
} ngx_tavus_ticket_t;


/*
 * Makes a ticket for the sender of r, signed with the first key of the
 * location: visitor is the id in the cookie that came or goes with the
 * answer, or empty.  In pool; NGX_ERROR.
 */
ngx_int_t ngx_tavus_ticket_make(ngx_http_request_t *r, ngx_pool_t *pool,
    const uint8_t id[TAVUS_UUID_LEN], ngx_str_t *visitor, ngx_str_t *wish,
    ngx_str_t *ticket);

/*
 * Reads a ticket that the sender of r shows, by any key of the location:
 * NGX_OK, and the wish is in r->pool.  Else it is logged, and the status to
 * answer with: 401 if it is none of ours, 403 if it is somebody else's, 410
 * if it is too old.
 */
ngx_int_t ngx_tavus_ticket_read(ngx_http_request_t *r, const char *text,
    ngx_tavus_ticket_t *ticket);


#endif /* _NGX_TAVUS_TICKET_H_INCLUDED_ */
