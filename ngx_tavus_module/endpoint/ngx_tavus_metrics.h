
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_METRICS_H_INCLUDED_
#define _NGX_TAVUS_METRICS_H_INCLUDED_


#include "ngx_tavus_module.h"
#include "core/tavus_metrics.h"


/* The content handler of tavus_metrics. */
ngx_int_t ngx_tavus_metrics_handler(ngx_http_request_t *r);

/*
 * The shared memory that counters live in, if some location shows them: it
 * survives reloads.  Without it nothing is counted.
 */
ngx_int_t ngx_tavus_metrics_zone(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf);

/* Takes, and leaves, this worker's slot. */
void ngx_tavus_metrics_init_process(ngx_tavus_main_conf_t *mcf);
void ngx_tavus_metrics_exit_process(void);


#endif /* _NGX_TAVUS_METRICS_H_INCLUDED_ */
