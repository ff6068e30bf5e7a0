
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CONVERSATION_H_INCLUDED_
#define _NGX_TAVUS_CONVERSATION_H_INCLUDED_


#include "endpoint/ngx_tavus_conversation_conf.h"
#include "http/ngx_tavus_wait.h"
#include "service/ngx_tavus_api.h"
#include "core/tavus_json.h"
#include "core/tavus_signature.h"


/*
 * A create or an end outlives the visitor who asked for it: what costs money
 * at Tavus is brought to an end and recorded all the same.
 */

typedef struct {
    ngx_pool_t               *pool;
    ngx_tavus_wait_t          wait;         /* the visitor's request */
    ngx_tavus_main_conf_t    *mcf;
    ngx_tavus_api_t          *api;
    ngx_tavus_conversation_main_conf_t  *cmcf;
    ngx_tavus_vertical_t     *vertical;
    tavus_key_t              *key;
    ngx_str_t                 callback;
    ngx_str_t                 request_id;

    uint8_t                   nonce[TAVUS_NONCE_LEN];
    char                      nonce_hex[2 * TAVUS_NONCE_LEN + 1];
    cJSON                    *intent;       /* what the events will say */
    cJSON                    *properties;   /* what the browser may choose */

    ngx_str_t                 visitor;
    ngx_str_t                 cookie;       /* to set; empty: is there */

    ngx_str_t                 conversation_id;
    ngx_str_t                 conversation_url;
    ngx_str_t                 status;
    const char               *end_reason;

    ngx_uint_t                patience;     /* seconds for a create */
    ngx_msec_t                start;
    time_t                    began;
    time_t                    expiry;       /* of the end token */
    unsigned                  visitor_ends:1;
} ngx_tavus_job_t;


/* of a conversation at Tavus */
#define NGX_TAVUS_MAX_ID  64


typedef struct {
    const char               *field;
    const char               *code;
    const char               *detail;
} ngx_tavus_fault_t;


/* The content handlers of tavus_conversation and tavus_conversation_end. */
ngx_int_t ngx_tavus_conversation_handler(ngx_http_request_t *r);
ngx_int_t ngx_tavus_conversation_end_handler(ngx_http_request_t *r);

/*
 * Judges what the browser asks for and notes it in job->intent and
 * job->properties.  NGX_OK; NGX_DECLINED with a fault of the visitor's, for
 * ngx_tavus_create_fault() to answer; NGX_ERROR.
 */
ngx_int_t ngx_tavus_create_read(ngx_http_request_t *r, ngx_tavus_job_t *job,
    cJSON *root, ngx_tavus_fault_t *fault);
ngx_int_t ngx_tavus_create_fault(ngx_http_request_t *r,
    ngx_tavus_job_t *job, ngx_tavus_fault_t *fault);

/*
 * An end token: "<key id>.<nonce>.<expiry>.<mac>", bound to the conversation;
 * valid for as long as that may last, and an hour.
 */

#define NGX_TAVUS_END_TOKEN                                                  \
    (2 * TAVUS_NONCE_LEN + 1 + NGX_TIME_T_LEN + 1 + TAVUS_TICKET_MAX)

typedef struct {
    uint8_t                   nonce[TAVUS_NONCE_LEN];
    time_t                    expiry;
} ngx_tavus_end_token_t;

/* Writes it with a NUL behind it; NGX_ERROR. */
ngx_int_t ngx_tavus_end_token(ngx_tavus_job_t *job,
    u_char token[NGX_TAVUS_END_TOKEN + 1]);

/*
 * Whether the strings are a conversation's id and its end token: NGX_OK, or
 * NGX_DECLINED, which is logged.
 */
ngx_int_t ngx_tavus_end_verify(ngx_http_request_t *r, cJSON *id,
    cJSON *token, ngx_tavus_end_token_t *parsed);

/* Seconds after which nobody waits for what Tavus makes of a job. */
ngx_uint_t ngx_tavus_job_patience(ngx_http_request_t *r);

/* A string of at most max bytes, copied into job->pool with a NUL. */
ngx_int_t ngx_tavus_job_string(ngx_tavus_job_t *job, cJSON *item, size_t max,
    ngx_str_t *s);


#endif /* _NGX_TAVUS_CONVERSATION_H_INCLUDED_ */
