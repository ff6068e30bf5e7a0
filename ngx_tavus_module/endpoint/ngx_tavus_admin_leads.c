
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_leads.h"
#include "endpoint/ngx_tavus_admin_change.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "core/tavus_uuid.h"


#define NGX_TAVUS_LEADS_BODY  1024


static void ngx_tavus_lead_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_lead_read(ngx_http_request_t *r, cJSON *root,
    ngx_tavus_admin_change_t *change, ngx_int_t *sent);


ngx_int_t
ngx_tavus_admin_lead(ngx_http_request_t *r, ngx_str_t *path)
{
    uint8_t     uuid[TAVUS_UUID_LEN];
    ngx_int_t   rc;
    ngx_str_t  *id;

    static ngx_str_t  first = ngx_string("leads/");

    if (path->len < first.len
        || ngx_strncmp(path->data, first.data, first.len) != 0)
    {
        return NGX_DECLINED;
    }

    id = ngx_palloc(r->pool, sizeof(ngx_str_t));
    if (id == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    id->data = path->data + first.len;
    id->len = path->len - first.len;

    if (tavus_uuid_parse(uuid, (char *) id->data, id->len) != 0) {
        return NGX_DECLINED;
    }

    rc = ngx_tavus_allow(r, NGX_HTTP_PATCH, "PATCH");

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_admin_change(r, id, NGX_TAVUS_LEADS_BODY,
                                  ngx_tavus_lead_body);
}


static void
ngx_tavus_lead_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON                     *root, *object;
    ngx_int_t                  rc, sent;
    ngx_tavus_admin_change_t  *change;

    root = ngx_tavus_parse_object(r, body);

    if (root == NULL) {
        return;
    }

    change = ngx_tavus_admin_change_create();

    if (change == NULL) {
        cJSON_Delete(root);
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_tavus_lead_read(r, root, change, &sent);

    cJSON_Delete(root);

    if (rc != NGX_OK) {
        ngx_destroy_pool(change->pool);
        ngx_tavus_finalize(r, sent);
        return;
    }

    object = cJSON_CreateObject();
    (void) cJSON_AddStringToObject(object, "lead_id", change->op.values[0]);

    ngx_tavus_admin_change_make(r, change, ngx_tavus_stmt_lead_handled,
                                "admin.lead_handled", object);
}


/* NGX_OK; NGX_DECLINED if a problem was sent, *sent is what came of it */

static ngx_int_t
ngx_tavus_lead_read(ngx_http_request_t *r, cJSON *root,
    ngx_tavus_admin_change_t *change, ngx_int_t *sent)
{
    cJSON            *item, *extra;
    ngx_tavus_ctx_t  *ctx;

    if (ngx_tavus_args_read(r, change->pool, NULL, 0, sent) != NGX_OK) {
        return NGX_DECLINED;
    }

    cJSON_ArrayForEach(item, root) {
        if (ngx_strcmp(item->string, "handled") != 0) {
            *sent = ngx_tavus_send_problem(r, NGX_HTTP_BAD_REQUEST,
                                           "unknown_field", 0,
                                           "The request has a field that is "
                                           "not known.");
            return NGX_DECLINED;
        }
    }

    item = root->child;

    if (!cJSON_IsBool(item)) {
        extra = cJSON_CreateObject();
        (void) cJSON_AddStringToObject(extra, "field", "handled");

        *sent = ngx_tavus_send_problem_with(r, NGX_HTTP_BAD_REQUEST,
                                            "invalid_field", 0,
                                            "The field must be true or "
                                            "false.", extra);
        return NGX_DECLINED;
    }

    ctx = ngx_tavus_get_ctx(r);

    change->op.values[0] = ngx_tavus_admin_change_text(change, ctx->state);
    change->op.values[1] = cJSON_IsTrue(item) ? "true" : "false";
    change->op.values[2] = ngx_tavus_admin_change_text(change, &ctx->user);

    if (change->op.values[0] == NULL || change->op.values[2] == NULL) {
        *sent = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    return NGX_OK;
}
