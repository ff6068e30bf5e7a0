
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_service.h"
#include "core/tavus_metrics.h"


ngx_tavus_curl_t *
ngx_tavus_service_transfer(ngx_tavus_curl_peer_t *peer, const char *name,
    ngx_str_t *secret)
{
    size_t             len;
    u_char            *line;
    ngx_tavus_curl_t  *t;

    t = ngx_tavus_curl_create(peer);
    if (t == NULL) {
        return NULL;
    }

    len = ngx_strlen(name) + sizeof(": ") + secret->len;

    line = ngx_pnalloc(t->pool, len);
    if (line == NULL) {
        goto failed;
    }

    ngx_sprintf(line, "%s: %V%Z", name, secret);

    if (ngx_tavus_curl_header(t, (char *) line) != NGX_OK
        || ngx_tavus_curl_header(t, "Accept: application/json") != NGX_OK)
    {
        goto failed;
    }

    return t;

failed:

    ngx_tavus_curl_cancel(t);

    return NULL;
}


ngx_int_t
ngx_tavus_service_body(ngx_tavus_curl_t *t, ngx_str_t *json)
{
    t->body = *json;

    return ngx_tavus_curl_header(t, "Content-Type: application/json");
}


void
ngx_tavus_service_measure(ngx_tavus_curl_t *t, ngx_uint_t service)
{
    ngx_uint_t  result;

    if (t->rc == CURLE_OK) {
        result = t->status >= 500 ? TAVUS_UPSTREAM_SERVER_ERROR
                 : t->status >= 400 ? TAVUS_UPSTREAM_CLIENT_ERROR
                                    : TAVUS_UPSTREAM_OK;

    } else if (t->rc == CURLE_OPERATION_TIMEDOUT) {
        result = TAVUS_UPSTREAM_TIMEOUT;

    } else {
        result = t->sent ? TAVUS_UPSTREAM_LOST : TAVUS_UPSTREAM_UNREACHABLE;
    }

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_UPSTREAM_REQUESTS,
                                     service, result), 1);

    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_UPSTREAM,
                                         service, 0),
                         (uint64_t) t->time * 1000);
}
