
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_CHANGE_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_CHANGE_H_INCLUDED_


#include "http/ngx_tavus_wait.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_json.h"


/* A change in the database; it outlives who asks for it. */

typedef struct {
    ngx_pool_t          *pool;
    ngx_tavus_pg_op_t    op;        /* the values are the caller's to set */
    ngx_uint_t           hard;      /* what is stored may be refused: 409 */

    /* of ngx_tavus_admin_change.c */
    ngx_tavus_wait_t     wait;
} ngx_tavus_admin_change_t;


/*
 * Lets a change through that comes from a page of our own and is JSON, reads
 * its body of at most max bytes, and calls the handler, which finds state in
 * the context.  Returns what the content handler returns.
 */
ngx_int_t ngx_tavus_admin_change(ngx_http_request_t *r, void *state,
    size_t max, ngx_tavus_body_pt handler);

/* NULL: no memory. */
ngx_tavus_admin_change_t *ngx_tavus_admin_change_create(void);

/* A copy of a text, for a value; NULL: no memory. */
char *ngx_tavus_admin_change_text(ngx_tavus_admin_change_t *change,
    ngx_str_t *text);

/*
 * Makes it and answers with the JSON that the statement returns, 404 if it
 * returns NULL, 503 if it cannot be made; finalizes the request.
 *
 * The statement is a call of tavus.trail_changed() around that of the change,
 * so that the event that tells of it, of the type given ("admin.*"), is of the
 * same transaction; its last value is made here.  object is what was changed,
 * ids and words alone, and is freed.
 */
void ngx_tavus_admin_change_make(ngx_http_request_t *r,
    ngx_tavus_admin_change_t *change, ngx_uint_t stmt, const char *type,
    cJSON *object);


#endif /* _NGX_TAVUS_ADMIN_CHANGE_H_INCLUDED_ */
