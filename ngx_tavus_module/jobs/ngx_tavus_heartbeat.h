
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_HEARTBEAT_H_INCLUDED_
#define _NGX_TAVUS_HEARTBEAT_H_INCLUDED_


#include "event/ngx_tavus_pg.h"


/*
 * This node tells the others that it lives, and what its journal holds, and
 * hears of those that are silent: tavus.heartbeat(), every five seconds.  An
 * operation of upkeep.
 */

ngx_msec_t ngx_tavus_heartbeat_wait(void);
const ngx_tavus_pg_stmt_t *ngx_tavus_heartbeat_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_heartbeat_done(ngx_int_t rc, PGresult *res);

/*
 * Whether the last one came to nothing.  Others may then take this node for
 * gone, and this one them: nobody should judge.
 */
ngx_uint_t ngx_tavus_heartbeat_failed(void);


#endif /* _NGX_TAVUS_HEARTBEAT_H_INCLUDED_ */
