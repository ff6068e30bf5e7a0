
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CTX_H_INCLUDED_
#define _NGX_TAVUS_CTX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#define NGX_TAVUS_MAX_LIMITS  8


/* what a problem body will say beyond its status */

typedef struct {
    ngx_uint_t                      status;
    const char                     *code;       /* stable snake_case */
    ngx_str_t                       detail;
    ngx_uint_t                      retry_after;    /* seconds, 0: none */
    const char                     *reason;     /* NULL: none */
} ngx_tavus_problem_t;


/*
 * The module's context of a request.  A main request's survives internal
 * redirects (error_page, try_files): a pool cleanup holds it.
 */

typedef struct {
    ngx_str_t                       token;      /* taken out of the URL */

    ngx_str_t                       origin;     /* allowed Origin to echo */

    /* of guard/ngx_tavus_limit.c */
    struct ngx_tavus_limit_zone_s  *charged[NGX_TAVUS_MAX_LIMITS];
    ngx_uint_t                      ncharged;
    struct ngx_tavus_limit_zone_s  *limit_zone;     /* the tightest one */
    ngx_uint_t                      limit_status;
    ngx_uint_t                      limit_remaining;
    ngx_uint_t                      limit_reset;    /* seconds */
    ngx_uint_t                      limit_retry;    /* seconds */

    /* of a guard that judges a body of unknown length when it is read */
    ngx_int_t                     (*judge_body)(ngx_http_request_t *r,
                                                size_t len);

    /* of endpoint/ngx_tavus_admin_hide.c */
    ngx_str_t                       args;       /* as they were sent */
    ngx_str_t                       hidden;     /* as r->args has them */

    ngx_tavus_problem_t             problem;

    ngx_str_t                       user;       /* in UTF-8 */
    ngx_str_t                       event_type;
    ngx_str_t                       conversation_id;
    ngx_str_t                       verify;
    ngx_str_t                       key_id;
    ngx_str_t                       store;
    ngx_msec_int_t                  store_time;     /* ms, -1: none */
    ngx_msec_int_t                  upstream_time;

    ngx_uint_t                      endpoint;   /* its row and one, 0: none */

    void                           *state;      /* the handler's own */
    void                           *body;       /* of ngx_tavus_request.c */
    void                           *auth;       /* of ngx_tavus_auth.c */
    void                           *stream;     /* of ngx_tavus_stream.c */

    unsigned                        guarded:1;
    unsigned                        streamed:1; /* in pieces, however long */
    unsigned                        cors:1;     /* origins are judged */
    unsigned                        hides:1;    /* parts of it from logs */
    unsigned                        hides_path:1;
    unsigned                        hides_limits:1;
} ngx_tavus_ctx_t;


/*
 * The context of r, made on first use; NULL if no memory.  A subrequest has
 * one of its own, which begins with the token of the main request.
 */
ngx_tavus_ctx_t *ngx_tavus_get_ctx(ngx_http_request_t *r);

/* The context of r, or of its main request; NULL if there is neither. */
ngx_tavus_ctx_t *ngx_tavus_find_ctx(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_CTX_H_INCLUDED_ */
