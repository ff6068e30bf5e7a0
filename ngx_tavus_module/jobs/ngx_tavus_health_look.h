
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_HEALTH_LOOK_H_INCLUDED_
#define _NGX_TAVUS_HEALTH_LOOK_H_INCLUDED_


#include "event/ngx_tavus_pg.h"


/*
 * Asks each ten seconds how the database is, tavus.health(), for the
 * metrics.  An operation of upkeep.
 */

ngx_msec_t ngx_tavus_health_look_wait(void);
const ngx_tavus_pg_stmt_t *ngx_tavus_health_look_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_health_look_done(ngx_int_t rc, PGresult *res);


#endif /* _NGX_TAVUS_HEALTH_LOOK_H_INCLUDED_ */
