
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_documents.h"
#include "endpoint/ngx_tavus_admin_change.h"
#include "endpoint/ngx_tavus_admin_document_read.h"
#include "endpoint/ngx_tavus_admin_trail.h"
#include "endpoint/ngx_tavus_conversation_conf.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_variable.h"
#include "http/ngx_tavus_wait.h"
#include "jobs/ngx_tavus_document.h"
#include "service/ngx_tavus_api_conf.h"


#define NGX_TAVUS_DOCUMENTS_BODY  65536


/* the list, one of them, and its recrawl */

typedef enum {
    ngx_tavus_documents_all = 0,
    ngx_tavus_documents_one,
    ngx_tavus_documents_recrawl
} ngx_tavus_documents_route_e;


typedef struct {
    ngx_uint_t           route;
    ngx_uint_t           methods;
    ngx_uint_t           op;        /* ngx_tavus_document_op_e */
    ngx_uint_t           status;    /* if all is well */
} ngx_tavus_documents_op_t;


/* what a request is found to want, before its body is there */

typedef struct {
    const ngx_tavus_documents_op_t      *op;
    ngx_str_t                            id;
} ngx_tavus_documents_ask_t;


/* who waits; in the memory of what is waited for */

typedef struct {
    ngx_tavus_wait_t                     wait;
    ngx_tavus_document_t                *document;
    ngx_uint_t                           status;
    ngx_uint_t                           all;       /* no filter, page 0 */
    ngx_tavus_conversation_main_conf_t  *cmcf;
} ngx_tavus_documents_t;


static ngx_int_t ngx_tavus_documents_path(ngx_str_t *path, ngx_str_t *id,
    ngx_uint_t *route);
static ngx_int_t ngx_tavus_documents_look(ngx_http_request_t *r,
    ngx_tavus_documents_ask_t *ask);
static void ngx_tavus_documents_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_tavus_documents_t *ngx_tavus_documents_create(ngx_http_request_t
    *r, ngx_tavus_documents_ask_t *ask);
static ngx_int_t ngx_tavus_documents_ask(ngx_http_request_t *r,
    ngx_tavus_documents_t *ds, ngx_int_t *sent);
static void ngx_tavus_documents_asked(ngx_http_request_t *r, void *data);
static void ngx_tavus_documents_unasked(void *data);
static ngx_int_t ngx_tavus_documents_key(ngx_http_request_t *r,
    ngx_int_t *sent);
static ngx_int_t ngx_tavus_documents_start(ngx_http_request_t *r,
    ngx_tavus_documents_t *ds, ngx_int_t *sent);
static void ngx_tavus_documents_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_documents_told(ngx_tavus_document_t *d);
static void ngx_tavus_documents_log(ngx_http_request_t *r,
    ngx_tavus_document_t *d);
static ngx_int_t ngx_tavus_documents_fault(ngx_http_request_t *r,
    ngx_tavus_document_t *d);
static ngx_int_t ngx_tavus_documents_respond(ngx_http_request_t *r,
    ngx_tavus_documents_t *ds);
static void ngx_tavus_documents_tags(ngx_tavus_documents_t *ds, cJSON *to,
    cJSON *tags);
static void ngx_tavus_documents_missing(ngx_tavus_documents_t *ds,
    cJSON *answer, cJSON *tags);
static cJSON *ngx_tavus_documents_used(ngx_tavus_documents_t *ds);
static ngx_uint_t ngx_tavus_documents_has(cJSON *list, const char *text);


static const char  *ngx_tavus_documents_allow[] = {
    "GET, HEAD, POST", "GET, HEAD, PATCH, DELETE", "POST"
};


