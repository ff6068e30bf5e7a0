
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_end_token.h"
#include "guard/ngx_tavus_keys.h"
#include "http/ngx_tavus_ctx.h"
#include "service/ngx_tavus_api.h"
#include "core/tavus_metrics.h"


static tavus_verify_t ngx_tavus_end_token_parse(ngx_tavus_keys_t *keys, const
    char *id, const char *token, ngx_tavus_end_token_t *parsed, size_t *match);


/* the ticket with what else it signs beside the id between its halves */

ngx_int_t
ngx_tavus_end_token_make(tavus_key_t *key, ngx_str_t *id,
    const char *nonce_hex, time_t expiry,
    u_char token[NGX_TAVUS_END_TOKEN + 1])
{
    int      n;
    char     ticket[TAVUS_TICKET_MAX + 1], *mac;
    u_char   text[NGX_TAVUS_END_TOKEN_MAX_ID + NGX_TAVUS_END_TOKEN], *p;

    p = ngx_sprintf(text, "%V.%s.%T", id, nonce_hex, expiry);

    n = tavus_ticket_make(key, TAVUS_USE_END, (char *) text, p - text,
                          ticket);
    if (n < 0) {
        return NGX_ERROR;
    }

    ticket[n] = '\0';
    mac = strchr(ticket, '.');

    ngx_sprintf(token, "%*s.%s.%T%s%Z", (size_t) (mac - ticket), ticket,
                nonce_hex, expiry, mac);

    return NGX_OK;
}


static tavus_verify_t
ngx_tavus_end_token_parse(ngx_tavus_keys_t *keys, const char *id,
    const char *token, ngx_tavus_end_token_t *parsed, size_t *match)
{
    u_char          *p, text[NGX_TAVUS_END_TOKEN_MAX_ID + NGX_TAVUS_END_TOKEN],
                     ticket[NGX_TAVUS_END_TOKEN];
    size_t           i;
    ngx_int_t        n;
    const char      *nonce, *time, *mac;
    tavus_verify_t   rc;

    /* without a location for callbacks nobody was ever given a token */

    if (keys == NULL) {
        return TAVUS_VERIFY_UNKNOWN_KEY;
    }

    if (*token == '\0') {
        return TAVUS_VERIFY_MISSING;
    }

    nonce = strchr(token, '.');
    mac = strrchr(token, '.');

    if (ngx_strlen(token) > NGX_TAVUS_END_TOKEN
        || nonce == NULL || mac - nonce < 2 * TAVUS_NONCE_LEN + 3
        || nonce[1 + 2 * TAVUS_NONCE_LEN] != '.')
    {
        return TAVUS_VERIFY_MALFORMED;
    }

    nonce++;
    time = nonce + 2 * TAVUS_NONCE_LEN + 1;

    for (i = 0; i < TAVUS_NONCE_LEN; i++) {
        n = ngx_hextoi((u_char *) nonce + 2 * i, 2);

        if (n == NGX_ERROR) {
            return TAVUS_VERIFY_MALFORMED;
        }

        parsed->nonce[i] = (uint8_t) n;
    }

    parsed->expiry = ngx_atotm((u_char *) time, mac - time);

    if (parsed->expiry == NGX_ERROR) {
        return TAVUS_VERIFY_MALFORMED;
    }

    /* an id with a dot would make the text ambiguous */

    if (ngx_strlen(id) > NGX_TAVUS_END_TOKEN_MAX_ID
        || !ngx_tavus_api_valid_id((u_char *) id, ngx_strlen(id)))
    {
        return TAVUS_VERIFY_MISMATCH;
    }

    p = ngx_sprintf(ticket, "%*s%s", (size_t) (nonce - 1 - token), token,
                    mac);
    n = p - ticket;

    p = ngx_sprintf(text, "%s.%*s", id, (size_t) (mac - nonce), nonce);

    rc = tavus_ticket_verify(keys->elts, keys->nelts,
                             TAVUS_USE_END, (char *) text, p - text,
                             (char *) ticket, n, match);

    if (rc == TAVUS_VERIFY_OK && parsed->expiry < ngx_time()) {
        return TAVUS_VERIFY_EXPIRED;
    }

    return rc;
}


ngx_int_t
ngx_tavus_end_token_verify(ngx_http_request_t *r, cJSON *id, cJSON *token,
    ngx_tavus_end_token_t *parsed)
{
    size_t                 match;
    ngx_str_t              ticket;
    const char            *text;
    tavus_verify_t         result;
    ngx_tavus_ctx_t       *ctx;
    ngx_tavus_keys_loc_conf_t  *klcf;

    ctx = ngx_tavus_get_ctx(r);
    klcf = ngx_http_get_module_loc_conf(r, ngx_tavus_keys_module);

    result = ngx_tavus_end_token_parse(klcf->keys, id->valuestring,
                                 token->valuestring, parsed, &match);

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_VERIFICATIONS,
                                     TAVUS_SCHEME_END_TOKEN, result), 1);

    if (result != TAVUS_VERIFY_OK) {
        text = tavus_verify_reason(result);

        ctx->verify.data = (u_char *) text;
        ctx->verify.len = ngx_strlen(text);

        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "end token not verified: %s", text);

        if (result == TAVUS_VERIFY_UNKNOWN_KEY) {
            ticket.data = (u_char *) token->valuestring;
            ticket.len = ngx_strlen(token->valuestring);

            ngx_tavus_keys_unknown(r, &ticket);
        }

        return NGX_DECLINED;
    }

    ngx_tavus_keys_verified(r, klcf->keys, match, "end_token");

    return NGX_OK;
}
