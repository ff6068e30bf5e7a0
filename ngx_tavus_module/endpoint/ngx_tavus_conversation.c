
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_conversation.h"
#include "guard/ngx_tavus_keys.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_intake.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "service/ngx_tavus_api_conf.h"
#include "store/ngx_tavus_server_event.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_metrics.h"

#include <openssl/rand.h>


#define NGX_TAVUS_CONVERSATION_BODY     16384
#define NGX_TAVUS_CONVERSATION_RETRY    10
#define NGX_TAVUS_CONVERSATION_MAX_URL  512
#define NGX_TAVUS_CALLBACK_GRACE        (7 * 24 * 3600)


static void ngx_tavus_create_body(ngx_http_request_t *r, ngx_str_t *body);
static void ngx_tavus_create_intended(void *data,
    ngx_tavus_outcome_e outcome, ngx_msec_t time);
static ngx_int_t ngx_tavus_create_send(ngx_tavus_job_t *job);
static cJSON *ngx_tavus_create_json(ngx_tavus_job_t *job);
static void ngx_tavus_create_answered(ngx_tavus_curl_t *t);
static ngx_int_t ngx_tavus_create_parse(ngx_tavus_job_t *job,
    ngx_str_t *answer);
static void ngx_tavus_create_failed(ngx_tavus_job_t *job,
    ngx_tavus_curl_t *t);
static void ngx_tavus_create_recorded(void *data,
    ngx_tavus_outcome_e outcome, ngx_msec_t time);
static void ngx_tavus_create_done(ngx_tavus_job_t *job,
    ngx_tavus_outcome_e outcome, ngx_msec_t time);
static ngx_uint_t ngx_tavus_create_late(ngx_tavus_job_t *job);
static ngx_int_t ngx_tavus_create_respond(ngx_tavus_job_t *job);

static void ngx_tavus_end_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_end_send(ngx_tavus_job_t *job,
    const char *reason);
static void ngx_tavus_end_answered(ngx_tavus_curl_t *t);
static ngx_int_t ngx_tavus_end_known(ngx_http_request_t *r,
    ngx_tavus_end_e state);
static void ngx_tavus_end_recorded(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static ngx_tavus_row_t *ngx_tavus_end_tell(ngx_tavus_job_t *job,
    ngx_uint_t kind, const char *type, ngx_tavus_store_pt handler);

static ngx_tavus_job_t *ngx_tavus_job_create(ngx_http_request_t *r);
static void ngx_tavus_job_free(ngx_tavus_job_t *job);
static void ngx_tavus_job_problem(ngx_tavus_job_t *job, ngx_uint_t status,
    const char *code, ngx_uint_t retry, const char *detail);
static ngx_tavus_row_t *ngx_tavus_job_event(ngx_tavus_job_t *job,
    ngx_uint_t kind, const char *type, cJSON *data,
    ngx_tavus_store_pt handler);
static void ngx_tavus_job_measure(ngx_tavus_job_t *job,
    ngx_tavus_curl_t *t);
static void ngx_tavus_job_failed(const char *reason);
static ngx_uint_t ngx_tavus_job_valid_url(ngx_tavus_job_t *job);


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
    cJSON              *root;
    ngx_int_t           rc;
    ngx_tavus_job_t    *job;
    ngx_tavus_fault_t   fault;

    root = ngx_tavus_parse_object(r, body);

    if (root == NULL) {
        return;
    }

    job = ngx_tavus_job_create(r);

    if (job == NULL) {
        cJSON_Delete(root);
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_memzero(&fault, sizeof(ngx_tavus_fault_t));

    rc = ngx_tavus_create_read(r, job, root, &fault);

    cJSON_Delete(root);

    if (rc == NGX_DECLINED) {
        rc = ngx_tavus_create_fault(r, job, &fault);
        goto failed;
    }

    if (rc != NGX_OK) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto failed;
    }

    /*
     * Here alone a FIN counts as in nginx's proxy.  Browsers close both
     * halves at once, and a room costs money by the minute: better none for
     * a client that only stopped sending than one for a page that is closed.
     */

    r->read_event_handler = ngx_http_test_reading;

    if (ngx_tavus_job_event(job, NGX_TAVUS_KIND_INFO,
                            "conversation.requested", job->intent,
                            ngx_tavus_create_intended)
        == NULL)
    {
        ngx_tavus_job_failed("storage_unavailable");

        rc = ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "storage_unavailable",
                                    NGX_TAVUS_CONVERSATION_RETRY,
                                    "The conversation cannot be recorded "
                                    "now.");
        goto failed;
    }

    return;

