
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_openapi.h"
#include "http/ngx_tavus_args.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"


/* docs/openapi.pl makes them of docs/openapi.yaml */

extern const char    ngx_tavus_openapi_json[];
extern const size_t  ngx_tavus_openapi_len;


ngx_int_t
ngx_tavus_admin_openapi(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_int_t  rc;
    ngx_str_t  body;

    static ngx_str_t  name = ngx_string("openapi.json");

    if (path->len != name.len
        || ngx_strncmp(path->data, name.data, name.len) != 0)
    {
        return NGX_DECLINED;
    }

    rc = ngx_tavus_allow(r, NGX_HTTP_GET|NGX_HTTP_HEAD, "GET, HEAD");

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_tavus_args_read(r, r->pool, NULL, 0, &rc) != NGX_OK) {
        return rc;
    }

    body.data = (u_char *) ngx_tavus_openapi_json;
    body.len = ngx_tavus_openapi_len;

    return ngx_tavus_send(r, NGX_HTTP_OK, "application/json", &body);
}
