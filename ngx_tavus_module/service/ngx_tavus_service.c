
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_service.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_SERVICE_HOUR  3600000


typedef struct {
    ngx_uint_t                 status;      /* 0: it is well, or not known */
    ngx_msec_t                 at;
} ngx_tavus_service_refusal_t;


static ngx_tavus_service_refusal_t
    ngx_tavus_service_refusals[TAVUS_METRIC_VALUES];


ngx_int_t
ngx_tavus_service_check(ngx_conf_t *cf, ngx_tavus_curl_peer_t **peer,
    const char *directive, const char *url, ngx_tavus_place_t *place,
    ngx_uint_t sandbox, ngx_resolver_t *resolver, ngx_msec_t resolver_timeout)
{
    ngx_str_t               s;
    ngx_tavus_curl_peer_t  *p;

    if (*peer == NULL) {
        s.len = ngx_strlen(url);
        s.data = (u_char *) url;

        *peer = ngx_tavus_curl_parse(cf, &s);
        if (*peer == NULL) {
            return NGX_ERROR;
        }
    }

    p = *peer;

    if (!p->https && !(sandbox && p->loopback)) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" must be https, or http to a loopback address "
                      "together with \"tavus_sandbox on\", but is \"%V\" in "
                      "%V:%ui", directive, &p->url, &place->file,
                      place->line);
        return NGX_ERROR;
    }

    p->resolver = resolver;
    p->resolver_timeout = resolver_timeout;

    if (p->addrs.nelts == 0 && resolver == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "host not found in \"%V\" of \"%s\", and no "
                      "\"resolver\" is configured in %V:%ui",
                      &p->url, directive, &place->file, place->line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


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
    ngx_uint_t                    result;
    ngx_tavus_service_refusal_t  *refusal;

    if (t->rc == CURLE_OK) {
        refusal = &ngx_tavus_service_refusals[service];

        /* one that fails says nothing of who asks */

        if (t->status >= 401 && t->status <= 403) {
            refusal->status = t->status;
            refusal->at = ngx_current_msec;

        } else if (t->status < 500) {
            refusal->status = 0;
        }

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


/* a visitor's page will open it, or have it as the source of a frame */

ngx_uint_t
ngx_tavus_service_valid_url(ngx_str_t *url, ngx_uint_t plain)
{
    size_t      i;
    ngx_uint_t  scheme;

    if (ngx_strncmp(url->data, "https://", 8) == 0) {
        scheme = 8;

    } else if (plain && ngx_strncmp(url->data, "http://", 7) == 0) {
        scheme = 7;

    } else {
        return 0;
    }

    for (i = scheme; i < url->len; i++) {
        if (url->data[i] <= ' ' || url->data[i] >= 0x7f
            || ngx_strchr("\"'<>\\`@", url->data[i]) != NULL)
        {
            return 0;
        }
    }

    return url->len > scheme && url->data[scheme] != '/';
}


ngx_uint_t
ngx_tavus_service_refused(ngx_uint_t service, time_t *ago)
{
    ngx_msec_t                    age;
    ngx_tavus_service_refusal_t  *refusal;

    refusal = &ngx_tavus_service_refusals[service];
    age = ngx_current_msec - refusal->at;

    *ago = age / 1000;

    return age < NGX_TAVUS_SERVICE_HOUR ? refusal->status : 0;
}
