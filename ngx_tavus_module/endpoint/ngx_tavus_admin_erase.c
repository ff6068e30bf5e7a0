
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_erase.h"
#include "endpoint/ngx_tavus_admin_change.h"
#include "endpoint/ngx_tavus_admin_trail.h"
#include "endpoint/ngx_tavus_conversation_conf.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_json.h"
#include "core/tavus_uuid.h"
#include "core/tavus_utf8.h"


#define NGX_TAVUS_ERASE_BODY      1024
#define NGX_TAVUS_ERASE_KEY       320
#define NGX_TAVUS_ERASE_CALL      200
#define NGX_TAVUS_ERASE_TIMEOUT   5000
#define NGX_TAVUS_ERASE_RETRY     5

/* ms that who asks waits for the end of it; then it goes on by itself */
#define NGX_TAVUS_ERASE_PATIENCE  1800
#define NGX_TAVUS_ERASE_PAUSE     20


typedef struct {
    ngx_str_t            key;
    ngx_uint_t           visitor;
} ngx_tavus_erase_path_t;


/* it outlives who asks for it by the step that is under way */

typedef struct {
    ngx_pool_t          *pool;
    ngx_tavus_wait_t     wait;
    ngx_tavus_pg_op_t    op;
    ngx_event_t          timer;
    ngx_msec_t           begun;
    cJSON               *answer;        /* of the last step */
    cJSON               *remains;
    char                 id[TAVUS_UUID_TEXT_LEN + 1];
} ngx_tavus_erase_t;


static ngx_uint_t ngx_tavus_erase_path(ngx_str_t *path,
    ngx_tavus_erase_path_t *what);
static void ngx_tavus_erase_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_erase_values(ngx_http_request_t *r,
    ngx_tavus_erase_t *e, ngx_tavus_erase_path_t *what, ngx_int_t *sent);
static ngx_uint_t ngx_tavus_erase_shared(ngx_http_request_t *r,
    ngx_str_t *key);
static char *ngx_tavus_erase_trail(ngx_http_request_t *r,
    ngx_tavus_erase_t *e, ngx_tavus_erase_path_t *what, const char *kind);
static ngx_int_t ngx_tavus_erase_begin(ngx_http_request_t *r,
    ngx_tavus_erase_t *e, ngx_uint_t visitor);
