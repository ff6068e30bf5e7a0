
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_call.h"
#include "service/ngx_tavus_service.h"
#include "store/ngx_tavus_server_event.h"
#include "core/tavus_metrics.h"

#include <openssl/rand.h>


#define NGX_TAVUS_CALL_RETRY  10


static void ngx_tavus_call_intended(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static ngx_int_t ngx_tavus_call_wish(ngx_tavus_call_t *call,
    ngx_tavus_store_pt handler);
static void ngx_tavus_call_judged(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_call_tell_fate(ngx_tavus_call_t *call, ngx_uint_t
    retry_after);
static ngx_int_t ngx_tavus_call_send(ngx_tavus_call_t *call);
static void ngx_tavus_call_answered(ngx_tavus_curl_t *t);
static ngx_int_t ngx_tavus_call_parse(ngx_tavus_call_t *call, ngx_str_t
    *answer);
static ngx_int_t ngx_tavus_call_learn(ngx_tavus_call_t *call, const char *name,
    ngx_str_t *value);
static void ngx_tavus_call_failed(ngx_tavus_call_t *call, ngx_tavus_curl_t *t);
static ngx_tavus_row_t *ngx_tavus_call_record_failure(ngx_tavus_call_t *call,
    const char *reason, const char *outcome, ngx_uint_t status,
    ngx_tavus_store_pt handler);
static void ngx_tavus_call_full(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_call_queued(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_call_recorded(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_call_done(ngx_tavus_call_t *call, ngx_tavus_outcome_e
    outcome, ngx_msec_t time);
static ngx_uint_t ngx_tavus_call_late(ngx_tavus_call_t *call);
static void ngx_tavus_call_ended(ngx_tavus_curl_t *t);
static void ngx_tavus_call_end_done(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_call_end_recorded(void *data, ngx_tavus_outcome_e
    outcome, ngx_msec_t time);
static ngx_tavus_row_t *ngx_tavus_call_record_end(ngx_tavus_call_t *call,
    ngx_uint_t kind, const char *type, ngx_tavus_store_pt handler);
static ngx_tavus_row_t *ngx_tavus_call_event(ngx_tavus_call_t *call, ngx_uint_t
    kind, const char *type, cJSON *data, ngx_tavus_store_pt handler);
static void ngx_tavus_call_event_init(ngx_tavus_call_t *call,
    ngx_tavus_server_event_t *event, ngx_uint_t kind, const char *type);
static void ngx_tavus_call_measure(ngx_tavus_call_t *call, ngx_tavus_curl_t
    *t);
static void ngx_tavus_call_failure(const char *reason);
static void ngx_tavus_call_tell(ngx_tavus_call_t *call, const
    ngx_tavus_call_answer_t *answer);


static const ngx_tavus_call_answer_t  ngx_tavus_call_upstream_error = {
    502, "upstream_error", 0,
    "The video service did not answer as it should.",
    NULL
};

static const ngx_tavus_call_answer_t  ngx_tavus_call_no_service = {
    503, "service_unavailable", 60,
    "The video service is temporarily unavailable.",
    NULL
};

static const ngx_tavus_call_answer_t  ngx_tavus_call_at_capacity = {
    503, "at_capacity", NGX_TAVUS_CALL_RETRY, "All agents are busy.", NULL
};


/* by fate; retry_after is what the budget says, or this */

static const ngx_tavus_call_answer_t  ngx_tavus_call_fates[] = {
    { 0, NULL, 0, NULL, NULL },
    { 0, NULL, 0, NULL, NULL },
    { 0, NULL, 0, NULL, NULL },
    { 202, "pending", 0, "All agents are busy.", NULL },
    { 503, "at_capacity", NGX_TAVUS_CALL_RETRY, "All agents are busy.", NULL },
    { 503, "budget_spent", 60, "Too many visitors are waiting already.",
      "line_full" },
    { 503, "budget_spent", 3600, "There are no more conversations today.",
      "day" },
    { 503, "budget_spent", 3600, "There are no more conversations today.",
      "minutes" },
    { 503, "budget_spent", 3600, "You have had your conversations of today.",
      "visitor" },
    { 409, "ticket_used", 0, "The ticket has its conversation already.",
      NULL },
    { 410, "ticket_expired", 0, "The place in the line is lost.", NULL }
};

const ngx_tavus_call_answer_t  ngx_tavus_call_waits = {
    202, "pending", 0, "All agents are busy.", NULL
};


const ngx_tavus_call_answer_t  ngx_tavus_call_unrecorded = {
    503, "storage_unavailable", NGX_TAVUS_CALL_RETRY,
    "The conversation cannot be recorded now.",
    NULL
};


ngx_tavus_call_t *
ngx_tavus_call_create(ngx_tavus_api_t *api, ngx_str_t *cause)
{
    ngx_pool_t        *pool;
    ngx_tavus_call_t  *call;

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    call = ngx_pcalloc(pool, sizeof(ngx_tavus_call_t));
    if (call == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    call->pool = pool;
    call->api = api;
    call->log = ngx_cycle->log;
    call->start = ngx_current_msec;
    call->began = ngx_time();
    call->store_time = -1;
    call->upstream_time = -1;

    call->intent = cJSON_CreateObject();
    call->cause.len = cause->len;
    call->cause.data = ngx_pcalloc(pool, cause->len + 1);

    if (call->intent == NULL || call->cause.data == NULL
        || RAND_bytes(call->nonce, TAVUS_NONCE_LEN) != 1)
    {
        ngx_tavus_call_free(call);
        return NULL;
    }

    ngx_memcpy(call->cause.data, cause->data, cause->len);
    (void) ngx_hex_dump((u_char *) call->nonce_hex, call->nonce,
                        TAVUS_NONCE_LEN);

    return call;
}


void
ngx_tavus_call_free(ngx_tavus_call_t *call)
{
    cJSON_Delete(call->intent);
    ngx_destroy_pool(call->pool);
}


ngx_int_t
ngx_tavus_call_string(ngx_pool_t *pool, cJSON *item, size_t max,
    ngx_str_t *s)
{
    size_t  len;

    if (!cJSON_IsString(item)) {
        return NGX_ERROR;
    }

    len = ngx_strlen(item->valuestring);

    if (len > max) {
        return NGX_ERROR;
    }

    s->data = ngx_pnalloc(pool, len + 1);
    if (s->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(s->data, item->valuestring, len + 1);
    s->len = len;

    return NGX_OK;
}


ngx_int_t
ngx_tavus_call_start(ngx_tavus_call_t *call)
{
    ngx_int_t  rc;

    if (call->wish.budget) {
        rc = ngx_tavus_call_wish(call, ngx_tavus_call_judged);

    } else {
        rc = ngx_tavus_call_event(call, NGX_TAVUS_KIND_INFO,
                                  "conversation.requested", call->intent,
                                  ngx_tavus_call_intended)
             ? NGX_OK : NGX_ERROR;
    }

    if (rc != NGX_OK) {
        ngx_tavus_call_failure("storage_unavailable");
    }

    return rc;
}


static ngx_int_t
ngx_tavus_call_wish(ngx_tavus_call_t *call, ngx_tavus_store_pt handler)
{
    ngx_tavus_server_event_t  event;

    ngx_tavus_call_event_init(call, &event, NGX_TAVUS_KIND_INFO,
                              "conversation.requested");

    return ngx_tavus_server_wish(&event, call->intent, &call->wish, handler,
                                 call);
}


/* a place that is held for nobody would be one too few for others */

static void
ngx_tavus_call_judged(void *data, ngx_tavus_outcome_e outcome, ngx_msec_t time)
{
    ngx_tavus_call_t *call = data;

    ngx_tavus_fate_e  fate;

    fate = call->wish.verdict.fate;

    if (call->wish.verdict.unknown) {
        (void) ngx_tavus_call_record_failure(call, "unrecorded", "failed", 0,
                                             NULL);

    } else if (outcome != NGX_TAVUS_UNAVAILABLE && call->handler == NULL) {
        (void) ngx_tavus_call_record_failure(call, "abandoned", "failed", 0,
                                             NULL);
    }

    if (outcome != NGX_TAVUS_UNAVAILABLE || fate == NGX_TAVUS_FATE_NONE) {
        ngx_tavus_call_intended(call, outcome, time);
        return;
    }

    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_WAIT,
                                         TAVUS_SOURCE_SERVER, 0),
                         (uint64_t) time * 1000);

    call->store_time = time;

    ngx_tavus_call_tell_fate(call, 0);
    ngx_tavus_call_free(call);
}


static void
ngx_tavus_call_tell_fate(ngx_tavus_call_t *call, ngx_uint_t retry_after)
{
    ngx_tavus_verdict_t      *v;
    ngx_tavus_call_answer_t   answer;

    v = &call->wish.verdict;

    if (v->fate == NGX_TAVUS_FATE_WAITS) {
        ngx_tavus_call_tell(call, &ngx_tavus_call_waits);
        return;
    }

    answer = ngx_tavus_call_fates[v->fate];

    if (v->retry_after) {
        answer.retry_after = v->retry_after;
    }

    /* there is a line, but another visitor of this address is in it */

    if (v->fate == NGX_TAVUS_FATE_BUSY && call->wish.has_ticket) {
        answer.reason = "address";
    }

    answer.retry_after = ngx_max(answer.retry_after, retry_after);

    ngx_tavus_call_tell(call, &answer);
}


/* the intent is on record: now, and only now, the request may go out */

static void
ngx_tavus_call_intended(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_call_t *call = data;

    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_WAIT,
                                         TAVUS_SOURCE_SERVER, 0),
                         (uint64_t) time * 1000);

    if (call->handler == NULL) {

        /* nobody waits, and nothing has been asked for yet */

        ngx_tavus_call_free(call);
        return;
    }

    call->event_type = "conversation.requested";

    if (outcome == NGX_TAVUS_UNAVAILABLE || outcome == NGX_TAVUS_FOREIGN) {
        ngx_tavus_call_failure("storage_unavailable");

        call->store_time = time;

        ngx_tavus_call_tell(call, &ngx_tavus_call_unrecorded);
        ngx_tavus_call_free(call);
        return;
    }

    if (ngx_tavus_call_send(call) != NGX_OK) {
        ngx_tavus_call_failed(call, NULL);
    }
}


static ngx_int_t
ngx_tavus_call_send(ngx_tavus_call_t *call)
{
    ngx_tavus_curl_t  *t;

    t = ngx_tavus_api_transfer(call->api, "POST", ngx_tavus_call_answered,
                               call);
    if (t == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&t->path, "/v2/conversations");

    if (ngx_tavus_service_body(t, &call->body) != NGX_OK) {
        ngx_tavus_curl_cancel(t);
        return NGX_ERROR;
    }

    return ngx_tavus_curl_send(t);
}


static void
ngx_tavus_call_answered(ngx_tavus_curl_t *t)
{
    ngx_tavus_call_t *call = t->data;

    cJSON  *data;

    ngx_tavus_call_measure(call, t);

    if (t->rc != CURLE_OK || (t->status != 200 && t->status != 201)
        || ngx_tavus_call_parse(call, &t->answer) != NGX_OK)
    {
        ngx_tavus_call_failed(call, t);
        return;
    }

    tavus_metric_add(TAVUS_METRIC_CONVERSATIONS_CREATED, 1);

    data = call->intent;

    if (cJSON_AddStringToObject(data, "conversation_id",
                                (char *) call->conversation_id.data)
        && cJSON_AddStringToObject(data, "conversation_url",
                                   (char *) call->conversation_url.data)
        && cJSON_AddStringToObject(data, "status",
                                   (char *) call->status.data)
        && ngx_tavus_call_event(call, NGX_TAVUS_KIND_INFO,
                               "conversation.created", data,
                               ngx_tavus_call_recorded))
    {
        return;
    }

    ngx_tavus_call_done(call, NGX_TAVUS_UNAVAILABLE, 0);
}


static ngx_int_t
ngx_tavus_call_parse(ngx_tavus_call_t *call, ngx_str_t *answer)
{
    ngx_int_t              rc;
    ngx_tavus_api_made_t   made;

    rc = ngx_tavus_api_create_answer(answer, call->sandbox,
                                     call->require_auth, call->pool, &made);

    call->conversation_id = made.id;
    call->conversation_url = made.url;
    call->status = made.status;
    call->meeting_token = made.meeting_token;

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    /* what was not asked for, and is the persona's own */

    if (ngx_tavus_call_learn(call, "persona_id", &made.persona_id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_tavus_call_learn(call, "replica_id", &made.replica_id);
}


static ngx_int_t
ngx_tavus_call_learn(ngx_tavus_call_t *call, const char *name,
    ngx_str_t *value)
{
    if (value->len == 0
        || cJSON_GetObjectItemCaseSensitive(call->intent, name) != NULL)
    {
        return NGX_OK;
    }

    return cJSON_AddStringToObject(call->intent, name, (char *) value->data)
           ? NGX_OK : NGX_ERROR;
}


static void
ngx_tavus_call_failed(ngx_tavus_call_t *call, ngx_tavus_curl_t *t)
{
    u_char                    buf[NGX_TAVUS_API_WORDS];
    ngx_str_t                *a, words;
    const char               *reason, *outcome;
    ngx_uint_t                queues;
    ngx_tavus_row_t          *row;
    ngx_tavus_call_answer_t   answer;

    answer = ngx_tavus_call_upstream_error;
    outcome = "failed";

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
        answer = ngx_tavus_call_no_service;

    } else if (t->status == 429) {
        reason = "rate_limited";
        answer = ngx_tavus_call_at_capacity;

        if (t->retry_after) {
            answer.retry_after = t->retry_after;
        }

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
            answer = ngx_tavus_call_at_capacity;
        }
    }

    ngx_tavus_call_failure(reason);

    call->event_type = "conversation.create_failed";

    words = ngx_tavus_api_words(call->api, t, buf, sizeof(buf));

    ngx_log_error(NGX_LOG_ERR, call->log, 0,
                  "conversation could not be created: %s, status %ui "
                  "\"%V\"", reason, t ? t->status : 0, &words);

    /* whom Tavus has no place for may wait until it has one */

    queues = call->wish.has_ticket && call->handler
             && ngx_strcmp(answer.code, "at_capacity") == 0;

    row = ngx_tavus_call_record_failure(call, reason, outcome,
                                        t ? t->status : 0,
                                        queues ? ngx_tavus_call_full : NULL);

    if (queues && row) {
        call->retry_after = answer.retry_after;
        return;
    }

    ngx_tavus_call_tell(call, &answer);

    /* it has begun, and nobody will be there */

    if (call->conversation_id.len == 0
        || ngx_tavus_call_end(call, "unusable") != NGX_OK)
    {
        ngx_tavus_call_free(call);
    }
}


static ngx_tavus_row_t *
ngx_tavus_call_record_failure(ngx_tavus_call_t *call, const char *reason,
    const char *outcome, ngx_uint_t status, ngx_tavus_store_pt handler)
{
    cJSON            *data;
    ngx_tavus_row_t  *row;

    row = NULL;
    data = cJSON_CreateObject();

    if (data
        && cJSON_AddStringToObject(data, "nonce", call->nonce_hex)
        && cJSON_AddStringToObject(data, "vertical",
                                   (char *) call->vertical.data)
        && cJSON_AddStringToObject(data, "reason", reason)
        && cJSON_AddStringToObject(data, "outcome", outcome)
        && cJSON_AddNumberToObject(data, "http_status", status))
    {
        row = ngx_tavus_call_event(call, NGX_TAVUS_KIND_ERROR,
                                   "conversation.create_failed", data,
                                   handler);
    }

    cJSON_Delete(data);

    return row;
}


/* it is on record that Tavus has no place: now the line is asked for one */

static void
ngx_tavus_call_full(void *data, ngx_tavus_outcome_e outcome, ngx_msec_t time)
{
    ngx_tavus_call_t *call = data;

    call->wish.seconds = 0;

    /* nothing that was said of the wish before counts for this one */

    if (outcome > NGX_TAVUS_DUPLICATE || call->handler == NULL
        || RAND_bytes(call->nonce, TAVUS_NONCE_LEN) != 1
        || ngx_tavus_call_wish(call, ngx_tavus_call_queued) != NGX_OK)
    {
        call->wish.verdict.fate = NGX_TAVUS_FATE_NONE;
        ngx_tavus_call_queued(call, NGX_TAVUS_UNAVAILABLE, time);
    }
}


static void
ngx_tavus_call_queued(void *data, ngx_tavus_outcome_e outcome, ngx_msec_t time)
{
    ngx_tavus_call_t *call = data;

    if (call->wish.verdict.fate <= NGX_TAVUS_FATE_DUPLICATE) {
        call->wish.verdict.fate = NGX_TAVUS_FATE_BUSY;
        call->wish.has_ticket = 0;
    }

    ngx_tavus_call_tell_fate(call, call->retry_after);
    ngx_tavus_call_free(call);
}


static void
ngx_tavus_call_recorded(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_WAIT,
                                         TAVUS_SOURCE_SERVER, 0),
                         (uint64_t) time * 1000);

    ngx_tavus_call_done(data, outcome, time);
}


static void
ngx_tavus_call_done(ngx_tavus_call_t *call, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    const char  *reason;

    if (outcome > NGX_TAVUS_JOURNALED) {

        /* what is not on record must not go on costing money */

        ngx_tavus_call_failure("storage_unavailable");
        ngx_tavus_call_tell(call, &ngx_tavus_call_unrecorded);

        reason = "unrecorded";

    } else if (ngx_tavus_call_late(call)) {
        ngx_tavus_call_tell(call, &ngx_tavus_call_upstream_error);

        reason = "late";

    } else if (call->handler == NULL) {
        reason = "abandoned";

    } else {
        call->store_time = time;
        call->event_type = "conversation.created";

        ngx_tavus_store_name(outcome, &call->store);

        ngx_tavus_call_tell(call, NULL);
        ngx_tavus_call_free(call);
        return;
    }

    if (ngx_tavus_call_end(call, reason) != NGX_OK) {
        ngx_tavus_call_free(call);
    }
}


/*
 * A worker that was stopped for long: the conversation may have been judged
 * as one that nobody was told of, so nobody is.
 */

static ngx_uint_t
ngx_tavus_call_late(ngx_tavus_call_t *call)
{
    ngx_uint_t  most;

    most = call->patience - 1;

    return ngx_current_msec - call->start >= most * 1000
           || ngx_time() - call->began >= (time_t) most;
}


ngx_int_t
ngx_tavus_call_end(ngx_tavus_call_t *call, const char *reason)
{
    call->end_reason = reason;

    return ngx_tavus_api_end(call->api, &call->conversation_id,
                             ngx_tavus_call_ended, call);
}


static void
ngx_tavus_call_ended(ngx_tavus_curl_t *t)
{
    ngx_tavus_call_t *call = t->data;

    u_char     buf[NGX_TAVUS_API_WORDS];
    ngx_str_t  words;

    ngx_tavus_call_measure(call, t);

    if (!ngx_tavus_api_ended(t)) {
        words = ngx_tavus_api_words(call->api, t, buf, sizeof(buf));

        ngx_log_error(NGX_LOG_ERR, call->log, 0,
                      "conversation \"%V\" could not be ended: status %ui "
                      "\"%V\", %s", &call->conversation_id, t->status,
                      &words, curl_easy_strerror(t->rc));

        ngx_tavus_call_tell(call, &ngx_tavus_call_upstream_error);

        if (ngx_tavus_call_record_end(call, NGX_TAVUS_KIND_ERROR,
                                      "conversation.end_failed",
                                      ngx_tavus_call_end_recorded)
            == NULL)
        {
            ngx_tavus_call_end_recorded(call, NGX_TAVUS_UNAVAILABLE, 0);
        }

        return;
    }

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_CONVERSATIONS_ENDED,
                         tavus_metric_label(TAVUS_METRIC_CONVERSATIONS_ENDED,
                                            0, call->end_reason,
                                            ngx_strlen(call->end_reason)), 0),
                     1);

    if (ngx_tavus_call_record_end(call, NGX_TAVUS_KIND_INFO,
                                  "conversation.ended",
                                  ngx_tavus_call_end_done)
        == NULL)
    {
        ngx_tavus_call_end_done(call, NGX_TAVUS_UNAVAILABLE, 0);
    }
}


