
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_WEBHOOK_H_INCLUDED_
#define _NGX_TAVUS_WEBHOOK_H_INCLUDED_


#include "ngx_tavus_module.h"


/* The content handler of tavus_webhook. */
ngx_int_t ngx_tavus_webhook_handler(ngx_http_request_t *r);

/*
 * Copies the value of the argument "token" into the context and, if it begins
 * like a callback token, masks it wherever the request line is kept.
 * NGX_DECLINED, or a status.
 */
ngx_int_t ngx_tavus_webhook_take_token(ngx_http_request_t *r,
    ngx_tavus_ctx_t *ctx);

/*
 * Says that a token names a key which is not configured here, once a minute,
 * with how many there were.
 */
void ngx_tavus_webhook_unknown_key(ngx_http_request_t *r, ngx_str_t *token);

/* directives */
char *ngx_tavus_webhook_scheme(ngx_conf_t *cf, ngx_tavus_loc_conf_t *lcf,
    ngx_str_t *name);
char *ngx_tavus_webhook_secret(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_tavus_webhook_signature_header(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* When all is merged: makes the location's keys and finds contradictions. */
ngx_int_t ngx_tavus_webhook_check(ngx_conf_t *cf,
    ngx_tavus_main_conf_t *mcf, ngx_tavus_location_t *location);


#endif /* _NGX_TAVUS_WEBHOOK_H_INCLUDED_ */
