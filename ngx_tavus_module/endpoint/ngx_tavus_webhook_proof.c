
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_webhook_proof.h"
#include "endpoint/ngx_tavus_webhook_read.h"
#include "guard/ngx_tavus_keys.h"
#include "http/ngx_tavus_ctx.h"


/* a sender that is rolling its secrets gives one for each */
#define NGX_TAVUS_PROOF_MAX  1024

#define NGX_TAVUS_PROOF_MAC  (2 * TAVUS_MAC_LEN)


/* what a record may hold beside method and key */

enum {
    ngx_tavus_proof_id = 0,
    ngx_tavus_proof_timestamp,
    ngx_tavus_proof_signature,
    ngx_tavus_proof_seal,
    ngx_tavus_proof_count
};


static ngx_uint_t ngx_tavus_proof_plain(ngx_str_t *value);
static ngx_int_t ngx_tavus_proof_seals(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w, ngx_str_t *body, ngx_str_t *seal);
static ngx_int_t ngx_tavus_proof_scheme(ngx_str_t *source);
static ngx_uint_t ngx_tavus_proof_record(ngx_http_request_t *r, cJSON *root,
    ngx_tavus_proof_t *proof, ngx_str_t *values);
static const char *ngx_tavus_proof_missing(ngx_tavus_webhook_t *w,
    ngx_tavus_proof_t *proof, ngx_str_t *values);
static tavus_verify_t ngx_tavus_proof_verify(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w, ngx_tavus_proof_t *proof, ngx_str_t *values);
static tavus_verify_t ngx_tavus_proof_try(ngx_tavus_webhook_t *w,
    ngx_tavus_keys_t *keys, ngx_str_t *values);
static tavus_verify_t ngx_tavus_proof_sealed(ngx_tavus_webhook_t *w,
    ngx_tavus_keys_t *keys, ngx_str_t *seal);
static ngx_uint_t ngx_tavus_proof_same(ngx_str_t *one, ngx_str_t *two);


static const char  *ngx_tavus_proof_names[] = {
    "id", "timestamp", "signature", "seal"
};


ngx_int_t
ngx_tavus_webhook_keep(ngx_http_request_t *r, ngx_tavus_webhook_t *w,
    ngx_tavus_event_t *ev)
{
    u_char           *p;
    size_t            len;
    ngx_str_t         values[ngx_tavus_proof_count];
    ngx_uint_t        i;
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);

    ngx_memzero(values, sizeof(values));

    if (!w->covered) {
        if (ngx_tavus_proof_seals(r, w, &ev->body,
                                  &values[ngx_tavus_proof_seal])
            != NGX_OK)
        {
            return NGX_ERROR;
        }

    } else if (ngx_tavus_proof_plain(&w->id)
               && ngx_tavus_proof_plain(&w->timestamp)
               && ngx_tavus_proof_plain(&w->signature))
    {
        values[ngx_tavus_proof_id] = w->id;
        values[ngx_tavus_proof_timestamp] = w->timestamp;
        values[ngx_tavus_proof_signature] = w->signature;
    }

    len = sizeof("{\"method\":\"\",\"key_id\":\"\"}") + ctx->verify.len
          + ctx->key_id.len;

    for (i = 0; i < ngx_tavus_proof_count; i++) {
        len += sizeof(",\"timestamp\":\"\"") + values[i].len;
    }

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ev->verification.data = p;

    p = ngx_sprintf(p, "{\"method\":\"%V\",\"key_id\":\"%V\"", &ctx->verify,
                    &ctx->key_id);

    for (i = 0; i < ngx_tavus_proof_count; i++) {
        if (values[i].len) {
            p = ngx_sprintf(p, ",\"%s\":\"%V\"", ngx_tavus_proof_names[i],
                            &values[i]);
        }
    }

    *p++ = '}';

    ev->verification.len = p - ev->verification.data;

    return NGX_OK;
}


/* what is signed may be of any bytes, but who sends it uses no such */

static ngx_uint_t
ngx_tavus_proof_plain(ngx_str_t *value)
{
    size_t  i;

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < ' ' || value->data[i] > '~'
            || value->data[i] == '"' || value->data[i] == '\\')
        {
            return 0;
        }
    }

    return value->len <= NGX_TAVUS_PROOF_MAX;
}


static ngx_int_t
ngx_tavus_proof_seals(ngx_http_request_t *r, ngx_tavus_webhook_t *w,
    ngx_str_t *body, ngx_str_t *seal)
{
    int   len;
    char  *ticket;

    ticket = ngx_pnalloc(r->pool, TAVUS_TICKET_MAX);
    if (ticket == NULL) {
        return NGX_ERROR;
    }

    len = tavus_ticket_make(w->keys->elts[w->key], TAVUS_USE_SEAL,
                            (char *) body->data, body->len, ticket);
    if (len < 0) {
        return NGX_ERROR;
    }

    seal->data = (u_char *) ticket + len - NGX_TAVUS_PROOF_MAC;
    seal->len = NGX_TAVUS_PROOF_MAC;

    return NGX_OK;
}


