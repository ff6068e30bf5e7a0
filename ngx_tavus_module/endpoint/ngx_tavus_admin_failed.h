
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_FAILED_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_FAILED_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "event/ngx_tavus_pg.h"


/*
 * Sends the problem of a query that was not answered with rows: rc and res as
 * its handler got them, or NGX_BUSY and NULL.  Returns what the content
 * handler returns.
 */
ngx_int_t ngx_tavus_admin_failed(ngx_http_request_t *r, ngx_int_t rc,
    PGresult *res);


#endif /* _NGX_TAVUS_ADMIN_FAILED_H_INCLUDED_ */