failed:

    ngx_tavus_job_free(job);
    ngx_tavus_finalize(r, rc);
}


/* the intent is on record: now, and only now, the request may go out */

static void
ngx_tavus_create_intended(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_job_t *job = data;

    ngx_tavus_ctx_t  *ctx;

    ngx_tavus_intake_waited(time);

    if (job->wait.request == NULL) {

        /* nobody waits, and nothing has been asked for yet */

        ngx_tavus_job_free(job);
        return;
    }

    ctx = ngx_tavus_get_ctx(job->wait.request);
    ctx->store_time = time;
    ngx_str_set(&ctx->event_type, "conversation.requested");

    if (outcome == NGX_TAVUS_UNAVAILABLE || outcome == NGX_TAVUS_FOREIGN) {
        ngx_tavus_job_failed("storage_unavailable");

        ngx_tavus_job_problem(job, NGX_HTTP_SERVICE_UNAVAILABLE,
                              "storage_unavailable",
                              NGX_TAVUS_CONVERSATION_RETRY,
                              "The conversation cannot be recorded now.");
        ngx_tavus_job_free(job);
        return;
    }

    ctx->store_time = -1;

    if (ngx_tavus_create_send(job) != NGX_OK) {
        ngx_tavus_create_failed(job, NULL);
    }
}


static ngx_int_t
ngx_tavus_create_send(ngx_tavus_job_t *job)
{
    char              *text;
    size_t             len;
    cJSON             *json;
    ngx_tavus_curl_t  *t;

    json = ngx_tavus_create_json(job);
    text = json ? cJSON_PrintUnformatted(json) : NULL;

    cJSON_Delete(json);

    if (text == NULL) {
        return NGX_ERROR;
    }

    t = ngx_tavus_api_transfer(job->api, "POST",
                               ngx_tavus_create_answered, job);
    if (t == NULL) {
        cJSON_free(text);
        return NGX_ERROR;
    }

    len = ngx_strlen(text);

    ngx_str_set(&t->path, "/v2/conversations");
    t->body.data = ngx_pnalloc(t->pool, len);

    if (t->body.data == NULL) {
        cJSON_free(text);
        ngx_tavus_curl_cancel(t);
        return NGX_ERROR;
    }

    ngx_memcpy(t->body.data, text, len);
    t->body.len = len;

    cJSON_free(text);

    return ngx_tavus_curl_send(t);
}


/* contracts: POST /v2/conversations; an unknown field there is a 400 */

