
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_API_CONF_H_INCLUDED_
#define _NGX_TAVUS_API_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "event/ngx_tavus_directive.h"
#include "service/ngx_tavus_api.h"


/*
 * Seconds of the longest call that may be configured.  Tavus documents no
 * bound; a day is more than anybody talks, and what is kept of a call that
 * ought to be over (tokens, leases of what is unsettled) is kept longer.
 */

#define NGX_TAVUS_API_CALL_MAX  (24 * 3600)
#define NGX_TAVUS_API_CALL_MIN  30


/* tavus_api_key, tavus_api_url and what belongs to them */

typedef struct {
    ngx_tavus_api_t            api;
    time_t                     call_limit;      /* seconds, 0: none */
    ngx_str_t                  trusted_certificate;
    X509_STORE                *trusted;         /* NULL: nobody is asked */
    ngx_tavus_place_t          api_place;
    ngx_tavus_place_t          trusted_place;
} ngx_tavus_api_main_conf_t;


/*
 * When all is read: loads the certificates, which others may need as well,
 * and judges the address, which is one of a sandbox only if there is to be
 * one.
 */
ngx_int_t ngx_tavus_api_check(ngx_conf_t *cf,
    ngx_tavus_api_main_conf_t *amcf, ngx_uint_t others, ngx_uint_t sandbox,
    ngx_resolver_t *resolver, ngx_msec_t resolver_timeout);


extern ngx_module_t  ngx_tavus_api_module;


#endif /* _NGX_TAVUS_API_CONF_H_INCLUDED_ */
