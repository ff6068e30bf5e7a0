
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_address.h"
#include "guard/ngx_tavus_keys.h"
#include "guard/ngx_tavus_ticket.h"
#include "guard/ngx_tavus_visitor.h"
#include "http/ngx_tavus_ctx.h"
#include "core/tavus_metrics.h"


/* bits of an address that count, as for tavus_limit_zone */

#define NGX_TAVUS_TICKET_V4  32
#define NGX_TAVUS_TICKET_V6  64

/* RFC 9110, 15.5.11; nginx has no name for it */
#define NGX_TAVUS_TICKET_GONE  410


static tavus_verify_t ngx_tavus_ticket_own(ngx_http_request_t *r,
    tavus_key_t *key, const tavus_line_ticket_t *ticket);
static ngx_int_t ngx_tavus_ticket_address(ngx_http_request_t *r,
    tavus_key_t *key, uint8_t hash[TAVUS_LINE_HASH]);
static ngx_int_t ngx_tavus_ticket_refuse(ngx_http_request_t *r,
    const char *text, tavus_verify_t result, ngx_uint_t foreign);


ngx_int_t
ngx_tavus_ticket_make(ngx_http_request_t *r, ngx_pool_t *pool,
    const uint8_t id[TAVUS_UUID_LEN], ngx_str_t *visitor, ngx_str_t *wish,
    ngx_str_t *ticket)
{
    int                         n;
    tavus_key_t                *key;
    tavus_line_ticket_t         t;
    ngx_tavus_keys_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_tavus_keys_module);

    key = klcf->keys->elts[0];

    ngx_memzero(&t, sizeof(tavus_line_ticket_t));
    ngx_memcpy(t.id, id, TAVUS_UUID_LEN);

    t.issued = ngx_time();
    t.known = visitor->len != 0;
    t.wish = (char *) wish->data;
    t.wish_len = wish->len;

    if (ngx_tavus_ticket_address(r, key, t.address) != NGX_OK
        || (t.known
            && tavus_line_hash(key, "visitor", visitor->data, visitor->len,
                               t.visitor)
               != 0))
    {
        return NGX_ERROR;
    }

    ticket->data = ngx_pnalloc(pool, TAVUS_LINE_TICKET_MAX + 1);
    if (ticket->data == NULL) {
        return NGX_ERROR;
    }

    n = tavus_line_ticket_make(key, &t, (char *) ticket->data);
    if (n < 0) {
        return NGX_ERROR;
    }

    ticket->len = n;
    ticket->data[n] = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_tavus_ticket_read(ngx_http_request_t *r, const char *text,
    ngx_tavus_ticket_t *ticket)
{
    size_t                      match;
    uint8_t                    *buf;
    ngx_uint_t                  foreign;
    tavus_verify_t              result;
    ngx_tavus_keys_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_tavus_keys_module);

    buf = ngx_palloc(r->pool, TAVUS_LINE_HEAD + TAVUS_LINE_WISH_MAX);

    if (buf == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    foreign = 0;

    result = tavus_line_ticket_read(klcf->keys->elts, klcf->keys->nelts, text,
                                    ngx_strlen(text), ngx_time(),
                                    NGX_TAVUS_TICKET_LIFETIME, buf,
                                    &ticket->line, &match);

    if (result == TAVUS_VERIFY_OK) {
        result = ngx_tavus_ticket_own(r, klcf->keys->elts[match],
                                      &ticket->line);

        foreign = result == TAVUS_VERIFY_MISMATCH;
    }

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_VERIFICATIONS,
                                     TAVUS_SCHEME_TICKET, result), 1);

    if (result != TAVUS_VERIFY_OK) {
        return ngx_tavus_ticket_refuse(r, text, result, foreign);
    }

    ticket->old = match != 0
                  || ngx_time() - ticket->line.issued
                     > NGX_TAVUS_TICKET_LIFETIME / 2;

    ngx_tavus_keys_verified(r, klcf->keys, match, "ticket");

    return NGX_OK;
}


/* with the key that it names: after a change of keys hashes are others */

static tavus_verify_t
ngx_tavus_ticket_own(ngx_http_request_t *r, tavus_key_t *key,
    const tavus_line_ticket_t *ticket)
{
    uint8_t    hash[TAVUS_LINE_HASH];
    ngx_str_t  visitor;

    if (ngx_tavus_ticket_address(r, key, hash) != NGX_OK) {
        return TAVUS_VERIFY_ERROR;
    }

    if (ngx_memcmp(hash, ticket->address, TAVUS_LINE_HASH) != 0) {
        return TAVUS_VERIFY_MISMATCH;
    }

    if (!ticket->known) {
        return TAVUS_VERIFY_OK;
    }

    if (ngx_tavus_visitor_known(r, &visitor) != NGX_OK) {
        return TAVUS_VERIFY_MISMATCH;
    }

    if (tavus_line_hash(key, "visitor", visitor.data, visitor.len, hash)
        != 0)
    {
        return TAVUS_VERIFY_ERROR;
    }

    return ngx_memcmp(hash, ticket->visitor, TAVUS_LINE_HASH) == 0
           ? TAVUS_VERIFY_OK : TAVUS_VERIFY_MISMATCH;
}


static ngx_int_t
ngx_tavus_ticket_address(ngx_http_request_t *r, tavus_key_t *key,
    uint8_t hash[TAVUS_LINE_HASH])
{
    u_char     buf[16];
    ngx_str_t  address;

    ngx_tavus_address_key(r, NGX_TAVUS_TICKET_V4, NGX_TAVUS_TICKET_V6, buf,
                          &address);

    return tavus_line_hash(key, "address", address.data, address.len, hash)
           == 0 ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_tavus_ticket_refuse(ngx_http_request_t *r, const char *text,
    tavus_verify_t result, ngx_uint_t foreign)
{
    size_t            len;
    ngx_str_t         token;
    const char       *reason, *dot;
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);

    reason = foreign ? "foreign" : tavus_verify_reason(result);

    ctx->verify.data = (u_char *) reason;
    ctx->verify.len = ngx_strlen(reason);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "ticket not verified: %s", reason);

    if (result == TAVUS_VERIFY_UNKNOWN_KEY) {
        len = ngx_strlen(text);
        dot = memchr(text, '.', len);

        token.data = (u_char *) dot + 1;
        token.len = len - (dot + 1 - text);

        ngx_tavus_keys_unknown(r, &token);
    }

    if (foreign) {
        return NGX_HTTP_FORBIDDEN;
    }

    switch (result) {

    case TAVUS_VERIFY_EXPIRED:
        return NGX_TAVUS_TICKET_GONE;

    case TAVUS_VERIFY_ERROR:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;

    default:
        return NGX_HTTP_UNAUTHORIZED;
    }
}
