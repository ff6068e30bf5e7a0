
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_STREAM_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_STREAM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * The live tail of the admin API: events as they are stored, as server-sent
 * events (WHATWG HTML, 9.2).  path is what follows the location; NGX_DECLINED
 * if it is not its own, else what the content handler returns.
 */
ngx_int_t ngx_tavus_admin_stream(ngx_http_request_t *r, ngx_str_t *path);


#endif /* _NGX_TAVUS_ADMIN_STREAM_H_INCLUDED_ */
