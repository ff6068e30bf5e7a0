
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_checkout.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_response.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"


#define NGX_TAVUS_STATUS_TIMEOUT  5000
#define NGX_TAVUS_STATUS_RETRY    5


typedef struct {
    ngx_tavus_wait_t     wait;
    ngx_tavus_pg_op_t    op;
    ngx_pool_t          *pool;
} ngx_tavus_status_t;


static ngx_int_t ngx_tavus_status_ask(ngx_http_request_t *r,
    ngx_tavus_status_t *status);
static void ngx_tavus_status_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_status_told(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_int_t ngx_tavus_status_send(ngx_http_request_t *r, PGresult *res);
static ngx_int_t ngx_tavus_status_unavailable(ngx_http_request_t *r);


ngx_int_t
ngx_tavus_checkout_status(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_pool_t          *pool;
    ngx_tavus_status_t  *status;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = ngx_pcalloc(pool, sizeof(ngx_tavus_status_t));

    if (status == NULL) {
        ngx_destroy_pool(pool);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status->pool = pool;

    rc = ngx_tavus_status_ask(r, status);

    if (rc != NGX_DONE) {
        ngx_destroy_pool(pool);
        return rc;
    }

    r->main->count++;

    return NGX_DONE;
}


/* NGX_DONE: it waits; else what the content handler returns */

static ngx_int_t
ngx_tavus_status_ask(ngx_http_request_t *r, ngx_tavus_status_t *status)
{
    ngx_int_t          sent;
    tavus_query_arg_t  arg;

    ngx_memzero(&arg, sizeof(tavus_query_arg_t));

    arg.name = "session_id";
    arg.max = NGX_TAVUS_STRIPE_ID;

    if (ngx_tavus_args_read(r, status->pool, &arg, 1, &sent) != NGX_OK) {
        return sent;
    }

    if (arg.value == NULL
        || !ngx_tavus_stripe_valid_id((u_char *) arg.value, arg.len, "cs_"))
    {
        return ngx_tavus_args_invalid(r, "session_id");
    }

    status->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_order_by_session];
    status->op.values[0] = arg.value;
    status->op.timeout = NGX_TAVUS_STATUS_TIMEOUT;
    status->op.handler = ngx_tavus_status_told;
    status->op.data = status;

    if (ngx_tavus_watch_client(r) != NGX_OK
        || ngx_tavus_attach(&status->wait, r, ngx_tavus_status_gone, status)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_tavus_store_query(&status->op) != NGX_OK) {
        (void) ngx_tavus_detach(&status->wait);

        return ngx_tavus_status_unavailable(r);
    }

    return NGX_DONE;
}


static void
ngx_tavus_status_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_status_t *status = data;

    if (ngx_tavus_pg_withdraw(&status->op) == NGX_OK) {
        ngx_destroy_pool(status->pool);
    }
}


static void
ngx_tavus_status_told(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_status_t *status = op->data;

    const char          *text;
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&status->wait);

    if (r && rc == NGX_ERROR && res) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "database could not tell of an order: %s",
                      text ? text : "");
    }

    if (r) {
        ngx_tavus_finalize(r, rc == NGX_OK && PQntuples(res) == 1
                              ? ngx_tavus_status_send(r, res)
                              : ngx_tavus_status_unavailable(r));
    }

    ngx_destroy_pool(status->pool);
}


static ngx_int_t
ngx_tavus_status_send(ngx_http_request_t *r, PGresult *res)
{
    ngx_str_t  json, text;

    text.data = (u_char *) PQgetvalue(res, 0, 0);
    text.len = PQgetlength(res, 0, 0);

    json.len = text.len;
    json.data = ngx_pstrdup(r->pool, &text);

    return json.data ? ngx_tavus_send(r, NGX_HTTP_OK, "application/json",
                                      &json)
                     : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_tavus_status_unavailable(ngx_http_request_t *r)
{
    return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "storage_unavailable",
                                  NGX_TAVUS_STATUS_RETRY,
                                  "The database cannot be asked now.");
}
