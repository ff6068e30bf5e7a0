
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_change.h"
#include "endpoint/ngx_tavus_admin_trail.h"
#include "guard/ngx_tavus_cors.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "store/ngx_tavus_store.h"


#define NGX_TAVUS_CHANGE_TIMEOUT  5000
#define NGX_TAVUS_CHANGE_RETRY    5


static ngx_int_t ngx_tavus_admin_change_trail(ngx_http_request_t *r,
    ngx_tavus_admin_change_t *change, const char *type, cJSON *object);
static void ngx_tavus_admin_change_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_admin_change_told(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_int_t ngx_tavus_admin_change_answer(ngx_http_request_t *r,
    ngx_tavus_admin_change_t *change, ngx_int_t rc, PGresult *res);
static ngx_uint_t ngx_tavus_admin_change_unfit(PGresult *res);
static ngx_int_t ngx_tavus_admin_change_unavailable(ngx_http_request_t *r);


ngx_int_t
ngx_tavus_admin_change(ngx_http_request_t *r, void *state, size_t max,
    ngx_tavus_body_pt handler)
{
    ngx_int_t         rc;
    ngx_tavus_ctx_t  *ctx;

    /* a browser sends the password along by itself, so it must say who asks */

    if (!ngx_tavus_cors_same_origin(r)) {
        rc = ngx_http_discard_request_body(r);

        return rc == NGX_OK
               ? ngx_tavus_send_problem(r, NGX_HTTP_FORBIDDEN,
                                        "origin_not_allowed", 0,
                                        "Changes are taken from pages of "
                                        "\"tavus_public_origin\" alone.")
               : rc;
    }

    rc = ngx_tavus_allow_json(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_tavus_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->state = state;

    return ngx_tavus_read_body(r, max, handler);
}


ngx_tavus_admin_change_t *
ngx_tavus_admin_change_create(void)
{
    ngx_pool_t                *pool;
    ngx_tavus_admin_change_t  *change;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    change = ngx_pcalloc(pool, sizeof(ngx_tavus_admin_change_t));

    if (change == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    change->pool = pool;

    return change;
}


char *
ngx_tavus_admin_change_text(ngx_tavus_admin_change_t *change,
    ngx_str_t *text)
{
    u_char  *p;

    p = ngx_pnalloc(change->pool, text->len + 1);
    if (p == NULL) {
        return NULL;
    }

    *ngx_cpymem(p, text->data, text->len) = '\0';

    return (char *) p;
}


void
ngx_tavus_admin_change_make(ngx_http_request_t *r,
    ngx_tavus_admin_change_t *change, ngx_uint_t stmt, const char *type,
    cJSON *object)
{
    ngx_int_t  rc;

    change->op.stmt = &ngx_tavus_statements[stmt];
    change->op.timeout = NGX_TAVUS_CHANGE_TIMEOUT;
    change->op.handler = ngx_tavus_admin_change_told;
    change->op.data = change;

    if (ngx_tavus_admin_change_trail(r, change, type, object) != NGX_OK
        || ngx_tavus_attach(&change->wait, r, ngx_tavus_admin_change_gone,
                            change)
           != NGX_OK)
    {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto failed;
    }

    if (ngx_tavus_store_change(&change->op) == NGX_OK) {
        return;
    }

    (void) ngx_tavus_detach(&change->wait);

    rc = ngx_tavus_admin_change_unavailable(r);

failed:

    ngx_destroy_pool(change->pool);
    ngx_tavus_finalize(r, rc);
}


static ngx_int_t
ngx_tavus_admin_change_trail(ngx_http_request_t *r,
    ngx_tavus_admin_change_t *change, const char *type, cJSON *object)
{
    char               *json;
    cJSON              *data;
    ngx_str_t           text;
    ngx_uint_t          n;
    ngx_tavus_trail_t   who;

    data = NULL;
    json = NULL;
    n = ngx_tavus_pg_params(change->op.stmt) - 1;

    change->op.values[n] = NULL;

    if (ngx_tavus_admin_trail_who(r, &who) == NGX_OK) {
        data = ngx_tavus_trail_data(&who);
    }

    if (object && cJSON_AddStringToObject(data, "type", type)
        && cJSON_AddItemToObject(data, "object", object))
    {
        object = NULL;
        json = cJSON_PrintUnformatted(data);
    }

    if (json) {
        text.data = (u_char *) json;
        text.len = ngx_strlen(json);

        change->op.values[n] = ngx_tavus_admin_change_text(change, &text);
    }

    cJSON_free(json);
    cJSON_Delete(object);
    cJSON_Delete(data);

    return change->op.values[n] ? NGX_OK : NGX_ERROR;
}


static void
ngx_tavus_admin_change_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_admin_change_t *change = data;

    if (ngx_tavus_pg_withdraw(&change->op) == NGX_OK) {
        ngx_destroy_pool(change->pool);
    }
}


static void
ngx_tavus_admin_change_told(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res)
{
    ngx_tavus_admin_change_t *change = op->data;

    ngx_http_request_t  *r;

    if (rc == NGX_OK) {
        ngx_tavus_store_wake();
    }

    r = ngx_tavus_detach(&change->wait);

    if (r) {
        ngx_tavus_finalize(r, ngx_tavus_admin_change_answer(r, change, rc,
                                                            res));
    }

    ngx_destroy_pool(change->pool);
}


static ngx_int_t
ngx_tavus_admin_change_answer(ngx_http_request_t *r,
    ngx_tavus_admin_change_t *change, ngx_int_t rc, PGresult *res)
{
    ngx_str_t    json, text;
    const char  *message;

    if (rc == NGX_ERROR && res) {
        message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "database refused a change: %s",
                      message ? message : "");

        if (change->hard && ngx_tavus_admin_change_unfit(res)) {
            return ngx_tavus_send_problem(r, NGX_HTTP_CONFLICT,
                                          "refused_by_database", 0,
                                          "The database still refuses it: "
                                          "the error log says why.");
        }
    }

    if (rc != NGX_OK || PQntuples(res) != 1) {
        return ngx_tavus_admin_change_unavailable(r);
    }

    if (PQgetisnull(res, 0, 0)) {
        return ngx_tavus_send_problem(r, NGX_HTTP_NOT_FOUND, "not_found", 0,
                                      "There is no such resource.");
    }

    text.data = (u_char *) PQgetvalue(res, 0, 0);
    text.len = PQgetlength(res, 0, 0);

    json.len = text.len;
    json.data = ngx_pstrdup(r->pool, &text);

    return json.data ? ngx_tavus_send(r, NGX_HTTP_OK, "application/json",
                                      &json)
                     : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* the classes for which the store puts an event into quarantine */

static ngx_uint_t
ngx_tavus_admin_change_unfit(PGresult *res)
{
    const char  *state;

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    return state && (ngx_strncmp(state, "22", 2) == 0
                     || ngx_strncmp(state, "23", 2) == 0
                     || ngx_strncmp(state, "54", 2) == 0);
}


static ngx_int_t
ngx_tavus_admin_change_unavailable(ngx_http_request_t *r)
{
    return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "storage_unavailable",
                                  NGX_TAVUS_CHANGE_RETRY,
                                  "The database cannot be asked now.");
}
