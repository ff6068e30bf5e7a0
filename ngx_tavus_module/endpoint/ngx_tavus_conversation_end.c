
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_conversation.h"
#include "endpoint/ngx_tavus_conversation_conf.h"
#include "guard/ngx_tavus_end_token.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_variable.h"
#include "http/ngx_tavus_wait.h"
#include "jobs/ngx_tavus_call.h"
#include "jobs/ngx_tavus_ends.h"
#include "service/ngx_tavus_api_conf.h"
#include "core/tavus_json.h"
#include "core/tavus_signature.h"


static void ngx_tavus_end_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_end_begin(ngx_http_request_t *r, ngx_tavus_ends_t
    *ends, cJSON *id, ngx_tavus_end_token_t *parsed);
static void ngx_tavus_end_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_end_told(ngx_tavus_call_t *call, const
    ngx_tavus_call_answer_t *answer);
static ngx_int_t ngx_tavus_end_known(ngx_http_request_t *r, ngx_tavus_end_e
    state);


ngx_int_t
ngx_tavus_conversation_end_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_tavus_allow(r, NGX_HTTP_POST, "POST");

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_read_body(r, NGX_TAVUS_CONVERSATION_BODY,
                               ngx_tavus_end_body);
}


static void
ngx_tavus_end_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON                 *root, *id, *token;
    ngx_int_t              rc;
    ngx_tavus_end_e        state;
    ngx_tavus_end_token_t  parsed;

    ngx_tavus_conversation_main_conf_t  *cmcf;

    root = ngx_tavus_parse_object(r, body);

    if (root == NULL) {
        return;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_tavus_conversation_module);

    id = cJSON_GetObjectItemCaseSensitive(root, "conversation_id");
    token = cJSON_GetObjectItemCaseSensitive(root, "end_token");

    if (!cJSON_IsString(id) || !cJSON_IsString(token)
        || cJSON_GetArraySize(root) != 2)
    {
        rc = ngx_tavus_send_problem(r, NGX_HTTP_BAD_REQUEST, "invalid_field",
                                    0, "The body must have the strings "
                                    "conversation_id and end_token, and "
                                    "nothing else.");
        goto done;
    }

    if (ngx_tavus_end_token_verify(r, id, token, &parsed) != NGX_OK) {
        rc = ngx_tavus_send_problem(r, NGX_HTTP_UNAUTHORIZED,
                                    "invalid_end_token", 0,
                                    "The end token is not this "
                                    "conversation's, or is too old.");
        goto done;
    }

    state = ngx_tavus_ends_begin(cmcf->ends, parsed.nonce,
                                 ngx_tavus_create_patience(r));

    if (state != NGX_TAVUS_END_NONE) {
        rc = ngx_tavus_end_known(r, state);
        goto done;
    }

    if (ngx_tavus_end_begin(r, cmcf->ends, id, &parsed) == NGX_OK) {
        cJSON_Delete(root);
        return;
    }

    ngx_tavus_ends_set(cmcf->ends, parsed.nonce, NGX_TAVUS_END_NONE, 0);
    rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

done:

    cJSON_Delete(root);

    ngx_tavus_finalize(r, rc);
}


static ngx_int_t
ngx_tavus_end_begin(ngx_http_request_t *r, ngx_tavus_ends_t *ends, cJSON *id,
    ngx_tavus_end_token_t *parsed)
{
    ngx_tavus_call_t           *call;
    ngx_tavus_wait_t           *wait;
    ngx_tavus_api_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(r, ngx_tavus_api_module);

    call = ngx_tavus_call_create(&amcf->api, ngx_tavus_request_id(r));
    if (call == NULL) {
        return NGX_ERROR;
    }

    wait = ngx_pcalloc(call->pool, sizeof(ngx_tavus_wait_t));

    if (wait == NULL
        || ngx_tavus_call_string(call->pool, id, NGX_TAVUS_API_ID,
                                 &call->conversation_id)
           != NGX_OK
        || ngx_tavus_attach(wait, r, ngx_tavus_end_gone, call) != NGX_OK)
    {
        ngx_tavus_call_free(call);
        return NGX_ERROR;
    }

    ngx_memcpy(call->nonce, parsed->nonce, TAVUS_NONCE_LEN);

    call->ends = ends;
    call->expiry = parsed->expiry;
    call->handler = ngx_tavus_end_told;
    call->data = wait;
    call->log = r->connection->log;

    if (ngx_tavus_call_end(call, "visitor") != NGX_OK) {
        (void) ngx_tavus_detach(wait);
        ngx_tavus_call_free(call);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_tavus_end_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_call_t *call = data;

    ngx_tavus_call_log(r, call);

    call->handler = NULL;
    call->log = ngx_cycle->log;
}


static void
ngx_tavus_end_told(ngx_tavus_call_t *call,
    const ngx_tavus_call_answer_t *answer)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(call->data);

    ngx_tavus_call_log(r, call);

    rc = answer ? ngx_tavus_call_send_problem(r, answer)
                : ngx_tavus_end_known(r, NGX_TAVUS_END_DONE);

    ngx_tavus_finalize(r, rc);
}


/* a token costs one request to Tavus: what became of that one */

static ngx_int_t
ngx_tavus_end_known(ngx_http_request_t *r, ngx_tavus_end_e state)
{
    static ngx_str_t  ended = ngx_string("{\"status\":\"ended\"}");
    static ngx_str_t  ending = ngx_string("{\"status\":\"ending\"}");

    if (state == NGX_TAVUS_END_DONE) {
        return ngx_tavus_send(r, NGX_HTTP_OK, "application/json", &ended);
    }

    return ngx_tavus_send(r, NGX_HTTP_ACCEPTED, "application/json", &ending);
}
