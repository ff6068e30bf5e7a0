
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_checkout.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_variable.h"
#include "service/ngx_tavus_stripe_conf.h"


#define NGX_TAVUS_CHECKOUT_BODY      16384
#define NGX_TAVUS_CHECKOUT_PATIENCE  15

#define NGX_TAVUS_CHECKOUT_ID        "?session_id={CHECKOUT_SESSION_ID}"


static void ngx_tavus_checkout_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_tavus_checkout_t *ngx_tavus_checkout_begin(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_checkout_urls(ngx_http_request_t *r,
    ngx_tavus_order_t *order);
static ngx_uint_t ngx_tavus_checkout_patience(ngx_http_request_t *r,
    ngx_tavus_stripe_t *stripe);
static void ngx_tavus_checkout_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_checkout_told(ngx_tavus_order_t *order,
    const ngx_tavus_order_answer_t *answer);
static ngx_int_t ngx_tavus_checkout_respond(ngx_http_request_t *r,
    ngx_tavus_order_t *order);
static ngx_int_t ngx_tavus_checkout_problem(ngx_http_request_t *r,
    const ngx_tavus_order_answer_t *answer);
static void ngx_tavus_checkout_log(ngx_http_request_t *r,
    ngx_tavus_order_t *order);


ngx_int_t
ngx_tavus_checkout_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_tavus_allow(r, NGX_HTTP_GET|NGX_HTTP_POST, "GET, POST");

    if (rc != NGX_OK) {
        return rc;
    }

    if (r->method == NGX_HTTP_GET) {
        return ngx_tavus_checkout_status(r);
    }

    rc = ngx_tavus_allow_json(r);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_read_body(r, NGX_TAVUS_CHECKOUT_BODY,
                               ngx_tavus_checkout_body);
}


static void
ngx_tavus_checkout_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON                       *root;
    ngx_int_t                    rc;
    ngx_tavus_checkout_t        *c;
    ngx_tavus_checkout_fault_t   fault;

    root = ngx_tavus_parse_object(r, body);

    if (root == NULL) {
        return;
    }

    c = ngx_tavus_checkout_begin(r);

    if (c == NULL) {
        cJSON_Delete(root);
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_memzero(&fault, sizeof(ngx_tavus_checkout_fault_t));

    rc = ngx_tavus_checkout_read(c, root, &fault);

    cJSON_Delete(root);

    if (rc == NGX_DECLINED) {
        rc = ngx_tavus_checkout_refuse(r, c, &fault);
        goto failed;
    }

    if (rc != NGX_OK) {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        goto failed;
    }

    if (ngx_tavus_order_start(c->order) == NGX_OK) {
        return;
    }

    rc = ngx_tavus_checkout_problem(r, &ngx_tavus_order_unrecorded);

failed:

    (void) ngx_tavus_detach(&c->wait);
    ngx_tavus_order_free(c->order);

    ngx_tavus_finalize(r, rc);
}


static ngx_tavus_checkout_t *
ngx_tavus_checkout_begin(ngx_http_request_t *r)
{
    ngx_tavus_order_t             *order;
    ngx_tavus_checkout_t          *c;
    ngx_tavus_main_conf_t         *mcf;
    ngx_tavus_stripe_main_conf_t  *smcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);
    smcf = ngx_http_get_module_main_conf(r, ngx_tavus_stripe_module);

    order = ngx_tavus_order_create(&smcf->stripe, ngx_tavus_request_id(r));
    if (order == NULL) {
        return NULL;
    }

    c = ngx_pcalloc(order->pool, sizeof(ngx_tavus_checkout_t));

    if (c == NULL || ngx_tavus_checkout_urls(r, order) != NGX_OK
        || ngx_tavus_attach(&c->wait, r, ngx_tavus_checkout_gone, c)
           != NGX_OK)
    {
        ngx_tavus_order_free(order);
        return NULL;
    }

    c->order = order;
    c->cmcf = ngx_http_get_module_main_conf(r, ngx_tavus_checkout_module);

    order->handler = ngx_tavus_checkout_told;
    order->data = c;
    order->log = r->connection->log;
    order->sandbox = mcf->sandbox;
    order->patience = ngx_tavus_checkout_patience(r, &smcf->stripe);

    return c;
}


