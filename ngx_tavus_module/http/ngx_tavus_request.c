
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "ngx_tavus_module.h"
#include "http/ngx_tavus_request.h"
#include "core/tavus_json.h"


typedef struct {
    size_t               max;
    ngx_tavus_body_pt    handler;
} ngx_tavus_body_t;


typedef struct {
    ngx_uint_t           status;
    const char          *code;
    const char          *title;
    const char          *detail;
} ngx_tavus_status_t;


static void ngx_tavus_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_join_body(ngx_http_request_t *r, size_t max,
    ngx_str_t *body);
static ngx_int_t ngx_tavus_read_temp_file(ngx_buf_t *b, u_char *dst,
    size_t size);
static void ngx_tavus_test_reading(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_set_retry_after(ngx_http_request_t *r,
    ngx_uint_t retry_after);
static const ngx_tavus_status_t *ngx_tavus_find_status(ngx_uint_t status);


/* reason phrases as RFC 9110 and RFC 6585 have them */

static const ngx_tavus_status_t  ngx_tavus_statuses[] = {

    { 400, "bad_request", "Bad Request",
      "The request could not be understood." },

    { 401, "unauthorized", "Unauthorized",
      "A user name and a password are needed." },

    { 402, "payment_required", "Payment Required",
      "A payment is needed." },

    { 403, "forbidden", "Forbidden",
      "The request is not allowed." },

    { 404, "not_found", "Not Found",
      "There is nothing at this address." },

    { 405, "method_not_allowed", "Method Not Allowed",
      "The method is not allowed here." },

    { 406, "not_acceptable", "Not Acceptable",
      "The response would not be acceptable." },

    { 408, "request_timeout", "Request Timeout",
      "The request did not arrive in time." },

    { 409, "conflict", "Conflict",
      "The request conflicts with the present state." },

    { 410, "gone", "Gone",
      "This is no longer here." },

    { 411, "length_required", "Length Required",
      "The length of the body is needed." },

    { 412, "precondition_failed", "Precondition Failed",
      "A precondition of the request is not met." },

    { 413, "body_too_large", "Content Too Large",
      "The body is too large." },

    { 414, "uri_too_long", "URI Too Long",
      "The address is too long." },

    { 415, "unsupported_media_type", "Unsupported Media Type",
      "The media type of the body is not supported." },

    { 416, "range_not_satisfiable", "Range Not Satisfiable",
      "The range cannot be served." },

    { 421, "misdirected_request", "Misdirected Request",
      "The request came to the wrong server." },

    { 422, "unprocessable_content", "Unprocessable Content",
      "The body could not be processed." },

    { 429, "rate_limited", "Too Many Requests",
      "Too many requests, please try again later." },

    { 431, "headers_too_large", "Request Header Fields Too Large",
      "The header of the request is too large." },

    { 500, "internal_error", "Internal Server Error",
      "Something went wrong on our side." },

    { 501, "not_implemented", "Not Implemented",
      "This is not implemented." },

    { 502, "upstream_error", "Bad Gateway",
      "A service that is needed did not answer as expected." },

    { 503, "service_unavailable", "Service Unavailable",
      "The service is unavailable for the moment." },

    { 504, "upstream_timeout", "Gateway Timeout",
      "A service that is needed did not answer in time." },

    { 505, "http_version_not_supported", "HTTP Version Not Supported",
      "The version of HTTP is not supported." },

    { 507, "insufficient_storage", "Insufficient Storage",
      "There is no room to store this." },

    { 0, NULL, NULL, NULL }
};


/* the request whose body handler nginx itself is calling */

static ngx_http_request_t  *ngx_tavus_current;


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
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_tavus_ctx_t     *ctx;
    ngx_tavus_body_t    *body;
    ngx_http_request_t  *current;

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

    if (rc != NGX_OK || ngx_tavus_wait(r) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ctx->judge_body && ctx->judge_body(r, text.len) != NGX_DECLINED) {
        return;
    }

    current = ngx_tavus_current;
    ngx_tavus_current = r;

    body->handler(r, &text);

    ngx_tavus_current = current;
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
ngx_tavus_wait(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    rev = r->connection->read;

    r->read_event_handler = ngx_tavus_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);
        return NGX_OK;
    }

    return ngx_handle_read_event(rev, 0);
}