static cJSON *
ngx_tavus_create_json(ngx_tavus_job_t *job)
{
    int                    n;
    char                   token[TAVUS_TOKEN_MAX], *url;
    cJSON                 *json, *list, *p;
    u_char                *name;
    time_t                 expiry;
    ngx_str_t             *origin;
    ngx_uint_t             failed;
    ngx_tavus_vertical_t  *v;

    v = job->vertical;
    origin = &job->mcf->public_origin;
    expiry = ngx_time() + v->max_call_duration + NGX_TAVUS_CALLBACK_GRACE;

    n = tavus_token_make(job->key, job->nonce, expiry, token);

    name = ngx_pnalloc(job->pool, v->name.len + sizeof(job->nonce_hex) + 1);
    url = ngx_pnalloc(job->pool, origin->len + job->callback.len
                                 + sizeof("?token=") + TAVUS_TOKEN_MAX);

    if (n < 0 || name == NULL || url == NULL) {
        return NULL;
    }

    ngx_sprintf(name, "%V %s%Z", &v->name, job->nonce_hex);
    ngx_sprintf((u_char *) url, "%V%V?token=%*s%Z", origin, &job->callback,
                (size_t) n, token);

    json = cJSON_CreateObject();

    failed = !cJSON_AddStringToObject(json, "conversation_name",
                                      (char *) name)
             || !cJSON_AddStringToObject(json, "callback_url", url);

    if (v->persona_id.len) {
        failed |= !cJSON_AddStringToObject(json, "persona_id",
                                           (char *) v->persona_id.data);
    }

    if (v->replica_id.len) {
        failed |= !cJSON_AddStringToObject(json, "replica_id",
                                           (char *) v->replica_id.data);
    }

    if (v->custom_greeting.len) {
        failed |= !cJSON_AddStringToObject(json, "custom_greeting",
                                           (char *) v->custom_greeting.data);
    }

    if (v->context.len) {
        failed |= !cJSON_AddStringToObject(json, "conversational_context",
                                           (char *) v->context.data);
    }

    if (v->audio_only) {
        failed |= !cJSON_AddTrueToObject(json, "audio_only");
    }

    list = cJSON_GetObjectItemCaseSensitive(job->intent, "document_tags");

    if (cJSON_GetArraySize(list)) {
        p = cJSON_Duplicate(list, 1);
        failed |= !cJSON_AddItemToObject(json, "document_tags", p);
        failed |= !cJSON_AddStringToObject(json,
                                           "document_retrieval_strategy",
                                     (char *) v->retrieval_strategy.data);
    }

    list = cJSON_GetObjectItemCaseSensitive(job->intent, "memory_stores");

    if (cJSON_GetArraySize(list)) {
        p = cJSON_Duplicate(list, 1);
        failed |= !cJSON_AddItemToObject(json, "memory_stores", p);
    }

    p = job->properties;
    job->properties = NULL;

    failed |= !cJSON_AddItemToObject(json, "properties", p);
    failed |= !cJSON_AddNumberToObject(p, "max_call_duration",
                                       v->max_call_duration);
    failed |= !cJSON_AddNumberToObject(p, "participant_absent_timeout",
                                       v->participant_absent_timeout);
    failed |= !cJSON_AddNumberToObject(p, "participant_left_timeout",
                                       v->participant_left_timeout);

    if (failed) {
        cJSON_Delete(json);
        return NULL;
    }

    return json;
}


static void
ngx_tavus_create_answered(ngx_tavus_curl_t *t)
{
    ngx_tavus_job_t *job = t->data;

    cJSON  *data;

    ngx_tavus_job_measure(job, t);

    if (t->rc != CURLE_OK || (t->status != 200 && t->status != 201)
        || ngx_tavus_create_parse(job, &t->answer) != NGX_OK)
    {
        ngx_tavus_create_failed(job, t);
        return;
    }

    tavus_metric_add(TAVUS_METRIC_CONVERSATIONS_CREATED, 1);

    data = job->intent;

    if (cJSON_AddStringToObject(data, "conversation_id",
                                (char *) job->conversation_id.data)
        && cJSON_AddStringToObject(data, "conversation_url",
                                   (char *) job->conversation_url.data)
        && cJSON_AddStringToObject(data, "status",
                                   (char *) job->status.data)
        && ngx_tavus_job_event(job, NGX_TAVUS_KIND_INFO,
                               "conversation.created", data,
                               ngx_tavus_create_recorded))
    {
        return;
    }

    ngx_tavus_create_done(job, NGX_TAVUS_UNAVAILABLE, 0);
}


