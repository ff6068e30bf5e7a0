
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ROLL_H_INCLUDED_
#define _NGX_TAVUS_ROLL_H_INCLUDED_


#include "service/ngx_tavus_stripe.h"
#include "event/ngx_tavus_pg.h"


/*
 * What the owner's lists are made of: readers of the log, each a function of
 * the database with a cursor of its own, which takes some events and merges
 * what it wants of them.  One after the other, each every second, and at
 * once where there was more.  An operation of upkeep.
 */

/* stripe: whose key tells which mode's orders are ours; NULL: there is none */
void ngx_tavus_roll_init_process(ngx_tavus_stripe_t *stripe);

ngx_msec_t ngx_tavus_roll_wait(void);
const ngx_tavus_pg_stmt_t *ngx_tavus_roll_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_roll_done(ngx_int_t rc, PGresult *res);


#endif /* _NGX_TAVUS_ROLL_H_INCLUDED_ */
