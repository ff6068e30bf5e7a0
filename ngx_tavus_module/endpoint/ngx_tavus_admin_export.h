
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_EXPORT_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_EXPORT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * The export of the admin API: all events of a filter, page by page, each
 * asked for when the one before has left for the client.  path is what
 * follows the location; NGX_DECLINED if it is not that of the export, else
 * what the content handler returns.
 */
ngx_int_t ngx_tavus_admin_export(ngx_http_request_t *r, ngx_str_t *path);


#endif /* _NGX_TAVUS_ADMIN_EXPORT_H_INCLUDED_ */
