
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_SECRET_H_INCLUDED_
#define _NGX_TAVUS_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Reads a secret that a directive names as env:NAME, file:PATH or
 * credential:NAME (systemd) into pool memory, without line ends at its end.
 * Returns NGX_CONF_OK, or NGX_CONF_ERROR after saying why.
 */
char *ngx_tavus_secret_read(ngx_conf_t *cf, ngx_str_t *directive,
    ngx_str_t *value, size_t min, ngx_str_t *secret);


#endif /* _NGX_TAVUS_SECRET_H_INCLUDED_ */
