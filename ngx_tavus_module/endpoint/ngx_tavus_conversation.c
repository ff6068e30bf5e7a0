
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_conversation.h"
#include "guard/ngx_tavus_end_token.h"
#include "guard/ngx_tavus_keys.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_variable.h"
#include "service/ngx_tavus_api_conf.h"


#define NGX_TAVUS_CALLBACK_GRACE  (7 * 24 * 3600)
#define NGX_TAVUS_END_GRACE       3600


static void ngx_tavus_create_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_tavus_create_t *ngx_tavus_create_begin(ngx_http_request_t *r);
static void ngx_tavus_create_gone(void *data, ngx_http_request_t *r);
static ngx_int_t ngx_tavus_create_callback(ngx_tavus_create_t *c,
    ngx_str_t *url);
static void ngx_tavus_create_told(ngx_tavus_call_t *call, const
    ngx_tavus_call_answer_t *answer);


ngx_int_t
ngx_tavus_conversation_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_tavus_allow(r, NGX_HTTP_POST, "POST");

    if (rc == NGX_OK) {
        rc = ngx_tavus_allow_json(r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_read_body(r, NGX_TAVUS_CONVERSATION_BODY,
                               ngx_tavus_create_body);
}


static void
ngx_tavus_create_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON               *root;
    ngx_int_t            rc;
    ngx_tavus_fault_t    fault;
    ngx_tavus_create_t  *c;

    root = ngx_tavus_parse_object(r, body);

    if (root == NULL) {
        return;
    }

    c = ngx_tavus_create_begin(r);

    if (c == NULL) {
        cJSON_Delete(root);
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_memzero(&fault, sizeof(ngx_tavus_fault_t));

    rc = ngx_tavus_create_read(r, c, root, &fault);

    if (rc == NGX_OK) {
        rc = ngx_tavus_create_wish(r, c, root);
    }

    cJSON_Delete(root);

    if (rc == NGX_DECLINED) {
        rc = ngx_tavus_create_fault(r, c, &fault);
        goto failed;
    }

    if (rc != NGX_OK || ngx_tavus_create_print(c) != NGX_OK) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto failed;
    }

    /*
     * Here alone a FIN counts as in nginx's proxy.  Browsers close both
     * halves at once, and a room costs money by the minute: better none for
     * a client that only stopped sending than one for a page that is closed.
     */

    r->read_event_handler = ngx_http_test_reading;

    if (ngx_tavus_call_start(c->call) == NGX_OK) {
        return;
    }

    rc = ngx_tavus_call_send_problem(r, &ngx_tavus_call_unrecorded);

failed:

    (void) ngx_tavus_detach(&c->wait);
    ngx_tavus_call_free(c->call);

    ngx_tavus_finalize(r, rc);
}


static ngx_tavus_create_t *
ngx_tavus_create_begin(ngx_http_request_t *r)
{
    ngx_tavus_create_t  *c;

    c = ngx_tavus_create_make(r);
    if (c == NULL) {
        return NULL;
    }

    if (ngx_tavus_attach(&c->wait, r, ngx_tavus_create_gone, c) != NGX_OK) {
        ngx_tavus_call_free(c->call);
        return NULL;
    }

    c->call->handler = ngx_tavus_create_told;
    c->call->data = c;
    c->call->log = r->connection->log;

    return c;
}


ngx_tavus_create_t *
ngx_tavus_create_make(ngx_http_request_t *r)
{
    ngx_tavus_call_t                   *call;
    ngx_tavus_create_t                 *c;
    ngx_tavus_main_conf_t              *mcf;
    ngx_tavus_api_main_conf_t          *amcf;
    ngx_tavus_keys_loc_conf_t          *klcf;
    ngx_tavus_conversation_loc_conf_t  *clcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);
    amcf = ngx_http_get_module_main_conf(r, ngx_tavus_api_module);
    klcf = ngx_http_get_module_loc_conf(r, ngx_tavus_keys_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_tavus_conversation_module);

    call = ngx_tavus_call_create(&amcf->api, ngx_tavus_request_id(r));
    if (call == NULL) {
        return NULL;
    }

    c = ngx_pcalloc(call->pool, sizeof(ngx_tavus_create_t));

    if (c == NULL) {
        ngx_tavus_call_free(call);
        return NULL;
    }

    c->call = call;
    c->mcf = mcf;
    c->cmcf = ngx_http_get_module_main_conf(r, ngx_tavus_conversation_module);
    c->key = klcf->keys->elts[0];
    c->callback = clcf->callback;
    c->captions = NGX_CONF_UNSET;

    call->sandbox = mcf->sandbox;
    call->patience = ngx_tavus_create_patience(r);

    return c;
}


static void
ngx_tavus_create_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_create_t *c = data;

    ngx_tavus_call_log(r, c->call);

    c->call->handler = NULL;
    c->call->log = ngx_cycle->log;
}


