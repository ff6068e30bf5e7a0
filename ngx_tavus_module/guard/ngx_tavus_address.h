
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADDRESS_H_INCLUDED_
#define _NGX_TAVUS_ADDRESS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* The client's address as $binary_remote_addr keys count it: /32, /64. */
void ngx_tavus_address_key(ngx_http_request_t *r, ngx_uint_t v4,
    ngx_uint_t v6, u_char key[16], ngx_str_t *out);

/*
 * The same of an address as it is written, or of "unix:".  NGX_DECLINED if
 * it is none, NGX_ERROR if there is no memory.
 */
ngx_int_t ngx_tavus_address_text(ngx_pool_t *pool, ngx_str_t *text,
    ngx_uint_t v4, ngx_uint_t v6, u_char key[16], ngx_str_t *out);


#endif /* _NGX_TAVUS_ADDRESS_H_INCLUDED_ */