static const ngx_tavus_documents_op_t  ngx_tavus_documents_ops[] = {
    { ngx_tavus_documents_all, NGX_HTTP_GET|NGX_HTTP_HEAD,
      NGX_TAVUS_DOCUMENT_LIST, NGX_HTTP_OK },
    { ngx_tavus_documents_all, NGX_HTTP_POST,
      NGX_TAVUS_DOCUMENT_CREATE, NGX_HTTP_CREATED },
    { ngx_tavus_documents_one, NGX_HTTP_GET|NGX_HTTP_HEAD,
      NGX_TAVUS_DOCUMENT_READ, NGX_HTTP_OK },
    { ngx_tavus_documents_one, NGX_HTTP_PATCH,
      NGX_TAVUS_DOCUMENT_UPDATE, NGX_HTTP_OK },
    { ngx_tavus_documents_one, NGX_HTTP_DELETE,
      NGX_TAVUS_DOCUMENT_DELETE, NGX_HTTP_OK },
    { ngx_tavus_documents_recrawl, NGX_HTTP_POST,
      NGX_TAVUS_DOCUMENT_RECRAWL, NGX_HTTP_ACCEPTED },
    { 0, 0, 0, 0 }
};


ngx_int_t
ngx_tavus_admin_documents(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_str_t                        id;
    ngx_uint_t                       route;
    ngx_tavus_documents_ask_t       *ask;
    const ngx_tavus_documents_op_t  *o;

    if (ngx_tavus_documents_path(path, &id, &route) != NGX_OK) {
        return NGX_DECLINED;
    }

    for (o = ngx_tavus_documents_ops; o->methods; o++) {
        if (o->route == route && o->methods & r->method) {
            break;
        }
    }

    if (o->methods == 0) {
        return ngx_tavus_allow(r, 0, ngx_tavus_documents_allow[route]);
    }

    ask = ngx_palloc(r->pool, sizeof(ngx_tavus_documents_ask_t));
    if (ask == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ask->op = o;
    ask->id = id;

    return o->op < NGX_TAVUS_DOCUMENT_CREATE
           ? ngx_tavus_documents_look(r, ask)
           : ngx_tavus_admin_change(r, ask, NGX_TAVUS_DOCUMENTS_BODY,
                                    ngx_tavus_documents_body);
}


static ngx_int_t
ngx_tavus_documents_path(ngx_str_t *path, ngx_str_t *id, ngx_uint_t *route)
{
    u_char     *p, *last;
    ngx_str_t   tail;

    static ngx_str_t  all = ngx_string("documents");
    static ngx_str_t  recrawl = ngx_string("/recrawl");

    if (path->len < all.len
        || ngx_strncmp(path->data, all.data, all.len) != 0)
    {
        return NGX_DECLINED;
    }

    p = path->data + all.len;
    last = path->data + path->len;

    ngx_str_null(id);
    *route = ngx_tavus_documents_all;

    if (p == last) {
        return NGX_OK;
    }

    if (*p++ != '/') {
        return NGX_DECLINED;
    }

    id->data = p;
    p = ngx_strlchr(p, last, '/');
    p = p ? p : last;
    id->len = p - id->data;

    tail.data = p;
    tail.len = last - p;

    if (tail.len == 0) {
        *route = ngx_tavus_documents_one;

    } else if (tail.len == recrawl.len
               && ngx_memcmp(tail.data, recrawl.data, tail.len) == 0)
    {
        *route = ngx_tavus_documents_recrawl;

    } else {
        return NGX_DECLINED;
    }

    return id->len <= NGX_TAVUS_DOCUMENT_MAX_ID
           && ngx_tavus_api_valid_id(id->data, id->len)
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_tavus_documents_look(ngx_http_request_t *r,
    ngx_tavus_documents_ask_t *ask)
{
    ngx_int_t                     rc;
    ngx_tavus_documents_t        *ds;
    ngx_tavus_document_filter_t   filter;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    ds = ngx_tavus_documents_create(r, ask);
    if (ds == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_tavus_admin_document_args(r, ask->op->op, ds->document->pool,
                                      &filter, &rc)
        != NGX_OK)
    {
        goto failed;
    }

    if (ask->op->op == NGX_TAVUS_DOCUMENT_LIST
        && ngx_tavus_api_documents_query(ds->document->pool, &filter,
                                         &ds->document->query)
           != NGX_OK)
    {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto failed;
    }

    ds->all = filter.page == 0 && filter.status.len == 0
              && filter.tags.len == 0 && filter.name.len == 0;

    if (ngx_tavus_watch_client(r) != NGX_OK) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto failed;
    }

    if (ngx_tavus_documents_key(r, &rc) == NGX_OK
        && ngx_tavus_documents_start(r, ds, &rc) == NGX_OK)
    {
        r->main->count++;
        return NGX_DONE;
    }

failed:

    ngx_tavus_document_free(ds->document);

    return rc;
}


static void
ngx_tavus_documents_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON                             *root, *extra;
    ngx_int_t                          rc;
    ngx_uint_t                         op;
    ngx_tavus_documents_t             *ds;
    ngx_tavus_documents_ask_t         *ask;
    ngx_tavus_admin_document_fault_t   fault;

    ask = ngx_tavus_get_ctx(r)->state;
    op = ask->op->op;

    root = body->len == 0 && op >= NGX_TAVUS_DOCUMENT_DELETE
           ? cJSON_CreateObject() : ngx_tavus_parse_object(r, body);

    if (root == NULL) {
        return;
    }

    if (ngx_tavus_admin_document_body(op, root, &fault) != NGX_OK) {
        extra = fault.field ? cJSON_CreateObject() : NULL;
        (void) cJSON_AddStringToObject(extra, "field", fault.field);

        cJSON_Delete(root);

        rc = ngx_tavus_send_problem_with(r, NGX_HTTP_BAD_REQUEST, fault.code,
                                         0, fault.detail, extra);

        ngx_tavus_finalize(r, rc);
        return;
    }

    ds = ngx_tavus_documents_create(r, ask);

    if (ds == NULL) {
        cJSON_Delete(root);
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (op == NGX_TAVUS_DOCUMENT_DELETE) {
        cJSON_Delete(root);

    } else {
        ds->document->body = root;
    }

    if (ngx_tavus_documents_key(r, &rc) != NGX_OK
        || ngx_tavus_documents_ask(r, ds, &rc) != NGX_OK)
    {
        ngx_tavus_document_free(ds->document);
        ngx_tavus_finalize(r, rc);
    }
}


/* before Tavus is asked for a change it is on record who wants it */

static ngx_int_t
ngx_tavus_documents_ask(ngx_http_request_t *r, ngx_tavus_documents_t *ds,
    ngx_int_t *sent)
{
    ngx_tavus_admin_trail_t  trail;

    trail.handler = ngx_tavus_documents_asked;
    trail.gone = ngx_tavus_documents_unasked;
    trail.data = ds;

    if (ngx_tavus_admin_trail_ask(r, "admin.document_asked",
                                  ngx_tavus_document_trail(ds->document),
                                  &trail)
        == NGX_AGAIN)
    {
        return NGX_OK;
    }

    *sent = ngx_tavus_admin_trail_unavailable(r);

    return NGX_DECLINED;
}


static void
ngx_tavus_documents_asked(ngx_http_request_t *r, void *data)
{
    ngx_tavus_documents_t *ds = data;

    ngx_int_t  rc;

    if (ngx_tavus_documents_start(r, ds, &rc) != NGX_OK) {
        ngx_tavus_document_free(ds->document);
        ngx_tavus_finalize(r, rc);
    }
}


static void
ngx_tavus_documents_unasked(void *data)
{
    ngx_tavus_documents_t *ds = data;

    ngx_tavus_document_free(ds->document);
}


static ngx_tavus_documents_t *
ngx_tavus_documents_create(ngx_http_request_t *r,
    ngx_tavus_documents_ask_t *ask)
{
    u_char                     *p;
    ngx_tavus_trail_t           who;
    ngx_tavus_document_t       *d;
    ngx_tavus_documents_t      *ds;
    ngx_tavus_api_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(r, ngx_tavus_api_module);

    d = ngx_tavus_admin_trail_who(r, &who) == NGX_OK
        ? ngx_tavus_document_create(&amcf->api, ask->op->op, &who) : NULL;

    if (d == NULL) {
        return NULL;
    }

    ds = ngx_pcalloc(d->pool, sizeof(ngx_tavus_documents_t));
    p = ngx_pnalloc(d->pool, ask->id.len + 1);

    if (ds == NULL || p == NULL) {
        ngx_tavus_document_free(d);
        return NULL;
    }

    ds->document = d;
    ds->status = ask->op->status;
    ds->cmcf = ngx_http_get_module_main_conf(r,
                                             ngx_tavus_conversation_module);

    ngx_cpystrn(p, ask->id.data, ask->id.len + 1);

    d->id.data = p;
    d->id.len = ask->id.len;
    d->handler = ngx_tavus_documents_told;
    d->data = ds;
    d->log = r->connection->log;

    return ds;
}


static ngx_int_t
ngx_tavus_documents_key(ngx_http_request_t *r, ngx_int_t *sent)
{
    ngx_tavus_api_main_conf_t  *amcf;

    amcf = ngx_http_get_module_main_conf(r, ngx_tavus_api_module);

    if (amcf->api.key.len) {
        return NGX_OK;
    }

    *sent = ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                   "no_api_key", 0,
                                   "There is no \"tavus_api_key\" here.");
    return NGX_DECLINED;
}


