
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ADMIN_H_INCLUDED_
#define _NGX_TAVUS_ADMIN_H_INCLUDED_


#include "http/ngx_tavus_endpoint.h"


/* The content handler of tavus_admin. */
ngx_int_t ngx_tavus_admin_handler(ngx_http_request_t *r);

/* What a location with tavus_admin needs. */
ngx_int_t ngx_tavus_admin_check(ngx_conf_t *cf,
    ngx_tavus_location_t *location);


#endif /* _NGX_TAVUS_ADMIN_H_INCLUDED_ */
