
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_LIMITS_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_LIMITS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * GET and DELETE limits: what a client's buckets hold on this node, and how
 * they are filled again; NGX_DECLINED if the path is another.
 */
ngx_int_t ngx_tavus_admin_limits(ngx_http_request_t *r, ngx_str_t *path);


#endif /* _NGX_TAVUS_ADMIN_LIMITS_H_INCLUDED_ */
