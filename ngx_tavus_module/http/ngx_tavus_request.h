
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_REQUEST_H_INCLUDED_
#define _NGX_TAVUS_REQUEST_H_INCLUDED_


#include "ngx_tavus_module.h"


typedef void (*ngx_tavus_body_pt)(ngx_http_request_t *r, ngx_str_t *body);


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
 * terminates it: attach an ngx_http_cleanup_add() handler.
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

/*
 * Sends application/problem+json (RFC 9457).  code is a stable snake_case
 * word, detail a sentence for a person (never upstream text, SQL or paths),
 * retry_after seconds or 0.  Returns what the content handler returns.
 */
ngx_int_t ngx_tavus_send_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, ngx_uint_t retry_after, const char *detail);

/* The same with further members: extra is added and freed; may be NULL. */
ngx_int_t ngx_tavus_send_problem_with(ngx_http_request_t *r,
    ngx_uint_t status, const char *code, ngx_uint_t retry_after,
    const char *detail, cJSON *extra);

/*
 * For phase handlers: in an API location sends the problem and returns
 * NGX_DONE; elsewhere leaves it in the context and returns the status, so
 * that error_page applies.
 */
ngx_int_t ngx_tavus_reject(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, ngx_uint_t retry_after, const char *detail);

/*
 * Makes a request wait: nothing is written, and a connection or stream that
 * is reset terminates it; a FIN does not, as the client may still read.
 * ngx_tavus_read_body() has done so already.
 */
ngx_int_t ngx_tavus_wait(ngx_http_request_t *r);

/*
 * Finalizes a request from outside of its own event handlers, or from its
 * body handler.
 */
void ngx_tavus_finalize(ngx_http_request_t *r, ngx_int_t rc);

/*
 * Adds, or replaces, a response header; name is a literal, value must live
 * as long as the request.
 */
ngx_int_t ngx_tavus_set_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/* Adds a response header, whether or not there is one of that name. */
ngx_int_t ngx_tavus_add_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value);

/* A request header by its lower-case name; NULL if absent. */
ngx_table_elt_t *ngx_tavus_find_header(ngx_http_request_t *r,
    const char *lowcase, size_t len);

/* The value of $request_id. */
ngx_str_t *ngx_tavus_request_id(ngx_http_request_t *r);

/* The content handler of tavus_problem, for error_page. */
ngx_int_t ngx_tavus_problem_handler(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_REQUEST_H_INCLUDED_ */
