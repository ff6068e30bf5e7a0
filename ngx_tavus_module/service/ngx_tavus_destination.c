
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_destination.h"
#include "service/ngx_tavus_service.h"


/* what is read of an answer: only what it says of a failure counts */

#define NGX_TAVUS_DESTINATION_ANSWER  16384


static void ngx_tavus_destination_free(void *data);
static void ngx_tavus_destination_hide(ngx_str_t *answer, ngx_str_t *secret);
static void ngx_tavus_destination_address(ngx_str_t *answer,
    ngx_str_t *address);


ngx_tavus_curl_t *
ngx_tavus_destination_post(ngx_tavus_destination_t *d, const char *path,
    char *body, size_t len)
{
    u_char              *p;
    ngx_str_t            json;
    ngx_tavus_curl_t    *t;
    ngx_pool_cleanup_t  *cln;

    t = ngx_tavus_curl_create(d->peer);
    cln = t ? ngx_pool_cleanup_add(t->pool, 0) : NULL;

    if (cln == NULL) {
        free(body);
        goto failed;
    }

    cln->handler = ngx_tavus_destination_free;
    cln->data = body;

    p = ngx_pnalloc(t->pool, d->path.len + ngx_strlen(path) + 1);
    if (p == NULL) {
        goto failed;
    }

    t->path.data = p;
    t->path.len = ngx_sprintf(p, "%V%s", &d->path, path) - p;

    t->method = "POST";
    t->timeout = d->timeout;
    t->max = NGX_TAVUS_DESTINATION_ANSWER;
    t->level = NGX_LOG_INFO;            /* the flight says it, once */

    json.data = (u_char *) body;
    json.len = len;

    if (ngx_tavus_service_body(t, &json) != NGX_OK) {
        goto failed;
    }

    return t;

failed:

    if (t) {
        ngx_tavus_curl_cancel(t);
    }

    return NULL;
}


static void
ngx_tavus_destination_free(void *data)
{
    free(data);
}


/* of an answer that is too long what counts has come */

ngx_uint_t
ngx_tavus_destination_status(ngx_tavus_curl_t *t)
{
    return t->rc == CURLE_OK || t->excess ? t->status : 0;
}


/* before it is cut, as a part of a secret is one too */

static void
ngx_tavus_destination_hide(ngx_str_t *answer, ngx_str_t *secret)
{
    u_char  *p;

    if (secret->len == 0 || answer->len < secret->len) {
        return;
    }

    p = ngx_strlcasestrn(answer->data, answer->data + answer->len,
                         secret->data, secret->len - 1);
    if (p) {
        answer->len = p - answer->data;
    }
}


/* "Cannot POST /hooks/s3cret": the path, or the query, or both */

static void
ngx_tavus_destination_address(ngx_str_t *answer, ngx_str_t *address)
{
    u_char     *p, *last;
    ngx_str_t   part;

    last = address->data + address->len;
    p = ngx_strlchr(address->data, last, '?');

    part.data = address->data;
    part.len = (p ? p : last) - part.data;

    if (part.len > 1) {
        ngx_tavus_destination_hide(answer, &part);
    }

    if (p) {
        part.data = p + 1;
        part.len = last - part.data;
        ngx_tavus_destination_hide(answer, &part);
    }
}


ngx_str_t
ngx_tavus_destination_said(ngx_tavus_destination_t *d, ngx_tavus_curl_t *t,
    u_char *buf)
{
    u_char      *p, *last;
    ngx_str_t    said, answer;
    ngx_uint_t   status;

    status = ngx_tavus_destination_status(t);
    last = buf + NGX_TAVUS_DESTINATION_SAID;
    said.data = buf;

    if (status == 0) {
        p = ngx_slprintf(buf, last, "%s", curl_easy_strerror(t->rc));

    } else {
        answer = t->answer;
        ngx_tavus_destination_hide(&answer, &d->key);
        ngx_tavus_destination_address(&answer, &d->path);

        p = ngx_slprintf(buf, last, "%ui %V", status, &answer);
    }

    last = p;

    for (p = buf; p < last; p++) {
        if (*p < ' ' || *p >= 0x7f) {
            *p = ' ';
        }
    }

    while (p > buf && p[-1] == ' ') {
        p--;
    }

    said.len = p - buf;

    return said;
}