static ngx_int_t
ngx_tavus_create_parse(ngx_tavus_job_t *job, ngx_str_t *answer)
{
    cJSON      *root;
    ngx_int_t   rc;
    ngx_str_t  *id, *url, *status;

    (void) tavus_json_parse((char *) answer->data, answer->len, &root, NULL);

    id = &job->conversation_id;
    url = &job->conversation_url;
    status = &job->status;

    rc = NGX_ERROR;

    if (ngx_tavus_job_string(job,
               cJSON_GetObjectItemCaseSensitive(root, "conversation_id"),
               NGX_TAVUS_MAX_ID, id)
        != NGX_OK
        || !ngx_tavus_api_valid_id(id->data, id->len))
    {
        ngx_str_null(id);

    } else if (ngx_tavus_job_string(job,
               cJSON_GetObjectItemCaseSensitive(root, "conversation_url"),
               NGX_TAVUS_CONVERSATION_MAX_URL, url)
               == NGX_OK
               && ngx_tavus_job_valid_url(job)
               && ngx_tavus_job_string(job,
               cJSON_GetObjectItemCaseSensitive(root, "status"), 32, status)
               == NGX_OK)
    {
        rc = NGX_OK;
    }

    cJSON_Delete(root);

    return rc;
}


static void
ngx_tavus_create_failed(ngx_tavus_job_t *job, ngx_tavus_curl_t *t)
{
    cJSON            *data;
    u_char            buf[NGX_TAVUS_API_WORDS];
    ngx_str_t        *a, words;
    const char       *reason, *outcome, *code, *detail;
    ngx_uint_t        status, retry;
    ngx_tavus_ctx_t  *ctx;

    status = NGX_HTTP_BAD_GATEWAY;
    code = "upstream_error";
    detail = "The video service did not answer as it should.";
    outcome = "failed";
    retry = 0;

    if (t == NULL) {
        reason = "not_sent";

    } else if (t->rc != CURLE_OK) {

        /* whoever got the whole request may have acted on it */

        if (t->rc == CURLE_OPERATION_TIMEDOUT) {
            reason = "timeout";

        } else {
            reason = t->body_sent ? "connection_lost" : "unreachable";
        }

        if (t->rc == CURLE_WRITE_ERROR) {
            reason = "invalid_answer";
        }

        outcome = t->body_sent ? "unknown" : "failed";

    } else if (t->status == 401 || t->status == 402) {
        reason = t->status == 401 ? "invalid_api_key" : "out_of_credits";
        status = NGX_HTTP_SERVICE_UNAVAILABLE;
        code = "service_unavailable";
        detail = "The video service is temporarily unavailable.";
        retry = 60;

    } else if (t->status == 429) {
        reason = "rate_limited";
        status = NGX_HTTP_SERVICE_UNAVAILABLE;
        code = "at_capacity";
        detail = "All agents are busy.";
        retry = t->retry_after ? t->retry_after
                               : NGX_TAVUS_CONVERSATION_RETRY;

    } else if (t->status < 400 || t->status >= 500 || t->status == 408) {

        /* only a refusal says that nothing was done */

        reason = t->status >= 500 ? "server_error"
                 : t->status == 408 ? "timeout" : "invalid_answer";
        outcome = "unknown";

    } else {
        reason = "refused";
        a = &t->answer;

        if (a->len && ngx_strlcasestrn(a->data, a->data + a->len,
                               (u_char *) "maximum concurrent conversations",
                               sizeof("maximum concurrent conversations") - 2)
                      != NULL)
        {
            reason = "at_capacity";
            status = NGX_HTTP_SERVICE_UNAVAILABLE;
            code = "at_capacity";
            detail = "All agents are busy.";
            retry = NGX_TAVUS_CONVERSATION_RETRY;
        }
    }

    ngx_tavus_job_failed(reason);

    if (job->wait.request) {
        ctx = ngx_tavus_get_ctx(job->wait.request);
        ngx_str_set(&ctx->event_type, "conversation.create_failed");
    }

    words = ngx_tavus_api_words(job->api, t, buf, sizeof(buf));

    ngx_log_error(NGX_LOG_ERR,
                  job->wait.request ? job->wait.request->connection->log
                               : ngx_cycle->log,
                  0, "conversation could not be created: %s, status %ui "
                  "\"%V\"", reason, t ? t->status : 0, &words);

    data = cJSON_CreateObject();

    if (data
        && cJSON_AddStringToObject(data, "nonce", job->nonce_hex)
        && cJSON_AddStringToObject(data, "vertical",
                                   (char *) job->vertical->name.data)
        && cJSON_AddStringToObject(data, "reason", reason)
        && cJSON_AddStringToObject(data, "outcome", outcome)
        && cJSON_AddNumberToObject(data, "http_status", t ? t->status : 0))
    {
        (void) ngx_tavus_job_event(job, NGX_TAVUS_KIND_ERROR,
                                   "conversation.create_failed", data,
                                   NULL);
    }

    cJSON_Delete(data);

    ngx_tavus_job_problem(job, status, code, retry, detail);

    /* it has begun, and nobody will be there */

    if (job->conversation_id.len == 0
        || ngx_tavus_end_send(job, "unusable") != NGX_OK)
    {
        ngx_tavus_job_free(job);
    }
}


