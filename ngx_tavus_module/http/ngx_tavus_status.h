
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_STATUS_H_INCLUDED_
#define _NGX_TAVUS_STATUS_H_INCLUDED_


#include "ngx_tavus_module.h"


/* The content handlers of tavus_health and tavus_metrics. */
ngx_int_t ngx_tavus_health_handler(ngx_http_request_t *r);
ngx_int_t ngx_tavus_metrics_handler(ngx_http_request_t *r);


#endif /* _NGX_TAVUS_STATUS_H_INCLUDED_ */
