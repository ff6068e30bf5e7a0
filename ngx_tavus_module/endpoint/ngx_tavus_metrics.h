
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_METRICS_H_INCLUDED_
#define _NGX_TAVUS_METRICS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* The content handler of tavus_metrics. */
ngx_int_t ngx_tavus_metrics_handler(ngx_http_request_t *r);

/*
 * Counts the request, and how long it took, for the endpoint that it was
 * meant for: not the one that put an error into words.
 */
ngx_int_t ngx_tavus_metrics_log_handler(ngx_http_request_t *r);

/*
 * Makes the shared memory that counters live in, for a configuration with a
 * location that shows them: it survives reloads.  Without it nothing is
 * counted.
 */
ngx_int_t ngx_tavus_metrics_zone(ngx_conf_t *cf);

/* Takes, and leaves, this worker's slot. */
void ngx_tavus_metrics_init_process(ngx_cycle_t *cycle);
void ngx_tavus_metrics_exit_process(void);


extern ngx_module_t  ngx_tavus_metrics_module;


#endif /* _NGX_TAVUS_METRICS_H_INCLUDED_ */
