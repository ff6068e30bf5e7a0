
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_WEBHOOK_H_INCLUDED_
#define _NGX_TAVUS_WEBHOOK_H_INCLUDED_


#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_endpoint.h"


typedef enum {
    NGX_TAVUS_SCHEME_TAVUS = 0,
    NGX_TAVUS_SCHEME_STANDARD,
    NGX_TAVUS_SCHEME_STRIPE
} ngx_tavus_scheme_e;


typedef enum {
    NGX_TAVUS_VERIFY_ANY = 0,
    NGX_TAVUS_VERIFY_TOKEN,
    NGX_TAVUS_VERIFY_SIGNATURE,
    NGX_TAVUS_VERIFY_BOTH
} ngx_tavus_verify_e;


typedef struct {
    ngx_uint_t                 scheme;          /* ngx_tavus_scheme_e */
    ngx_uint_t                 verify;          /* ngx_tavus_verify_e */
    ngx_str_t                  signature_header;
    time_t                     tolerance;
} ngx_tavus_webhook_loc_conf_t;


/* The content handler of tavus_webhook. */
ngx_int_t ngx_tavus_webhook_handler(ngx_http_request_t *r);

/*
 * Copies the value of the argument "token" into the context and, if it begins
 * like a callback token, masks it wherever the request line is kept.
 * NGX_DECLINED, or a status.
 */
ngx_int_t ngx_tavus_webhook_take_token(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx);

/* directive: tavus_webhook tavus | standard | stripe */
char *ngx_tavus_webhook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* When all is merged: makes the location's keys and finds contradictions. */
ngx_int_t ngx_tavus_webhook_check(ngx_conf_t *cf,
    ngx_tavus_location_t *location);

/*
 * The location with "tavus_webhook tavus" at a path, of the same server as
 * another location if it has one, else of any: they are the public's.
 */
ngx_tavus_location_t *ngx_tavus_webhook_find(ngx_conf_t *cf,
    ngx_tavus_location_t *location, ngx_str_t *path);

/* Whether there is a location for webhooks of a scheme. */
ngx_uint_t ngx_tavus_webhook_listens(ngx_tavus_main_conf_t *mcf,
    ngx_uint_t scheme);


/* directives: tavus_webhook_verify, _signature_header and _tolerance */
extern ngx_module_t  ngx_tavus_webhook_module;


#endif /* _NGX_TAVUS_WEBHOOK_H_INCLUDED_ */
