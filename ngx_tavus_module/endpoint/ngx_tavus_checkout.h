
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_CHECKOUT_H_INCLUDED_
#define _NGX_TAVUS_CHECKOUT_H_INCLUDED_


#include "endpoint/ngx_tavus_checkout_conf.h"
#include "http/ngx_tavus_wait.h"
#include "jobs/ngx_tavus_order.h"
#include "core/tavus_json.h"


/* what is known of a checkout beside the order; in the memory of the order */

typedef struct {
    ngx_tavus_wait_t                 wait;      /* the visitor's request */
    ngx_tavus_order_t               *order;
    ngx_tavus_plan_t                *plan;
    ngx_tavus_checkout_main_conf_t  *cmcf;
} ngx_tavus_checkout_t;


/* a fault of the visitor's; what lists is NULL, or what there would be */

typedef struct {
    const char                      *code;
    const char                      *field;
    const char                      *detail;
    const char                      *lists;
} ngx_tavus_checkout_fault_t;


/* The content handler of tavus_checkout. */
ngx_int_t ngx_tavus_checkout_handler(ngx_http_request_t *r);

/* GET: what became of the order that a session of Stripe's is of. */
ngx_int_t ngx_tavus_checkout_status(ngx_http_request_t *r);

/*
 * Judges what the browser asks for and notes it in the order.  NGX_OK;
 * NGX_DECLINED with a fault of the visitor's, for
 * ngx_tavus_checkout_refuse() to answer; NGX_ERROR.
 */
ngx_int_t ngx_tavus_checkout_read(ngx_tavus_checkout_t *c, cJSON *root,
    ngx_tavus_checkout_fault_t *fault);
ngx_int_t ngx_tavus_checkout_refuse(ngx_http_request_t *r,
    ngx_tavus_checkout_t *c, ngx_tavus_checkout_fault_t *fault);


#endif /* _NGX_TAVUS_CHECKOUT_H_INCLUDED_ */