static void ngx_tavus_erase_begun(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_erase_step(ngx_tavus_erase_t *e);
static void ngx_tavus_erase_again(ngx_event_t *ev);
static void ngx_tavus_erase_stepped(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_uint_t ngx_tavus_erase_take(ngx_tavus_erase_t *e, PGresult *res);
static void ngx_tavus_erase_answer(ngx_tavus_erase_t *e);
static ngx_int_t ngx_tavus_erase_send(ngx_http_request_t *r,
    ngx_tavus_erase_t *e);
static void ngx_tavus_erase_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_erase_free(ngx_tavus_erase_t *e);
static ngx_int_t ngx_tavus_erase_unavailable(ngx_http_request_t *r);


ngx_int_t
ngx_tavus_admin_erase(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_int_t                rc;
    ngx_tavus_erase_path_t  *what;

    what = ngx_palloc(r->pool, sizeof(ngx_tavus_erase_path_t));
    if (what == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (!ngx_tavus_erase_path(path, what)) {
        return NGX_DECLINED;
    }

    if (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)) {
        return NGX_DECLINED;
    }

    rc = ngx_tavus_allow(r, NGX_HTTP_DELETE, "GET, HEAD, DELETE");

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_admin_change(r, what, NGX_TAVUS_ERASE_BODY,
                                  ngx_tavus_erase_body);
}


static ngx_uint_t
ngx_tavus_erase_path(ngx_str_t *path, ngx_tavus_erase_path_t *what)
{
    ngx_uint_t  i;

    static ngx_str_t  names[] = {
        ngx_string("conversations/"),
        ngx_string("visitors/")
    };

    for (i = 0; i < 2; i++) {
        if (path->len > names[i].len
            && ngx_strncmp(path->data, names[i].data, names[i].len) == 0)
        {
            what->key.data = path->data + names[i].len;
            what->key.len = path->len - names[i].len;
            what->visitor = i;

            return 1;
        }
    }

    return 0;
}


/* there is nothing in it that counts */

static void
ngx_tavus_erase_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON                   *root;
    ngx_int_t                rc;
    ngx_pool_t              *pool;
    ngx_tavus_erase_t       *e;
    ngx_tavus_erase_path_t  *what;

    what = ngx_tavus_get_ctx(r)->state;

    if (body->len) {
        root = ngx_tavus_parse_object(r, body);

        if (root == NULL) {
            return;
        }

        rc = root->child ? NGX_DECLINED : NGX_OK;

        cJSON_Delete(root);

        if (rc != NGX_OK) {
            ngx_tavus_finalize(r, ngx_tavus_send_problem(r,
                                       NGX_HTTP_BAD_REQUEST, "unknown_field",
                                       0, "The request has a field that is "
                                       "not known."));
            return;
        }
    }

    pool = ngx_create_pool(2048, ngx_cycle->log);
    e = pool ? ngx_pcalloc(pool, sizeof(ngx_tavus_erase_t)) : NULL;

    if (e == NULL) {
        if (pool) {
            ngx_destroy_pool(pool);
        }

        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    e->pool = pool;

    if (ngx_tavus_erase_values(r, e, what, &rc) != NGX_OK
        || (rc = ngx_tavus_erase_begin(r, e, what->visitor)) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        ngx_tavus_finalize(r, rc);
    }
}


/* NGX_OK; NGX_DECLINED if a problem was sent, *sent is what came of it */

static ngx_int_t
ngx_tavus_erase_values(ngx_http_request_t *r, ngx_tavus_erase_t *e,
    ngx_tavus_erase_path_t *what, ngx_int_t *sent)
{
    u_char             *p;
    size_t              max;
    tavus_query_arg_t   table[1];

    ngx_memzero(table, sizeof(table));

    table[0].name = "kind";
    table[0].max = 16;

    if (ngx_tavus_args_read(r, e->pool, table, what->visitor, sent) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (table[0].len && ngx_strcmp(table[0].value, "email") != 0
        && ngx_strcmp(table[0].value, "session") != 0
        && ngx_strcmp(table[0].value, "user") != 0
        && ngx_strcmp(table[0].value, "memory_store") != 0)
    {
        *sent = ngx_tavus_args_invalid(r, "kind");
        return NGX_DECLINED;
    }

    max = what->visitor ? NGX_TAVUS_ERASE_KEY : NGX_TAVUS_ERASE_CALL;

    if (what->key.len > max
        || ngx_strlchr(what->key.data, what->key.data + what->key.len, '\0')
        || !tavus_utf8_valid((char *) what->key.data, what->key.len))
    {
        *sent = ngx_tavus_args_invalid(r, what->visitor ? "key" : "id");
        return NGX_DECLINED;
    }

    if (what->visitor
        && (table[0].len == 0
            || ngx_strcmp(table[0].value, "memory_store") == 0)
        && ngx_tavus_erase_shared(r, &what->key))
    {
        *sent = ngx_tavus_send_problem(r, NGX_HTTP_CONFLICT, "shared_memory",
                                       0, "This memory store is named by a "
                                       "vertical: it is all visitors'.");
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(e->pool, what->key.len + 1);

    if (p == NULL) {
        *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    *ngx_cpymem(p, what->key.data, what->key.len) = '\0';

    e->op.values[0] = (char *) p;
    e->op.values[1] = ngx_tavus_erase_trail(r, e, what, table[0].len
                                                        ? table[0].value
                                                        : NULL);
    e->op.values[2] = table[0].len ? table[0].value : NULL;

    if (e->op.values[1] == NULL) {
        *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* whether it is the name of a store that a vertical gives to everybody */

static ngx_uint_t
ngx_tavus_erase_shared(ngx_http_request_t *r, ngx_str_t *key)
{
    ngx_str_t                           *name;
    ngx_uint_t                           i, k;
    ngx_tavus_vertical_t                *v;
    ngx_tavus_conversation_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_tavus_conversation_module);
    v = cmcf->verticals.elts;

    for (i = 0; i < cmcf->verticals.nelts; i++) {

        if (v[i].memory.named == NULL) {
            continue;
        }

        name = v[i].memory.named->elts;

        for (k = 0; k < v[i].memory.named->nelts; k++) {
            if (name[k].len == key->len
                && ngx_memcmp(name[k].data, key->data, key->len) == 0)
            {
                return 1;
            }
        }
    }

    return 0;
}


/* what is told of it, with the receipt's id, which the database adds */

static char *
ngx_tavus_erase_trail(ngx_http_request_t *r, ngx_tavus_erase_t *e,
    ngx_tavus_erase_path_t *what, const char *kind)
{
    char               *json, *text;
    cJSON              *data, *object;
    ngx_str_t           s;
    ngx_tavus_trail_t   who;

    if (ngx_tavus_admin_trail_who(r, &who) != NGX_OK) {
        return NULL;
    }

    data = ngx_tavus_trail_data(&who);
    object = cJSON_AddObjectToObject(data, "object");
    text = NULL;

    if (object
        && cJSON_AddStringToObject(data, "type", what->visitor
                                             ? "admin.visitor_erased"
                                             : "admin.conversation_erased")
        && (kind == NULL || cJSON_AddStringToObject(object, "kind", kind))
        && (what->visitor
            || cJSON_AddStringToObject(object, "conversation_id",
                                       e->op.values[0])))
    {
        json = cJSON_PrintUnformatted(data);

        if (json) {
            s.data = (u_char *) json;
            s.len = ngx_strlen(json) + 1;
            text = (char *) ngx_pstrdup(e->pool, &s);
            cJSON_free(json);
        }
    }

    cJSON_Delete(data);

    return text;
}


static ngx_int_t
ngx_tavus_erase_begin(ngx_http_request_t *r, ngx_tavus_erase_t *e,
    ngx_uint_t visitor)
{
    e->begun = ngx_current_msec;

    e->timer.handler = ngx_tavus_erase_again;
    e->timer.data = e;
    e->timer.log = ngx_cycle->log;
    e->timer.cancelable = 1;

    e->op.stmt = &ngx_tavus_statements[visitor
                                       ? ngx_tavus_stmt_erase_visitor
                                       : ngx_tavus_stmt_erase_conversation];
    e->op.timeout = NGX_TAVUS_ERASE_TIMEOUT;
    e->op.handler = ngx_tavus_erase_begun;
    e->op.data = e;

    if (ngx_tavus_attach(&e->wait, r, ngx_tavus_erase_gone, e) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_tavus_store_change(&e->op) != NGX_OK) {
        (void) ngx_tavus_detach(&e->wait);
        return ngx_tavus_erase_unavailable(r);
    }

    return NGX_OK;
}


static void
ngx_tavus_erase_begun(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_erase_t *e = op->data;

    cJSON               *id;
    const char          *message;
    ngx_http_request_t  *r;

    if (rc == NGX_OK && ngx_tavus_erase_take(e, res)) {
        id = cJSON_GetObjectItemCaseSensitive(e->answer, "id");

        if (cJSON_IsString(id)) {
            ngx_cpystrn((u_char *) e->id, (u_char *) id->valuestring,
                        sizeof(e->id));
        }

        ngx_tavus_erase_step(e);
        return;
    }

    r = ngx_tavus_detach(&e->wait);

    if (r) {
        message = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)
                      : NULL;

        if (message) {
            ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                          "database refused a change: %s", message);
        }

        ngx_tavus_finalize(r, ngx_tavus_erase_unavailable(r));
    }

    ngx_tavus_erase_free(e);
}


static void
ngx_tavus_erase_step(ngx_tavus_erase_t *e)
{
    if (e->wait.request == NULL) {
        ngx_tavus_erase_free(e);
        return;
    }

    ngx_memzero(&e->op, sizeof(ngx_tavus_pg_op_t));

    e->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_erase_step];
    e->op.values[0] = e->id;
    e->op.timeout = NGX_TAVUS_ERASE_TIMEOUT;
    e->op.handler = ngx_tavus_erase_stepped;
    e->op.data = e;

    if (ngx_tavus_store_change(&e->op) != NGX_OK) {
        ngx_tavus_erase_answer(e);
    }
}


static void
ngx_tavus_erase_again(ngx_event_t *ev)
{
    ngx_tavus_erase_step(ev->data);
}


static void
ngx_tavus_erase_stepped(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_erase_t *e = op->data;

    cJSON       *state;
    const char  *message;

    if (rc != NGX_OK || !ngx_tavus_erase_take(e, res)) {
        message = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY)
                      : NULL;

        if (message) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "database could not erase now, it goes on later: "
                          "%s", message);
        }

        ngx_tavus_erase_answer(e);
        return;
    }

    state = cJSON_GetObjectItemCaseSensitive(e->answer, "state");

    if (!cJSON_IsString(state) || ngx_strcmp(state->valuestring, "running") != 0
        || ngx_current_msec - e->begun > NGX_TAVUS_ERASE_PATIENCE
        || ngx_exiting)
    {
        ngx_tavus_store_wake();
        ngx_tavus_erase_answer(e);
        return;
    }

    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(e->answer, "busy"))
        && e->wait.request)
    {
        ngx_add_timer(&e->timer, NGX_TAVUS_ERASE_PAUSE);
        return;
    }

    ngx_tavus_erase_step(e);
}


