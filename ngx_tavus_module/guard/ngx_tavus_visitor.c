
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_keys.h"
#include "guard/ngx_tavus_visitor.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_header.h"
#include "core/tavus_signature.h"

#include <openssl/rand.h>


#define NGX_TAVUS_VISITOR_COOKIES  8
#define NGX_TAVUS_VISITOR_AGE      (365 * 24 * 3600)


static ngx_uint_t ngx_tavus_visitor_find(ngx_http_request_t *r,
    ngx_str_t *id, ngx_uint_t *valid);
static ngx_uint_t ngx_tavus_visitor_in_line(ngx_http_request_t *r, ngx_str_t
    *line, ngx_str_t *id, ngx_uint_t *valid);
static ngx_uint_t ngx_tavus_visitor_verify(ngx_http_request_t *r, ngx_str_t
    *value);
static ngx_int_t ngx_tavus_visitor_cookie(ngx_http_request_t *r, ngx_pool_t
    *pool, ngx_str_t *value, ngx_uint_t age, ngx_str_t *cookie);
static ngx_uint_t ngx_tavus_visitor_https(ngx_http_request_t *r);
static ngx_str_t *ngx_tavus_visitor_name(ngx_http_request_t *r);


/*
 * A neighbour under the same domain, or whoever is on an unencrypted line,
 * can add a cookie but not take one away: of two that are valid one may be
 * another visitor's, so neither counts.
 */

ngx_int_t
ngx_tavus_visitor_known(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_uint_t  valid;

    if (ngx_tavus_visitor_find(r, id, &valid) <= NGX_TAVUS_VISITOR_COOKIES
        && valid == 1)
    {
        return NGX_OK;
    }

    ngx_str_null(id);

    return NGX_DECLINED;
}


/* how many there are by the name, but no more than one too many */

static ngx_uint_t
ngx_tavus_visitor_find(ngx_http_request_t *r, ngx_str_t *id,
    ngx_uint_t *valid)
{
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    n = 0;
    *valid = 0;

    part = &r->headers_in.headers.part;
    i = 0;

    while (n <= NGX_TAVUS_VISITOR_COOKIES
           && (h = ngx_tavus_next_header(&part, &i)) != NULL)
    {
        if (h->key.len == sizeof("cookie") - 1
            && ngx_memcmp(h->lowcase_key, "cookie", sizeof("cookie") - 1)
               == 0)
        {
            n += ngx_tavus_visitor_in_line(r, &h->value, id, valid);
        }
    }

    return n;
}


static ngx_uint_t
ngx_tavus_visitor_in_line(ngx_http_request_t *r, ngx_str_t *line,
    ngx_str_t *id, ngx_uint_t *valid)
{
    u_char      *p, *end, *last;
    ngx_str_t   *name, value;
    ngx_uint_t   n;

    n = 0;
    name = ngx_tavus_visitor_name(r);
    last = line->data + line->len;

    for (p = line->data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, ';');
        end = end ? end : last;

        while (p < end && *p == ' ') {
            p++;
        }

        if ((size_t) (end - p) <= name->len || p[name->len] != '='
            || ngx_memcmp(p, name->data, name->len) != 0)
        {
            continue;
        }

        if (++n > NGX_TAVUS_VISITOR_COOKIES) {
            break;
        }

        value.data = p + name->len + 1;
        value.len = end - value.data;

        if (ngx_tavus_visitor_verify(r, &value)) {
            id->data = value.data;
            id->len = NGX_TAVUS_VISITOR_LEN;
            (*valid)++;
        }
    }

    return n;
}


static ngx_uint_t
ngx_tavus_visitor_verify(ngx_http_request_t *r, ngx_str_t *value)
{
    char                       *p;
    size_t                      match;
    ngx_tavus_keys_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_tavus_keys_module);

    p = (char *) value->data;

    if (klcf->keys == NULL
        || value->len <= NGX_TAVUS_VISITOR_LEN + 1
        || p[NGX_TAVUS_VISITOR_LEN] != '.'
        || tavus_ticket_verify(klcf->keys->elts, klcf->keys->nelts,
                               TAVUS_USE_VISITOR, p,
                               NGX_TAVUS_VISITOR_LEN,
                               p + NGX_TAVUS_VISITOR_LEN + 1,
                               value->len - NGX_TAVUS_VISITOR_LEN - 1,
                               &match)
           != TAVUS_VERIFY_OK)
    {
        return 0;
    }

    ngx_tavus_key_use_now(klcf->keys->uses[match]);

    return 1;
}


ngx_int_t
ngx_tavus_visitor_new(ngx_http_request_t *r, ngx_pool_t *pool, ngx_str_t *id,
    ngx_str_t *cookie)
{
    int                         n;
    char                        ticket[TAVUS_TICKET_MAX];
    u_char                     *p, random[NGX_TAVUS_VISITOR_LEN / 2],
                                text[NGX_TAVUS_VISITOR_LEN + 1
                                     + TAVUS_TICKET_MAX];
    ngx_str_t                   value;
    ngx_tavus_keys_loc_conf_t  *klcf;

    klcf = ngx_http_get_module_loc_conf(r, ngx_tavus_keys_module);

    p = ngx_pnalloc(pool, NGX_TAVUS_VISITOR_LEN);

    if (p == NULL || RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(p, random, sizeof(random));

    id->data = p;
    id->len = NGX_TAVUS_VISITOR_LEN;

    n = tavus_ticket_make(klcf->keys->elts[0], TAVUS_USE_VISITOR, (char *) p,
                          NGX_TAVUS_VISITOR_LEN, ticket);
    if (n < 0) {
        return NGX_ERROR;
    }

    value.data = text;
    value.len = ngx_sprintf(text, "%V.%*s", id, (size_t) n, ticket) - text;

    return ngx_tavus_visitor_cookie(r, pool, &value, NGX_TAVUS_VISITOR_AGE,
                                    cookie);
}


ngx_int_t
ngx_tavus_visitor_forget(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *cookie)
{
    ngx_str_t   id, value;
    ngx_uint_t  valid;

    if (ngx_tavus_visitor_find(r, &id, &valid) == 0) {
        ngx_str_null(cookie);
        return NGX_OK;
    }

    ngx_str_null(&value);

    return ngx_tavus_visitor_cookie(r, pool, &value, 0, cookie);
}


static ngx_int_t
ngx_tavus_visitor_cookie(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *value, ngx_uint_t age, ngx_str_t *cookie)
{
    u_char     *p;
    ngx_str_t  *name;

    name = ngx_tavus_visitor_name(r);

    p = ngx_pnalloc(pool, name->len + value->len
                          + sizeof("=; Path=/; Max-Age=; HttpOnly; "
                                   "SameSite=Lax; Secure")
                          + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    cookie->data = p;
    cookie->len = ngx_sprintf(p, "%V=%V; Path=/; Max-Age=%ui; HttpOnly; "
                                 "SameSite=Lax%s",
                                 name, value, age,
                                 ngx_tavus_visitor_https(r) ? "; Secure" : "")
                  - p;

    return NGX_OK;
}


static ngx_uint_t
ngx_tavus_visitor_https(ngx_http_request_t *r)
{
    ngx_tavus_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

    return mcf->public_origin.data[sizeof("http") - 1] == 's';
}


static ngx_str_t *
ngx_tavus_visitor_name(ngx_http_request_t *r)
{
    static ngx_str_t  plain = ngx_string("tavus_visitor");
    static ngx_str_t  host = ngx_string("__Host-tavus_visitor");

    return ngx_tavus_visitor_https(r) ? &host : &plain;
}
