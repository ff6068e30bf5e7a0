
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_deliveries.h"
#include "guard/ngx_tavus_cors.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_wait.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"


#define NGX_TAVUS_DELIVERIES_BODY     1024
#define NGX_TAVUS_DELIVERIES_TIMEOUT  5000
#define NGX_TAVUS_DELIVERIES_RETRY    5
#define NGX_TAVUS_DELIVERIES_NAME     32


/* what is asked for outlives who asks */

typedef struct {
    ngx_pool_t          *pool;
    ngx_tavus_wait_t     wait;
    ngx_tavus_pg_op_t    op;
} ngx_tavus_deliveries_t;


static ngx_int_t ngx_tavus_deliveries_path(ngx_str_t *path, ngx_str_t *id);
static void ngx_tavus_deliveries_body(ngx_http_request_t *r, ngx_str_t *body);
static void ngx_tavus_deliveries_ask(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_deliveries_values(ngx_http_request_t *r,
    ngx_tavus_deliveries_t *ds, ngx_str_t *id, ngx_int_t *sent);
static void ngx_tavus_deliveries_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_deliveries_told(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_int_t ngx_tavus_deliveries_answer(ngx_http_request_t *r,
    ngx_int_t rc, PGresult *res);
static ngx_int_t ngx_tavus_deliveries_unavailable(ngx_http_request_t *r);


ngx_int_t
ngx_tavus_admin_deliveries(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_int_t         rc;
    ngx_str_t        *id;
    ngx_tavus_ctx_t  *ctx;

    id = ngx_palloc(r->pool, sizeof(ngx_str_t));
    if (id == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_tavus_deliveries_path(path, id) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = ngx_tavus_allow(r, NGX_HTTP_POST, "POST");

    if (rc != NGX_OK) {
        return rc;
    }

    /* a browser sends the password along by itself */

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

    ctx->state = id;

    return ngx_tavus_read_body(r, NGX_TAVUS_DELIVERIES_BODY,
                               ngx_tavus_deliveries_body);
}


/* deliveries/retry, and deliveries/{id}/retry */

static ngx_int_t
ngx_tavus_deliveries_path(ngx_str_t *path, ngx_str_t *id)
{
    static ngx_str_t  first = ngx_string("deliveries/");
    static ngx_str_t  last = ngx_string("/retry");

    if (path->len < first.len + last.len - 1
        || ngx_strncmp(path->data, first.data, first.len) != 0
        || ngx_memcmp(path->data + path->len - last.len, last.data, last.len)
           != 0)
    {
        return NGX_DECLINED;
    }

    id->data = path->data + first.len;

    if (path->len == first.len + last.len - 1) {
        id->len = 0;
        return NGX_OK;
    }

    id->len = path->len - first.len - last.len;

    return id->len && id->len < NGX_INT64_LEN - 1
           && ngx_atoof(id->data, id->len) > 0 ? NGX_OK : NGX_DECLINED;
}


/* there is nothing in it that counts */

static void
ngx_tavus_deliveries_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON  *root;

    if (body->len) {
        root = ngx_tavus_parse_object(r, body);

        if (root == NULL) {
            return;
        }

        if (root->child) {
            cJSON_Delete(root);

            ngx_tavus_finalize(r, ngx_tavus_send_problem(r,
                                       NGX_HTTP_BAD_REQUEST, "unknown_field",
                                       0, "The request has a field that is "
                                       "not known."));
            return;
        }

        cJSON_Delete(root);
    }

    ngx_tavus_deliveries_ask(r);
}


static void
ngx_tavus_deliveries_ask(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_str_t               *id;
    ngx_pool_t              *pool;
    ngx_tavus_deliveries_t  *ds;

    id = ngx_tavus_get_ctx(r)->state;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    ds = pool ? ngx_pcalloc(pool, sizeof(ngx_tavus_deliveries_t)) : NULL;

    if (ds == NULL) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto failed;
    }

    ds->pool = pool;

    if (ngx_tavus_deliveries_values(r, ds, id, &rc) != NGX_OK) {
        goto failed;
    }

    ds->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_deliver_retry];
    ds->op.timeout = NGX_TAVUS_DELIVERIES_TIMEOUT;
    ds->op.handler = ngx_tavus_deliveries_told;
    ds->op.data = ds;

    if (ngx_tavus_attach(&ds->wait, r, ngx_tavus_deliveries_gone, ds)
        != NGX_OK)
    {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto failed;
    }

    if (ngx_tavus_store_change(&ds->op) == NGX_OK) {
        return;
    }

    (void) ngx_tavus_detach(&ds->wait);

    rc = ngx_tavus_deliveries_unavailable(r);

failed:

    if (pool) {
        ngx_destroy_pool(pool);
    }

    ngx_tavus_finalize(r, rc);
}


