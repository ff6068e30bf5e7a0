
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_end.h"
#include "endpoint/ngx_tavus_admin_change.h"
#include "endpoint/ngx_tavus_admin_trail.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "jobs/ngx_tavus_ending.h"
#include "service/ngx_tavus_api_conf.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_json.h"


#define NGX_TAVUS_END_BODY     1024
#define NGX_TAVUS_END_TIMEOUT  5000
#define NGX_TAVUS_END_RETRY    5


/* who waits, and what the database is asked first; in the ending's memory */

typedef struct {
    ngx_tavus_wait_t      wait;
    ngx_tavus_pg_op_t     op;
    ngx_tavus_ending_t   *ending;
    unsigned              asked:1;      /* Tavus, too */
} ngx_tavus_admin_end_t;


static ngx_int_t ngx_tavus_admin_end_path(ngx_str_t *path, ngx_str_t *id);
static void ngx_tavus_admin_end_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_admin_end_check(ngx_http_request_t *r,
    ngx_str_t *body, ngx_int_t *sent);
static ngx_tavus_admin_end_t *ngx_tavus_admin_end_create(
    ngx_http_request_t *r, ngx_str_t *id);
static char *ngx_tavus_admin_end_trail(ngx_tavus_ending_t *e);
static ngx_int_t ngx_tavus_admin_end_begin(ngx_http_request_t *r,
    ngx_tavus_admin_end_t *end);