void
ngx_tavus_webhook_prove(ngx_http_request_t *r, ngx_tavus_stored_t *stored,
    ngx_tavus_proof_t *proof)
{
    cJSON                         *root;
    ngx_int_t                      scheme;
    ngx_str_t                      values[ngx_tavus_proof_count];
    tavus_verify_t                 rc;
    ngx_tavus_webhook_t            w;
    ngx_tavus_webhook_loc_conf_t   conf;

    ngx_memzero(proof, sizeof(ngx_tavus_proof_t));
    proof->result = NGX_TAVUS_UNPROVEN;

    scheme = ngx_tavus_proof_scheme(&stored->source);

    if (scheme == NGX_ERROR) {
        proof->reason = "no_webhook";
        return;
    }

    ngx_memzero(&conf, sizeof(ngx_tavus_webhook_loc_conf_t));
    conf.scheme = scheme;

    ngx_memzero(&w, sizeof(ngx_tavus_webhook_t));
    w.conf = &conf;
    w.body = stored->body;

    ngx_tavus_webhook_parse(&w);
    ngx_tavus_webhook_read(r->pool, &w, &proof->event);

    proof->webhook = 1;
    proof->tavus = (scheme == NGX_TAVUS_SCHEME_TAVUS);
    proof->agrees = ngx_tavus_proof_same(&proof->event.event_type,
                                         &stored->event_type)
                    && ngx_tavus_proof_same(&proof->event.conversation_id,
                                            &stored->conversation_id);

    root = cJSON_ParseWithLength((char *) stored->verification.data,
                                 stored->verification.len);

    if (!ngx_tavus_proof_record(r, root, proof, values)) {
        proof->reason = "no_record";
        cJSON_Delete(root);
        return;
    }

    proof->copy = (ngx_strcmp(proof->method, "repair") == 0);
    proof->reason = ngx_tavus_proof_missing(&w, proof, values);

    if (proof->reason == NULL) {
        rc = ngx_tavus_proof_verify(r, &w, proof, values);

        switch (rc) {

        case TAVUS_VERIFY_OK:
            proof->result = NGX_TAVUS_PROVEN;
            break;

        case TAVUS_VERIFY_UNKNOWN_KEY:
            proof->reason = "key_not_configured";
            break;

        case TAVUS_VERIFY_ERROR:
            proof->reason = "error";
            break;

        default:
            proof->result = NGX_TAVUS_DISPROVEN;
            proof->reason = tavus_verify_reason(rc);
        }
    }

    cJSON_Delete(root);
}


static ngx_int_t
ngx_tavus_proof_scheme(ngx_str_t *source)
{
    ngx_int_t  i;

    for (i = 0; ngx_tavus_webhook_sources[i].len; i++) {
        if (ngx_tavus_proof_same(&ngx_tavus_webhook_sources[i], source)) {
            return i;
        }
    }

    return NGX_ERROR;
}


/* the values point into the tree; method and key are copied */

static ngx_uint_t
ngx_tavus_proof_record(ngx_http_request_t *r, cJSON *root,
    ngx_tavus_proof_t *proof, ngx_str_t *values)
{
    cJSON       *item, *method, *key;
    ngx_str_t    text;
    ngx_uint_t   i;

    ngx_memzero(values, ngx_tavus_proof_count * sizeof(ngx_str_t));

    method = cJSON_GetObjectItemCaseSensitive(root, "method");
    key = cJSON_GetObjectItemCaseSensitive(root, "key_id");

    if (!cJSON_IsString(method)) {
        return 0;
    }

    text.data = (u_char *) method->valuestring;
    text.len = ngx_strlen(text.data) + 1;
    proof->method = (char *) ngx_pstrdup(r->pool, &text);

    if (cJSON_IsString(key)) {
        text.data = (u_char *) key->valuestring;
        text.len = ngx_strlen(text.data) + 1;
        proof->key_id = (char *) ngx_pstrdup(r->pool, &text);
    }

    for (i = 0; i < ngx_tavus_proof_count; i++) {
        item = cJSON_GetObjectItemCaseSensitive(root,
                                                ngx_tavus_proof_names[i]);

        if (cJSON_IsString(item)) {
            values[i].data = (u_char *) item->valuestring;
            values[i].len = ngx_strlen(item->valuestring);
        }
    }

    return proof->method != NULL;
}


/* why nothing can be verified; NULL: something can */

