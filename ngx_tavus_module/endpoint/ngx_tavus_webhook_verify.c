
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_webhook_verify.h"
#include "http/ngx_tavus_header.h"
#include "core/tavus_event.h"
#include "core/tavus_metrics.h"


static void ngx_tavus_webhook_begin(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w);
static tavus_verify_t ngx_tavus_webhook_verify_token(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w);
static tavus_verify_t ngx_tavus_webhook_verify_tavus(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w);
static tavus_verify_t ngx_tavus_webhook_locate(ngx_tavus_keys_t *keys,
    ngx_tavus_webhook_t *w);
static tavus_verify_t ngx_tavus_webhook_verify_parsed(
    ngx_tavus_webhook_t *w);
static tavus_verify_t ngx_tavus_webhook_verify_stripe(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w);
static tavus_verify_t ngx_tavus_webhook_verify_standard(
    ngx_http_request_t *r, ngx_tavus_webhook_t *w);
static tavus_verify_t ngx_tavus_webhook_headers(ngx_http_request_t *r,
    ngx_str_t *values);
static tavus_verify_t ngx_tavus_webhook_header(ngx_http_request_t *r,
    const char *name, size_t len, ngx_str_t *value);


ngx_str_t  ngx_tavus_webhook_sources[] = {
    ngx_string("tavus"),
    ngx_string("standard"),
    ngx_string("stripe"),
    ngx_null_string
};


static const char  *ngx_tavus_webhook_members[] = {
    "signature", "event_type", "conversation_id", "timestamp", "type", "id",
    "created", "created_at", "properties", "payload"
};


tavus_verify_t
ngx_tavus_webhook_foresee(ngx_http_request_t *r)
{
    ngx_str_t             values[3];
    tavus_verify_t        result;
    ngx_tavus_ctx_t      *ctx;
    ngx_tavus_webhook_t   w;

    ctx = ngx_tavus_get_ctx(r);

    ngx_tavus_webhook_begin(r, &w);

    switch (w.conf->scheme) {

    case NGX_TAVUS_SCHEME_STRIPE:
        result = ngx_tavus_webhook_header(r, "stripe-signature",
                                          sizeof("stripe-signature") - 1,
                                          &values[0]);
        break;

    case NGX_TAVUS_SCHEME_STANDARD:
        result = ngx_tavus_webhook_headers(r, values);
        break;

    default: /* NGX_TAVUS_SCHEME_TAVUS */

        if (ctx->token.data) {
            result = ngx_tavus_webhook_verify_token(r, &w);

        } else if (w.conf->verify == NGX_TAVUS_VERIFY_TOKEN
                   || w.conf->verify == NGX_TAVUS_VERIFY_BOTH)
        {
            result = TAVUS_VERIFY_MISSING;

        } else {
            result = TAVUS_VERIFY_OK;
        }
    }

    if (result != TAVUS_VERIFY_OK) {
        tavus_metric_add(tavus_metric_of(TAVUS_METRIC_VERIFICATIONS,
                                         w.conf->scheme, result), 1);
    }

    return result;
}


tavus_verify_t
ngx_tavus_webhook_verify(ngx_http_request_t *r, ngx_str_t *body,
    ngx_tavus_webhook_t *w)
{
    tavus_verify_t  result;

    ngx_tavus_webhook_begin(r, w);

    w->body = *body;

    switch (w->conf->scheme) {

    case NGX_TAVUS_SCHEME_STRIPE:
        result = ngx_tavus_webhook_verify_stripe(r, w);
        break;

    case NGX_TAVUS_SCHEME_STANDARD:
        result = ngx_tavus_webhook_verify_standard(r, w);
        break;

    default: /* NGX_TAVUS_SCHEME_TAVUS */
        result = ngx_tavus_webhook_verify_tavus(r, w);
    }

    if (result == TAVUS_VERIFY_OK) {
        ngx_tavus_webhook_parse(w);

        if (w->conf->scheme == NGX_TAVUS_SCHEME_TAVUS) {
            result = ngx_tavus_webhook_verify_parsed(w);
        }
    }

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_VERIFICATIONS,
                                     w->conf->scheme, result), 1);

    if (result != TAVUS_VERIFY_OK) {
        return result;
    }

    ngx_tavus_keys_verified(r, w->keys, w->key, w->method);

    return TAVUS_VERIFY_OK;
}


static void
ngx_tavus_webhook_begin(ngx_http_request_t *r, ngx_tavus_webhook_t *w)
{
    ngx_tavus_keys_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_tavus_keys_module);

    ngx_memzero(w, sizeof(ngx_tavus_webhook_t));

    w->keys = klcf->keys;
    w->conf = ngx_http_get_module_loc_conf(r, ngx_tavus_webhook_module);
}


