
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_problem.h"


typedef struct {
    size_t               max;
    ngx_tavus_body_pt    handler;
} ngx_tavus_body_t;


static void ngx_tavus_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_join_body(ngx_http_request_t *r, size_t max,
    ngx_str_t *body);
static ngx_int_t ngx_tavus_read_temp_file(ngx_buf_t *b, u_char *dst, size_t
    size);


ngx_int_t
ngx_tavus_allow(ngx_http_request_t *r, ngx_uint_t methods, const char *allow)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    if (r->method & methods) {
        return NGX_OK;
    }

    value.data = (u_char *) allow;
    value.len = ngx_strlen(allow);

    rc = ngx_tavus_set_header(r, "Allow", &value);

    if (rc == NGX_OK) {
        rc = ngx_tavus_send_problem(r, NGX_HTTP_NOT_ALLOWED,
                                    "method_not_allowed", 0,
                                    "The method is not allowed here.");
    }

    /* what was sent may be NGX_OK as well, hence the end of it here */

    r->main->count++;
    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


ngx_int_t
ngx_tavus_allow_json(ngx_http_request_t *r)
{
    size_t      len;
    ngx_int_t   rc;
    ngx_str_t  *type;

    type = r->headers_in.content_type ? &r->headers_in.content_type->value
                                      : NULL;

    len = sizeof("application/json") - 1;

    if (type != NULL
        && type->len >= len
        && ngx_strncasecmp(type->data, (u_char *) "application/json", len)
           == 0
        && (type->len == len || type->data[len] == ';'
            || type->data[len] == ' '))
    {
        return NGX_OK;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc == NGX_OK) {
        rc = ngx_tavus_send_problem(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                    "unsupported_media_type", 0,
                                    "The body must be application/json.");
    }

    /* what was sent may be NGX_OK as well, hence the end of it here */

    r->main->count++;
    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


ngx_int_t
ngx_tavus_read_body(ngx_http_request_t *r, size_t max,
    ngx_tavus_body_pt handler)
{
    ngx_int_t          rc;
    ngx_tavus_ctx_t   *ctx;
    ngx_tavus_body_t  *body;

    if (r->headers_in.content_length_n > (off_t) max) {

        /* it is cheaper to lose the connection than to read all of it */

        r->keepalive = 0;

        return ngx_tavus_send_problem(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                      "body_too_large", 0,
                                      "The body is too large.");
    }

    ctx = ngx_tavus_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body = ngx_palloc(r->pool, sizeof(ngx_tavus_body_t));
    if (body == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body->max = max;
    body->handler = handler;

    ctx->body = body;

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_tavus_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_tavus_body_handler(ngx_http_request_t *r)
{
    ngx_int_t          rc;
    ngx_str_t          text;
    ngx_tavus_ctx_t   *ctx;
    ngx_tavus_body_t  *body;

    ctx = ngx_tavus_get_ctx(r);
    body = ctx->body;

    rc = ngx_tavus_join_body(r, body->max, &text);

    if (rc == NGX_DECLINED) {
        rc = ngx_tavus_send_problem(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                    "body_too_large", 0,
                                    "The body is too large.");

        ngx_http_finalize_request(r, rc);
        return;
    }

    if (rc != NGX_OK || ngx_tavus_watch_client(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ctx->judge_body && ctx->judge_body(r, text.len) != NGX_DECLINED) {
        return;
    }

    ngx_tavus_call_handler(r, body->handler, &text);
}


static ngx_int_t
ngx_tavus_join_body(ngx_http_request_t *r, size_t max, ngx_str_t *body)
{
    off_t         total;
    size_t        size;
    u_char       *p;
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *in;

    in = r->request_body ? r->request_body->bufs : NULL;
    total = 0;

    for (cl = in; cl; cl = cl->next) {
        total += ngx_buf_size(cl->buf);
    }

    if (total > (off_t) max) {
        return NGX_DECLINED;
    }

    body->len = (size_t) total;

    if (total == 0) {
        body->data = (u_char *) "";
        return NGX_OK;
    }

    if (in->next == NULL && ngx_buf_in_memory(in->buf)) {
        body->data = in->buf->pos;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, body->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    body->data = p;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;
        size = (size_t) ngx_buf_size(b);

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, size);
            continue;
        }

        if (ngx_tavus_read_temp_file(b, p, size) != NGX_OK) {
            return NGX_ERROR;
        }

        p += size;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_read_temp_file(ngx_buf_t *b, u_char *dst, size_t size)
{
    off_t    offset;
    ssize_t  n;

    offset = b->file_pos;

    while (size) {
        n = ngx_read_file(b->file, dst, size, offset);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (n == 0) {
            ngx_log_error(NGX_LOG_ALERT, b->file->log, 0,
                          "request body file \"%V\" is truncated",
                          &b->file->name);
            return NGX_ERROR;
        }

        dst += n;
        size -= n;
        offset += n;
    }

    return NGX_OK;
}


cJSON *
ngx_tavus_parse_object(ngx_http_request_t *r, ngx_str_t *body)
{
    size_t                offset;
    cJSON                *root, *extra;
    u_char                detail[256];
    tavus_json_status_t   status;

    status = tavus_json_parse((char *) body->data, body->len, &root, &offset);

    if (status == TAVUS_JSON_OK) {

        if (cJSON_IsObject(root)) {
            return root;
        }

        cJSON_Delete(root);

        status = TAVUS_JSON_NOT_OBJECT;

        for (offset = 0; body->data[offset] <= ' '; offset++) { /* void */ }

    } else if (status == TAVUS_JSON_NO_MEMORY) {
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    (void) ngx_snprintf(detail, sizeof(detail),
                        "The body cannot be taken as a JSON object: %s, at "
                        "byte %uz.%Z", tavus_json_detail(status), offset);

    extra = cJSON_CreateObject();

    (void) cJSON_AddStringToObject(extra, "reason",
                                   tavus_json_reason(status));
    (void) cJSON_AddNumberToObject(extra, "offset", offset);

    ngx_tavus_finalize(r, ngx_tavus_send_problem_with(r, NGX_HTTP_BAD_REQUEST,
                                                      "invalid_json", 0,
                                                      (char *) detail,
                                                      extra));

    return NULL;
}


ngx_int_t
ngx_tavus_consent(cJSON *item, const char **word)
{
    ngx_uint_t  i;

    static const char  *words[] = { "granted", "denied" };

    *word = NULL;

    if (item == NULL) {
        return NGX_OK;
    }

    for (i = 0; i < 2; i++) {
        if (cJSON_IsString(item)
            && ngx_strcmp(item->valuestring, words[i]) == 0)
        {
            *word = words[i];
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}
