
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_LEADS_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_LEADS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * A lead of the admin API, which somebody has seen to, or has not.  path is
 * what follows the location; NGX_DECLINED if it is none of theirs (the list
 * is a route of ngx_tavus_admin.c), else what the content handler returns.
 */
ngx_int_t ngx_tavus_admin_lead(ngx_http_request_t *r, ngx_str_t *path);


#endif /* _NGX_TAVUS_ADMIN_LEADS_H_INCLUDED_ */
