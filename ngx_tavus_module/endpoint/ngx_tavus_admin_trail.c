
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_admin_trail.h"
#include "guard/ngx_tavus_address.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_intake.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_variable.h"
#include "http/ngx_tavus_wait.h"
#include "store/ngx_tavus_server_event.h"
#include "core/tavus_signature.h"

#include <openssl/rand.h>
#include <openssl/sha.h>


#define NGX_TAVUS_TRAIL_SPAN   300      /* seconds in which looks are one */
#define NGX_TAVUS_TRAIL_LOOKS  1024     /* that a worker knows */
#define NGX_TAVUS_TRAIL_RETRY  5


typedef struct {
    ngx_tavus_admin_trail_t   trail;
    ngx_http_cleanup_t       *cleanup;
    void                     *state;    /* of who asks */
    uint8_t                   key[TAVUS_NONCE_LEN];
    time_t                    span;     /* 0: no look */
} ngx_tavus_admin_trail_wait_t;


/* what this worker has told in the present span: a place for each by its key,
   and who finds another one's there asks the database, which knows */

typedef struct {
    time_t                    span;
    uint8_t                   keys[NGX_TAVUS_TRAIL_LOOKS][TAVUS_NONCE_LEN];
} ngx_tavus_admin_trail_looks_t;


static ngx_int_t ngx_tavus_admin_trail_key(cJSON *data,
    uint8_t key[TAVUS_NONCE_LEN]);
static uint8_t *ngx_tavus_admin_trail_place(const uint8_t *key);
static ngx_int_t ngx_tavus_admin_trail_tell(ngx_http_request_t *r,
    ngx_tavus_server_event_t *event, cJSON *data,
    ngx_tavus_admin_trail_wait_t *wait);
static void ngx_tavus_admin_trail_told(ngx_http_request_t *r,
    ngx_tavus_outcome_e outcome);
static void ngx_tavus_admin_trail_gone(void *data);


static ngx_tavus_admin_trail_looks_t  ngx_tavus_admin_trail_looks;


