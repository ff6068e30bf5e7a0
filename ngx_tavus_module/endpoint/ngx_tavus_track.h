
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_TRACK_H_INCLUDED_
#define _NGX_TAVUS_TRACK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* The content handler of tavus_track. */
ngx_int_t ngx_tavus_track_handler(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_TRACK_H_INCLUDED_ */
