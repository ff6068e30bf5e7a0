
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_PROVE_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_PROVE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * POST events/{id}/verify, POST quarantine/{id}/release and DELETE
 * quarantine/{id}; NGX_DECLINED if the path is none of these, or is read.
 */
ngx_int_t ngx_tavus_admin_prove(ngx_http_request_t *r, ngx_str_t *path);


#endif /* _NGX_TAVUS_ADMIN_PROVE_H_INCLUDED_ */
