
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_order.h"
#include "store/ngx_tavus_server_event.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"

#include <openssl/rand.h>


#define NGX_TAVUS_ORDER_RETRY   10
#define NGX_TAVUS_ORDER_REPAIR  60      /* seconds until an owner may be done */


static ngx_int_t ngx_tavus_order_identify(ngx_tavus_order_t *order);
static ngx_int_t ngx_tavus_order_describe(ngx_tavus_order_t *order);
static ngx_int_t ngx_tavus_order_ask(ngx_tavus_order_t *order,
    ngx_uint_t stmt, ngx_tavus_pg_handler_pt handler);
static void ngx_tavus_order_intended(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_uint_t ngx_tavus_order_is_new(ngx_tavus_order_t *order,
    ngx_int_t rc, PGresult *res);
static void ngx_tavus_order_answered(ngx_tavus_curl_t *t);
static ngx_int_t ngx_tavus_order_settle(ngx_tavus_order_t *order,
    ngx_uint_t unknown, const char *reason, ngx_tavus_pg_handler_pt handler);
static void ngx_tavus_order_recorded(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_order_settled(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_order_refused(ngx_tavus_order_t *order, PGresult *res);
static void ngx_tavus_order_lost(ngx_tavus_order_t *order);
static void ngx_tavus_order_failed(ngx_tavus_order_t *order,
    ngx_tavus_curl_t *t, ngx_tavus_stripe_result_t *result);
static void ngx_tavus_order_judge(ngx_tavus_curl_t *t,
    ngx_tavus_stripe_result_t *result, ngx_tavus_order_answer_t *answer);
static void ngx_tavus_order_event(ngx_tavus_order_t *order,
    ngx_tavus_curl_t *t, ngx_tavus_stripe_result_t *result);
static void ngx_tavus_order_failure(const char *reason);
static void ngx_tavus_order_tell(ngx_tavus_order_t *order,
    const ngx_tavus_order_answer_t *answer);


const ngx_tavus_order_answer_t  ngx_tavus_order_unrecorded = {
    503, "storage_unavailable", NGX_TAVUS_ORDER_RETRY,
    "The order cannot be recorded now.", NULL
};

static const ngx_tavus_order_answer_t  ngx_tavus_order_upstream_error = {
    502, "upstream_error", 0,
    "The payment service did not answer as it should.", NULL
};

static const ngx_tavus_order_answer_t  ngx_tavus_order_no_service = {
    503, "service_unavailable", NGX_TAVUS_ORDER_REPAIR,
    "The payment service is temporarily unavailable.", NULL
};

static const ngx_tavus_order_answer_t  ngx_tavus_order_bad_email = {
    400, "invalid_field", 0,
    "The payment service does not take this email address.", "email"
};


/* of metadata at Stripe; the e-mail is a field of its own there */

static const char  *ngx_tavus_order_names[ngx_tavus_order_words] = {
    NULL, "conversation_id", "session_id", "user_id", "utm_source",
    "utm_medium", "utm_campaign", "consent"
};


ngx_tavus_order_t *
ngx_tavus_order_create(ngx_tavus_stripe_t *stripe, ngx_str_t *cause)
{
    ngx_pool_t         *pool;
    ngx_tavus_order_t  *order;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    order = ngx_pcalloc(pool, sizeof(ngx_tavus_order_t));
    if (order == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    order->pool = pool;
    order->stripe = stripe;
    order->log = ngx_cycle->log;
    order->store_time = -1;
    order->upstream_time = -1;

    order->cause.len = cause->len;
    order->cause.data = ngx_pstrdup(pool, cause);

    if (order->cause.data == NULL
        || ngx_tavus_order_identify(order) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    return order;
}


static ngx_int_t
ngx_tavus_order_identify(ngx_tavus_order_t *order)
{
    uint8_t      tail[10];
    ngx_time_t  *tp;

    if (RAND_bytes(tail, sizeof(tail)) != 1) {
        return NGX_ERROR;
    }

    tp = ngx_timeofday();

    tavus_uuid_v7(order->id, (uint64_t) tp->sec * 1000 + tp->msec, tail);
    tavus_uuid_format(order->id, order->id_text);

    order->id_text[TAVUS_UUID_TEXT_LEN] = '\0';
    order->wish.order_id = order->id_text;

    return NGX_OK;
}


void
ngx_tavus_order_free(ngx_tavus_order_t *order)
{
    ngx_destroy_pool(order->pool);
}


ngx_int_t
ngx_tavus_order_start(ngx_tavus_order_t *order)
{
    ngx_uint_t    i;
    u_char       *patience;
    const char  **values;

    patience = ngx_pnalloc(order->pool, NGX_INT_T_LEN + 1);

    if (patience == NULL || ngx_tavus_order_describe(order) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_sprintf(patience, "%ui%Z", order->patience);

    values = order->op.values;

    values[0] = order->id_text;
    values[1] = order->stripe->live ? "true" : "false";
    values[2] = (char *) order->plan.data;
    values[3] = order->wish.subscription ? "subscription" : "payment";
    values[4] = order->lines;

    for (i = 0; i < ngx_tavus_order_words; i++) {
        values[5 + i] = order->words[i];
    }

    values[5 + i] = (char *) patience;

    order->intending = 1;

    if (ngx_tavus_order_ask(order, ngx_tavus_stmt_order_intent,
                            ngx_tavus_order_intended)
        != NGX_OK)
    {
        ngx_tavus_order_failure("storage_unavailable");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_order_describe(ngx_tavus_order_t *order)
{
    ngx_uint_t     i;
    const char    *word;
    ngx_keyval_t  *m;

    m = ngx_pcalloc(order->pool,
                    (ngx_tavus_order_words + 1) * sizeof(ngx_keyval_t));
    if (m == NULL) {
        return NGX_ERROR;
    }

    order->wish.metadata = m;

    ngx_str_set(&m->key, "plan");
    m->value = order->plan;
    m++;

    for (i = 0; i < ngx_tavus_order_words; i++) {
        word = order->words[i];

        if (word && i == ngx_tavus_order_email) {
            order->wish.email.data = (u_char *) word;
            order->wish.email.len = ngx_strlen(word);

        } else if (word) {
            m->key.data = (u_char *) ngx_tavus_order_names[i];
            m->key.len = ngx_strlen(m->key.data);
            m->value.data = (u_char *) word;
            m->value.len = ngx_strlen(word);
            m++;
        }
    }

    order->wish.nmetadata = m - order->wish.metadata;

    return NGX_OK;
}


/* what its values are is set already */

static ngx_int_t
ngx_tavus_order_ask(ngx_tavus_order_t *order, ngx_uint_t stmt,
    ngx_tavus_pg_handler_pt handler)
{
    order->op.stmt = &ngx_tavus_statements[stmt];
    order->op.timeout = NGX_TAVUS_ORDER_TIMEOUT;
    order->op.handler = handler;
    order->op.data = order;
    order->asked = ngx_current_msec;

    return ngx_tavus_store_change(&order->op);
}


void
ngx_tavus_order_leave(ngx_tavus_order_t *order)
{
    order->handler = NULL;
    order->log = ngx_cycle->log;

    /* nothing of it is anywhere yet */

    if (order->intending && ngx_tavus_pg_withdraw(&order->op) == NGX_OK) {
        ngx_tavus_order_free(order);
    }
}


/* it is on record: now, and only now, the request may go out */

static void
ngx_tavus_order_intended(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_order_t *order = op->data;

    ngx_tavus_stripe_result_t  result;

    order->intending = 0;
    order->store_time = ngx_current_msec - order->asked;

    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_WAIT,
                                         TAVUS_SOURCE_SERVER, 0),
                         (uint64_t) order->store_time * 1000);

    if (!ngx_tavus_order_is_new(order, rc, res)) {
        ngx_tavus_order_lost(order);
        return;
    }

    if (order->handler == NULL) {

        /* nobody waits, and nothing has been asked for yet */

        if (ngx_tavus_order_settle(order, 0, "abandoned",
                                   ngx_tavus_order_settled)
            != NGX_OK)
        {
            ngx_tavus_order_free(order);
        }

        return;
    }

    if (ngx_tavus_stripe_checkout(order->stripe, &order->wish,
                                  ngx_tavus_order_answered, order)
        != NGX_OK)
    {
        ngx_tavus_stripe_result(NULL, &result);
        ngx_tavus_order_failed(order, NULL, &result);
    }
}


static ngx_uint_t
ngx_tavus_order_is_new(ngx_tavus_order_t *order, ngx_int_t rc, PGresult *res)
{
    if (rc != NGX_OK) {
        ngx_tavus_order_refused(order, res);
        return 0;
    }

    return PQntuples(res) == 1 && PQgetlength(res, 0, 0) == 3
           && ngx_memcmp(PQgetvalue(res, 0, 0), "new", 3) == 0;
}


static void
ngx_tavus_order_answered(ngx_tavus_curl_t *t)
{
    ngx_tavus_order_t *order = t->data;

    ngx_tavus_stripe_result_t  result;

    ngx_tavus_stripe_measure(t);

    order->upstream_time = t->time;

    ngx_tavus_stripe_result(t, &result);

    if (result.outcome == NGX_TAVUS_STRIPE_DONE
        && ngx_tavus_stripe_checkout_read(&t->answer, order->sandbox,
                                          order->pool, &order->made)
           != NGX_OK)
    {
        result.outcome = NGX_TAVUS_STRIPE_UNKNOWN;
        result.reason = "invalid_answer";
    }

    if (result.outcome != NGX_TAVUS_STRIPE_DONE) {
        ngx_tavus_order_failed(order, t, &result);
        return;
    }

    if (ngx_tavus_order_settle(order, 0, NULL, ngx_tavus_order_recorded)
        != NGX_OK)
    {
        ngx_tavus_order_lost(order);
    }
}


/* what Stripe has made, if that is known, or why it has not */

static ngx_int_t
ngx_tavus_order_settle(ngx_tavus_order_t *order, ngx_uint_t unknown,
    const char *reason, ngx_tavus_pg_handler_pt handler)
{
    u_char       *expires;
    const char  **values;

    expires = NULL;

    if (order->made.expires) {
        expires = ngx_pnalloc(order->pool, NGX_TIME_T_LEN + 1);
        if (expires == NULL) {
            return NGX_ERROR;
        }

        ngx_sprintf(expires, "%T%Z", order->made.expires);
    }

    ngx_memzero(&order->op, sizeof(ngx_tavus_pg_op_t));

    values = order->op.values;

    values[0] = order->id_text;
    values[1] = order->made.id.len ? (char *) order->made.id.data : NULL;
    values[2] = (char *) expires;
    values[3] = unknown ? "true" : "false";
    values[4] = reason;

    return ngx_tavus_order_ask(order, ngx_tavus_stmt_order_answer, handler);
}


/* the answer is on record: now, and only now, the visitor may have it */

static void
ngx_tavus_order_recorded(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_order_t *order = op->data;

    order->store_time = ngx_current_msec - order->asked;

    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_WAIT,
                                         TAVUS_SOURCE_SERVER, 0),
                         (uint64_t) order->store_time * 1000);

    if (rc != NGX_OK || PQntuples(res) != 1
        || !ngx_tavus_pg_number(res, 0, 0))
    {
        ngx_tavus_order_refused(order, res);
        ngx_tavus_order_lost(order);
        return;
    }

    tavus_metric_add(TAVUS_METRIC_CHECKOUTS_CREATED, 1);

    ngx_tavus_order_tell(order, NULL);
    ngx_tavus_order_free(order);
}


/* of one that nobody waits for: what is not settled is looked for */

static void
ngx_tavus_order_settled(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_order_t *order = op->data;

    if (rc != NGX_OK) {
        ngx_tavus_order_refused(order, res);
    }

    ngx_tavus_order_free(order);
}


static void
ngx_tavus_order_refused(ngx_tavus_order_t *order, PGresult *res)
{
    const char  *text;

    text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

    ngx_log_error(NGX_LOG_ERR, order->log, 0,
                  "order %s could not be recorded: %s", order->id_text,
                  text ? text : "no connection");
}


/* what is not on record, nobody is told; others look for what is */

static void
ngx_tavus_order_lost(ngx_tavus_order_t *order)
{
    ngx_tavus_order_failure("storage_unavailable");

    ngx_tavus_order_tell(order, &ngx_tavus_order_unrecorded);
    ngx_tavus_order_free(order);
}


static void
ngx_tavus_order_failed(ngx_tavus_order_t *order, ngx_tavus_curl_t *t,
    ngx_tavus_stripe_result_t *result)
{
    ngx_uint_t                unknown, level;
    ngx_tavus_order_answer_t  answer;

    unknown = result->outcome == NGX_TAVUS_STRIPE_UNKNOWN;

    ngx_tavus_order_judge(t, result, &answer);

    /* what is the visitor's fault is nothing for the owner to mend */

    level = answer.status == 400 ? NGX_LOG_INFO : NGX_LOG_ERR;

    ngx_log_error(level, order->log, 0,
                  "checkout of plan \"%V\" failed: %s, status %ui, type "
                  "\"%s\", code \"%s\", param \"%s\" \"%s\"", &order->plan,
                  result->reason, t ? t->status : 0, result->type,
                  result->code, result->param, result->words);

    ngx_tavus_order_failure(result->reason);

    if (level == NGX_LOG_ERR) {
        ngx_tavus_order_event(order, t, result);
    }

    ngx_tavus_order_tell(order, &answer);

    if (ngx_tavus_order_settle(order, unknown, result->reason,
                               ngx_tavus_order_settled)
        != NGX_OK)
    {
        ngx_tavus_order_free(order);
    }
}


static void
ngx_tavus_order_judge(ngx_tavus_curl_t *t, ngx_tavus_stripe_result_t *result,
    ngx_tavus_order_answer_t *answer)
{
    *answer = ngx_tavus_order_upstream_error;

    if (t == NULL || t->rc != CURLE_OK) {
        return;
    }

    switch (t->status) {

    case 400:
        if (ngx_strcmp(result->param, "customer_email") == 0) {
            *answer = ngx_tavus_order_bad_email;
        }

        break;

    case 401:
    case 402:
    case 403:
        *answer = ngx_tavus_order_no_service;
        break;

    case 429:
        *answer = ngx_tavus_order_no_service;
        answer->retry_after = t->retry_after ? t->retry_after
                                             : NGX_TAVUS_ORDER_RETRY;
        break;
    }
}


/* for the owner, who is told which key, plan or price it is */

static void
ngx_tavus_order_event(ngx_tavus_order_t *order, ngx_tavus_curl_t *t,
    ngx_tavus_stripe_result_t *result)
{
    cJSON                     *data;
    ngx_tavus_server_event_t   event;

    order->event_type = "checkout.failed";

    ngx_memzero(&event, sizeof(ngx_tavus_server_event_t));

    event.kind = NGX_TAVUS_KIND_ERROR;
    event.type = order->event_type;
    event.nonce = order->id;
    event.cause = order->cause;

    data = cJSON_CreateObject();

    if (cJSON_AddStringToObject(data, "order_id", order->id_text)
        && cJSON_AddStringToObject(data, "plan", (char *) order->plan.data)
        && cJSON_AddStringToObject(data, "reason", result->reason)
        && cJSON_AddStringToObject(data, "outcome",
                                   result->outcome
                                   == NGX_TAVUS_STRIPE_UNKNOWN ? "unknown"
                                                               : "failed")
        && cJSON_AddNumberToObject(data, "http_status", t ? t->status : 0)
        && cJSON_AddStringToObject(data, "type", result->type)
        && cJSON_AddStringToObject(data, "code", result->code)
        && cJSON_AddStringToObject(data, "param", result->param)
        && cJSON_AddStringToObject(data, "message", result->words))
    {
        (void) ngx_tavus_server_event(&event, data, NULL, NULL);
    }

    cJSON_Delete(data);
}


static void
ngx_tavus_order_failure(const char *reason)
{
    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_CHECKOUTS_FAILED,
                         tavus_metric_label(TAVUS_METRIC_CHECKOUTS_FAILED,
                                            0, reason, ngx_strlen(reason)),
                                     0), 1);
}


/* who waits is told once; NULL: all is well */

static void
ngx_tavus_order_tell(ngx_tavus_order_t *order,
    const ngx_tavus_order_answer_t *answer)
{
    ngx_tavus_order_pt  handler;

    handler = order->handler;

    if (handler) {
        order->handler = NULL;
        order->log = ngx_cycle->log;

        handler(order, answer);
    }
}