/*
 * Whoever asked is told once it is on record, or could not be: who is not told
 * asks again, so that an end is known though this worker dies.
 */

static void
ngx_tavus_call_end_done(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_call_t *call = data;

    if (call->ends) {
        ngx_tavus_ends_set(call->ends, call->nonce, NGX_TAVUS_END_DONE,
                           call->expiry - ngx_time() + 1);
    }

    if (outcome <= NGX_TAVUS_JOURNALED) {
        ngx_tavus_store_name(outcome, &call->store);
    }

    call->store_time = time;
    call->event_type = "conversation.ended";

    ngx_tavus_call_tell(call, NULL);
    ngx_tavus_call_free(call);
}


/* once it is on record that it failed, the sweep sees to it */

static void
ngx_tavus_call_end_recorded(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_call_t *call = data;

    if (call->ends) {
        ngx_tavus_ends_set(call->ends, call->nonce, NGX_TAVUS_END_UNENDED,
                           outcome <= NGX_TAVUS_JOURNALED
                           ? call->expiry - ngx_time() + 1
                           : NGX_TAVUS_CALL_RETRY);
    }

    ngx_tavus_call_free(call);
}


static ngx_tavus_row_t *
ngx_tavus_call_record_end(ngx_tavus_call_t *call, ngx_uint_t kind,
    const char *type, ngx_tavus_store_pt handler)
{
    cJSON            *data;
    ngx_tavus_row_t  *row;

    row = NULL;
    data = cJSON_CreateObject();

    if (data
        && cJSON_AddStringToObject(data, "conversation_id",
                                   (char *) call->conversation_id.data)
        && cJSON_AddStringToObject(data, "reason", call->end_reason))
    {
        row = ngx_tavus_call_event(call, kind, type, data, handler);
    }

    cJSON_Delete(data);

    return row;
}


