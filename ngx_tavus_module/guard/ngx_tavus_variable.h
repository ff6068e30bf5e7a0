
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_VARIABLE_H_INCLUDED_
#define _NGX_TAVUS_VARIABLE_H_INCLUDED_


#include "ngx_tavus_module.h"


/* Adds the variables $tavus_…, which tell of a request's context. */
ngx_int_t ngx_tavus_add_variables(ngx_conf_t *cf);


#endif /* _NGX_TAVUS_VARIABLE_H_INCLUDED_ */
