
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_SWEEP_H_INCLUDED_
#define _NGX_TAVUS_SWEEP_H_INCLUDED_


#include "event/ngx_tavus_pg.h"
#include "service/ngx_tavus_api.h"


/*
 * Conversations that may run at Tavus though nobody knows them or wants them
 * any more: claimed from tavus.claim_unsettled() every five seconds, found
 * by their name, ended, and recorded as ended.  What fails is claimed again
 * when its lease is over.  An operation of upkeep.
 */

/* NULL: there is no key to ask Tavus with, and nothing is claimed. */
void ngx_tavus_sweep_init_process(ngx_tavus_api_t *api);

ngx_msec_t ngx_tavus_sweep_wait(void);
const ngx_tavus_pg_stmt_t *ngx_tavus_sweep_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_sweep_done(ngx_int_t rc, PGresult *res);


#endif /* _NGX_TAVUS_SWEEP_H_INCLUDED_ */