/* NGX_OK; NGX_DECLINED if there is nothing to wait for: *sent was sent */

static ngx_int_t
ngx_tavus_documents_start(ngx_http_request_t *r, ngx_tavus_documents_t *ds,
    ngx_int_t *sent)
{
    ngx_tavus_document_t  *d;

    d = ds->document;

    if (ngx_tavus_attach(&ds->wait, r, ngx_tavus_documents_gone, d)
        != NGX_OK)
    {
        *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    if (ngx_tavus_document_start(d) == NGX_OK) {
        return NGX_OK;
    }

    (void) ngx_tavus_detach(&ds->wait);
    (void) ngx_tavus_api_documents_answer(d->op, NULL, &d->fault);

    *sent = ngx_tavus_documents_fault(r, d);

    return NGX_DECLINED;
}


static void
ngx_tavus_documents_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_document_t *d = data;

    ngx_tavus_documents_log(r, d);
    ngx_tavus_document_leave(d);
}


static void
ngx_tavus_documents_told(ngx_tavus_document_t *d)
{
    ngx_tavus_documents_t *ds = d->data;

    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&ds->wait);

    ngx_tavus_documents_log(r, d);

    rc = d->fault.status ? ngx_tavus_documents_fault(r, d)
                         : ngx_tavus_documents_respond(r, ds);

    ngx_tavus_finalize(r, rc);
}


