
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_HEADER_H_INCLUDED_
#define _NGX_TAVUS_HEADER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * The headers of a list one after the other, and NULL behind the last; begin
 * with the list's part and 0.
 */
ngx_table_elt_t *ngx_tavus_next_header(ngx_list_part_t **part,
    ngx_uint_t *i);

/* A request header by its lower-case name; NULL if absent. */
ngx_table_elt_t *ngx_tavus_find_header(ngx_http_request_t *r,
    const char *lowcase, size_t len);

/*
 * Adds, or replaces, a response header; name is a literal, value must live
 * as long as the request.
 */
ngx_int_t ngx_tavus_set_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/* Adds a response header, whether or not there is one of that name. */
ngx_int_t ngx_tavus_add_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value);

/* The same, with key and value for the caller to set; NULL if no memory. */
ngx_table_elt_t *ngx_tavus_push_header(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_HEADER_H_INCLUDED_ */
