
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_LOOKUP_H_INCLUDED_
#define _NGX_TAVUS_LOOKUP_H_INCLUDED_


#include "service/ngx_tavus_stripe.h"
#include "event/ngx_tavus_pg.h"


/*
 * Orders of which nobody knows what became: leased one at a time from
 * tavus.orders_look() and looked for among the sessions that Stripe created
 * about then.  Nothing is asked for again, so that none is made by looking.
 * A session that is found was never seen by its visitor: it is closed.  An
 * operation of upkeep.
 */

/* NULL: there is no key to ask Stripe with, and nothing is leased. */
void ngx_tavus_lookup_init_process(ngx_tavus_stripe_t *stripe);

ngx_msec_t ngx_tavus_lookup_wait(void);
const ngx_tavus_pg_stmt_t *ngx_tavus_lookup_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_lookup_done(ngx_int_t rc, PGresult *res);


#endif /* _NGX_TAVUS_LOOKUP_H_INCLUDED_ */
