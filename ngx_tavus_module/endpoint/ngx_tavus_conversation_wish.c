
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_conversation.h"
#include "guard/ngx_tavus_address.h"
#include "guard/ngx_tavus_visitor.h"
#include "store/ngx_tavus_budget.h"

#include <openssl/rand.h>


#define NGX_TAVUS_WISH_ASKED   4096     /* bytes, as a ticket carries them */

/* seconds beyond all that a call may take, until its end is known */
#define NGX_TAVUS_WISH_MARGIN  120


static ngx_int_t ngx_tavus_create_who(ngx_http_request_t *r,
    ngx_tavus_create_t *c);
static ngx_int_t ngx_tavus_create_hash(tavus_key_t *key, const char *what,
    ngx_str_t *text, uint8_t *hash);
static ngx_int_t ngx_tavus_create_queue(ngx_tavus_create_t *c, cJSON *asked);


ngx_int_t
ngx_tavus_create_wish(ngx_http_request_t *r, ngx_tavus_create_t *c,
    cJSON *asked)
{
    ngx_tavus_wish_t      *wish;
    ngx_tavus_budget_t    *budget;
    ngx_tavus_vertical_t  *v;

    budget = ngx_http_get_module_main_conf(r, ngx_tavus_budget_module);

    if (budget->json.len == 0) {
        return NGX_OK;
    }

    v = c->vertical;
    wish = &c->call->wish;

    wish->budget = &budget->json;
    wish->seconds = (uint32_t) v->max_call_duration;
    wish->stays = (uint32_t) (c->call->patience
                              + v->participant_absent_timeout
                              + v->max_call_duration + NGX_TAVUS_WISH_MARGIN);

    if (ngx_tavus_create_who(r, c) != NGX_OK) {
        return NGX_ERROR;
    }

    return budget->line ? ngx_tavus_create_queue(c, asked) : NGX_OK;
}


/*
 * Whoever clears their cookies still comes from their address, and whoever
 * changes that may still have their cookie.  One that goes out with this
 * answer is counted, but no ticket is bound to it, as it may never come back:
 * the browser may refuse it, or the page be of another origin.
 */

static ngx_int_t
ngx_tavus_create_who(ngx_http_request_t *r, ngx_tavus_create_t *c)
{
    u_char             addr[16];
    ngx_str_t          key, id;
    ngx_tavus_wish_t  *wish;

    wish = &c->call->wish;

    ngx_tavus_address_key(r, 32, 64, addr, &key);

    if (ngx_tavus_create_hash(c->key, "address", &key, wish->address)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (c->memory.visitor.len == 0
        && c->memory.consent == NGX_TAVUS_CONSENT_DENIED)
    {
        return NGX_OK;
    }

    if (ngx_tavus_visitor_known(r, &id) == NGX_OK) {

        /* it may be in the memory of the request */

        c->visitor.len = id.len;
        c->visitor.data = ngx_pstrdup(c->call->pool, &id);

        if (c->visitor.data == NULL) {
            return NGX_ERROR;
        }
    }

    id = c->memory.visitor.len ? c->memory.visitor : c->visitor;

    if (id.len == 0) {
        return NGX_OK;
    }

    wish->has_visitor = 1;

    return ngx_tavus_create_hash(c->key, "visitor", &id, wish->visitor);
}


static ngx_int_t
ngx_tavus_create_hash(tavus_key_t *key, const char *what, ngx_str_t *text,
    uint8_t *hash)
{
    uint8_t       mac[TAVUS_MAC_LEN];
    tavus_part_t  parts[2];

    parts[0].data = what;
    parts[0].len = ngx_strlen(what) + 1;
    parts[1].data = text->data;
    parts[1].len = text->len;

    if (tavus_key_mac(key, TAVUS_USE_BUDGET, parts, 2, mac) != 0) {
        return NGX_ERROR;
    }

    ngx_memcpy(hash, mac, NGX_TAVUS_WISH_HASH);

    return NGX_OK;
}


/* a wish that no ticket can carry is refused where others wait */

static ngx_int_t
ngx_tavus_create_queue(ngx_tavus_create_t *c, cJSON *asked)
{
    char              *text;
    size_t             len;
    ngx_tavus_wish_t  *wish;

    text = cJSON_PrintUnformatted(asked);
    if (text == NULL) {
        return NGX_ERROR;
    }

    len = ngx_strlen(text);

    if (len > NGX_TAVUS_WISH_ASKED) {
        cJSON_free(text);
        return NGX_OK;
    }

    c->asked.data = ngx_pnalloc(c->call->pool, len);

    if (c->asked.data) {
        ngx_memcpy(c->asked.data, text, len);
        c->asked.len = len;
    }

    cJSON_free(text);

    wish = &c->call->wish;

    if (c->asked.data == NULL
        || RAND_bytes(wish->ticket, TAVUS_UUID_LEN) != 1)
    {
        return NGX_ERROR;
    }

    /* RFC 9562, version 4 */

    wish->ticket[6] = (uint8_t) ((wish->ticket[6] & 0x0f) | 0x40);
    wish->ticket[8] = (uint8_t) ((wish->ticket[8] & 0x3f) | 0x80);
    wish->has_ticket = 1;

    return NGX_OK;
}