static void
ngx_tavus_create_recorded(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_intake_waited(time);

    ngx_tavus_create_done(data, outcome, time);
}


static void
ngx_tavus_create_done(ngx_tavus_job_t *job, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_int_t            rc;
    ngx_tavus_ctx_t     *ctx;
    ngx_http_request_t  *r;

    if (outcome <= NGX_TAVUS_JOURNALED) {

        r = job->wait.request;

        if (ngx_tavus_create_late(job)) {
            ngx_tavus_job_problem(job, NGX_HTTP_BAD_GATEWAY,
                                  "upstream_error", 0,
                                  "The video service did not answer as it "
                                  "should.");
            job->end_reason = "late";

        } else if (r == NULL) {
            job->end_reason = "abandoned";

        } else {
            ctx = ngx_tavus_get_ctx(r);
            ctx->store_time = time;
            ngx_tavus_store_name(outcome, &ctx->store);
            ngx_str_set(&ctx->event_type, "conversation.created");

            ctx->conversation_id.data = ngx_pstrdup(r->pool,
                                                    &job->conversation_id);
            ctx->conversation_id.len = ctx->conversation_id.data
                                       ? job->conversation_id.len : 0;

            rc = ngx_tavus_create_respond(job);

            ngx_tavus_job_free(job);
            ngx_tavus_finalize(r, rc);
            return;
        }

    } else {

        /* what is not on record must not go on costing money */

        ngx_tavus_job_failed("storage_unavailable");

        ngx_tavus_job_problem(job, NGX_HTTP_SERVICE_UNAVAILABLE,
                              "storage_unavailable",
                              NGX_TAVUS_CONVERSATION_RETRY,
                              "The conversation cannot be recorded now.");
        job->end_reason = "unrecorded";
    }

    if (ngx_tavus_end_send(job, job->end_reason) != NGX_OK) {
        ngx_tavus_job_free(job);
    }
}


/*
 * A worker that was stopped for long: the conversation may have been judged
 * as one that nobody was told of, so nobody is.
 */

static ngx_uint_t
ngx_tavus_create_late(ngx_tavus_job_t *job)
{
    ngx_uint_t  most;

    most = job->patience - 1;

    return ngx_current_msec - job->start >= most * 1000
           || ngx_time() - job->began >= (time_t) most;
}