/*
 * ngx_http_test_reading() takes a FIN for a client that is gone.  But one
 * that has sent all of its request may well close its sending half and wait
 * for the answer, and cannot be told from one that closed both until
 * something is written.  So it is answered, as by nginx's handlers of files;
 * a reset connection, or stream, is over.
 */

static void
ngx_tavus_test_reading(ngx_http_request_t *r)
{
    ngx_err_t          err;
    socklen_t          len;
    ngx_event_t       *rev;
    ngx_connection_t  *c;

    c = r->connection;
    rev = c->read;

#if (NGX_HTTP_V2)

    if (r->stream) {
        ngx_http_test_reading(r);
        return;
    }

#endif

#if (NGX_HTTP_V3)

    if (c->quic) {
        ngx_http_test_reading(r);
        return;
    }

#endif

#if (NGX_HAVE_EPOLLRDHUP)

    if ((ngx_event_flags & NGX_USE_EPOLL_EVENT) && ngx_use_epoll_rdhup
        && !rev->pending_eof)
    {
        return;
    }

#endif

    err = 0;
    len = sizeof(ngx_err_t);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        rev->eof = 1;
        c->error = 1;

        ngx_log_error(NGX_LOG_INFO, c->log, err,
                      "client prematurely closed connection");

        ngx_http_finalize_request(r, NGX_HTTP_CLIENT_CLOSED_REQUEST);
        return;
    }

    if ((ngx_event_flags & NGX_USE_LEVEL_EVENT) && rev->active) {

        if (ngx_del_event(rev, NGX_READ_EVENT, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }
    }
}


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


ngx_int_t
ngx_tavus_send_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, ngx_uint_t retry_after, const char *detail)
{
    return ngx_tavus_send_problem_with(r, status, code, retry_after, detail,
                                       NULL);
}


ngx_int_t
ngx_tavus_send_problem_with(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, ngx_uint_t retry_after, const char *detail,
    cJSON *extra)
{
    char                      *more;
    size_t                     len, size, quoted;
    u_char                    *p, *last;
    ngx_str_t                  body, *id;
    const ngx_tavus_status_t  *st;

    more = NULL;
    size = 0;

    if (extra) {
        more = cJSON_PrintUnformatted(extra);
        cJSON_Delete(extra);

        if (more == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        size = ngx_strlen(more);
    }

    st = ngx_tavus_find_status(status);
    id = ngx_tavus_request_id(r);

    len = ngx_strlen(detail);
    quoted = len + ngx_escape_json(NULL, (u_char *) detail, len);

    body.len = sizeof("{\"type\":\"about:blank\",\"title\":\"\",\"status\":,"
                      "\"detail\":\"\",\"code\":\"\",\"request_id\":\"\","
                      "\"retry_after\":}")
               + ngx_strlen(st->title) + quoted + ngx_strlen(code) + id->len
               + 2 * NGX_INT_T_LEN + size;

    body.data = ngx_pnalloc(r->pool, body.len);

    if (body.data == NULL || ngx_tavus_set_retry_after(r, retry_after)
                             != NGX_OK)
    {
        cJSON_free(more);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    last = body.data + body.len;

    p = ngx_slprintf(body.data, last,
                     "{\"type\":\"about:blank\",\"title\":\"%s\","
                     "\"status\":%ui,\"detail\":\"",
                     st->title, status);

    if (quoted == len) {
        p = ngx_cpymem(p, detail, len);

    } else {
        p = (u_char *) ngx_escape_json(p, (u_char *) detail, len);
    }

    p = ngx_slprintf(p, last, "\",\"code\":\"%s\",\"request_id\":\"%V\"",
                     code, id);

    if (retry_after) {
        p = ngx_slprintf(p, last, ",\"retry_after\":%ui", retry_after);
    }

    if (size > 2) {
        *p++ = ',';
        p = ngx_cpymem(p, more + 1, size - 2);
    }

    *p++ = '}';

    body.len = p - body.data;

    cJSON_free(more);

    return ngx_tavus_send(r, status, "application/problem+json", &body);
}


static ngx_int_t
ngx_tavus_set_retry_after(ngx_http_request_t *r, ngx_uint_t retry_after)
{
    ngx_str_t  value;

    if (retry_after == 0) {
        return NGX_OK;
    }

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%ui", retry_after) - value.data;

    return ngx_tavus_set_header(r, "Retry-After", &value);
}


static const ngx_tavus_status_t *
ngx_tavus_find_status(ngx_uint_t status)
{
    const ngx_tavus_status_t  *st;

    for (st = ngx_tavus_statuses; st->status; st++) {
        if (st->status == status) {
            return st;
        }
    }

    return ngx_tavus_find_status(status < NGX_HTTP_INTERNAL_SERVER_ERROR
                                 ? NGX_HTTP_BAD_REQUEST
                                 : NGX_HTTP_INTERNAL_SERVER_ERROR);
}


ngx_int_t
ngx_tavus_reject(ngx_http_request_t *r, ngx_uint_t status, const char *code,
    ngx_uint_t retry_after, const char *detail)
{
    ngx_int_t              rc;
    ngx_tavus_ctx_t       *ctx;
    ngx_tavus_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    if (lcf->endpoint != NGX_TAVUS_NO_ENDPOINT) {
        rc = ngx_tavus_send_problem(r, status, code, retry_after, detail);

        ngx_http_finalize_request(r, rc);

        return NGX_DONE;
    }

    ctx = ngx_tavus_get_ctx(r);

    if (ctx == NULL || ngx_tavus_set_retry_after(r, retry_after) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->problem.status = status;
    ctx->problem.code = code;
    ctx->problem.detail.data = (u_char *) detail;
    ctx->problem.detail.len = ngx_strlen(detail);
    ctx->problem.retry_after = retry_after;

    return status;
}


void
ngx_tavus_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_connection_t  *c;

    if (r == ngx_tavus_current) {

        /*
         * nginx is still using the request, and runs what is posted
         * when it is done with it
         */

        ngx_http_finalize_request(r, rc);
        return;
    }

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, rc);

    ngx_http_run_posted_requests(c);
}


ngx_int_t
ngx_tavus_set_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    size_t            len;
    ngx_str_t         key;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    part = &r->headers_out.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash
            && h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            h[i].hash = 0;
        }
    }

    key.data = (u_char *) name;
    key.len = len;

    return ngx_tavus_add_header(r, &key, value);
}


