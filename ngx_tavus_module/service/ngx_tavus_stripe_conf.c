
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_stripe_conf.h"
#include "service/ngx_tavus_service.h"
#include "event/ngx_tavus_secret.h"
#include "core/tavus_signature.h"


#define NGX_TAVUS_STRIPE_URL  "https://api.stripe.com"


static char *ngx_tavus_stripe_set_key(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_tavus_stripe_judge_key(ngx_conf_t *cf,
    ngx_tavus_stripe_t *stripe, ngx_str_t *directive);
static char *ngx_tavus_stripe_set_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void *ngx_tavus_stripe_create_main_conf(ngx_conf_t *cf);
static char *ngx_tavus_stripe_init_main_conf(ngx_conf_t *cf, void *conf);


static ngx_command_t  ngx_tavus_stripe_commands[] = {

    { ngx_string("tavus_stripe_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_stripe_set_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_stripe_api_url"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_stripe_set_url,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_stripe_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_directive_time,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_stripe_main_conf_t, stripe.timeout),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_stripe_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_stripe_create_main_conf,     /* create main configuration */
    ngx_tavus_stripe_init_main_conf,       /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_tavus_stripe_module = {
    NGX_MODULE_V1,
    &ngx_tavus_stripe_module_ctx,          /* module context */
    ngx_tavus_stripe_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_tavus_stripe_set_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_stripe_main_conf_t *smcf = conf;

    ngx_str_t           *value;
    ngx_tavus_stripe_t  *stripe;

    stripe = &smcf->stripe;

    if (stripe->key.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (stripe->peer == NULL) {
        ngx_tavus_place_note(cf, &smcf->place);
    }

    if (ngx_tavus_secret_read_key(cf, &value[0], &value[1],
                                  TAVUS_SECRET_MIN, &stripe->key)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    stripe->bearer.data = ngx_pnalloc(cf->pool, sizeof("Bearer ")
                                                + stripe->key.len);
    if (stripe->bearer.data == NULL) {
        return NGX_CONF_ERROR;
    }

    stripe->bearer.len = ngx_sprintf(stripe->bearer.data, "Bearer %V",
                                     &stripe->key)
                         - stripe->bearer.data;

    return ngx_tavus_stripe_judge_key(cf, stripe, &value[0]);
}


/*
 * A secret or a restricted one; a publishable one, or the secret of a
 * webhook, would be found out by the first visitor who pays.
 */

static char *
ngx_tavus_stripe_judge_key(ngx_conf_t *cf, ngx_tavus_stripe_t *stripe,
    ngx_str_t *directive)
{
    ngx_str_t  *key;

    key = &stripe->key;

    /* "nginx -s" may not have the key, and needs none */

    if (ngx_process == NGX_PROCESS_SIGNALLER) {
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(key->data, "sk_live_", 8) == 0
        || ngx_strncmp(key->data, "rk_live_", 8) == 0)
    {
        stripe->live = 1;

    } else if (ngx_strncmp(key->data, "sk_test_", 8) != 0
               && ngx_strncmp(key->data, "rk_test_", 8) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": a key begins with \"sk_live_\", "
                           "\"rk_live_\", \"sk_test_\" or \"rk_test_\"",
                           directive);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_stripe_set_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_stripe_main_conf_t *smcf = conf;

    ngx_str_t  *value;

    if (smcf->stripe.peer) {
        return "is duplicate";
    }

    ngx_tavus_place_note(cf, &smcf->place);

    value = cf->args->elts;

    smcf->stripe.peer = ngx_tavus_curl_parse(cf, &value[1]);

    return smcf->stripe.peer ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static void *
ngx_tavus_stripe_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_stripe_main_conf_t  *smcf;

    smcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_stripe_main_conf_t));
    if (smcf == NULL) {
        return NULL;
    }

    smcf->stripe.timeout = NGX_CONF_UNSET_MSEC;

    return smcf;
}


static char *
ngx_tavus_stripe_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_tavus_stripe_main_conf_t *smcf = conf;

    ngx_conf_init_msec_value(smcf->stripe.timeout, 15000);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_tavus_stripe_check(ngx_conf_t *cf, ngx_tavus_stripe_main_conf_t *smcf,
    ngx_uint_t sandbox, ngx_resolver_t *resolver, ngx_msec_t resolver_timeout)
{
    if (smcf->stripe.key.len == 0) {
        return NGX_OK;
    }

    return ngx_tavus_service_check(cf, &smcf->stripe.peer,
                                   "tavus_stripe_api_url",
                                   NGX_TAVUS_STRIPE_URL, &smcf->place,
                                   sandbox, resolver, resolver_timeout);
}
