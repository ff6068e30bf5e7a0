
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_STRIPE_CONF_H_INCLUDED_
#define _NGX_TAVUS_STRIPE_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "event/ngx_tavus_directive.h"
#include "service/ngx_tavus_stripe.h"


/*
 * tavus_stripe_key and what belongs to it.  One key for all: what jobs ask
 * belongs to no location, and which of Stripe's events make orders of ours
 * is a matter of the key's mode, of which there can be only one.
 */

typedef struct {
    ngx_tavus_stripe_t         stripe;      /* key.len 0: there is none */
    ngx_tavus_place_t          place;
} ngx_tavus_stripe_main_conf_t;


/*
 * When all is read: judges the address, which is one of a sandbox only if
 * there is to be one.
 */
ngx_int_t ngx_tavus_stripe_check(ngx_conf_t *cf,
    ngx_tavus_stripe_main_conf_t *smcf, ngx_uint_t sandbox,
    ngx_resolver_t *resolver, ngx_msec_t resolver_timeout);


/*
 * directives: tavus_stripe_key secret; tavus_stripe_api_url url;
 * tavus_stripe_timeout time
 */
extern ngx_module_t  ngx_tavus_stripe_module;


#endif /* _NGX_TAVUS_STRIPE_CONF_H_INCLUDED_ */
