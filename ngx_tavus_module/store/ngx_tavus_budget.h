
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_BUDGET_H_INCLUDED_
#define _NGX_TAVUS_BUDGET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "event/ngx_tavus_directive.h"


/*
 * What conversations may cost, over all nodes.  PostgreSQL judges by it,
 * tavus.record_wishes(); a limit of 0 is none.
 */

typedef struct {
    ngx_uint_t                 active;      /* at once */
    ngx_uint_t                 day;         /* begun in a day of UTC */
    ngx_uint_t                 minutes;     /* of all of a day */
    ngx_uint_t                 visitor_day; /* of one visitor */
    ngx_uint_t                 line;        /* visitors that may wait */

    ngx_str_t                  json;        /* of all; empty: no budget */
    ngx_tavus_place_t          place;
} ngx_tavus_budget_t;


/* directive: tavus_budget limit=number … */
extern ngx_module_t  ngx_tavus_budget_module;


#endif /* _NGX_TAVUS_BUDGET_H_INCLUDED_ */
