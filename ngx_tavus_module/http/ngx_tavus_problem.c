
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_variable.h"


typedef struct {
    ngx_uint_t           status;
    const char          *code;
    const char          *title;
    const char          *detail;
} ngx_tavus_status_t;


static ngx_int_t ngx_tavus_set_retry_after(ngx_http_request_t *r, ngx_uint_t
    retry_after);
static cJSON *ngx_tavus_problem_reason(const char *reason);
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


ngx_int_t
ngx_tavus_reject(ngx_http_request_t *r, ngx_uint_t status, const char *code,
    ngx_uint_t retry_after, const char *detail)
{
    return ngx_tavus_reject_with(r, status, code, retry_after, detail, NULL);
}


ngx_int_t
ngx_tavus_reject_with(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, ngx_uint_t retry_after, const char *detail,
    const char *reason)
{
    ngx_int_t              rc;
    ngx_tavus_ctx_t       *ctx;
    ngx_tavus_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    if (lcf->endpoint != NULL) {
        rc = ngx_tavus_send_problem_with(r, status, code, retry_after, detail,
                                         ngx_tavus_problem_reason(reason));

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
    ctx->problem.reason = reason;

    return status;
}


static cJSON *
ngx_tavus_problem_reason(const char *reason)
{
    cJSON  *extra;

    if (reason == NULL) {
        return NULL;
    }

    /* without memory for it there is none */

    extra = cJSON_CreateObject();
    (void) cJSON_AddStringToObject(extra, "reason", reason);

    return extra;
}


ngx_int_t
ngx_tavus_problem_handler(ngx_http_request_t *r)
{
    const char                *code, *detail, *reason;
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
    reason = NULL;

    ctx = ngx_tavus_find_ctx(r);

    if (ctx && ctx->problem.status == status) {
        code = ctx->problem.code;
        detail = (const char *) ctx->problem.detail.data;
        retry_after = ctx->problem.retry_after;
        reason = ctx->problem.reason;
    }

    return ngx_tavus_send_problem_with(r, status, code, retry_after, detail,
                                       ngx_tavus_problem_reason(reason));
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