ngx_int_t
ngx_tavus_admin_trail_who(ngx_http_request_t *r, ngx_tavus_trail_t *trail)
{
    u_char           *p, key[16];
    ngx_str_t         address;
    ngx_uint_t        v6;
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    trail->user = ctx->user;
    trail->cause = *ngx_tavus_request_id(r);

    /* as buckets are counted: of an IPv6 address the network */

    ngx_tavus_address_key(r, 32, 64, key, &address);

    if (address.len == 0) {
        ngx_str_set(&trail->from, "unix:");
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INET6_ADDRSTRLEN + sizeof("/64") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v6 = address.len != 4;

    trail->from.data = p;
    trail->from.len = ngx_inet_ntop(v6 ? AF_INET6 : AF_INET, key, p,
                                    NGX_INET6_ADDRSTRLEN);

    if (v6) {
        ngx_memcpy(p + trail->from.len, "/64", 3);
        trail->from.len += 3;
    }

    return NGX_OK;
}


ngx_int_t
ngx_tavus_admin_trail_look(ngx_http_request_t *r, const char *route,
    cJSON *object, ngx_tavus_admin_trail_t *trail)
{
    cJSON                         *data;
    ngx_int_t                      rc;
    ngx_tavus_trail_t              who;
    ngx_tavus_server_event_t       event;
    ngx_tavus_admin_trail_wait_t  *wait;

    data = NULL;
    rc = NGX_ERROR;

    wait = ngx_pcalloc(r->pool, sizeof(ngx_tavus_admin_trail_wait_t));

    if (wait == NULL || ngx_tavus_admin_trail_who(r, &who) != NGX_OK) {
        goto done;
    }

    /* of one that stands for many, the first one's id would say too much */

    ngx_str_null(&who.cause);

    data = ngx_tavus_trail_data(&who);

    if (cJSON_AddStringToObject(data, "route", route) == NULL) {
        goto done;
    }

    if (object && cJSON_AddItemToObject(data, "object", object)) {
        object = NULL;
    }

    wait->trail = *trail;
    wait->span = ngx_time() - ngx_time() % NGX_TAVUS_TRAIL_SPAN;

    if (ngx_tavus_admin_trail_key(data, wait->key) != NGX_OK) {
        goto done;
    }

    if (ngx_tavus_admin_trail_looks.span != wait->span) {
        ngx_memzero(&ngx_tavus_admin_trail_looks,
                    sizeof(ngx_tavus_admin_trail_looks_t));
        ngx_tavus_admin_trail_looks.span = wait->span;
    }

    if (ngx_memcmp(ngx_tavus_admin_trail_place(wait->key), wait->key,
                   TAVUS_NONCE_LEN)
        == 0)
    {
        rc = NGX_OK;
        goto done;
    }

    ngx_memzero(&event, sizeof(ngx_tavus_server_event_t));

    event.kind = NGX_TAVUS_KIND_INFO;
    event.type = "admin.viewed";
    event.nonce = wait->key;
    event.time = (int64_t) wait->span * 1000000;

    rc = ngx_tavus_watch_client(r);

    if (rc == NGX_OK) {
        rc = ngx_tavus_admin_trail_tell(r, &event, data, wait);
    }

done:

    cJSON_Delete(object);
    cJSON_Delete(data);

    return rc;
}


/* all that tells one look from another is in its data */

static ngx_int_t
ngx_tavus_admin_trail_key(cJSON *data, uint8_t key[TAVUS_NONCE_LEN])
{
    char           *text;
    unsigned char   digest[SHA256_DIGEST_LENGTH];

    text = cJSON_PrintUnformatted(data);
    if (text == NULL) {
        return NGX_ERROR;
    }

    (void) SHA256((unsigned char *) text, ngx_strlen(text), digest);

    cJSON_free(text);

    ngx_memcpy(key, digest, TAVUS_NONCE_LEN);

    return NGX_OK;
}


static uint8_t *
ngx_tavus_admin_trail_place(const uint8_t *key)
{
    ngx_uint_t  n;

    n = ((ngx_uint_t) key[0] << 8 | key[1]) % NGX_TAVUS_TRAIL_LOOKS;

    return ngx_tavus_admin_trail_looks.keys[n];
}


ngx_int_t
ngx_tavus_admin_trail_ask(ngx_http_request_t *r, const char *type,
    cJSON *data, ngx_tavus_admin_trail_t *trail)
{
    uint8_t                        nonce[TAVUS_NONCE_LEN];
    ngx_int_t                      rc;
    ngx_tavus_server_event_t       event;
    ngx_tavus_admin_trail_wait_t  *wait;

    rc = NGX_ERROR;

    wait = ngx_pcalloc(r->pool, sizeof(ngx_tavus_admin_trail_wait_t));

    if (wait && data && RAND_bytes(nonce, TAVUS_NONCE_LEN) == 1) {
        wait->trail = *trail;

        ngx_memzero(&event, sizeof(ngx_tavus_server_event_t));

        event.kind = NGX_TAVUS_KIND_INFO;
        event.type = type;
        event.nonce = nonce;

        rc = ngx_tavus_admin_trail_tell(r, &event, data, wait);
    }

    cJSON_Delete(data);

    return rc;
}


static ngx_int_t
ngx_tavus_admin_trail_tell(ngx_http_request_t *r,
    ngx_tavus_server_event_t *event, cJSON *data,
    ngx_tavus_admin_trail_wait_t *wait)
{
    ngx_int_t           rc;
    ngx_tavus_ctx_t    *ctx;
    ngx_tavus_event_t   ev;

    ctx = ngx_tavus_get_ctx(r);
    wait->cleanup = ngx_http_cleanup_add(r, 0);

    if (wait->cleanup == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_tavus_server_event_make(&ev, event, data);

    if (rc == NGX_OK) {
        rc = ngx_tavus_intake(r, &ev, 1, ngx_tavus_admin_trail_told);
    }

    cJSON_free(ev.body.data);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    wait->cleanup->handler = ngx_tavus_admin_trail_gone;
    wait->cleanup->data = wait;

    wait->state = ctx->state;
    ctx->state = wait;

    return NGX_AGAIN;
}


static void
ngx_tavus_admin_trail_told(ngx_http_request_t *r,
    ngx_tavus_outcome_e outcome)
{
    ngx_tavus_ctx_t               *ctx;
    ngx_tavus_admin_trail_wait_t  *wait;

    ctx = ngx_tavus_get_ctx(r);
    wait = ctx->state;
    ctx->state = wait->state;

    if (outcome > NGX_TAVUS_JOURNALED) {

        /* the cleanup tells who asked */

        ngx_tavus_finalize(r, ngx_tavus_admin_trail_unavailable(r));
        return;
    }

    if (wait->span && wait->span == ngx_tavus_admin_trail_looks.span) {
        ngx_memcpy(ngx_tavus_admin_trail_place(wait->key), wait->key,
                   TAVUS_NONCE_LEN);
    }

    wait->cleanup->handler = NULL;
    wait->trail.handler(r, wait->trail.data);
}


static void
ngx_tavus_admin_trail_gone(void *data)
{
    ngx_tavus_admin_trail_wait_t *wait = data;

    wait->trail.gone(wait->trail.data);
}


ngx_int_t
ngx_tavus_admin_trail_unavailable(ngx_http_request_t *r)
{
    return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "storage_unavailable",
                                  NGX_TAVUS_TRAIL_RETRY,
                                  "What is asked for cannot be recorded "
                                  "now.");
}
