
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CONVERSATION_H_INCLUDED_
#define _NGX_TAVUS_CONVERSATION_H_INCLUDED_


#include "endpoint/ngx_tavus_conversation_conf.h"
#include "http/ngx_tavus_wait.h"
#include "jobs/ngx_tavus_call.h"
#include "core/tavus_json.h"
#include "core/tavus_signature.h"


#define NGX_TAVUS_CONVERSATION_BODY  16384      /* bytes of a request */


/* what is known of a create beside the call; in the memory of the call */

typedef struct {
    ngx_tavus_wait_t          wait;         /* the visitor's request */
    ngx_tavus_call_t         *call;
    ngx_tavus_main_conf_t    *mcf;
    ngx_tavus_vertical_t     *vertical;
    tavus_key_t              *key;
    ngx_str_t                 callback;
    const tavus_language_t   *language;     /* the visitor's, or vertical's */
    ngx_flag_t                captions;

    ngx_tavus_memory_t        memory;

    /* for the waiting line, where there is one; else empty */
    ngx_str_t                 asked;        /* JSON, as the browser sent it */
    ngx_str_t                 visitor;      /* id of the cookie that came */

    ngx_tavus_conversation_main_conf_t  *cmcf;
} ngx_tavus_create_t;


typedef struct {
    const char               *field;
    const char               *code;
    const char               *detail;
} ngx_tavus_fault_t;


/* The content handlers of tavus_conversation and tavus_conversation_end. */
ngx_int_t ngx_tavus_conversation_handler(ngx_http_request_t *r);
ngx_int_t ngx_tavus_conversation_end_handler(ngx_http_request_t *r);

/*
 * A call that is to be made for the request, in which it has no part yet:
 * neither does it wait, nor is it told.  NULL if no memory.
 */
ngx_tavus_create_t *ngx_tavus_create_make(ngx_http_request_t *r);

/* What Tavus is asked for, when all has been read; NGX_ERROR. */
ngx_int_t ngx_tavus_create_print(ngx_tavus_create_t *c);

/*
 * What the budget judges by: whose wish it is, how long it may last, and a
 * ticket for the line.  It reads the request; asked is what the browser sent.
 * NGX_ERROR.
 */
ngx_int_t ngx_tavus_create_wish(ngx_http_request_t *r, ngx_tavus_create_t *c,
    cJSON *asked);

/* Tells a request of a conversation that was made, one after another. */
ngx_int_t ngx_tavus_create_respond(ngx_http_request_t *r,
    ngx_tavus_create_t *c);

/* Tells a visitor that they are in the line, with a ticket: 202. */
ngx_int_t ngx_tavus_create_pending(ngx_http_request_t *r,
    ngx_tavus_create_t *c);

/* What a visitor in the line is told; ticket may be empty, wait -1: 202. */
ngx_int_t ngx_tavus_pending_send(ngx_http_request_t *r, ngx_str_t *ticket,
    ngx_uint_t position, ngx_int_t wait);

/* Until when the end token of a conversation that begins now is good. */
time_t ngx_tavus_create_expiry(ngx_tavus_vertical_t *v);

/* The cookie of a new visitor goes with the answer; NGX_ERROR. */
ngx_int_t ngx_tavus_create_cookie(ngx_http_request_t *r,
    ngx_tavus_create_t *c);

/*
 * Judges what the browser asks for and notes it in the call's intent and in
 * c->properties.  NGX_OK; NGX_DECLINED with a fault of the visitor's, for
 * ngx_tavus_create_fault() to answer; NGX_ERROR.
 */
ngx_int_t ngx_tavus_create_read(ngx_http_request_t *r,
    ngx_tavus_create_t *c, cJSON *root, ngx_tavus_fault_t *fault);
ngx_int_t ngx_tavus_create_fault(ngx_http_request_t *r,
    ngx_tavus_create_t *c, ngx_tavus_fault_t *fault);

/* Seconds after which nobody waits for what Tavus makes of a call. */
ngx_uint_t ngx_tavus_create_patience(ngx_http_request_t *r);

/* Notes in the context what the log tells of a call. */
void ngx_tavus_call_log(ngx_http_request_t *r, ngx_tavus_call_t *call);

/* Sends what the visitor is told of a call that did not work out. */
ngx_int_t ngx_tavus_call_send_problem(ngx_http_request_t *r,
    const ngx_tavus_call_answer_t *answer);


#endif /* _NGX_TAVUS_CONVERSATION_H_INCLUDED_ */
