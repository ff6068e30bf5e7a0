
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_REPAIR_H_INCLUDED_
#define _NGX_TAVUS_REPAIR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "event/ngx_tavus_pg.h"
#include "service/ngx_tavus_api.h"


/*
 * Conversations of which something has not come: claimed from
 * tavus.claim_repairs() every five seconds, asked for at Tavus one after the
 * other, and their events stored as those of callbacks are.  What Tavus does
 * not know any more, or has ended without a word, is recorded as ended.  An
 * operation of upkeep.
 */

typedef struct {
    ngx_int_t   rate;       /* conversations an hour; 0: off */
} ngx_tavus_repair_conf_t;


/* NULL: there is no key to ask Tavus with, and nothing is claimed. */
void ngx_tavus_repair_init_process(ngx_tavus_repair_conf_t *conf,
    ngx_tavus_api_t *api);

ngx_msec_t ngx_tavus_repair_wait(void);
const ngx_tavus_pg_stmt_t *ngx_tavus_repair_next(ngx_tavus_pg_op_t *op);
void ngx_tavus_repair_done(ngx_int_t rc, PGresult *res);


/* directive: tavus_repair off | rate=number(r/s | r/m | r/h) */
extern ngx_module_t  ngx_tavus_repair_module;


#endif /* _NGX_TAVUS_REPAIR_H_INCLUDED_ */
