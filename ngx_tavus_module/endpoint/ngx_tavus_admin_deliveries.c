
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_deliveries.h"
#include "endpoint/ngx_tavus_admin_change.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"


#define NGX_TAVUS_DELIVERIES_BODY  1024
#define NGX_TAVUS_DELIVERIES_NAME  32


static ngx_int_t ngx_tavus_deliveries_path(ngx_str_t *path, ngx_str_t *id);
static void ngx_tavus_deliveries_body(ngx_http_request_t *r, ngx_str_t *body);
static void ngx_tavus_deliveries_ask(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_deliveries_values(ngx_http_request_t *r,
    ngx_tavus_admin_change_t *change, ngx_str_t *id, ngx_int_t *sent);


ngx_int_t
ngx_tavus_admin_deliveries(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_int_t   rc;
    ngx_str_t  *id;

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

    return ngx_tavus_admin_change(r, id, NGX_TAVUS_DELIVERIES_BODY,
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
    cJSON                     *object;
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    ngx_tavus_admin_change_t  *change;

    static const char  *names[] = { "delivery_id", "destination", "state" };

    change = ngx_tavus_admin_change_create();

    if (change == NULL) {
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ngx_tavus_deliveries_values(r, change, ngx_tavus_get_ctx(r)->state,
                                    &rc)
        != NGX_OK)
    {
        ngx_destroy_pool(change->pool);
        ngx_tavus_finalize(r, rc);
        return;
    }

    object = cJSON_CreateObject();

    for (i = 0; i < 3; i++) {
        if (change->op.values[i]) {
            (void) cJSON_AddStringToObject(object, names[i],
                                           change->op.values[i]);
        }
    }

    ngx_tavus_admin_change_make(r, change, ngx_tavus_stmt_deliver_retry,
                                "admin.deliveries_retried", object);
}


/* NGX_OK; NGX_DECLINED if a problem was sent, *sent is what came of it */

static ngx_int_t
ngx_tavus_deliveries_values(ngx_http_request_t *r,
    ngx_tavus_admin_change_t *change, ngx_str_t *id, ngx_int_t *sent)
{
    ngx_uint_t          n;
    tavus_query_arg_t   table[2];

    ngx_memzero(table, sizeof(table));

    table[0].name = "destination";
    table[0].max = NGX_TAVUS_DELIVERIES_NAME;
    table[1].name = "state";
    table[1].max = 16;

    /* what has an id has no filter */

    n = id->len ? 0 : 2;

    if (ngx_tavus_args_read(r, change->pool, table, n, sent) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (id->len) {
        change->op.values[0] = ngx_tavus_admin_change_text(change, id);

        if (change->op.values[0] == NULL) {
            *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
            return NGX_DECLINED;
        }

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

    change->op.values[1] = table[0].value;
    change->op.values[2] = table[1].len ? table[1].value : NULL;

    return NGX_OK;
}
