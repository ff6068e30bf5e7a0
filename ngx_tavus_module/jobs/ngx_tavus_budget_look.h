
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_BUDGET_LOOK_H_INCLUDED_
#define _NGX_TAVUS_BUDGET_LOOK_H_INCLUDED_


#include "event/ngx_tavus_pg.h"
#include "store/ngx_tavus_budget.h"


/*
 * Asks each ten seconds what is used of the budget, tavus.budget_state(),
 * for the metrics.  An operation of upkeep; without a budget it is never due.
 */

void ngx_tavus_budget_look_init_process(ngx_tavus_budget_t *budget);

ngx_msec_t ngx_tavus_budget_look_wait(void);
const ngx_tavus_pg_stmt_t *ngx_tavus_budget_look_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_budget_look_done(ngx_int_t rc, PGresult *res);


#endif /* _NGX_TAVUS_BUDGET_LOOK_H_INCLUDED_ */
