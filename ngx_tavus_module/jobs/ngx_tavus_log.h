
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_LOG_H_INCLUDED_
#define _NGX_TAVUS_LOG_H_INCLUDED_


#include "event/ngx_tavus_pg.h"


/*
 * Every ten seconds the database is asked how far the log is behind: who
 * holds it up, and how far those are who read on in it.  Metrics have it, and
 * the error log, where it is held up for over a minute.  An operation of
 * upkeep.
 */

ngx_msec_t ngx_tavus_log_wait(void);
const ngx_tavus_pg_stmt_t *ngx_tavus_log_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_log_done(ngx_int_t rc, PGresult *res);


#endif /* _NGX_TAVUS_LOG_H_INCLUDED_ */
