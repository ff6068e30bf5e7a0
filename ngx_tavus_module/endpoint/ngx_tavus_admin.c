
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin.h"
#include "endpoint/ngx_tavus_admin_args.h"
#include "endpoint/ngx_tavus_admin_deliveries.h"
#include "endpoint/ngx_tavus_admin_documents.h"
#include "endpoint/ngx_tavus_admin_end.h"
#include "endpoint/ngx_tavus_admin_erase.h"
#include "endpoint/ngx_tavus_admin_export.h"
#include "endpoint/ngx_tavus_admin_failed.h"
#include "endpoint/ngx_tavus_admin_leads.h"
#include "endpoint/ngx_tavus_admin_limits.h"
#include "endpoint/ngx_tavus_admin_openapi.h"
#include "endpoint/ngx_tavus_admin_prove.h"
#include "endpoint/ngx_tavus_admin_stream.h"
#include "endpoint/ngx_tavus_admin_trail.h"
#include "guard/ngx_tavus_users.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_wait.h"
#include "store/ngx_tavus_budget.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"
#include "event/ngx_tavus_pg.h"
#include "core/tavus_json.h"


#define NGX_TAVUS_ADMIN_TIMEOUT  5000


typedef struct {
    ngx_str_t                path;          /* below the location */
    ngx_uint_t               stmt;          /* ngx_tavus_stmt_e */
    ngx_uint_t               item;          /* an id follows the path: it is
                                               args[0] */
    const char              *looks;         /* at what is personal: its name
                                               in the trail; or NULL */
    ngx_tavus_admin_arg_t    args[NGX_TAVUS_ADMIN_MAX_ARGS];
} ngx_tavus_admin_route_t;


/* a query that was sent outlives the client who asked for it */

typedef struct {
    ngx_pool_t              *pool;
    ngx_tavus_wait_t         wait;
    ngx_tavus_pg_op_t        op;
    cJSON                   *object;        /* for the trail; or NULL */
} ngx_tavus_admin_query_t;


static ngx_int_t ngx_tavus_admin_run(ngx_http_request_t *r,
    ngx_tavus_admin_route_t *route, ngx_str_t *id);
static ngx_int_t ngx_tavus_admin_look(ngx_http_request_t *r,
    ngx_tavus_admin_route_t *route, ngx_tavus_admin_query_t *query,
    ngx_int_t *sent);
static void ngx_tavus_admin_looked(ngx_http_request_t *r, void *data);
static void ngx_tavus_admin_unlooked(void *data);
static ngx_int_t ngx_tavus_admin_ask(ngx_http_request_t *r,
    ngx_tavus_admin_query_t *query, ngx_int_t *sent);
static ngx_int_t ngx_tavus_admin_args(ngx_http_request_t *r,
    ngx_tavus_admin_query_t *query, ngx_tavus_admin_route_t *route,
    ngx_int_t *sent);