static tavus_verify_t
ngx_tavus_webhook_verify_token(ngx_http_request_t *r, ngx_tavus_webhook_t *w)
{
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);

    ngx_str_set(&ctx->verify, "token");

    return tavus_token_verify(w->keys->elts, w->keys->nelts,
                              (char *) ctx->token.data, ctx->token.len,
                              ngx_time(), w->nonce, &w->key);
}


/* one proof at least, and none that is wrong; what is cheap goes first */

static tavus_verify_t
ngx_tavus_webhook_verify_tavus(ngx_http_request_t *r, ngx_tavus_webhook_t *w)
{
    ngx_str_t         value, *name;
    tavus_part_t      part;
    tavus_verify_t    result;
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);

    if (ctx->token.data) {
        result = ngx_tavus_webhook_verify_token(r, w);

        if (result != TAVUS_VERIFY_OK) {
            return result;
        }

        w->token = 1;
    }

    name = &w->conf->signature_header;

    result = ngx_tavus_webhook_header(r, (char *) name->data, name->len,
                                      &value);

    if (result == TAVUS_VERIFY_OK) {
        part.data = w->body.data;
        part.len = w->body.len;

        result = tavus_signature_verify(w->keys->elts, w->keys->nelts,
                                        (char *) value.data, value.len,
                                        &part, 1, &w->key);

        w->header = (result == TAVUS_VERIFY_OK);
        w->signature = value;

        return result;
    }

    if (result != TAVUS_VERIFY_MISSING) {
        return result;
    }

    return w->token ? TAVUS_VERIFY_OK
                    : ngx_tavus_webhook_locate(w->keys, w);
}


/*
 * Whoever shows no other proof has his body searched for one, not parsed:
 * where there is none, or a wrong one, nothing dearer than its MAC is paid.
 */

static tavus_verify_t
ngx_tavus_webhook_locate(ngx_tavus_keys_t *keys, ngx_tavus_webhook_t *w)
{
    tavus_verify_t        result;
    tavus_json_member_t   member;

    /* its name may be written with escapes, too */

    if (memmem(w->body.data, w->body.len, "\"signature\"", 11) == NULL
        && memchr(w->body.data, '\\', w->body.len) == NULL)
    {
        return TAVUS_VERIFY_MISSING;
    }

    member.name = "signature";

    tavus_json_locate((char *) w->body.data, w->body.len, &member);

    if (member.count == 0) {
        return TAVUS_VERIFY_MISSING;
    }

    result = ngx_tavus_webhook_verify_member(keys, w, &member);

    if (result == TAVUS_VERIFY_OK) {
        w->member = 1;
        w->located = member.key_start;
    }

    return result;
}


void
ngx_tavus_webhook_parse(ngx_tavus_webhook_t *w)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_tavus_member_count; i++) {
        w->members[i].name = ngx_tavus_webhook_members[i];
    }

    w->status = tavus_json_check((char *) w->body.data, w->body.len,
                                 w->members, ngx_tavus_member_count, NULL);
}


static tavus_verify_t
ngx_tavus_webhook_verify_parsed(ngx_tavus_webhook_t *w)
{
    size_t                key;
    ngx_uint_t            signature;
    tavus_verify_t        result;
    tavus_json_member_t  *member;

    member = &w->members[ngx_tavus_member_signature];

    if (w->member) {

        /* found without a check: it counts only if the check finds the same */

        if (member->count == 0) {
            return TAVUS_VERIFY_MISSING;
        }

        if (member->count > 1 || member->key_start != w->located) {
            return TAVUS_VERIFY_MALFORMED;
        }

    } else if (member->count) {
        key = w->key;
        result = ngx_tavus_webhook_verify_member(w->keys, w, member);

        if (result != TAVUS_VERIFY_OK) {
            return result;
        }

        w->member = 1;

        /* the record has the header's signature, and so its key */

        if (w->header) {
            w->key = key;
        }
    }

    signature = w->header || w->member;

    w->covered = signature;
    w->method = !signature ? "token"
                : w->token ? "token+signature" : "signature";

    if (!signature && (w->conf->verify == NGX_TAVUS_VERIFY_SIGNATURE
                       || w->conf->verify == NGX_TAVUS_VERIFY_BOTH))
    {
        return TAVUS_VERIFY_MISSING;
    }

    return TAVUS_VERIFY_OK;
}


/* the seed's form: a top-level member of the body that it signs */

