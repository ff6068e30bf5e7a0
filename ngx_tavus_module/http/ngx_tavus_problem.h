
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_PROBLEM_H_INCLUDED_
#define _NGX_TAVUS_PROBLEM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/tavus_json.h"


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

/* The same with a "reason", a static word; NULL: none. */
ngx_int_t ngx_tavus_reject_with(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, ngx_uint_t retry_after, const char *detail,
    const char *reason);

/* The content handler of tavus_problem, for error_page. */
ngx_int_t ngx_tavus_problem_handler(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_PROBLEM_H_INCLUDED_ */
