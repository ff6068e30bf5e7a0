
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_header.h"


ngx_table_elt_t *
ngx_tavus_next_header(ngx_list_part_t **part, ngx_uint_t *i)
{
    ngx_table_elt_t  *h;

    while (*i >= (*part)->nelts) {
        if ((*part)->next == NULL) {
            return NULL;
        }

        *part = (*part)->next;
        *i = 0;
    }

    h = (*part)->elts;

    return &h[(*i)++];
}


ngx_table_elt_t *
ngx_tavus_find_header(ngx_http_request_t *r, const char *lowcase, size_t len)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    i = 0;

    while ((h = ngx_tavus_next_header(&part, &i)) != NULL) {

        if (h->key.len == len && ngx_memcmp(h->lowcase_key, lowcase, len) == 0)
        {
            return h;
        }
    }

    return NULL;
}


ngx_int_t
ngx_tavus_set_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    size_t            len;
    ngx_str_t         key;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    part = &r->headers_out.headers.part;
    i = 0;

    while ((h = ngx_tavus_next_header(&part, &i)) != NULL) {

        if (h->hash && h->key.len == len
            && ngx_strncasecmp(h->key.data, (u_char *) name, len) == 0)
        {
            h->hash = 0;
        }
    }

    key.data = (u_char *) name;
    key.len = len;

    return ngx_tavus_add_header(r, &key, value);
}


ngx_int_t
ngx_tavus_add_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_tavus_push_header(r);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->key = *name;
    h->value = *value;

    return NGX_OK;
}


ngx_table_elt_t *
ngx_tavus_push_header(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}