static ngx_int_t
ngx_tavus_create_respond(ngx_tavus_job_t *job)
{
    cJSON               *json;
    u_char               token[NGX_TAVUS_END_TOKEN + 1];
    ngx_str_t           *value;
    ngx_int_t            rc;
    ngx_table_elt_t     *h;
    ngx_http_request_t  *r;

    r = job->wait.request;

    if (ngx_tavus_end_token(job, token) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (job->cookie.len) {
        value = &job->cookie;

        h = ngx_tavus_push_header(r);
        if (h == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_str_set(&h->key, "Set-Cookie");
        h->value.len = value->len;
        h->value.data = ngx_pstrdup(r->pool, value);
        if (h->value.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    json = cJSON_CreateObject();

    if (cJSON_AddStringToObject(json, "conversation_id",
                                (char *) job->conversation_id.data)
        && cJSON_AddStringToObject(json, "conversation_url",
                                   (char *) job->conversation_url.data)
        && cJSON_AddStringToObject(json, "status",
                                   (char *) job->status.data)
        && cJSON_AddStringToObject(json, "end_token", (char *) token))
    {
        rc = ngx_tavus_send_json(r, NGX_HTTP_OK, json);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cJSON_Delete(json);

    return rc;
}


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
    cJSON                  *root, *id, *token;
    ngx_int_t               rc;
    ngx_tavus_ctx_t        *ctx;
    ngx_tavus_job_t        *job;
    ngx_tavus_end_e         state;
    ngx_tavus_end_token_t   parsed;

    ngx_tavus_conversation_main_conf_t  *cmcf;

    root = ngx_tavus_parse_object(r, body);

    if (root == NULL) {
        return;
    }

    ctx = ngx_tavus_get_ctx(r);

    job = NULL;

    id = cJSON_GetObjectItemCaseSensitive(root, "conversation_id");
    token = cJSON_GetObjectItemCaseSensitive(root, "end_token");

    if (!cJSON_IsString(id) || !cJSON_IsString(token)
        || cJSON_GetArraySize(root) != 2)
    {
        rc = ngx_tavus_send_problem(r, NGX_HTTP_BAD_REQUEST, "invalid_field",
                                    0, "The body must have the strings "
                                    "conversation_id and end_token, and "
                                    "nothing else.");
        goto failed;
    }

    if (ngx_tavus_end_verify(r, id, token, &parsed) != NGX_OK) {
        rc = ngx_tavus_send_problem(r, NGX_HTTP_UNAUTHORIZED,
                                    "invalid_end_token", 0,
                                    "The end token is not this "
                                    "conversation's, or is too old.");
        goto failed;
    }

    cmcf = ngx_http_get_module_main_conf(r, ngx_tavus_conversation_module);

    state = ngx_tavus_ends_begin(cmcf->ends, parsed.nonce,
                                 ngx_tavus_job_patience(r));

    if (state != NGX_TAVUS_END_NONE) {
        rc = ngx_tavus_end_known(r, state);
        goto failed;
    }

    job = ngx_tavus_job_create(r);

    if (job == NULL
        || ngx_tavus_job_string(job, id, NGX_TAVUS_MAX_ID,
                                &job->conversation_id)
           != NGX_OK)
    {
        goto released;
    }

    ngx_memcpy(job->nonce, parsed.nonce, TAVUS_NONCE_LEN);
    job->expiry = parsed.expiry;
    job->visitor_ends = 1;

    ctx->conversation_id.len = job->conversation_id.len;
    ctx->conversation_id.data = ngx_pstrdup(r->pool, &job->conversation_id);

    if (ctx->conversation_id.data == NULL
        || ngx_tavus_end_send(job, "visitor") != NGX_OK)
    {
        ctx->conversation_id.len = 0;
        goto released;
    }

    cJSON_Delete(root);

    return;

released:

    ngx_tavus_ends_set(cmcf->ends, parsed.nonce, NGX_TAVUS_END_NONE, 0);
    rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

failed:

    cJSON_Delete(root);

    if (job) {
        ngx_tavus_job_free(job);
    }

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


static ngx_int_t
ngx_tavus_end_send(ngx_tavus_job_t *job, const char *reason)
{
    job->end_reason = reason;

    return ngx_tavus_api_end(job->api, &job->conversation_id,
                             ngx_tavus_end_answered, job);
}


static void
ngx_tavus_end_answered(ngx_tavus_curl_t *t)
{
    ngx_tavus_job_t *job = t->data;

    u_char               buf[NGX_TAVUS_API_WORDS];
    ngx_int_t            rc;
    ngx_str_t            words;
    ngx_tavus_ctx_t     *ctx;
    ngx_http_request_t  *r;

    ngx_tavus_job_measure(job, t);

    r = job->wait.request;

    if (!ngx_tavus_api_ended(t)) {
        words = ngx_tavus_api_words(job->api, t, buf, sizeof(buf));

        ngx_log_error(NGX_LOG_ERR,
                      r ? r->connection->log : ngx_cycle->log, 0,
                      "conversation \"%V\" could not be ended: status %ui "
                      "\"%V\", %s", &job->conversation_id, t->status,
                      &words, curl_easy_strerror(t->rc));

        ngx_tavus_job_problem(job, NGX_HTTP_BAD_GATEWAY, "upstream_error", 0,
                              "The video service did not answer as it "
                              "should.");

        if (ngx_tavus_end_tell(job, NGX_TAVUS_KIND_ERROR,
                               "conversation.end_failed",
                               ngx_tavus_end_recorded)
            == NULL)
        {
            ngx_tavus_end_recorded(job, NGX_TAVUS_UNAVAILABLE, 0);
        }

        return;
    }

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_CONVERSATIONS_ENDED,
                         tavus_metric_label(TAVUS_METRIC_CONVERSATIONS_ENDED,
                                            0, job->end_reason,
                                            ngx_strlen(job->end_reason)), 0),
                     1);

    if (job->visitor_ends) {
        ngx_tavus_ends_set(job->cmcf->ends, job->nonce, NGX_TAVUS_END_DONE,
                           job->expiry - ngx_time() + 1);
    }

    (void) ngx_tavus_end_tell(job, NGX_TAVUS_KIND_INFO, "conversation.ended",
                              NULL);

    if (r != NULL) {
        ctx = ngx_tavus_get_ctx(r);
        ngx_str_set(&ctx->event_type, "conversation.ended");

        rc = ngx_tavus_end_known(r, NGX_TAVUS_END_DONE);

        ngx_tavus_job_free(job);
        ngx_tavus_finalize(r, rc);
        return;
    }

    ngx_tavus_job_free(job);
}


/* once it is on record that it failed, the sweep sees to it */

static void
ngx_tavus_end_recorded(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_job_t *job = data;

    if (job->visitor_ends) {
        ngx_tavus_ends_set(job->cmcf->ends, job->nonce, NGX_TAVUS_END_UNENDED,
                           outcome <= NGX_TAVUS_JOURNALED
                           ? job->expiry - ngx_time() + 1
                           : NGX_TAVUS_CONVERSATION_RETRY);
    }

    ngx_tavus_job_free(job);
}


static ngx_tavus_row_t *
ngx_tavus_end_tell(ngx_tavus_job_t *job, ngx_uint_t kind, const char *type,
    ngx_tavus_store_pt handler)
{
    cJSON            *data;
    ngx_tavus_row_t  *row;

    row = NULL;
    data = cJSON_CreateObject();

    if (data
        && cJSON_AddStringToObject(data, "conversation_id",
                                   (char *) job->conversation_id.data)
        && cJSON_AddStringToObject(data, "reason", job->end_reason))
    {
        row = ngx_tavus_job_event(job, kind, type, data, handler);
    }

    cJSON_Delete(data);

    return row;
}


static ngx_tavus_job_t *
ngx_tavus_job_create(ngx_http_request_t *r)
{
    ngx_str_t             *id;
    ngx_pool_t            *pool;
    ngx_tavus_job_t       *job;
    ngx_tavus_api_main_conf_t          *amcf;
    ngx_tavus_keys_loc_conf_t          *klcf;
    ngx_tavus_conversation_loc_conf_t  *clcf;

    amcf = ngx_http_get_module_main_conf(r, ngx_tavus_api_module);
    klcf = ngx_http_get_module_loc_conf(r, ngx_tavus_keys_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_tavus_conversation_module);

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    job = ngx_pcalloc(pool, sizeof(ngx_tavus_job_t));
    if (job == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    job->pool = pool;
    job->start = ngx_current_msec;
    job->began = ngx_time();
    job->mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);
    job->cmcf = ngx_http_get_module_main_conf(r,
                                              ngx_tavus_conversation_module);
    job->api = &amcf->api;
    job->key = klcf->keys->elts[0];
    job->callback = clcf->callback;
    job->intent = cJSON_CreateObject();

    id = ngx_tavus_request_id(r);

    job->request_id.len = id->len;
    job->request_id.data = ngx_pcalloc(pool, id->len + 1);

    if (job->intent == NULL || job->request_id.data == NULL
        || RAND_bytes(job->nonce, TAVUS_NONCE_LEN) != 1
        || ngx_tavus_attach(&job->wait, r, NULL, NULL) != NGX_OK)
    {
        cJSON_Delete(job->intent);
        ngx_destroy_pool(pool);
        return NULL;
    }

    ngx_memcpy(job->request_id.data, id->data, id->len);
    (void) ngx_hex_dump((u_char *) job->nonce_hex, job->nonce,
                        TAVUS_NONCE_LEN);

    return job;
}


static void
ngx_tavus_job_free(ngx_tavus_job_t *job)
{
    (void) ngx_tavus_detach(&job->wait);

    cJSON_Delete(job->intent);
    cJSON_Delete(job->properties);
    ngx_destroy_pool(job->pool);
}


static void
ngx_tavus_job_problem(ngx_tavus_job_t *job, ngx_uint_t status,
    const char *code, ngx_uint_t retry, const char *detail)
{
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&job->wait);

    if (r == NULL) {
        return;
    }

    ngx_tavus_finalize(r, ngx_tavus_send_problem(r, status, code, retry,
                                                 detail));
}


/* an event of this server's own; the handler's data is the job */

static ngx_tavus_row_t *
ngx_tavus_job_event(ngx_tavus_job_t *job, ngx_uint_t kind, const char *type,
    cJSON *data, ngx_tavus_store_pt handler)
{
    ngx_tavus_server_event_t  event;

    event.kind = kind;
    event.type = type;
    event.conversation_id = job->conversation_id;
    event.nonce = job->nonce;
    event.bound = 1;
    event.cause = job->request_id;
    event.once = 0;

    if (job->visitor_ends) {

        /* whichever node, and however often */

        ngx_str_set(&event.cause, "visitor");
        event.once = 1;
    }

    return ngx_tavus_server_event(&event, data, handler, job);
}


static void
ngx_tavus_job_measure(ngx_tavus_job_t *job, ngx_tavus_curl_t *t)
{
    ngx_tavus_ctx_t  *ctx;

    ngx_tavus_api_measure(t);

    if (job->wait.request) {
        ctx = ngx_tavus_get_ctx(job->wait.request);
        ctx->upstream_time = t->time;
    }
}


static void
ngx_tavus_job_failed(const char *reason)
{
    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_CONVERSATIONS_FAILED,
                         tavus_metric_label(TAVUS_METRIC_CONVERSATIONS_FAILED,
                                            0, reason, ngx_strlen(reason)),
                                     0), 1);
}


/* it will be the source of a frame in the visitor's page */

static ngx_uint_t
ngx_tavus_job_valid_url(ngx_tavus_job_t *job)
{
    size_t       i;
    ngx_str_t   *url;
    ngx_uint_t   scheme;

    url = &job->conversation_url;

    if (ngx_strncmp(url->data, "https://", 8) == 0) {
        scheme = 8;

    } else if (job->mcf->sandbox
               && ngx_strncmp(url->data, "http://", 7) == 0)
    {
        scheme = 7;

    } else {
        return 0;
    }

    for (i = scheme; i < url->len; i++) {
        if (url->data[i] <= ' ' || url->data[i] >= 0x7f
            || ngx_strchr("\"'<>\\`@", url->data[i]) != NULL)
        {
            return 0;
        }
    }

    return url->len > scheme && url->data[scheme] != '/';
}