static const char *ngx_tavus_admin_budget(ngx_http_request_t *r);
static void ngx_tavus_admin_answer(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_admin_gone(void *data, ngx_http_request_t *r);
static ngx_int_t ngx_tavus_admin_send(ngx_http_request_t *r, PGresult *res);
static void ngx_tavus_admin_clear(void *data);

static ngx_uint_t ngx_tavus_admin_prefix(ngx_http_core_loc_conf_t *clcf);


/* what is more than a look at the database: NGX_DECLINED if it is another's */

static ngx_int_t  (*ngx_tavus_admin_rooms[])(ngx_http_request_t *r,
    ngx_str_t *path) =
{
    ngx_tavus_admin_openapi,
    ngx_tavus_admin_documents,
    ngx_tavus_admin_deliveries,
    ngx_tavus_admin_stream,
    ngx_tavus_admin_lead,
    ngx_tavus_admin_end,
    ngx_tavus_admin_prove,
    ngx_tavus_admin_limits,
    ngx_tavus_admin_erase,
    ngx_tavus_admin_export
};


static ngx_tavus_admin_route_t  ngx_tavus_admin_routes[] = {

    { ngx_string("events"),
      ngx_tavus_stmt_admin_events, 0, "events",
      { NGX_TAVUS_ADMIN_EVENTS_FILTER,
        { "limit", 8, ngx_tavus_arg_limit },
        { "cursor", 36, ngx_tavus_arg_uuid } } },

    { ngx_string("events/"),
      ngx_tavus_stmt_admin_event, 1, "events/{id}",
      { { "id", 36, ngx_tavus_arg_uuid } } },

    { ngx_string("conversations"),
      ngx_tavus_stmt_admin_conversations, 0, "conversations",
      { { "status", 16, ngx_tavus_arg_status },
        { "vertical", 32, ngx_tavus_arg_text },
        { "q", 200, ngx_tavus_arg_personal },
        { "from", 64, ngx_tavus_arg_time },
        { "to", 64, ngx_tavus_arg_time },
        { "limit", 8, ngx_tavus_arg_limit },
        { "cursor", 400, ngx_tavus_arg_text } } },

    { ngx_string("conversations/"),
      ngx_tavus_stmt_admin_conversation, 1, "conversations/{id}",
      { { "id", 200, ngx_tavus_arg_text },
        { "order", 8, ngx_tavus_arg_sort },
        { "before", 36, ngx_tavus_arg_uuid },
        { "after", 36, ngx_tavus_arg_uuid },
        { "transcript_from", 8, ngx_tavus_arg_number },
        { "limit", 8, ngx_tavus_arg_most } } },

    { ngx_string("quarantine"),
      ngx_tavus_stmt_admin_quarantine, 0, "quarantine",
      { { "limit", 8, ngx_tavus_arg_limit },
        { "cursor", 20, ngx_tavus_arg_number } } },

    { ngx_string("quarantine/"),
      ngx_tavus_stmt_admin_quarantined, 1, "quarantine/{id}",
      { { "id", 20, ngx_tavus_arg_number } } },

    { ngx_string("deliveries"),
      ngx_tavus_stmt_admin_deliveries, 0, NULL,
      { { "destination", 32, ngx_tavus_arg_text },
        { "state", 16, ngx_tavus_arg_delivery },
        { "limit", 8, ngx_tavus_arg_limit },
        { "cursor", 20, ngx_tavus_arg_number } } },

    { ngx_string("alerts"),
      ngx_tavus_stmt_admin_alerts, 0, NULL,
      { { "state", 16, ngx_tavus_arg_alert },
        { "limit", 8, ngx_tavus_arg_limit },
        { "cursor", 20, ngx_tavus_arg_number } } },

    { ngx_string("budget"),
      ngx_tavus_stmt_admin_budget, 0, NULL,
      { { NULL, 0, ngx_tavus_arg_budget } } },

    { ngx_string("nodes"),
      ngx_tavus_stmt_admin_nodes, 0, NULL,
      { { NULL, 0, 0 } } },

    /* sums, of nobody */

    { ngx_string("stats"),
      ngx_tavus_stmt_admin_stats, 0, NULL,
      { { "from", 64, ngx_tavus_arg_time },
        { "to", 64, ngx_tavus_arg_time },
        { "bucket", 8, ngx_tavus_arg_bucket },
        { "by", 16, ngx_tavus_arg_dimension } } },

    { ngx_string("leads"),
      ngx_tavus_stmt_admin_leads, 0, "leads",
      { { "handled", 8, ngx_tavus_arg_boolean },
        { "email", 320, ngx_tavus_arg_personal },
        { "from", 64, ngx_tavus_arg_time },
        { "to", 64, ngx_tavus_arg_time },
        { "limit", 8, ngx_tavus_arg_limit },
        { "cursor", 36, ngx_tavus_arg_uuid },
        { "conversation_id", 200, ngx_tavus_arg_text } } },

    { ngx_string("orders"),
      ngx_tavus_stmt_admin_orders, 0, "orders",
      { { "state", 16, ngx_tavus_arg_order },
        { "email", 320, ngx_tavus_arg_personal },
        { "ours", 8, ngx_tavus_arg_boolean },
        { "from", 64, ngx_tavus_arg_time },
        { "to", 64, ngx_tavus_arg_time },
        { "limit", 8, ngx_tavus_arg_limit },
        { "cursor", 36, ngx_tavus_arg_uuid },
        { "conversation_id", 200, ngx_tavus_arg_text } } },

    /* whose status is a word of Stripe's, who may think of another */

    { ngx_string("subscriptions"),
      ngx_tavus_stmt_admin_subscriptions, 0, "subscriptions",
      { { "status", 64, ngx_tavus_arg_text },
        { "ours", 8, ngx_tavus_arg_boolean },
        { "from", 64, ngx_tavus_arg_time },
        { "to", 64, ngx_tavus_arg_time },
        { "limit", 8, ngx_tavus_arg_limit },
        { "cursor", 36, ngx_tavus_arg_uuid },
        { "email", 320, ngx_tavus_arg_personal } } },

    { ngx_string("visitors/"),
      ngx_tavus_stmt_admin_visitor, 1, "visitor",
      { { "key", 320, ngx_tavus_arg_key },
        { "kind", 16, ngx_tavus_arg_visitor },
        { "limit", 8, ngx_tavus_arg_limit },
        { "cursor", 36, ngx_tavus_arg_uuid } } },

    { ngx_string("erasures/"),
      ngx_tavus_stmt_admin_erasure, 1, NULL,
      { { "id", 36, ngx_tavus_arg_uuid } } },

    { ngx_null_string, 0, 0, NULL, { { NULL, 0, 0 } } }
};


ngx_int_t
ngx_tavus_admin_handler(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_str_t                  path, id;
    ngx_uint_t                 i;
    ngx_tavus_admin_route_t   *route;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    path = r->uri;

    /* after a rewrite the address may be another than that of the location */

    if (path.len < clcf->name.len
        || ngx_strncmp(path.data, clcf->name.data, clcf->name.len) != 0)
    {
        ngx_str_null(&path);

    } else {
        path.data += clcf->name.len;
        path.len -= clcf->name.len;
    }

    if (path.len && path.data[0] == '/') {
        path.data++;
        path.len--;
    }

    for (i = 0; i < sizeof(ngx_tavus_admin_rooms)
                    / sizeof(ngx_tavus_admin_rooms[0]); i++)
    {
        rc = ngx_tavus_admin_rooms[i](r, &path);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    for (route = ngx_tavus_admin_routes; route->path.len; route++) {

        if (path.len < route->path.len
            || ngx_strncmp(path.data, route->path.data, route->path.len) != 0
            || (path.len > route->path.len) != route->item)
        {
            continue;
        }

        rc = ngx_tavus_allow(r, NGX_HTTP_GET|NGX_HTTP_HEAD, "GET, HEAD");

        if (rc != NGX_OK) {
            return rc;
        }

        rc = ngx_http_discard_request_body(r);

        if (rc != NGX_OK) {
            return rc;
        }

        id.data = path.data + route->path.len;
        id.len = path.len - route->path.len;

        return ngx_tavus_admin_run(r, route, &id);
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_send_problem(r, NGX_HTTP_NOT_FOUND, "not_found", 0,
                                  "There is no such resource.");
}


static ngx_int_t
ngx_tavus_admin_run(ngx_http_request_t *r, ngx_tavus_admin_route_t *route,
    ngx_str_t *id)
{
    u_char                   *p;
    ngx_int_t                 rc;
    ngx_pool_t               *pool;
    ngx_tavus_admin_query_t  *query;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    query = ngx_pcalloc(pool, sizeof(ngx_tavus_admin_query_t));

    if (query == NULL) {
        ngx_destroy_pool(pool);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    query->pool = pool;

    if (route->item) {
        p = ngx_pnalloc(pool, id->len + 1);

        if (p == NULL) {
            rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
            goto failed;
        }

        ngx_cpystrn(p, id->data, id->len + 1);

        if (id->len > route->args[0].max
            || ngx_tavus_admin_args_value(pool, &route->args[0], &query->op,
                                          0, (char *) p, id->len)
               != NGX_OK)
        {
            /* what is given elsewhere is unknown, a visitor's key is wrong */

            rc = route->stmt == ngx_tavus_stmt_admin_visitor
                 ? ngx_tavus_args_invalid(r, route->args[0].name)
                 : ngx_tavus_send_problem(r, NGX_HTTP_NOT_FOUND, "not_found",
                                          0, "There is no such resource.");
            goto failed;
        }
    }

    if ((!route->item || route->args[1].name)
        && ngx_tavus_admin_args(r, query, route, &rc) != NGX_OK)
    {
        goto failed;
    }

    if (route->item && route->looks) {
        ngx_tavus_admin_args_told(&query->object, &route->args[0],
                                  query->op.values[0]);
    }

    query->op.stmt = &ngx_tavus_statements[route->stmt];
    query->op.timeout = NGX_TAVUS_ADMIN_TIMEOUT;
    query->op.keep = 1;
    query->op.handler = ngx_tavus_admin_answer;
    query->op.data = query;

    if (ngx_tavus_watch_client(r) != NGX_OK) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto failed;
    }

    if (ngx_tavus_admin_look(r, route, query, &rc) == NGX_OK) {
        r->main->count++;
        return NGX_DONE;
    }

failed:

    cJSON_Delete(query->object);
    ngx_destroy_pool(pool);

    return rc;
}


/* NGX_OK: it will be answered; NGX_DECLINED: *sent is what came of it */

static ngx_int_t
ngx_tavus_admin_look(ngx_http_request_t *r, ngx_tavus_admin_route_t *route,
    ngx_tavus_admin_query_t *query, ngx_int_t *sent)
{
    cJSON                    *object;
    ngx_tavus_admin_trail_t   trail;

    if (route->looks == NULL) {
        return ngx_tavus_admin_ask(r, query, sent);
    }

    trail.handler = ngx_tavus_admin_looked;
    trail.gone = ngx_tavus_admin_unlooked;
    trail.data = query;

    object = query->object;
    query->object = NULL;

    switch (ngx_tavus_admin_trail_look(r, route->looks, object, &trail)) {

    case NGX_OK:
        return ngx_tavus_admin_ask(r, query, sent);

    case NGX_AGAIN:
        return NGX_OK;

    default: /* NGX_ERROR */
        *sent = ngx_tavus_admin_trail_unavailable(r);
        return NGX_DECLINED;
    }
}


static void
ngx_tavus_admin_looked(ngx_http_request_t *r, void *data)
{
    ngx_tavus_admin_query_t *query = data;

    ngx_int_t  rc;

    if (ngx_tavus_admin_ask(r, query, &rc) != NGX_OK) {
        ngx_destroy_pool(query->pool);
        ngx_tavus_finalize(r, rc);
    }
}


static void
ngx_tavus_admin_unlooked(void *data)
{
    ngx_tavus_admin_query_t *query = data;

    ngx_destroy_pool(query->pool);
}


/* as ngx_tavus_admin_look() */

static ngx_int_t
ngx_tavus_admin_ask(ngx_http_request_t *r, ngx_tavus_admin_query_t *query,
    ngx_int_t *sent)
{
    if (ngx_tavus_attach(&query->wait, r, ngx_tavus_admin_gone, query)
        != NGX_OK)
    {
        *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    if (ngx_tavus_store_query(&query->op) == NGX_OK) {
        return NGX_OK;
    }

    (void) ngx_tavus_detach(&query->wait);

    *sent = ngx_tavus_admin_failed(r, NGX_BUSY, NULL);

    return NGX_DECLINED;
}


/* as ngx_tavus_admin_args_read() */

static ngx_int_t
ngx_tavus_admin_args(ngx_http_request_t *r, ngx_tavus_admin_query_t *query,
    ngx_tavus_admin_route_t *route, ngx_int_t *sent)
{
    ngx_uint_t  n;

    n = ngx_tavus_pg_params(&ngx_tavus_statements[route->stmt]);

    if (n && route->args[n - 1].kind == ngx_tavus_arg_budget) {
        query->op.values[--n] = ngx_tavus_admin_budget(r);
    }

    return ngx_tavus_admin_args_read(r, query->pool, route->args,
                                     route->item, n, &query->op,
                                     route->looks ? &query->object : NULL,
                                     sent);
}


/* without limits it tells what is used all the same */

static const char *
ngx_tavus_admin_budget(ngx_http_request_t *r)
{
    ngx_tavus_budget_t  *budget;

    budget = ngx_http_get_module_main_conf(r, ngx_tavus_budget_module);

    return budget->json.len ? (char *) budget->json.data : "{}";
}


static void
ngx_tavus_admin_answer(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_admin_query_t *query = op->data;

    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&query->wait);

    if (r == NULL) {
        PQclear(res);

    } else {
        if (rc == NGX_OK) {
            rc = ngx_tavus_admin_send(r, res);

        } else {
            rc = ngx_tavus_admin_failed(r, rc, res);
            PQclear(res);
        }

        ngx_tavus_finalize(r, rc);
    }

    ngx_destroy_pool(query->pool);
}


/* nobody waits for it behind those who still do */

static void
ngx_tavus_admin_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_admin_query_t *query = data;

    if (ngx_tavus_pg_withdraw(&query->op) == NGX_OK) {
        ngx_destroy_pool(query->pool);
    }
}


/*
 * The answer is sent from where libpq has put it, a row a piece, so that no
 * turn of the event loop copies all of a large one.
 */

static ngx_int_t
ngx_tavus_admin_send(ngx_http_request_t *r, PGresult *res)
{
    int                  i, n;
    off_t                len;
    ngx_buf_t           *b;
    ngx_chain_t         *out, **last;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        PQclear(res);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_tavus_admin_clear;
    cln->data = res;

    n = PQntuples(res);

    if (n == 0) {
        return ngx_tavus_send_problem(r, NGX_HTTP_NOT_FOUND, "not_found", 0,
                                      "There is no such resource.");
    }

    len = 0;
    last = &out;

    for (i = 0; i < n; i++) {
        b = ngx_calloc_buf(r->pool);
        *last = ngx_alloc_chain_link(r->pool);

        if (b == NULL || *last == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        b->pos = (u_char *) PQgetvalue(res, i, 0);
        b->last = b->pos + PQgetlength(res, i, 0);
        b->memory = 1;

        len += b->last - b->pos;

        (*last)->buf = b;
        last = &(*last)->next;
    }

    *last = NULL;

    return ngx_tavus_send_chain(r, NGX_HTTP_OK, "application/json", out, len);
}


static void
ngx_tavus_admin_clear(void *data)
{
    PQclear(data);
}


ngx_int_t
ngx_tavus_admin_check(ngx_conf_t *cf, ngx_tavus_location_t *location)
{
    ngx_tavus_auth_loc_conf_t  *alcf;

    if (!ngx_tavus_admin_prefix(location->clcf)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tavus_admin\" needs a prefix location, what follows "
                      "it is the resource in %V:%ui", &location->place.file,
                      location->place.line);
        return NGX_ERROR;
    }

    if (ngx_tavus_admin_args_init() != NGX_OK) {
        return NGX_ERROR;
    }

    alcf = ngx_tavus_location_conf(location, ngx_tavus_auth_module);

    return alcf->users ? NGX_OK
                       : ngx_tavus_endpoint_missing(cf, location,
                                                    "tavus_admin_users");
}


static ngx_uint_t
ngx_tavus_admin_prefix(ngx_http_core_loc_conf_t *clcf)
{
#if (NGX_PCRE)
    if (clcf->regex) {
        return 0;
    }
#endif

    return !clcf->exact_match && !clcf->named;
}
