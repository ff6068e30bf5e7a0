
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_MONTHS_H_INCLUDED_
#define _NGX_TAVUS_MONTHS_H_INCLUDED_


#include "event/ngx_tavus_pg.h"


/*
 * The months of events that are to come have tables: tavus.make_months(),
 * once an hour, and at once where one is missing.  An operation of upkeep.
 */

ngx_msec_t ngx_tavus_months_wait(void);
const ngx_tavus_pg_stmt_t *ngx_tavus_months_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_months_done(ngx_int_t rc, PGresult *res);

/* One is missing: they are made now, but no more often than it can help. */
void ngx_tavus_months_soon(void);

/* Whether ngx_tavus_months_soon() asked for what is not done yet. */
ngx_uint_t ngx_tavus_months_wanted(void);

/* When they were made last (0: never), and whether it has failed since. */
time_t ngx_tavus_months_made(ngx_uint_t *failed);


#endif /* _NGX_TAVUS_MONTHS_H_INCLUDED_ */
