
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_REQUEST_H_INCLUDED_
#define _NGX_TAVUS_REQUEST_H_INCLUDED_


#include "http/ngx_tavus_wait.h"
#include "core/tavus_json.h"


/*
 * Answers 405 with Allow unless the method is one of those in the mask
 * (NGX_HTTP_POST, …).  NGX_OK, or what the content handler returns.
 */
ngx_int_t ngx_tavus_allow(ngx_http_request_t *r, ngx_uint_t methods,
    const char *allow);

/*
 * Answers 415 unless the body is application/json, whatever its parameters.
 * NGX_OK, or what the content handler returns.
 */
ngx_int_t ngx_tavus_allow_json(ngx_http_request_t *r);

/*
 * Reads the request body whole, from memory, many buffers or a temporary
 * file, into one run of bytes in r->pool, then calls handler, which ends the
 * request with ngx_tavus_finalize() or keeps it waiting.  A body over max is
 * answered 413 with the code body_too_large.  Returns what the content
 * handler returns.  While the request waits, a client that goes away
 * terminates it, and who holds it is told: see ngx_tavus_attach().
 */
ngx_int_t ngx_tavus_read_body(ngx_http_request_t *r, size_t max,
    ngx_tavus_body_pt handler);

/*
 * Parses a body that is to be a JSON object; the caller deletes it.  NULL if
 * it is none: the request has then been answered, with what is wrong and at
 * which byte, and finalized.
 */
cJSON *ngx_tavus_parse_object(ngx_http_request_t *r, ngx_str_t *body);

/*
 * What a visitor says of being counted, in the member "consent" of a request:
 * NGX_OK and "granted" or "denied" in *word, which is static, or NULL if the
 * member is not there (item is NULL); NGX_DECLINED if it is anything else.
 */
ngx_int_t ngx_tavus_consent(cJSON *item, const char **word);


#endif /* _NGX_TAVUS_REQUEST_H_INCLUDED_ */
