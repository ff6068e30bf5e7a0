
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_FEATURES_H_INCLUDED_
#define _NGX_TAVUS_FEATURES_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * When all is read: makes the value of $tavus_features, what is configured
 * of all that a page may promise, as a JSON array of names.
 */
ngx_int_t ngx_tavus_features_find(ngx_conf_t *cf);


#endif /* _NGX_TAVUS_FEATURES_H_INCLUDED_ */
