
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_queue.h"
#include "guard/ngx_tavus_end_token.h"
#include "guard/ngx_tavus_keys.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_response.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_QUEUE_TIMEOUT  5000       /* ms */
#define NGX_TAVUS_QUEUE_ASKING   8          /* queries of a worker at once */


/* what the answer of a create is made of, as the database has it */

typedef struct {
    const char            *id;
    const char            *url;
    const char            *status;
    const char            *nonce;
    const char            *vertical;
} ngx_tavus_queue_taken_t;


static void ngx_tavus_queue_told(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_queue_judge(ngx_tavus_queue_t *group, cJSON *json);
static void ngx_tavus_queue_repeat(ngx_tavus_queue_t *group, cJSON *json);
static ngx_tavus_vertical_t *ngx_tavus_queue_vertical(ngx_http_request_t *r,
    const char *name);
static ngx_int_t ngx_tavus_queue_again(ngx_http_request_t *r,
    ngx_tavus_vertical_t *v, ngx_tavus_queue_taken_t *taken);
static const char *ngx_tavus_queue_string(cJSON *json, const char *name);


static ngx_uint_t  ngx_tavus_queue_asking;


void
ngx_tavus_queue_inquire(ngx_tavus_queue_t *group)
{
    if (ngx_tavus_queue_asking >= NGX_TAVUS_QUEUE_ASKING) {
        return;
    }

    ngx_memzero(&group->op, sizeof(ngx_tavus_pg_op_t));

    group->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_line_ticket];
    group->op.values[0] = group->text;
    group->op.timeout = NGX_TAVUS_QUEUE_TIMEOUT;
    group->op.handler = ngx_tavus_queue_told;
    group->op.data = group;

    if (ngx_tavus_store_query(&group->op) == NGX_OK) {
        group->asking = 1;
        ngx_tavus_queue_asking++;
    }
}


static void
ngx_tavus_queue_told(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_queue_t *group = op->data;

    cJSON       *json;
    const char  *text;

    group->asking = 0;
    ngx_tavus_queue_asking--;

    if (rc == NGX_OK && PQntuples(res) == 1) {
        json = cJSON_ParseWithLength(PQgetvalue(res, 0, 0),
                                     PQgetlength(res, 0, 0));
        group->busy++;
        group->doubtful = 0;

        ngx_tavus_queue_judge(group, json);

        group->busy--;

        cJSON_Delete(json);

    } else if (rc == NGX_ERROR && res) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not tell of a ticket: %s",
                      text ? text : "");
    }

    ngx_tavus_queue_release(group);
}


/* who waits, or whose conversation is being made elsewhere, waits on */

static void
ngx_tavus_queue_judge(ngx_tavus_queue_t *group, cJSON *json)
{
    cJSON       *position;
    const char  *state;

    state = ngx_tavus_queue_string(json, "state");

    if (ngx_strcmp(state, "waits") == 0) {
        position = cJSON_GetObjectItemCaseSensitive(json, "position");

        if (cJSON_IsNumber(position) && position->valueint > 0) {
            group->waiter.position = position->valueint;
        }

    } else if (ngx_strcmp(state, "asked") == 0) {
        group->doubtful = 1;

    } else if (ngx_strcmp(state, "taken") == 0
               && cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json,
                                                                "repeats")))
    {
        ngx_tavus_queue_repeat(group, json);

    } else {
        ngx_tavus_queue_fail(group, &ngx_tavus_queue_expired);
    }
}


/*
 * A room that is entered with a token cannot be given again: the token was
 * Tavus's answer to the create, and is kept nowhere.
 */

static void
ngx_tavus_queue_repeat(ngx_tavus_queue_t *group, cJSON *json)
{
    ngx_http_request_t       *r;
    ngx_tavus_vertical_t     *v;
    ngx_tavus_queue_taken_t   taken;

    taken.id = ngx_tavus_queue_string(json, "conversation_id");
    taken.url = ngx_tavus_queue_string(json, "conversation_url");
    taken.status = ngx_tavus_queue_string(json, "status");
    taken.nonce = ngx_tavus_queue_string(json, "nonce");
    taken.vertical = ngx_tavus_queue_string(json, "vertical");

    while ((r = ngx_tavus_queue_next(group)) != NULL) {

        v = ngx_tavus_queue_vertical(r, taken.vertical);

        if (v == NULL || v->require_auth) {
            ngx_tavus_finalize(r, ngx_tavus_call_send_problem(r,
                                                  &ngx_tavus_queue_expired));
            continue;
        }

        tavus_metric_add(tavus_metric_of(TAVUS_METRIC_QUEUE_ANSWERS,
                                         TAVUS_QUEUE_REPEATED, 0), 1);

        ngx_tavus_line_tell(group->waiter.id);
        ngx_tavus_finalize(r, ngx_tavus_queue_again(r, v, &taken));
    }
}


static ngx_tavus_vertical_t *
ngx_tavus_queue_vertical(ngx_http_request_t *r, const char *name)
{
    ngx_uint_t                           i;
    ngx_tavus_vertical_t                *v;
    ngx_tavus_conversation_main_conf_t  *cmcf;

    cmcf = ngx_http_get_module_main_conf(r, ngx_tavus_conversation_module);

    v = cmcf->verticals.elts;

    for (i = 0; i < cmcf->verticals.nelts; i++) {
        if (ngx_strcmp(v[i].name.data, name) == 0) {
            return &v[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_tavus_queue_again(ngx_http_request_t *r, ngx_tavus_vertical_t *v,
    ngx_tavus_queue_taken_t *taken)
{
    cJSON                      *json;
    u_char                      token[NGX_TAVUS_END_TOKEN + 1];
    ngx_int_t                   rc;
    ngx_str_t                   id;
    ngx_tavus_ctx_t            *ctx;
    ngx_tavus_keys_loc_conf_t  *klcf;

    ctx = ngx_tavus_get_ctx(r);
    klcf = ngx_http_get_module_loc_conf(r, ngx_tavus_keys_module);

    id.data = (u_char *) taken->id;
    id.len = ngx_strlen(taken->id);

    if (id.len > NGX_TAVUS_END_TOKEN_MAX_ID
        || ngx_strlen(taken->nonce) != 2 * TAVUS_NONCE_LEN
        || ngx_tavus_end_token_make(klcf->keys->elts[0], &id, taken->nonce,
                                    ngx_tavus_create_expiry(v), token)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->conversation_id.data = ngx_pstrdup(r->pool, &id);
    ctx->conversation_id.len = ctx->conversation_id.data ? id.len : 0;

    json = cJSON_CreateObject();

    if (cJSON_AddStringToObject(json, "conversation_id", taken->id)
        && cJSON_AddStringToObject(json, "conversation_url", taken->url)
        && cJSON_AddStringToObject(json, "status", taken->status)
        && cJSON_AddStringToObject(json, "end_token", (char *) token)
        && cJSON_AddNumberToObject(json, "max_call_duration",
                                   v->max_call_duration))
    {
        rc = ngx_tavus_send_json(r, NGX_HTTP_OK, json);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cJSON_Delete(json);

    return rc;
}


static const char *
ngx_tavus_queue_string(cJSON *json, const char *name)
{
    cJSON  *item;

    item = cJSON_GetObjectItemCaseSensitive(json, name);

    return cJSON_IsString(item) ? item->valuestring : "";
}