static void
ngx_tavus_documents_log(ngx_http_request_t *r, ngx_tavus_document_t *d)
{
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);

    ctx->store = d->store;
    ctx->store_time = d->store_time;
    ctx->upstream_time = d->upstream_time;

    if (d->event_type) {
        ctx->event_type.data = (u_char *) d->event_type;
        ctx->event_type.len = ngx_strlen(d->event_type);
    }
}


static ngx_int_t
ngx_tavus_documents_fault(ngx_http_request_t *r, ngx_tavus_document_t *d)
{
    cJSON                       *extra;
    ngx_tavus_document_fault_t  *fault;

    fault = &d->fault;
    extra = NULL;

    if (fault->unknown) {
        extra = cJSON_CreateObject();

        (void) cJSON_AddStringToObject(extra, "outcome", "unknown");
        (void) cJSON_AddBoolToObject(extra, "recorded", d->recorded);
    }

    return ngx_tavus_send_problem_with(r, fault->status, fault->code,
                                       fault->retry_after, fault->detail,
                                       extra);
}


static ngx_int_t
ngx_tavus_documents_respond(ngx_http_request_t *r, ngx_tavus_documents_t *ds)
{
    cJSON                 *answer, *item, *used;
    ngx_tavus_document_t  *d;

    d = ds->document;
    answer = d->answer;

    if (d->op == NGX_TAVUS_DOCUMENT_LIST) {
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(answer,
                                                                "documents"))
        {
            ngx_tavus_documents_tags(ds, item,
                       cJSON_GetObjectItemCaseSensitive(item, "tags"));
        }

        used = ngx_tavus_documents_used(ds);

        ngx_tavus_documents_tags(ds, answer, used);
        ngx_tavus_documents_missing(ds, answer, used);

        cJSON_Delete(used);

    } else {
        ngx_tavus_documents_tags(ds, answer,
                       cJSON_GetObjectItemCaseSensitive(answer, "tags"));
    }

    if (d->op == NGX_TAVUS_DOCUMENT_DELETE) {
        (void) cJSON_AddTrueToObject(answer, "deleted");
    }

    if (d->op >= NGX_TAVUS_DOCUMENT_CREATE) {
        (void) cJSON_AddBoolToObject(answer, "recorded", d->recorded);
    }

    return ngx_tavus_send_json(r, ds->status, answer);
}


