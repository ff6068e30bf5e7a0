
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_OPENAPI_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_OPENAPI_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * The description of the HTTP API, docs/openapi.yaml as JSON.  path is what
 * follows the location; NGX_DECLINED if it is another, else what the content
 * handler returns.
 */
ngx_int_t ngx_tavus_admin_openapi(ngx_http_request_t *r, ngx_str_t *path);


#endif /* _NGX_TAVUS_ADMIN_OPENAPI_H_INCLUDED_ */
