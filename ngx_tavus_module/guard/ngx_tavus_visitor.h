
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_VISITOR_H_INCLUDED_
#define _NGX_TAVUS_VISITOR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * A visitor is known by a cookie, "<id>.<key id>.<mac>" (RFC 6265): a random
 * id, signed by the first key of the location.  Over https its name is one
 * that no other host, path or unencrypted page can set.
 */

#define NGX_TAVUS_VISITOR_LEN  32       /* hex digits of an id */


/*
 * The id of the visitor whose cookie came with the request, in its memory.
 * NGX_DECLINED if none did that counts.
 */
ngx_int_t ngx_tavus_visitor_known(ngx_http_request_t *r, ngx_str_t *id);

/*
 * A new visitor, in pool: the id, and the Set-Cookie with which it is told.
 * NGX_ERROR.
 */
ngx_int_t ngx_tavus_visitor_new(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *id, ngx_str_t *cookie);

/*
 * The Set-Cookie that takes away what came with the request, in pool; empty
 * if nothing did.  NGX_ERROR.
 */
ngx_int_t ngx_tavus_visitor_forget(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *cookie);


#endif /* _NGX_TAVUS_VISITOR_H_INCLUDED_ */