/* which verticals use each of the tags */

static void
ngx_tavus_documents_tags(ngx_tavus_documents_t *ds, cJSON *to, cJSON *tags)
{
    cJSON                 *list, *item, *names, *tag;
    ngx_str_t             *own;
    ngx_uint_t             i, k;
    ngx_tavus_vertical_t  *v;

    list = cJSON_AddArrayToObject(to, "tag_verticals");
    v = ds->cmcf->verticals.elts;

    cJSON_ArrayForEach(tag, tags) {
        item = cJSON_CreateObject();

        (void) cJSON_AddStringToObject(item, "tag", tag->valuestring);
        names = cJSON_AddArrayToObject(item, "verticals");

        for (i = 0; i < ds->cmcf->verticals.nelts; i++) {

            if (v[i].document_tags == NULL) {
                continue;
            }

            own = v[i].document_tags->elts;

            for (k = 0; k < v[i].document_tags->nelts; k++) {
                if (ngx_strcmp(own[k].data, tag->valuestring) == 0) {
                    (void) cJSON_AddItemToArray(names,
                                cJSON_CreateString((char *) v[i].name.data));
                    break;
                }
            }
        }

        (void) cJSON_AddItemToArray(list, item);
    }
}


/* which tags of verticals no document has: only who sees all can tell */

static void
ngx_tavus_documents_missing(ngx_tavus_documents_t *ds, cJSON *answer,
    cJSON *tags)
{
    cJSON       *list, *documents, *item, *tag, *total;
    ngx_uint_t   found;

    documents = cJSON_GetObjectItemCaseSensitive(answer, "documents");
    total = cJSON_GetObjectItemCaseSensitive(answer, "total_count");

    if (!ds->all || !cJSON_IsNumber(total)
        || total->valueint > cJSON_GetArraySize(documents))
    {
        (void) cJSON_AddNullToObject(answer, "missing_tags");
        return;
    }

    list = cJSON_AddArrayToObject(answer, "missing_tags");

    cJSON_ArrayForEach(tag, tags) {
        found = 0;

        cJSON_ArrayForEach(item, documents) {
            if (ngx_tavus_documents_has(cJSON_GetObjectItemCaseSensitive(item,
                                                                    "tags"),
                                        tag->valuestring))
            {
                found = 1;
                break;
            }
        }

        if (!found) {
            (void) cJSON_AddItemToArray(list,
                                        cJSON_CreateString(tag->valuestring));
        }
    }
}


/* the tags of all verticals, each once */

static cJSON *
ngx_tavus_documents_used(ngx_tavus_documents_t *ds)
{
    cJSON                 *list;
    ngx_str_t             *own;
    ngx_uint_t             i, k;
    ngx_tavus_vertical_t  *v;

    list = cJSON_CreateArray();
    v = ds->cmcf->verticals.elts;

    for (i = 0; i < ds->cmcf->verticals.nelts; i++) {

        if (v[i].document_tags == NULL) {
            continue;
        }

        own = v[i].document_tags->elts;

        for (k = 0; k < v[i].document_tags->nelts; k++) {

            if (!ngx_tavus_documents_has(list, (char *) own[k].data)) {
                (void) cJSON_AddItemToArray(list,
                                   cJSON_CreateString((char *) own[k].data));
            }
        }
    }

    return list;
}


static ngx_uint_t
ngx_tavus_documents_has(cJSON *list, const char *text)
{
    cJSON  *p;

    cJSON_ArrayForEach(p, list) {
        if (ngx_strcmp(p->valuestring, text) == 0) {
            return 1;
        }
    }

    return 0;
}
