
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_RESPONSE_H_INCLUDED_
#define _NGX_TAVUS_RESPONSE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/tavus_json.h"


/*
 * Sends a response whose body is in memory of r->pool; type is its media
 * type.  Returns what ngx_http_output_filter() did; finalize with it.
 */
ngx_int_t ngx_tavus_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *body);

/* The same for a body in pieces: len bytes, its last buffer not yet marked. */
ngx_int_t ngx_tavus_send_chain(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_chain_t *out, off_t len);

/* The same for JSON: printed into r->pool; the tree stays the caller's. */
ngx_int_t ngx_tavus_send_json(ngx_http_request_t *r, ngx_uint_t status,
    cJSON *json);


#endif /* _NGX_TAVUS_RESPONSE_H_INCLUDED_ */
