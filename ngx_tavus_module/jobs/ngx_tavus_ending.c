
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_ending.h"
#include "store/ngx_tavus_server_event.h"
#include "core/tavus_metrics.h"

#include <openssl/rand.h>


#define NGX_TAVUS_ENDING_REASON  "admin"


static ngx_int_t ngx_tavus_ending_copy(ngx_pool_t *pool, ngx_str_t *from,
    ngx_str_t *to);
static void ngx_tavus_ending_answered(ngx_tavus_curl_t *t);
static const ngx_tavus_ending_fault_t *ngx_tavus_ending_fault(
    ngx_tavus_curl_t *t);
static void ngx_tavus_ending_log(ngx_tavus_ending_t *e, ngx_tavus_curl_t *t);
static void ngx_tavus_ending_tell(ngx_tavus_ending_t *e);
static ngx_tavus_row_t *ngx_tavus_ending_record(ngx_tavus_ending_t *e);
static ngx_tavus_row_t *ngx_tavus_ending_note(ngx_tavus_ending_t *e);
static void ngx_tavus_ending_recorded(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_ending_noted(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_ending_untold(ngx_tavus_ending_t *e, const char *what);
static void ngx_tavus_ending_settle(ngx_tavus_ending_t *e);


static const ngx_tavus_ending_fault_t  ngx_tavus_ending_unrecorded = {
    "outcome_unknown", "Tavus has ended it, but that could not be recorded.",
    "unknown"
};


static const ngx_tavus_ending_fault_t  ngx_tavus_ending_unreachable = {
    "upstream_error", "Tavus could not be reached; nothing was ended.",
    "failed"
};

static const ngx_tavus_ending_fault_t  ngx_tavus_ending_lost = {
    "outcome_unknown", "Tavus did not answer as it should: the conversation "
    "may have been ended or not.", "unknown"
};

static const ngx_tavus_ending_fault_t  ngx_tavus_ending_key = {
    "api_key_refused", "Tavus refuses the API key; nothing was ended.",
    "failed"
};

static const ngx_tavus_ending_fault_t  ngx_tavus_ending_stranger = {
    "unknown_to_tavus", "Tavus knows no such conversation by this API key.",
    "failed"
};

static const ngx_tavus_ending_fault_t  ngx_tavus_ending_refused = {
    "upstream_error", "Tavus refused to end it; the error log has its words.",
    "failed"
};


ngx_tavus_ending_t *
ngx_tavus_ending_create(ngx_tavus_api_t *api, ngx_str_t *id,
    ngx_tavus_trail_t *who)
{
    ngx_pool_t          *pool;
    ngx_tavus_ending_t  *e;

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    e = ngx_pcalloc(pool, sizeof(ngx_tavus_ending_t));

    if (e == NULL
        || ngx_tavus_ending_copy(pool, id, &e->id) != NGX_OK
        || ngx_tavus_ending_copy(pool, &who->user, &e->who.user) != NGX_OK
        || ngx_tavus_ending_copy(pool, &who->from, &e->who.from) != NGX_OK
        || ngx_tavus_ending_copy(pool, &who->cause, &e->who.cause) != NGX_OK
        || RAND_bytes(e->nonce, TAVUS_NONCE_LEN) != 1)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    e->pool = pool;
    e->api = api;
    e->log = ngx_cycle->log;
    e->store_time = -1;
    e->upstream_time = -1;

    return e;
}


static ngx_int_t
ngx_tavus_ending_copy(ngx_pool_t *pool, ngx_str_t *from, ngx_str_t *to)
{
    to->data = ngx_pnalloc(pool, from->len + 1);
    if (to->data == NULL) {
        return NGX_ERROR;
    }

    to->len = from->len;
    *ngx_cpymem(to->data, from->data, from->len) = '\0';

    return NGX_OK;
}


cJSON *
ngx_tavus_ending_trail(ngx_tavus_ending_t *e)
{
    cJSON  *data, *object;

    data = ngx_tavus_trail_data(&e->who);
    object = cJSON_AddObjectToObject(data, "object");

    if (cJSON_AddStringToObject(object, "conversation_id",
                                (char *) e->id.data)
        == NULL)
    {
        cJSON_Delete(data);
        return NULL;
    }

    return data;
}


void
ngx_tavus_ending_free(ngx_tavus_ending_t *e)
{
    ngx_destroy_pool(e->pool);
}


void
ngx_tavus_ending_start(ngx_tavus_ending_t *e)
{
    if (ngx_tavus_api_end(e->api, &e->id, ngx_tavus_ending_answered, e)
        == NGX_OK)
    {
        return;
    }

    e->fault = &ngx_tavus_ending_unreachable;

    ngx_tavus_ending_log(e, NULL);
    ngx_tavus_ending_tell(e);
}


static void
ngx_tavus_ending_answered(ngx_tavus_curl_t *t)
{
    ngx_tavus_ending_t *e = t->data;

    ngx_tavus_api_measure(t);

    e->upstream_time = t->time;
    e->fault = ngx_tavus_ending_fault(t);

    if (e->fault) {
        ngx_tavus_ending_log(e, t);

    } else {
        tavus_metric_add(tavus_metric_of(TAVUS_METRIC_CONVERSATIONS_ENDED,
                             tavus_metric_label(
                                 TAVUS_METRIC_CONVERSATIONS_ENDED, 0,
                                 NGX_TAVUS_ENDING_REASON,
                                 sizeof(NGX_TAVUS_ENDING_REASON) - 1), 0), 1);
    }

    ngx_tavus_ending_tell(e);
}


/*
 * One that Tavus does not know may be another account's, and go on there: it
 * is not said to be over.
 */

static const ngx_tavus_ending_fault_t *
ngx_tavus_ending_fault(ngx_tavus_curl_t *t)
{
    if (ngx_tavus_api_unknown(t)) {
        return &ngx_tavus_ending_stranger;
    }

    if (ngx_tavus_api_ended(t)) {
        return NULL;
    }

    if (t->rc != CURLE_OK) {
        return t->sent ? &ngx_tavus_ending_lost
                       : &ngx_tavus_ending_unreachable;
    }

    /* only a refusal says that nothing was done */

    if (t->status < 400 || t->status >= 500 || t->status == 408) {
        return &ngx_tavus_ending_lost;
    }

    return t->status == 401 || t->status == 403 ? &ngx_tavus_ending_key
                                                : &ngx_tavus_ending_refused;
}


static void
ngx_tavus_ending_log(ngx_tavus_ending_t *e, ngx_tavus_curl_t *t)
{
    u_char     buf[NGX_TAVUS_API_WORDS];
    ngx_str_t  words;

    words = ngx_tavus_api_words(e->api, t, buf, sizeof(buf));

    ngx_log_error(NGX_LOG_ERR, e->log, 0,
                  "conversation \"%V\" could not be ended: status %ui "
                  "\"%V\", %s", &e->id, t ? t->status : 0, &words,
                  t ? curl_easy_strerror(t->rc) : "not sent");
}


/* what it waits for is counted before anything can be told */

static void
ngx_tavus_ending_tell(ngx_tavus_ending_t *e)
{
    e->waits = 1;

    if (ngx_tavus_ending_record(e)) {
        e->waits++;

    } else {
        ngx_tavus_ending_untold(e, "the log");
    }

    if (ngx_tavus_ending_note(e)) {
        e->waits++;

    } else {
        ngx_tavus_ending_untold(e, "the trail");
    }

    ngx_tavus_ending_settle(e);
}


/* one that failed is looked after, as a visitor's, if its create is known */

static ngx_tavus_row_t *
ngx_tavus_ending_record(ngx_tavus_ending_t *e)
{
    cJSON                     *data;
    ngx_tavus_row_t           *row;
    ngx_tavus_server_event_t   event;

    ngx_memzero(&event, sizeof(ngx_tavus_server_event_t));

    event.kind = e->fault ? NGX_TAVUS_KIND_ERROR : NGX_TAVUS_KIND_INFO;
    event.type = e->fault ? "conversation.end_failed" : "conversation.ended";
    event.conversation_id = e->id;
    event.nonce = e->nonce;
    event.bound = e->bound;
    event.cause = e->who.cause;

    e->event_type = event.type;

    row = NULL;
    data = cJSON_CreateObject();

    if (cJSON_AddStringToObject(data, "conversation_id", (char *) e->id.data)
        && cJSON_AddStringToObject(data, "reason", NGX_TAVUS_ENDING_REASON))
    {
        row = ngx_tavus_server_event(&event, data, ngx_tavus_ending_recorded,
                                     e);
    }

    cJSON_Delete(data);

    return row;
}


static ngx_tavus_row_t *
ngx_tavus_ending_note(ngx_tavus_ending_t *e)
{
    cJSON            *data;
    ngx_tavus_row_t  *row;

    row = NULL;
    data = ngx_tavus_ending_trail(e);

    if (cJSON_AddStringToObject(data, "outcome",
                                e->fault ? e->fault->outcome : "done"))
    {
        row = ngx_tavus_trail_put("admin.conversation_ended", data,
                                  ngx_tavus_ending_noted, e);
    }

    cJSON_Delete(data);

    return row;
}


static void
ngx_tavus_ending_recorded(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_ending_t *e = data;

    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_WAIT,
                                         TAVUS_SOURCE_SERVER, 0),
                         (uint64_t) time * 1000);

    e->store_time = time;
    e->recorded = outcome <= NGX_TAVUS_JOURNALED;

    ngx_tavus_store_name(outcome, &e->store);

    if (!e->recorded) {
        ngx_tavus_ending_untold(e, "the log");
    }

    ngx_tavus_ending_settle(e);
}


static void
ngx_tavus_ending_noted(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_ending_t *e = data;

    if (outcome > NGX_TAVUS_JOURNALED) {
        ngx_tavus_ending_untold(e, "the trail");
    }

    ngx_tavus_ending_settle(e);
}


static void
ngx_tavus_ending_untold(ngx_tavus_ending_t *e, const char *what)
{
    ngx_log_error(NGX_LOG_ERR, e->log, 0,
                  "end of conversation \"%V\" by \"%V\" is not recorded "
                  "in %s: %s", &e->id, &e->who.user, what,
                  e->fault ? e->fault->outcome : "done");

    e->untold = 1;
}


static void
ngx_tavus_ending_settle(ngx_tavus_ending_t *e)
{
    if (--e->waits) {
        return;
    }

    /* an end is told of when it will be known */

    if (e->untold && e->fault == NULL) {
        e->recorded = 0;
        e->fault = &ngx_tavus_ending_unrecorded;
    }

    if (e->handler) {
        e->handler(e);
    }

    ngx_tavus_ending_free(e);
}
