
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_END_TOKEN_H_INCLUDED_
#define _NGX_TAVUS_END_TOKEN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "core/tavus_json.h"
#include "core/tavus_signature.h"


/*
 * An end token: "<key id>.<nonce>.<expiry>.<mac>", bound to the conversation;
 * valid for as long as that may last, and an hour.
 */

#define NGX_TAVUS_END_TOKEN_MAX_ID  64      /* bytes of a conversation's id */
#define NGX_TAVUS_END_TOKEN                                                  \
    (2 * TAVUS_NONCE_LEN + 1 + NGX_TIME_T_LEN + 1 + TAVUS_TICKET_MAX)

typedef struct {
    uint8_t                   nonce[TAVUS_NONCE_LEN];
    time_t                    expiry;
} ngx_tavus_end_token_t;


/* Writes it with a NUL behind it; NGX_ERROR. */
ngx_int_t ngx_tavus_end_token_make(tavus_key_t *key, ngx_str_t *id,
    const char *nonce_hex, time_t expiry,
    u_char token[NGX_TAVUS_END_TOKEN + 1]);

/*
 * Whether the strings are a conversation's id and its end token, by a key of
 * the location: NGX_OK, or NGX_DECLINED, which is logged.
 */
ngx_int_t ngx_tavus_end_token_verify(ngx_http_request_t *r, cJSON *id,
    cJSON *token, ngx_tavus_end_token_t *parsed);


#endif /* _NGX_TAVUS_END_TOKEN_H_INCLUDED_ */
