
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_ERASE_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_ERASE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * What is to be erased by the admin API: a visitor, or a conversation.  path
 * is what follows the location; NGX_DECLINED if it is none of theirs, or to be
 * read (a route of ngx_tavus_admin.c), else what the content handler returns.
 * A visitor's key stands in no line of a log after this.
 */
ngx_int_t ngx_tavus_admin_erase(ngx_http_request_t *r, ngx_str_t *path);


#endif /* _NGX_TAVUS_ADMIN_ERASE_H_INCLUDED_ */
