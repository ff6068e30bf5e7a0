
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CHECKOUT_CONF_H_INCLUDED_
#define _NGX_TAVUS_CHECKOUT_CONF_H_INCLUDED_


#include "http/ngx_tavus_endpoint.h"


/* what Stripe takes in one session beside the plan itself */
#define NGX_TAVUS_PLAN_ADD_ONS  19


typedef struct {
    ngx_str_t            name;
    ngx_str_t            price;         /* id at Stripe */
    ngx_uint_t           max;           /* quantity */
} ngx_tavus_add_on_t;


/* tavus_plan name { … }: what a visitor may buy, and at which price */

typedef struct {
    ngx_str_t            name;
    ngx_str_t            price;
    ngx_array_t          add_ons;       /* ngx_tavus_add_on_t */
    ngx_uint_t           subscription;  /* or one payment; or UNSET */
} ngx_tavus_plan_t;


typedef struct {
    ngx_array_t          plans;         /* ngx_tavus_plan_t */
} ngx_tavus_checkout_main_conf_t;


typedef struct {
    ngx_str_t            success;       /* paths, to which Stripe sends back */
    ngx_str_t            cancel;
} ngx_tavus_checkout_loc_conf_t;


/* What a location with tavus_checkout needs. */
ngx_int_t ngx_tavus_checkout_check(ngx_conf_t *cf,
    ngx_tavus_location_t *location);


/* directives: tavus_plan, tavus_checkout_success, tavus_checkout_cancel */
extern ngx_module_t  ngx_tavus_checkout_module;


#endif /* _NGX_TAVUS_CHECKOUT_CONF_H_INCLUDED_ */