/* who waits is told once; NULL: all is well */

static void
ngx_tavus_call_tell(ngx_tavus_call_t *call,
    const ngx_tavus_call_answer_t *answer)
{
    ngx_tavus_call_pt  handler;

    handler = call->handler;

    if (handler) {
        call->handler = NULL;
        call->log = ngx_cycle->log;

        handler(call, answer);
    }
}


/* an event of this server's own; the handler's data is the call */

static ngx_tavus_row_t *
ngx_tavus_call_event(ngx_tavus_call_t *call, ngx_uint_t kind, const char *type,
    cJSON *data, ngx_tavus_store_pt handler)
{
    ngx_tavus_server_event_t  event;

    ngx_tavus_call_event_init(call, &event, kind, type);

    return ngx_tavus_server_event(&event, data, handler, call);
}


static void
ngx_tavus_call_event_init(ngx_tavus_call_t *call,
    ngx_tavus_server_event_t *event, ngx_uint_t kind, const char *type)
{
    event->kind = kind;
    event->type = type;
    event->conversation_id = call->conversation_id;
    event->nonce = call->nonce;
    event->bound = 1;
    event->cause = call->cause;
    event->once = 0;
    event->time = 0;

    if (call->ends) {

        /* whichever node, and however often */

        ngx_str_set(&event->cause, "visitor");
        event->once = 1;
    }
}


static void
ngx_tavus_call_measure(ngx_tavus_call_t *call, ngx_tavus_curl_t *t)
{
    ngx_tavus_api_measure(t);

    call->upstream_time = t->time;
}


static void
ngx_tavus_call_failure(const char *reason)
{
    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_CONVERSATIONS_FAILED,
                         tavus_metric_label(TAVUS_METRIC_CONVERSATIONS_FAILED,
                                            0, reason, ngx_strlen(reason)),
                                     0), 1);
}
