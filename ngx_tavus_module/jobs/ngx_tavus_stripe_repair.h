
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_STRIPE_REPAIR_H_INCLUDED_
#define _NGX_TAVUS_STRIPE_REPAIR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "event/ngx_tavus_pg.h"
#include "service/ngx_tavus_stripe.h"


/*
 * Events that Stripe could not deliver: listed page by page, by one of all
 * nodes at a time, as tavus.stripe_repair() says, and stored as those of
 * webhooks are.  An operation of upkeep.
 */

typedef struct {
    time_t   period;        /* seconds; 0: off */
} ngx_tavus_stripe_repair_conf_t;


/* NULL: there is no key to ask Stripe with, and nothing is asked. */
void ngx_tavus_stripe_repair_init_process(
    ngx_tavus_stripe_repair_conf_t *conf, ngx_tavus_stripe_t *stripe);

ngx_msec_t ngx_tavus_stripe_repair_wait(void);
const ngx_tavus_pg_stmt_t *
    ngx_tavus_stripe_repair_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_stripe_repair_done(ngx_int_t rc, PGresult *res);


/* directive: tavus_stripe_repair off | time */
extern ngx_module_t  ngx_tavus_stripe_repair_module;


#endif /* _NGX_TAVUS_STRIPE_REPAIR_H_INCLUDED_ */
