
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_header.h"


/*
 * What varies with the origin must say so in one line: nginx before 1.23
 * reads but one of an upstream's, and others may add lines of their own
 * (add_header, brotli, and gzip through r->gzip_vary).  So this stands
 * behind all of them, before the filters that write the header.
 */


static ngx_int_t ngx_tavus_vary_filter(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_vary_add(ngx_http_request_t *r, ngx_str_t *vary,
    ngx_str_t *list);
static ngx_uint_t ngx_tavus_vary_has(ngx_str_t *vary, ngx_str_t *word);
static ngx_uint_t ngx_tavus_vary_word(u_char **next, u_char *last,
    ngx_str_t *word);
static ngx_int_t ngx_tavus_vary_init(ngx_conf_t *cf);


static ngx_http_module_t  ngx_tavus_vary_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_tavus_vary_init,                   /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_tavus_vary_module = {
    NGX_MODULE_V1,
    &ngx_tavus_vary_module_ctx,            /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


static ngx_int_t
ngx_tavus_vary_filter(ngx_http_request_t *r)
{
    ngx_str_t                  vary;
    ngx_uint_t                 i;
    ngx_list_part_t           *part;
    ngx_table_elt_t           *h;
    ngx_tavus_ctx_t           *ctx;
#if (NGX_HTTP_GZIP)
    ngx_http_core_loc_conf_t  *clcf;

    static ngx_str_t  encoding = ngx_string("Accept-Encoding");
#endif

    static ngx_str_t  name = ngx_string("Vary");
    static ngx_str_t  origin = ngx_string("Origin");
    static ngx_str_t  star = ngx_string("*");

    ctx = (r == r->main) ? ngx_tavus_find_ctx(r) : NULL;

    if (ctx == NULL || !ctx->cors) {
        return ngx_http_next_header_filter(r);
    }

    ngx_str_null(&vary);

    part = &r->headers_out.headers.part;
    i = 0;

    while ((h = ngx_tavus_next_header(&part, &i)) != NULL) {

        if (h->hash == 0
            || h->key.len != name.len
            || ngx_strncasecmp(h->key.data, name.data, name.len) != 0)
        {
            continue;
        }

        if (ngx_tavus_vary_add(r, &vary, &h->value) != NGX_OK) {
            return NGX_ERROR;
        }

        h->hash = 0;
    }

#if (NGX_HTTP_GZIP)

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (r->gzip_vary && clcf->gzip_vary) {

        if (ngx_tavus_vary_add(r, &vary, &encoding) != NGX_OK) {
            return NGX_ERROR;
        }

        r->gzip_vary = 0;
    }

#endif

    /* a cache must not give this answer to another origin */

    if (ngx_tavus_vary_add(r, &vary, &origin) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_tavus_vary_has(&vary, &star)) {
        vary = star;
    }

    if (ngx_tavus_add_header(r, &name, &vary) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


/* appends those words of a list that are not there yet */

static ngx_int_t
ngx_tavus_vary_add(ngx_http_request_t *r, ngx_str_t *vary, ngx_str_t *list)
{
    u_char     *p, *next, *last;
    ngx_str_t   word;

    if (vary->len == 0) {
        *vary = *list;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, vary->len + 2 * list->len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, vary->data, vary->len);
    vary->data = p;

    next = list->data;
    last = next + list->len;

    while (ngx_tavus_vary_word(&next, last, &word)) {

        if (ngx_tavus_vary_has(vary, &word)) {
            continue;
        }

        p = vary->data + vary->len;

        *p++ = ',';
        *p++ = ' ';
        p = ngx_cpymem(p, word.data, word.len);

        vary->len = p - vary->data;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_tavus_vary_has(ngx_str_t *vary, ngx_str_t *word)
{
    u_char     *next, *last;
    ngx_str_t   other;

    next = vary->data;
    last = next + vary->len;

    while (ngx_tavus_vary_word(&next, last, &other)) {

        if (other.len == word->len
            && ngx_strncasecmp(other.data, word->data, word->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* the next word of a comma-separated list; 0 at its end */

static ngx_uint_t
ngx_tavus_vary_word(u_char **next, u_char *last, ngx_str_t *word)
{
    u_char  *p;

    p = *next;

    while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
        p++;
    }

    word->data = p;

    while (p < last && *p != ',') {
        p++;
    }

    *next = p;

    while (p > word->data && (p[-1] == ' ' || p[-1] == '\t')) {
        p--;
    }

    word->len = p - word->data;

    return word->len != 0;
}


static ngx_int_t
ngx_tavus_vary_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_tavus_vary_filter;

    return NGX_OK;
}