/* Stripe puts the id of its session where the braces stand */

static ngx_int_t
ngx_tavus_checkout_urls(ngx_http_request_t *r, ngx_tavus_order_t *order)
{
    size_t                          len;
    ngx_str_t                      *origin, *success, *cancel;
    ngx_tavus_main_conf_t          *mcf;
    ngx_tavus_checkout_loc_conf_t  *clcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);
    clcf = ngx_http_get_module_loc_conf(r, ngx_tavus_checkout_module);

    origin = &mcf->public_origin;
    success = &order->wish.success;
    cancel = &order->wish.cancel;

    len = origin->len + clcf->success.len + sizeof(NGX_TAVUS_CHECKOUT_ID);

    success->data = ngx_pnalloc(order->pool, len);
    cancel->data = ngx_pnalloc(order->pool, origin->len + clcf->cancel.len);

    if (success->data == NULL || cancel->data == NULL) {
        return NGX_ERROR;
    }

    success->len = ngx_sprintf(success->data, "%V%V" NGX_TAVUS_CHECKOUT_ID,
                               origin, &clcf->success)
                   - success->data;

    cancel->len = ngx_sprintf(cancel->data, "%V%V", origin, &clcf->cancel)
                  - cancel->data;

    return NGX_OK;
}


/* after which nobody here knows of it any more */

static ngx_uint_t
ngx_tavus_checkout_patience(ngx_http_request_t *r, ngx_tavus_stripe_t *stripe)
{
    ngx_msec_t              time;
    ngx_tavus_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

    time = stripe->timeout + 2 * NGX_TAVUS_ORDER_TIMEOUT;

    if (mcf->resolver) {
        time += mcf->resolver_timeout;
    }

    return time / 1000 + NGX_TAVUS_CHECKOUT_PATIENCE;
}


static void
ngx_tavus_checkout_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_checkout_t *c = data;

    ngx_tavus_checkout_log(r, c->order);
    ngx_tavus_order_leave(c->order);
}


static void
ngx_tavus_checkout_told(ngx_tavus_order_t *order,
    const ngx_tavus_order_answer_t *answer)
{
    ngx_tavus_checkout_t *c = order->data;

    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&c->wait);

    ngx_tavus_checkout_log(r, order);

    rc = answer ? ngx_tavus_checkout_problem(r, answer)
                : ngx_tavus_checkout_respond(r, order);

    ngx_tavus_finalize(r, rc);
}


static ngx_int_t
ngx_tavus_checkout_respond(ngx_http_request_t *r, ngx_tavus_order_t *order)
{
    cJSON      *json;
    ngx_int_t   rc;

    rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    json = cJSON_CreateObject();

    if (cJSON_AddStringToObject(json, "url", (char *) order->made.url.data)) {
        rc = ngx_tavus_send_json(r, NGX_HTTP_OK, json);
    }

    cJSON_Delete(json);

    return rc;
}


static ngx_int_t
ngx_tavus_checkout_problem(ngx_http_request_t *r,
    const ngx_tavus_order_answer_t *answer)
{
    cJSON  *extra;

    extra = NULL;

    if (answer->field) {
        extra = cJSON_CreateObject();
        (void) cJSON_AddStringToObject(extra, "field", answer->field);
    }

    return ngx_tavus_send_problem_with(r, answer->status, answer->code,
                                       answer->retry_after, answer->detail,
                                       extra);
}


static void
ngx_tavus_checkout_log(ngx_http_request_t *r, ngx_tavus_order_t *order)
{
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);

    if (ctx == NULL) {
        return;
    }

    ctx->store_time = order->store_time;
    ctx->upstream_time = order->upstream_time;

    if (order->store_time >= 0) {
        ngx_str_set(&ctx->store, "pg");
    }

    if (order->event_type) {
        ctx->event_type.data = (u_char *) order->event_type;
        ctx->event_type.len = ngx_strlen(order->event_type);
    }
}