/* whether there is an answer; what remains is known as long as it is found */

static ngx_uint_t
ngx_tavus_erase_take(ngx_tavus_erase_t *e, PGresult *res)
{
    cJSON  *json, *remains;

    if (PQntuples(res) != 1 || PQgetisnull(res, 0, 0)) {
        return 0;
    }

    json = cJSON_Parse(PQgetvalue(res, 0, 0));

    if (json == NULL) {
        return 0;
    }

    remains = cJSON_DetachItemFromObjectCaseSensitive(json, "remains");

    if (remains) {
        cJSON_Delete(e->remains);
        e->remains = remains;
    }

    cJSON_Delete(e->answer);
    e->answer = json;

    return 1;
}


static void
ngx_tavus_erase_answer(ngx_tavus_erase_t *e)
{
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&e->wait);

    if (r) {
        ngx_tavus_finalize(r, ngx_tavus_erase_send(r, e));
    }

    ngx_tavus_erase_free(e);
}


static ngx_int_t
ngx_tavus_erase_send(ngx_http_request_t *r, ngx_tavus_erase_t *e)
{
    char        *text;
    cJSON       *state;
    ngx_int_t    rc;
    ngx_str_t    json;
    ngx_uint_t   done;

    state = cJSON_GetObjectItemCaseSensitive(e->answer, "state");

    if (cJSON_IsString(state) && ngx_strcmp(state->valuestring, "refused") == 0)
    {
        return ngx_tavus_send_problem(r, NGX_HTTP_CONFLICT, "too_many", 0,
                                      "Too much belongs to this key: it is "
                                      "not one visitor's.");
    }

    done = cJSON_IsString(state) && ngx_strcmp(state->valuestring, "done") == 0;

    cJSON_DeleteItemFromObjectCaseSensitive(e->answer, "busy");

    if (e->remains) {
        (void) cJSON_AddItemToObject(e->answer, "remains", e->remains);
        e->remains = NULL;
    }

    text = cJSON_PrintUnformatted(e->answer);
    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    json.data = (u_char *) text;
    json.len = ngx_strlen(text);
    json.data = ngx_pstrdup(r->pool, &json);

    cJSON_free(text);

    rc = json.data ? NGX_OK : NGX_ERROR;

    return rc == NGX_OK
           ? ngx_tavus_send(r, done ? NGX_HTTP_OK : NGX_HTTP_ACCEPTED,
                            "application/json", &json)
           : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* what has begun goes on without who asked */

static void
ngx_tavus_erase_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_erase_t *e = data;

    if (e->timer.timer_set || ngx_tavus_pg_withdraw(&e->op) == NGX_OK) {
        ngx_tavus_erase_free(e);
    }
}


static void
ngx_tavus_erase_free(ngx_tavus_erase_t *e)
{
    if (e->timer.timer_set) {
        ngx_del_timer(&e->timer);
    }

    cJSON_Delete(e->answer);
    cJSON_Delete(e->remains);

    ngx_destroy_pool(e->pool);
}


static ngx_int_t
ngx_tavus_erase_unavailable(ngx_http_request_t *r)
{
    return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "storage_unavailable",
                                  NGX_TAVUS_ERASE_RETRY,
                                  "The database cannot be asked now.");
}