static void ngx_tavus_admin_end_known(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_int_t ngx_tavus_admin_end_read(ngx_tavus_ending_t *e,
    PGresult *res);
static void ngx_tavus_admin_end_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_admin_end_told(ngx_tavus_ending_t *e);
static void ngx_tavus_admin_end_log(ngx_http_request_t *r,
    ngx_tavus_ending_t *e);
static ngx_int_t ngx_tavus_admin_end_fault(ngx_http_request_t *r,
    ngx_tavus_ending_t *e);
static ngx_int_t ngx_tavus_admin_end_ended(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_admin_end_missing(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_admin_end_unavailable(ngx_http_request_t *r);


ngx_int_t
ngx_tavus_admin_end(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_int_t   rc;
    ngx_str_t  *id;

    id = ngx_palloc(r->pool, sizeof(ngx_str_t));
    if (id == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_tavus_admin_end_path(path, id) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = ngx_tavus_allow(r, NGX_HTTP_POST, "POST");

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_admin_change(r, id, NGX_TAVUS_END_BODY,
                                  ngx_tavus_admin_end_body);
}


static ngx_int_t
ngx_tavus_admin_end_path(ngx_str_t *path, ngx_str_t *id)
{
    u_char  *last;

    static ngx_str_t  first = ngx_string("conversations/");
    static ngx_str_t  tail = ngx_string("/end");

    if (path->len <= first.len + tail.len
        || ngx_strncmp(path->data, first.data, first.len) != 0)
    {
        return NGX_DECLINED;
    }

    last = path->data + path->len - tail.len;

    if (ngx_memcmp(last, tail.data, tail.len) != 0) {
        return NGX_DECLINED;
    }

    id->data = path->data + first.len;
    id->len = last - id->data;

    return ngx_strlchr(id->data, last, '/') ? NGX_DECLINED : NGX_OK;
}


static void
ngx_tavus_admin_end_body(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_int_t               rc;
    ngx_str_t              *id;
    ngx_tavus_admin_end_t  *end;

    id = ngx_tavus_get_ctx(r)->state;

    switch (ngx_tavus_admin_end_check(r, body, &rc)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        ngx_tavus_finalize(r, rc);

        /* fall through */

    default: /* NGX_DONE */
        return;
    }

    /* nothing else is an id of Tavus's */

    if (id->len > NGX_TAVUS_API_ID
        || !ngx_tavus_api_valid_id(id->data, id->len))
    {
        ngx_tavus_finalize(r, ngx_tavus_admin_end_missing(r));
        return;
    }

    end = ngx_tavus_admin_end_create(r, id);

    if (end == NULL) {
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_tavus_admin_end_begin(r, end);

    if (rc != NGX_OK) {
        ngx_tavus_ending_free(end->ending);
        ngx_tavus_finalize(r, rc);
    }
}


/*
 * NGX_OK; NGX_DECLINED if a problem was sent, *sent is what came of it;
 * NGX_DONE if the request is finalized already.
 */

static ngx_int_t
ngx_tavus_admin_end_check(ngx_http_request_t *r, ngx_str_t *body,
    ngx_int_t *sent)
{
    cJSON                      *root;
    ngx_uint_t                  fields;
    ngx_tavus_api_main_conf_t  *amcf;

    if (body->len) {
        root = ngx_tavus_parse_object(r, body);

        if (root == NULL) {
            return NGX_DONE;
        }

        fields = root->child != NULL;

        cJSON_Delete(root);

        if (fields) {
            *sent = ngx_tavus_send_problem(r, NGX_HTTP_BAD_REQUEST,
                                           "unknown_field", 0,
                                           "The request has a field that is "
                                           "not known.");
            return NGX_DECLINED;
        }
    }

    if (ngx_tavus_args_read(r, r->pool, NULL, 0, sent) != NGX_OK) {
        return NGX_DECLINED;
    }

    amcf = ngx_http_get_module_main_conf(r, ngx_tavus_api_module);

    if (amcf->api.key.len == 0) {
        *sent = ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "no_api_key", 0,
                                       "There is no \"tavus_api_key\" here.");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_tavus_admin_end_t *
ngx_tavus_admin_end_create(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_tavus_trail_t           who;
    ngx_tavus_ending_t         *e;
    ngx_tavus_admin_end_t      *end;
    ngx_tavus_api_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(r, ngx_tavus_api_module);

    e = ngx_tavus_admin_trail_who(r, &who) == NGX_OK
        ? ngx_tavus_ending_create(&amcf->api, id, &who) : NULL;

    if (e == NULL) {
        return NULL;
    }

    end = ngx_pcalloc(e->pool, sizeof(ngx_tavus_admin_end_t));

    if (end) {
        end->ending = e;
        end->op.values[0] = (char *) e->id.data;
        end->op.values[1] = ngx_tavus_admin_end_trail(e);
    }

    if (end == NULL || end->op.values[1] == NULL) {
        ngx_tavus_ending_free(e);
        return NULL;
    }

    return end;
}


static char *
ngx_tavus_admin_end_trail(ngx_tavus_ending_t *e)
{
    char       *json, *text;
    cJSON      *data;
    ngx_str_t   s;

    data = ngx_tavus_ending_trail(e);
    json = data ? cJSON_PrintUnformatted(data) : NULL;
    text = NULL;

    if (json) {
        s.data = (u_char *) json;
        s.len = ngx_strlen(json) + 1;
        text = (char *) ngx_pstrdup(e->pool, &s);
    }

    cJSON_free(json);
    cJSON_Delete(data);

    return text;
}


/* NGX_OK, or what is to be finalized with */

static ngx_int_t
ngx_tavus_admin_end_begin(ngx_http_request_t *r, ngx_tavus_admin_end_t *end)
{
    end->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_end_asked];
    end->op.timeout = NGX_TAVUS_END_TIMEOUT;
    end->op.handler = ngx_tavus_admin_end_known;
    end->op.data = end;

    if (ngx_tavus_attach(&end->wait, r, ngx_tavus_admin_end_gone, end)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_tavus_store_change(&end->op) != NGX_OK) {
        (void) ngx_tavus_detach(&end->wait);
        return ngx_tavus_admin_end_unavailable(r);
    }

    return NGX_OK;
}


/* it is on the trail who wants it: now, and only now, Tavus is asked */

static void
ngx_tavus_admin_end_known(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_admin_end_t *end = op->data;

    const char          *message;
    ngx_http_request_t  *r;
    ngx_tavus_ending_t  *e;

    e = end->ending;

    if (rc == NGX_OK) {
        ngx_tavus_store_wake();
        rc = ngx_tavus_admin_end_read(e, res);

    } else if (rc == NGX_ERROR && res) {
        message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database refused a change: %s",
                      message ? message : "");
    }

    if (rc == NGX_AGAIN) {
        r = end->wait.request;
        end->asked = 1;

        e->handler = r ? ngx_tavus_admin_end_told : NULL;
        e->data = end;
        e->log = r ? r->connection->log : ngx_cycle->log;

        ngx_tavus_ending_start(e);
        return;
    }

    r = ngx_tavus_detach(&end->wait);

    if (r) {
        ngx_tavus_finalize(r, rc == NGX_OK ? ngx_tavus_admin_end_ended(r)
                              : rc == NGX_DECLINED
                              ? ngx_tavus_admin_end_missing(r)
                              : ngx_tavus_admin_end_unavailable(r));
    }

    ngx_tavus_ending_free(e);
}


/*
 * NGX_OK: it has ended; NGX_AGAIN: it goes on; NGX_DECLINED: there is none;
 * NGX_ERROR
 */

static ngx_int_t
ngx_tavus_admin_end_read(ngx_tavus_ending_t *e, PGresult *res)
{
    cJSON       *root, *nonce;
    ngx_int_t    rc;
    ngx_uint_t   i;

    if (PQntuples(res) != 1) {
        return NGX_ERROR;
    }

    if (PQgetisnull(res, 0, 0)) {
        return NGX_DECLINED;
    }

    root = cJSON_Parse(PQgetvalue(res, 0, 0));
    if (root == NULL) {
        return NGX_ERROR;
    }

    rc = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(root, "ended"))
         ? NGX_OK : NGX_AGAIN;

    nonce = cJSON_GetObjectItemCaseSensitive(root, "nonce");

    if (cJSON_IsString(nonce)
        && ngx_strlen(nonce->valuestring) == 2 * TAVUS_NONCE_LEN)
    {
        for (i = 0; i < TAVUS_NONCE_LEN; i++) {
            e->nonce[i] = (uint8_t) ngx_hextoi((u_char *) nonce->valuestring
                                               + 2 * i, 2);
        }

        e->bound = 1;
    }

    cJSON_Delete(root);

    return rc;
}


/* what is on the trail goes on without who asked */

static void
ngx_tavus_admin_end_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_admin_end_t *end = data;

    if (end->asked) {
        ngx_tavus_admin_end_log(r, end->ending);

        end->ending->handler = NULL;
        end->ending->log = ngx_cycle->log;

    } else if (ngx_tavus_pg_withdraw(&end->op) == NGX_OK) {
        ngx_tavus_ending_free(end->ending);
    }
}


static void
ngx_tavus_admin_end_told(ngx_tavus_ending_t *e)
{
    ngx_tavus_admin_end_t *end = e->data;

    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&end->wait);

    ngx_tavus_admin_end_log(r, e);

    ngx_tavus_finalize(r, e->fault ? ngx_tavus_admin_end_fault(r, e)
                                   : ngx_tavus_admin_end_ended(r));
}


static void
ngx_tavus_admin_end_log(ngx_http_request_t *r, ngx_tavus_ending_t *e)
{
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);

    ctx->store = e->store;
    ctx->store_time = e->store_time;
    ctx->upstream_time = e->upstream_time;

    ctx->conversation_id.len = e->id.len;
    ctx->conversation_id.data = ngx_pstrdup(r->pool, &e->id);

    if (ctx->conversation_id.data == NULL) {
        ctx->conversation_id.len = 0;
    }

    if (e->event_type) {
        ctx->event_type.data = (u_char *) e->event_type;
        ctx->event_type.len = ngx_strlen(e->event_type);
    }
}