ngx_int_t
ngx_tavus_create_print(ngx_tavus_create_t *c)
{
    cJSON                 *intent;
    ngx_tavus_call_t      *call;
    ngx_tavus_vertical_t  *v;
    ngx_tavus_api_wish_t   wish;

    v = c->vertical;
    call = c->call;
    intent = call->intent;

    wish.name.data = ngx_tavus_api_name(call->pool, &v->name,
                                        call->nonce_hex);

    if (wish.name.data == NULL
        || ngx_tavus_create_callback(c, &wish.callback) != NGX_OK)
    {
        return NGX_ERROR;
    }

    wish.name.len = ngx_strlen(wish.name.data);
    wish.persona_id = v->persona_id;
    wish.replica_id = v->replica_id;
    wish.greeting = v->custom_greeting;
    wish.context = v->context;
    wish.retrieval_strategy = v->retrieval_strategy;
    wish.document_tags = cJSON_GetObjectItemCaseSensitive(intent,
                                                          "document_tags");
    wish.memory_stores = cJSON_GetObjectItemCaseSensitive(intent,
                                                          "memory_stores");
    wish.language = c->language;
    wish.captions = c->captions;
    wish.audio_only = v->audio_only;
    wish.require_auth = v->require_auth;
    wish.max_call_duration = v->max_call_duration;
    wish.participant_absent_timeout = v->participant_absent_timeout;
    wish.participant_left_timeout = v->participant_left_timeout;

    call->require_auth = v->require_auth;

    return ngx_tavus_api_create_body(call->api, &wish, call->pool,
                                     &call->body);
}


static ngx_int_t
ngx_tavus_create_callback(ngx_tavus_create_t *c, ngx_str_t *url)
{
    int         n;
    char        token[TAVUS_TOKEN_MAX];
    time_t      expiry;
    ngx_str_t  *origin;

    origin = &c->mcf->public_origin;
    expiry = ngx_time() + c->vertical->max_call_duration
             + NGX_TAVUS_CALLBACK_GRACE;

    n = tavus_token_make(c->key, c->call->nonce, expiry, token);

    url->data = ngx_pnalloc(c->call->pool, origin->len + c->callback.len
                                           + sizeof("?token=")
                                           + TAVUS_TOKEN_MAX);

    if (n < 0 || url->data == NULL) {
        return NGX_ERROR;
    }

    url->len = ngx_sprintf(url->data, "%V%V?token=%*s%Z", origin,
                           &c->callback, (size_t) n, token)
               - url->data - 1;

    return NGX_OK;
}


static void
ngx_tavus_create_told(ngx_tavus_call_t *call,
    const ngx_tavus_call_answer_t *answer)
{
    ngx_tavus_create_t *c = call->data;

    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&c->wait);

    ngx_tavus_call_log(r, call);

    if (answer == NULL) {
        rc = ngx_tavus_create_respond(r, c);

    } else if (answer == &ngx_tavus_call_waits) {
        rc = ngx_tavus_create_pending(r, c);

    } else {
        rc = ngx_tavus_call_send_problem(r, answer);
    }

    ngx_tavus_finalize(r, rc);
}


ngx_int_t
ngx_tavus_create_respond(ngx_http_request_t *r, ngx_tavus_create_t *c)
{
    cJSON             *json;
    u_char             token[NGX_TAVUS_END_TOKEN + 1];
    ngx_int_t          rc;
    ngx_tavus_call_t  *call;

    call = c->call;

    if (ngx_tavus_end_token_make(c->key, &call->conversation_id,
                                 call->nonce_hex,
                                 ngx_tavus_create_expiry(c->vertical), token)
        != NGX_OK
        || ngx_tavus_create_cookie(r, c) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    json = cJSON_CreateObject();

    if (cJSON_AddStringToObject(json, "conversation_id",
                                (char *) call->conversation_id.data)
        && (call->meeting_token.len == 0
            || cJSON_AddStringToObject(json, "meeting_token",
                                       (char *) call->meeting_token.data))
        && cJSON_AddStringToObject(json, "conversation_url",
                                   (char *) call->conversation_url.data)
        && cJSON_AddStringToObject(json, "status",
                                   (char *) call->status.data)
        && cJSON_AddStringToObject(json, "end_token", (char *) token)
        && cJSON_AddNumberToObject(json, "max_call_duration",
                                   c->vertical->max_call_duration))
    {
        rc = ngx_tavus_send_json(r, NGX_HTTP_OK, json);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cJSON_Delete(json);

    return rc;
}


time_t
ngx_tavus_create_expiry(ngx_tavus_vertical_t *v)
{
    return ngx_time() + v->max_call_duration + v->participant_absent_timeout
           + NGX_TAVUS_END_GRACE;
}


ngx_int_t
ngx_tavus_create_cookie(ngx_http_request_t *r, ngx_tavus_create_t *c)
{
    ngx_str_t        *value;
    ngx_table_elt_t  *h;

    value = &c->memory.cookie;

    if (value->len == 0) {
        return NGX_OK;
    }

    h = ngx_tavus_push_header(r);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&h->key, "Set-Cookie");
    h->value.len = value->len;
    h->value.data = ngx_pstrdup(r->pool, value);

    return h->value.data ? NGX_OK : NGX_ERROR;
}


void
ngx_tavus_call_log(ngx_http_request_t *r, ngx_tavus_call_t *call)
{
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);

    ctx->store = call->store;
    ctx->store_time = call->store_time;
    ctx->upstream_time = call->upstream_time;

    if (call->event_type) {
        ctx->event_type.data = (u_char *) call->event_type;
        ctx->event_type.len = ngx_strlen(call->event_type);
    }

    if (call->conversation_id.len) {
        ctx->conversation_id.data = ngx_pstrdup(r->pool,
                                                &call->conversation_id);
        ctx->conversation_id.len = ctx->conversation_id.data
                                   ? call->conversation_id.len : 0;
    }
}


ngx_int_t
ngx_tavus_call_send_problem(ngx_http_request_t *r,
    const ngx_tavus_call_answer_t *answer)
{
    cJSON  *extra;

    extra = NULL;

    if (answer->reason) {
        extra = cJSON_CreateObject();

        (void) cJSON_AddStringToObject(extra, "reason", answer->reason);
    }

    return ngx_tavus_send_problem_with(r, answer->status, answer->code,
                                       answer->retry_after, answer->detail,
                                       extra);
}
