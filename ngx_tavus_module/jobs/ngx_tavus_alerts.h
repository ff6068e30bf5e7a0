
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ALERTS_H_INCLUDED_
#define _NGX_TAVUS_ALERTS_H_INCLUDED_


#include "event/ngx_tavus_pg.h"


/*
 * Has the database look what needs the owner's hand, tavus.alerts_look(),
 * every two seconds; it looks as often as it says itself, for whichever node
 * asks then, and tells each what is open.  An operation of upkeep.
 */

ngx_msec_t ngx_tavus_alerts_wait(void);
const ngx_tavus_pg_stmt_t *ngx_tavus_alerts_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_alerts_done(ngx_int_t rc, PGresult *res);


#endif /* _NGX_TAVUS_ALERTS_H_INCLUDED_ */
