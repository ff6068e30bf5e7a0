
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_variable.h"


ngx_int_t
ngx_tavus_send(ngx_http_request_t *r, ngx_uint_t status, const char *type,
    ngx_str_t *body)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = body->len ? 1 : 0;

    out.buf = b;
    out.next = NULL;

    return ngx_tavus_send_chain(r, status, type, &out, body->len);
}


ngx_int_t
ngx_tavus_send_chain(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_chain_t *out, off_t len)
{
    ngx_int_t     rc;
    ngx_str_t     value;
    ngx_chain_t  *last;

    if (status >= NGX_HTTP_BAD_REQUEST) {
        /* a body that is of no use must not be asked for */
        r->expect_tested = 1;
    }

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.status = status;
    r->headers_out.status_line.len = 0;
    r->headers_out.content_length_n = len;

    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_str_set(&value, "no-store");

    if (ngx_tavus_set_header(r, "Cache-Control", &value) != NGX_OK
        || ngx_tavus_set_header(r, "X-Request-Id", ngx_tavus_request_id(r))
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (last = out; last->next; last = last->next) { /* void */ }

    last->buf->last_buf = (r == r->main) ? 1 : 0;
    last->buf->last_in_chain = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, out);
}


ngx_int_t
ngx_tavus_send_json(ngx_http_request_t *r, ngx_uint_t status, cJSON *json)
{
    char       *text;
    ngx_str_t   body;

    text = cJSON_PrintUnformatted(json);
    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.len = ngx_strlen(text);
    body.data = ngx_pnalloc(r->pool, body.len);

    if (body.data) {
        ngx_memcpy(body.data, text, body.len);
    }

    cJSON_free(text);

    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_tavus_send(r, status, "application/json", &body);
}
