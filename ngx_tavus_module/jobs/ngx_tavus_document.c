
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_document.h"
#include "store/ngx_tavus_server_event.h"
#include "core/tavus_metrics.h"
#include "core/tavus_signature.h"

#include <openssl/rand.h>


static ngx_int_t ngx_tavus_document_copy(ngx_pool_t *pool, ngx_str_t *from,
    ngx_str_t *to);
static void ngx_tavus_document_tell(ngx_tavus_document_t *d);
static void ngx_tavus_document_told(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_document_untold(ngx_tavus_document_t *d);
static const char *ngx_tavus_document_outcome(ngx_tavus_document_t *d);
static ngx_int_t ngx_tavus_document_print(ngx_tavus_document_t *d);
static ngx_int_t ngx_tavus_document_send(ngx_tavus_document_t *d,
    ngx_uint_t step);
static void ngx_tavus_document_answered(ngx_tavus_curl_t *t);
static void ngx_tavus_document_name_it(ngx_tavus_document_t *d);
static ngx_int_t ngx_tavus_document_record(ngx_tavus_document_t *d,
    ngx_uint_t status);
static cJSON *ngx_tavus_document_event(ngx_tavus_document_t *d, ngx_uint_t
    status);
static void ngx_tavus_document_take(cJSON *from, cJSON *to, const char *name);
static void ngx_tavus_document_mask(cJSON *data, const char *name);
static void ngx_tavus_document_recorded(void *data, ngx_tavus_outcome_e
    outcome, ngx_msec_t time);
static void ngx_tavus_document_settle(ngx_tavus_document_t *d);
static void ngx_tavus_document_done(ngx_tavus_document_t *d);


ngx_tavus_document_t *
ngx_tavus_document_create(ngx_tavus_api_t *api, ngx_uint_t op,
    ngx_tavus_trail_t *who)
{
    ngx_pool_t            *pool;
    ngx_tavus_document_t  *d;

    pool = ngx_create_pool(2048, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    d = ngx_pcalloc(pool, sizeof(ngx_tavus_document_t));

    if (d == NULL
        || ngx_tavus_document_copy(pool, &who->user, &d->who.user) != NGX_OK
        || ngx_tavus_document_copy(pool, &who->from, &d->who.from) != NGX_OK
        || ngx_tavus_document_copy(pool, &who->cause, &d->who.cause)
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    d->pool = pool;
    d->api = api;
    d->log = ngx_cycle->log;
    d->op = op;
    d->store_time = -1;
    d->upstream_time = -1;

    return d;
}


static ngx_int_t
ngx_tavus_document_copy(ngx_pool_t *pool, ngx_str_t *from, ngx_str_t *to)
{
    to->data = ngx_pnalloc(pool, from->len + 1);
    if (to->data == NULL) {
        return NGX_ERROR;
    }

    to->len = from->len;
    *ngx_cpymem(to->data, from->data, from->len) = '\0';

    return NGX_OK;
}


void
ngx_tavus_document_free(ngx_tavus_document_t *d)
{
    cJSON_Delete(d->body);
    cJSON_Delete(d->answer);
    ngx_destroy_pool(d->pool);
}


ngx_int_t
ngx_tavus_document_start(ngx_tavus_document_t *d)
{
    ngx_uint_t  step;

    /* when it is gone nobody can say what it was */

    step = d->op == NGX_TAVUS_DOCUMENT_DELETE ? NGX_TAVUS_DOCUMENT_READ
                                              : d->op;

    if ((d->body && ngx_tavus_document_print(d) != NGX_OK)
        || ngx_tavus_document_send(d, step) != NGX_OK)
    {
        (void) ngx_tavus_api_documents_answer(d->op, NULL, &d->fault);
        ngx_tavus_document_tell(d);
        return NGX_ERROR;
    }

    return NGX_OK;
}


cJSON *
ngx_tavus_document_trail(ngx_tavus_document_t *d)
{
    cJSON  *data, *object;

    data = ngx_tavus_trail_data(&d->who);
    object = cJSON_AddObjectToObject(data, "object");

    (void) cJSON_AddStringToObject(object, "operation",
                                   ngx_tavus_api_documents_name(d->op));

    if (d->id.len) {
        (void) cJSON_AddStringToObject(object, "document_id",
                                       (char *) d->id.data);
    }

    if (object == NULL) {
        cJSON_Delete(data);
        return NULL;
    }

    return data;
}


/* what was asked for and has no outcome on the trail is not known */

static void
ngx_tavus_document_tell(ngx_tavus_document_t *d)
{
    cJSON            *data;
    ngx_tavus_row_t  *row;

    if (d->op < NGX_TAVUS_DOCUMENT_CREATE) {
        return;
    }

    row = NULL;
    data = ngx_tavus_document_trail(d);

    if (cJSON_AddStringToObject(data, "outcome",
                                ngx_tavus_document_outcome(d)))
    {
        row = ngx_tavus_trail_put("admin.document_answered", data,
                                  d->waits ? ngx_tavus_document_told : NULL,
                                  d);
    }

    cJSON_Delete(data);

    if (row == NULL) {
        ngx_tavus_document_untold(d);

    } else if (d->waits) {
        d->waits++;
    }
}


static void
ngx_tavus_document_told(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_document_t *d = data;

    if (outcome > NGX_TAVUS_JOURNALED) {
        ngx_tavus_document_untold(d);
    }

    ngx_tavus_document_settle(d);
}


static void
ngx_tavus_document_untold(ngx_tavus_document_t *d)
{
    ngx_log_error(NGX_LOG_ERR, d->log, 0,
                  "trail: %s of document \"%V\" by \"%V\" is not recorded: "
                  "%s", ngx_tavus_api_documents_name(d->op), &d->id,
                  &d->who.user, ngx_tavus_document_outcome(d));
}


static const char *
ngx_tavus_document_outcome(ngx_tavus_document_t *d)
{
    return d->fault.unknown ? "unknown" : d->fault.status ? "failed" : "done";
}


static ngx_int_t
ngx_tavus_document_print(ngx_tavus_document_t *d)
{
    char       *json;
    ngx_int_t   rc;
    ngx_str_t   text;

    json = cJSON_PrintUnformatted(d->body);
    if (json == NULL) {
        return NGX_ERROR;
    }

    text.data = (u_char *) json;
    text.len = ngx_strlen(json);

    rc = ngx_tavus_document_copy(d->pool, &text, &d->text);

    cJSON_free(json);

    return rc;
}


static ngx_int_t
ngx_tavus_document_send(ngx_tavus_document_t *d, ngx_uint_t step)
{
    ngx_str_t  none;

    ngx_str_null(&none);

    d->step = step;
    d->transfer = ngx_tavus_api_documents_send(d->api, step, &d->id,
                                               &d->query,
                                               step == d->op ? &d->text
                                                             : &none,
                                               ngx_tavus_document_answered,
                                               d);

    return d->transfer ? NGX_OK : NGX_ERROR;
}


void
ngx_tavus_document_leave(ngx_tavus_document_t *d)
{
    d->handler = NULL;
    d->log = ngx_cycle->log;

    if (d->op < NGX_TAVUS_DOCUMENT_CREATE) {
        ngx_tavus_curl_cancel(d->transfer);
        ngx_tavus_document_free(d);
    }
}


static void
ngx_tavus_document_answered(ngx_tavus_curl_t *t)
{
    ngx_tavus_document_t *d = t->data;

    cJSON  *answer;

    ngx_tavus_api_measure(t);

    d->transfer = NULL;
    d->upstream_time = t->time + ngx_max(d->upstream_time, 0);

    answer = ngx_tavus_api_documents_answer(d->step, t, &d->fault);

    if (answer == NULL) {
        ngx_tavus_api_documents_log(d->api, d->log, d->op, t, &d->fault);

    } else if (d->step != d->op) {
        d->answer = answer;

        if (ngx_tavus_document_send(d, d->op) == NGX_OK) {
            return;
        }

        (void) ngx_tavus_api_documents_answer(d->op, NULL, &d->fault);
        ngx_tavus_api_documents_log(d->api, d->log, d->op, NULL, &d->fault);

    } else if (d->op == NGX_TAVUS_DOCUMENT_DELETE) {

        /* it is told of as it was */

        cJSON_Delete(answer);

    } else {
        d->answer = answer;

        if (d->op == NGX_TAVUS_DOCUMENT_CREATE) {
            ngx_tavus_document_name_it(d);
        }
    }

    d->waits = 1;

    ngx_tavus_document_tell(d);

    if (d->op >= NGX_TAVUS_DOCUMENT_CREATE
        && (d->fault.status == 0 || d->fault.unknown)
        && ngx_tavus_document_record(d, t->status) == NGX_OK)
    {
        d->waits++;
    }

    ngx_tavus_document_settle(d);
}


static void
ngx_tavus_document_settle(ngx_tavus_document_t *d)
{
    if (--d->waits == 0) {
        ngx_tavus_document_done(d);
    }
}


static void
ngx_tavus_document_name_it(ngx_tavus_document_t *d)
{
    cJSON      *id;
    ngx_str_t   text;

    id = cJSON_GetObjectItemCaseSensitive(d->answer, "document_id");

    text.data = (u_char *) id->valuestring;
    text.len = ngx_strlen(text.data);

    if (ngx_tavus_document_copy(d->pool, &text, &d->id) != NGX_OK) {
        d->id.len = 0;
    }
}


static ngx_int_t
ngx_tavus_document_record(ngx_tavus_document_t *d, ngx_uint_t status)
{
    cJSON                     *data;
    uint8_t                    nonce[TAVUS_NONCE_LEN];
    ngx_tavus_row_t           *row;
    ngx_tavus_server_event_t   event;

    static const char  *types[] = {
        NULL, NULL, "document.created", "document.updated",
        "document.deleted", "document.recrawled"
    };

    if (RAND_bytes(nonce, TAVUS_NONCE_LEN) != 1) {
        return NGX_ERROR;
    }

    ngx_memzero(&event, sizeof(ngx_tavus_server_event_t));

    event.kind = d->fault.unknown ? NGX_TAVUS_KIND_ERROR
                                  : NGX_TAVUS_KIND_INFO;
    event.type = d->fault.unknown ? "document.change_unknown" : types[d->op];
    event.nonce = nonce;
    event.cause = d->who.cause;

    d->event_type = event.type;

    data = ngx_tavus_document_event(d, status);

    row = ngx_tavus_server_event(&event, data, ngx_tavus_document_recorded,
                                 d);

    cJSON_Delete(data);

    return row ? NGX_OK : NGX_ERROR;
}


/* as Tavus has it, or as it was asked for */

static cJSON *
ngx_tavus_document_event(ngx_tavus_document_t *d, ngx_uint_t status)
{
    cJSON  *data, *from;

    data = cJSON_CreateObject();
    from = d->answer ? d->answer : d->body;

    (void) cJSON_AddStringToObject(data, "user", (char *) d->who.user.data);
    (void) cJSON_AddStringToObject(data, "request_id",
                                   (char *) d->who.cause.data);

    if (d->fault.unknown) {
        (void) cJSON_AddStringToObject(data, "operation",
                                       ngx_tavus_api_documents_name(d->op));
        (void) cJSON_AddStringToObject(data, "outcome", "unknown");
        (void) cJSON_AddStringToObject(data, "reason", d->fault.reason);
        (void) cJSON_AddNumberToObject(data, "http_status", status);
    }

    if (d->id.len) {
        (void) cJSON_AddStringToObject(data, "document_id",
                                       (char *) d->id.data);
    }

    ngx_tavus_document_take(from, data, "document_name");
    ngx_tavus_document_take(from, data, "document_url");
    ngx_tavus_document_take(from, data, "tags");
    ngx_tavus_document_take(from, data, "crawl");

    /* a name that nobody gave may be made of the address */

    ngx_tavus_document_mask(data, "document_name");
    ngx_tavus_document_mask(data, "document_url");

    return data;
}


static void
ngx_tavus_document_take(cJSON *from, cJSON *to, const char *name)
{
    cJSON  *p;

    p = cJSON_GetObjectItemCaseSensitive(from, name);

    if (p) {
        (void) cJSON_AddItemToObject(to, name, cJSON_Duplicate(p, 1));
    }
}


/* an address may hold a secret before its host, and in its query */

static void
ngx_tavus_document_mask(cJSON *data, const char *name)
{
    char    *p, *host, *at;
    cJSON   *item;
    size_t   len;

    item = cJSON_GetObjectItemCaseSensitive(data, name);

    if (!cJSON_IsString(item)) {
        return;
    }

    p = item->valuestring;
    host = strstr(p, "://");

    if (host == NULL) {
        return;
    }

    host += 3;
    host[strcspn(host, "?#")] = '\0';

    len = strcspn(host, "/");
    at = memchr(host, '@', len);

    if (at) {
        ngx_memmove(host, at + 1, ngx_strlen(at + 1) + 1);
    }
}


static void
ngx_tavus_document_recorded(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_document_t *d = data;

    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_WAIT,
                                         TAVUS_SOURCE_SERVER, 0),
                         (uint64_t) time * 1000);

    d->recorded = outcome <= NGX_TAVUS_JOURNALED;
    d->store_time = time;

    ngx_tavus_store_name(outcome, &d->store);

    ngx_tavus_document_settle(d);
}


static void
ngx_tavus_document_done(ngx_tavus_document_t *d)
{
    if (d->op >= NGX_TAVUS_DOCUMENT_CREATE && !d->recorded
        && (d->fault.status == 0 || d->fault.unknown))
    {
        ngx_log_error(NGX_LOG_ERR, d->log, 0,
                      "documents: %s of \"%V\" by \"%V\" is not recorded",
                      ngx_tavus_api_documents_name(d->op), &d->id,
                      &d->who.user);
    }

    if (d->handler) {
        d->handler(d);
    }

    ngx_tavus_document_free(d);
}
