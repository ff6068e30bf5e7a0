
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CONF_H_INCLUDED_
#define _NGX_TAVUS_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * What can be judged only when all is read and merged: that each endpoint
 * has what it needs, and that a sandbox cannot pass for production.
 */
ngx_int_t ngx_tavus_conf_check(ngx_conf_t *cf);


#endif /* _NGX_TAVUS_CONF_H_INCLUDED_ */