ngx_int_t
ngx_tavus_add_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key = *name;
    h->value = *value;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


ngx_table_elt_t *
ngx_tavus_find_header(ngx_http_request_t *r, const char *lowcase, size_t len)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_memcmp(h[i].lowcase_key, lowcase, len) == 0)
        {
            return &h[i];
        }
    }
}


ngx_str_t *
ngx_tavus_request_id(ngx_http_request_t *r)
{
    ngx_str_t                  *id;
    ngx_tavus_main_conf_t      *mcf;
    ngx_http_variable_value_t  *vv;

    static ngx_str_t  none = ngx_string("");

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

    vv = ngx_http_get_indexed_variable(r, mcf->request_id_index);

    if (vv == NULL || vv->not_found) {
        return &none;
    }

    id = ngx_palloc(r->pool, sizeof(ngx_str_t));
    if (id == NULL) {
        return &none;
    }

    id->data = vv->data;
    id->len = vv->len;

    return id;
}


ngx_int_t
ngx_tavus_problem_handler(ngx_http_request_t *r)
{
    const char                *code, *detail;
    ngx_uint_t                 status, retry_after;
    ngx_tavus_ctx_t           *ctx;
    const ngx_tavus_status_t  *st;

    status = r->err_status;

    if (status < NGX_HTTP_BAD_REQUEST) {

        /* nothing has failed: somebody asked for this very address */

        status = NGX_HTTP_NOT_FOUND;
        r->err_status = status;
    }

    st = ngx_tavus_find_status(status);

    code = st->code;
    detail = st->detail;
    retry_after = 0;

    ctx = ngx_tavus_find_ctx(r);

    if (ctx && ctx->problem.status == status) {
        code = ctx->problem.code;
        detail = (const char *) ctx->problem.detail.data;
        retry_after = ctx->problem.retry_after;
    }

    return ngx_tavus_send_problem(r, status, code, retry_after, detail);
}
