
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CLEAN_H_INCLUDED_
#define _NGX_TAVUS_CLEAN_H_INCLUDED_


#include "jobs/ngx_tavus_retention.h"
#include "event/ngx_tavus_pg.h"


/*
 * What has grown old in the database is cleaned away step by step, each in
 * bites that are queries of their own, once an hour, and again in a minute
 * where a step failed.  Upkeep sends them over its connection.
 */

#define NGX_TAVUS_CLEAN_STEPS  20


void ngx_tavus_clean_init_process(ngx_tavus_retention_t *retention);

/* Milliseconds until the next bite; 0: now. */
ngx_msec_t ngx_tavus_clean_wait(void);

/* The next bite: its statement, and its values in the op. */
const ngx_tavus_pg_stmt_t *ngx_tavus_clean_next(ngx_tavus_pg_op_t *op);

/* Takes what came of it. */
void ngx_tavus_clean_done(ngx_int_t rc, PGresult *res);

/* Names of the steps that failed last time; how many. */
ngx_uint_t ngx_tavus_clean_failed(const char *names[NGX_TAVUS_CLEAN_STEPS]);


#endif /* _NGX_TAVUS_CLEAN_H_INCLUDED_ */
