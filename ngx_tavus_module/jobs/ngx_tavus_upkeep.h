
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_UPKEEP_H_INCLUDED_
#define _NGX_TAVUS_UPKEEP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "jobs/ngx_tavus_retention.h"
#include "event/ngx_tavus_pg.h"


/*
 * What the database wants done from time to time, by the first worker over
 * a connection of its own: a table of operations, each of which says when it
 * is due, what is asked, and takes the answer.
 */

typedef struct {
    ngx_tavus_pg_conf_t  *database;
    ngx_tavus_retention_t retention;
} ngx_tavus_upkeep_conf_t;


typedef struct {
    time_t                last;         /* when months were made; 0 */
    ngx_uint_t            failed;       /* not since */
    ngx_str_t            *error;        /* of the connection, or NULL */
} ngx_tavus_upkeep_stats_t;


ngx_int_t ngx_tavus_upkeep_init_process(ngx_tavus_upkeep_conf_t *conf);
void ngx_tavus_upkeep_exit_process(void);

/* A month has no partition: they are made now, in any worker. */
void ngx_tavus_upkeep_soon(void);

/*
 * A query of another job over the same connection, which is behind those of
 * upkeep; see ngx_tavus_pg_query().  NGX_DECLINED if there is none now.
 */
ngx_int_t ngx_tavus_upkeep_query(ngx_tavus_pg_op_t *op);

void ngx_tavus_upkeep_stats(ngx_tavus_upkeep_stats_t *stats);


/* directive: tavus_retention [events=]time [kind=time …] */
extern ngx_module_t  ngx_tavus_upkeep_module;


#endif /* _NGX_TAVUS_UPKEEP_H_INCLUDED_ */