static const char *
ngx_tavus_proof_missing(ngx_tavus_webhook_t *w, ngx_tavus_proof_t *proof,
    ngx_str_t *values)
{
    w->method = proof->method;

    if (proof->copy) {
        return "repaired";
    }

    if (proof->key_id == NULL) {
        return "no_record";
    }

    if (ngx_strcmp(w->method, "token") == 0) {
        return values[ngx_tavus_proof_seal].len ? NULL : "not_sealed";
    }

    if (values[ngx_tavus_proof_signature].len) {
        return NULL;
    }

    if (w->conf->scheme == NGX_TAVUS_SCHEME_TAVUS
        && w->members[ngx_tavus_member_signature].count == 1)
    {
        w->member = 1;
        return NULL;
    }

    return "signature_not_kept";
}


/* in one place there is one key of an id, but another may have another */

static tavus_verify_t
ngx_tavus_proof_verify(ngx_http_request_t *r, ngx_tavus_webhook_t *w,
    ngx_tavus_proof_t *proof, ngx_str_t *values)
{
    ngx_uint_t                     i, k;
    tavus_verify_t                 rc, result;
    ngx_tavus_keys_t               one;
    ngx_tavus_location_t          *l;
    ngx_tavus_main_conf_t         *mcf;
    ngx_tavus_keys_loc_conf_t     *klcf;
    ngx_tavus_webhook_loc_conf_t  *wlcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

    result = TAVUS_VERIFY_UNKNOWN_KEY;
    l = mcf->locations.elts;

    for (i = 0; i < mcf->locations.nelts; i++) {
        klcf = ngx_tavus_location_conf(&l[i], ngx_tavus_keys_module);
        wlcf = ngx_tavus_location_conf(&l[i], ngx_tavus_webhook_module);

        if (klcf->keys == NULL || wlcf->scheme != w->conf->scheme) {
            continue;
        }

        for (k = 0; k < klcf->keys->nelts; k++) {

            if (ngx_strcmp(tavus_key_id(klcf->keys->elts[k]), proof->key_id)
                != 0)
            {
                continue;
            }

            one.elts[0] = klcf->keys->elts[k];
            one.nelts = 1;

            rc = ngx_tavus_proof_try(w, &one, values);

            if (rc == TAVUS_VERIFY_OK) {
                return rc;
            }

            result = rc;
        }
    }

    return result;
}


/* when it came in time is known: that it was signed is asked */

static tavus_verify_t
ngx_tavus_proof_try(ngx_tavus_webhook_t *w, ngx_tavus_keys_t *keys,
    ngx_str_t *values)
{
    size_t         match;
    ngx_str_t     *id, *timestamp, *signature;
    tavus_part_t   part;

    id = &values[ngx_tavus_proof_id];
    timestamp = &values[ngx_tavus_proof_timestamp];
    signature = &values[ngx_tavus_proof_signature];

    if (ngx_strcmp(w->method, "token") == 0) {
        return ngx_tavus_proof_sealed(w, keys, &values[ngx_tavus_proof_seal]);
    }

    switch (w->conf->scheme) {

    case NGX_TAVUS_SCHEME_STRIPE:
        return tavus_stripe_verify(keys->elts, keys->nelts,
                                   (char *) signature->data, signature->len,
                                   (char *) w->body.data, w->body.len,
                                   ngx_time(), INT64_MAX, &match);

    case NGX_TAVUS_SCHEME_STANDARD:
        return tavus_standard_verify(keys->elts, keys->nelts,
                                     (char *) id->data, id->len,
                                     (char *) timestamp->data, timestamp->len,
                                     (char *) signature->data, signature->len,
                                     (char *) w->body.data, w->body.len,
                                     ngx_time(), INT64_MAX, &match);

    default: /* NGX_TAVUS_SCHEME_TAVUS */
        break;
    }

    if (w->member) {
        return ngx_tavus_webhook_verify_member(keys, w,
                                    &w->members[ngx_tavus_member_signature]);
    }

    part.data = w->body.data;
    part.len = w->body.len;

    return tavus_signature_verify(keys->elts, keys->nelts,
                                  (char *) signature->data, signature->len,
                                  &part, 1, &match);
}


static tavus_verify_t
ngx_tavus_proof_sealed(ngx_tavus_webhook_t *w, ngx_tavus_keys_t *keys,
    ngx_str_t *seal)
{
    size_t   match;
    u_char  *p, ticket[TAVUS_TICKET_MAX];

    if (seal->len != NGX_TAVUS_PROOF_MAC) {
        return TAVUS_VERIFY_MALFORMED;
    }

    p = ngx_sprintf(ticket, "%s.", tavus_key_id(keys->elts[0]));
    p = ngx_cpymem(p, seal->data, seal->len);

    return tavus_ticket_verify(keys->elts, keys->nelts, TAVUS_USE_SEAL,
                               (char *) w->body.data, w->body.len,
                               (char *) ticket, p - ticket, &match);
}


static ngx_uint_t
ngx_tavus_proof_same(ngx_str_t *one, ngx_str_t *two)
{
    return one->len == two->len
           && (one->len == 0
               || ngx_memcmp(one->data, two->data, one->len) == 0);
}