/* NGX_OK; NGX_DECLINED if a problem was sent, *sent is what came of it */

static ngx_int_t
ngx_tavus_deliveries_values(ngx_http_request_t *r, ngx_tavus_deliveries_t *ds,
    ngx_str_t *id, ngx_int_t *sent)
{
    u_char             *p;
    ngx_uint_t          n;
    tavus_query_arg_t   table[2];

    ngx_memzero(table, sizeof(table));

    table[0].name = "destination";
    table[0].max = NGX_TAVUS_DELIVERIES_NAME;
    table[1].name = "state";
    table[1].max = 16;

    /* what has an id has no filter */

    n = id->len ? 0 : 2;

    if (ngx_tavus_args_read(r, ds->pool, table, n, sent) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (id->len) {
        p = ngx_pnalloc(ds->pool, id->len + 1);

        if (p == NULL) {
            *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
            return NGX_DECLINED;
        }

        ngx_cpystrn(p, id->data, id->len + 1);

        ds->op.values[0] = (char *) p;

        return NGX_OK;
    }

    if (table[0].len == 0) {
        *sent = ngx_tavus_args_invalid(r, "destination");
        return NGX_DECLINED;
    }

    if (table[1].len && ngx_strcmp(table[1].value, "dead") != 0
        && ngx_strcmp(table[1].value, "waiting") != 0)
    {
        *sent = ngx_tavus_args_invalid(r, "state");
        return NGX_DECLINED;
    }

    ds->op.values[1] = table[0].value;
    ds->op.values[2] = table[1].len ? table[1].value : NULL;

    return NGX_OK;
}


static void
ngx_tavus_deliveries_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_deliveries_t *ds = data;

    if (ngx_tavus_pg_withdraw(&ds->op) == NGX_OK) {
        ngx_destroy_pool(ds->pool);
    }
}


static void
ngx_tavus_deliveries_told(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_deliveries_t *ds = op->data;

    ngx_http_request_t  *r;

    if (rc == NGX_OK) {
        ngx_tavus_store_wake();
    }

    r = ngx_tavus_detach(&ds->wait);

    if (r) {
        ngx_tavus_finalize(r, ngx_tavus_deliveries_answer(r, rc, res));
    }

    ngx_destroy_pool(ds->pool);
}


static ngx_int_t
ngx_tavus_deliveries_answer(ngx_http_request_t *r, ngx_int_t rc,
    PGresult *res)
{
    ngx_str_t    json, text;
    const char  *message;

    if (rc == NGX_ERROR && res) {
        message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "database refused to send again: %s",
                      message ? message : "");
    }

    if (rc != NGX_OK || PQntuples(res) != 1) {
        return ngx_tavus_deliveries_unavailable(r);
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


static ngx_int_t
ngx_tavus_deliveries_unavailable(ngx_http_request_t *r)
{
    return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "storage_unavailable",
                                  NGX_TAVUS_DELIVERIES_RETRY,
                                  "The database cannot be asked now.");
}
