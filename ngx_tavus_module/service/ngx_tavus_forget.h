
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_FORGET_H_INCLUDED_
#define _NGX_TAVUS_FORGET_H_INCLUDED_


/*
 * Tavus's own copies of what is erased here, as a destination that no
 * configuration names: its rows stand in tavus.deliveries (sql/erase.sql).  A
 * conversation is deleted there with all that belongs to it, and one that may
 * run is ended before.
 */

#include "service/ngx_tavus_api.h"
#include "service/ngx_tavus_destination.h"


/* NULL: no memory. */
ngx_tavus_destination_t *ngx_tavus_forget_destination(ngx_conf_t *cf,
    ngx_tavus_api_t *api);


#endif /* _NGX_TAVUS_FORGET_H_INCLUDED_ */