tavus_verify_t
ngx_tavus_webhook_verify_member(ngx_tavus_keys_t *keys,
    ngx_tavus_webhook_t *w, tavus_json_member_t *member)
{
    int           len;
    char          value[128];
    tavus_part_t  parts[2];

    len = tavus_json_string((char *) w->body.data, member, value,
                            sizeof(value));

    if (len < 0 || member->count != 1) {
        return TAVUS_VERIFY_MALFORMED;
    }

    tavus_signature_cut((char *) w->body.data, w->body.len, member, parts);

    return tavus_signature_verify(keys->elts, keys->nelts, value, len, parts,
                                  2, &w->key);
}


static tavus_verify_t
ngx_tavus_webhook_verify_stripe(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w)
{
    ngx_str_t       value;
    tavus_verify_t  result;

    w->method = "stripe";
    w->covered = 1;

    result = ngx_tavus_webhook_header(r, "stripe-signature",
                                      sizeof("stripe-signature") - 1, &value);

    if (result != TAVUS_VERIFY_OK) {
        return result;
    }

    w->signature = value;

    return tavus_stripe_verify(w->keys->elts, w->keys->nelts,
                               (char *) value.data, value.len,
                               (char *) w->body.data, w->body.len,
                               ngx_time(), w->conf->tolerance, &w->key);
}


static tavus_verify_t
ngx_tavus_webhook_verify_standard(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w)
{
    ngx_str_t       values[3];
    tavus_verify_t  result;

    w->method = "standard";
    w->covered = 1;

    result = ngx_tavus_webhook_headers(r, values);

    if (result != TAVUS_VERIFY_OK) {
        return result;
    }

    w->id = values[0];
    w->timestamp = values[1];
    w->signature = values[2];

    return tavus_standard_verify(w->keys->elts, w->keys->nelts,
                                 (char *) values[0].data, values[0].len,
                                 (char *) values[1].data, values[1].len,
                                 (char *) values[2].data, values[2].len,
                                 (char *) w->body.data, w->body.len,
                                 ngx_time(), w->conf->tolerance, &w->key);
}


/*
 * Svix has names of its own for the three.  All come from one set; where a
 * header is there by both names, it must be the same.
 */

static tavus_verify_t
ngx_tavus_webhook_headers(ngx_http_request_t *r, ngx_str_t *values)
{
    ngx_uint_t      i, n, found[2];
    ngx_str_t       set[2][3];
    tavus_verify_t  result;

    static ngx_str_t  names[2][3] = {
        { ngx_string("webhook-id"),
          ngx_string("webhook-timestamp"),
          ngx_string("webhook-signature") },

        { ngx_string("svix-id"),
          ngx_string("svix-timestamp"),
          ngx_string("svix-signature") }
    };

    for (n = 0; n < 2; n++) {
        found[n] = 0;

        for (i = 0; i < 3; i++) {
            ngx_str_null(&set[n][i]);

            result = ngx_tavus_webhook_header(r, (char *) names[n][i].data,
                                              names[n][i].len, &set[n][i]);

            if (result == TAVUS_VERIFY_OK) {
                found[n]++;

            } else if (result != TAVUS_VERIFY_MISSING) {
                return result;
            }
        }
    }

    for (i = 0; i < 3; i++) {
        if (set[0][i].data && set[1][i].data
            && (set[0][i].len != set[1][i].len
                || ngx_memcmp(set[0][i].data, set[1][i].data, set[0][i].len)
                   != 0))
        {
            return TAVUS_VERIFY_MALFORMED;
        }
    }

    if (found[0] < 3 && found[1] < 3) {
        return TAVUS_VERIFY_MISSING;
    }

    ngx_memcpy(values, set[found[0] < 3], sizeof(set[0]));

    return TAVUS_VERIFY_OK;
}


/* of two nobody could say which one is meant */

static tavus_verify_t
ngx_tavus_webhook_header(ngx_http_request_t *r, const char *name, size_t len,
    ngx_str_t *value)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *found;

    part = &r->headers_in.headers.part;
    i = 0;
    found = NULL;

    while ((h = ngx_tavus_next_header(&part, &i)) != NULL) {

        if (h->key.len != len
            || ngx_memcmp(h->lowcase_key, name, len) != 0)
        {
            continue;
        }

        if (found) {
            return TAVUS_VERIFY_MALFORMED;
        }

        found = h;
    }

    if (found == NULL) {
        return TAVUS_VERIFY_MISSING;
    }

    *value = found->value;

    return TAVUS_VERIFY_OK;
}
