
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_VARIABLE_H_INCLUDED_
#define _NGX_TAVUS_VARIABLE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* Adds the variables $tavus_…, which tell of a request's context. */
ngx_int_t ngx_tavus_add_variables(ngx_conf_t *cf);

/* Adds those of a list that ends with ngx_http_null_variable. */
ngx_int_t ngx_tavus_variables_add(ngx_conf_t *cf,
    ngx_http_variable_t *variables);

/* The value of $request_id. */
ngx_str_t *ngx_tavus_request_id(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_VARIABLE_H_INCLUDED_ */