static ngx_int_t
ngx_tavus_admin_end_fault(ngx_http_request_t *r, ngx_tavus_ending_t *e)
{
    cJSON  *extra;

    extra = NULL;

    if (ngx_strcmp(e->fault->outcome, "unknown") == 0) {
        extra = cJSON_CreateObject();

        (void) cJSON_AddStringToObject(extra, "outcome", "unknown");
        (void) cJSON_AddBoolToObject(extra, "recorded", e->recorded);
    }

    return ngx_tavus_send_problem_with(r, NGX_HTTP_BAD_GATEWAY,
                                       e->fault->code, 0, e->fault->detail,
                                       extra);
}


static ngx_int_t
ngx_tavus_admin_end_ended(ngx_http_request_t *r)
{
    static ngx_str_t  ended = ngx_string("{\"status\":\"ended\"}");

    return ngx_tavus_send(r, NGX_HTTP_OK, "application/json", &ended);
}


static ngx_int_t
ngx_tavus_admin_end_missing(ngx_http_request_t *r)
{
    return ngx_tavus_send_problem(r, NGX_HTTP_NOT_FOUND, "not_found", 0,
                                  "There is no such resource.");
}


static ngx_int_t
ngx_tavus_admin_end_unavailable(ngx_http_request_t *r)
{
    return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "storage_unavailable", NGX_TAVUS_END_RETRY,
                                  "The database cannot be asked now.");
}
