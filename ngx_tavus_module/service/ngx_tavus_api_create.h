
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_API_CREATE_H_INCLUDED_
#define _NGX_TAVUS_API_CREATE_H_INCLUDED_


/*
 * POST /v2/conversations: what Tavus is asked for, and what it answers
 * (https://docs.tavus.io/api-reference/conversations/create-conversation).
 */

#include "service/ngx_tavus_api.h"
#include "core/tavus_json.h"
#include "core/tavus_language.h"


/* texts have a NUL behind them; one that is empty is not sent */

typedef struct {
    ngx_str_t                 name;         /* by which it is found again */
    ngx_str_t                 callback;     /* URL */
    ngx_str_t                 persona_id;
    ngx_str_t                 replica_id;
    ngx_str_t                 greeting;
    ngx_str_t                 context;
    ngx_str_t                 retrieval_strategy;
    cJSON                    *document_tags;    /* lists of the caller's */
    cJSON                    *memory_stores;
    const tavus_language_t   *language;     /* NULL: the persona's own */
    ngx_flag_t                captions;     /* NGX_CONF_UNSET: not said */
    ngx_flag_t                audio_only;
    ngx_flag_t                require_auth;
    ngx_int_t                 max_call_duration;            /* seconds */
    ngx_int_t                 participant_absent_timeout;
    ngx_int_t                 participant_left_timeout;
} ngx_tavus_api_wish_t;


/* what was made; texts have a NUL behind them, empty: not said */

typedef struct {
    ngx_str_t                 id;
    ngx_str_t                 url;
    ngx_str_t                 status;
    ngx_str_t                 persona_id;
    ngx_str_t                 replica_id;
    ngx_str_t                 meeting_token;    /* a secret of the visitor's */
} ngx_tavus_api_made_t;


/* The body of the request, in pool, with the names that Tavus is to get. */
ngx_int_t ngx_tavus_api_create_body(ngx_tavus_api_t *api,
    const ngx_tavus_api_wish_t *wish, ngx_pool_t *pool, ngx_str_t *body);

/*
 * Reads the answer to a create into pool.  Rooms without TLS are taken if
 * plain; with require_auth a token is read, and must be there.  NGX_ERROR: a
 * visitor cannot be given this; its id is there even then if it is known.
 */
ngx_int_t ngx_tavus_api_create_answer(ngx_str_t *answer, ngx_uint_t plain,
    ngx_uint_t require_auth, ngx_pool_t *pool, ngx_tavus_api_made_t *made);


#endif /* _NGX_TAVUS_API_CREATE_H_INCLUDED_ */
