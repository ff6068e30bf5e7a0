
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "service/ngx_tavus_api_conf.h"
#include "service/ngx_tavus_service.h"
#include "event/ngx_tavus_secret.h"
#include "core/tavus_signature.h"


#define NGX_TAVUS_API_CA_BUNDLE  "/etc/ssl/certs/ca-certificates.crt"
#define NGX_TAVUS_API_URL        "https://tavusapi.com"


static char *ngx_tavus_api_set_key(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static char *ngx_tavus_api_set_url(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static char *ngx_tavus_api_set_trusted(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static char *ngx_tavus_api_set_call_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_tavus_api_trust(ngx_conf_t *cf, ngx_tavus_api_main_conf_t
    *amcf);
static void *ngx_tavus_api_create_main_conf(ngx_conf_t *cf);
static char *ngx_tavus_api_init_main_conf(ngx_conf_t *cf, void *conf);


static ngx_conf_enum_t  ngx_tavus_api_names[] = {
    { ngx_string("current"), NGX_TAVUS_API_CURRENT },
    { ngx_string("legacy"), NGX_TAVUS_API_LEGACY },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_tavus_api_commands[] = {

    { ngx_string("tavus_api_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_api_set_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_api_url"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_api_set_url,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_api_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_directive_time,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_api_main_conf_t, api.timeout),
      NULL },

    { ngx_string("tavus_api_names"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_api_main_conf_t, api.names),
      ngx_tavus_api_names },

    { ngx_string("tavus_api_call_limit"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_api_set_call_limit,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_api_main_conf_t, call_limit),
      NULL },

    { ngx_string("tavus_trusted_certificate"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_api_set_trusted,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_api_main_conf_t, trusted_certificate),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_api_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_api_create_main_conf,        /* create main configuration */
    ngx_tavus_api_init_main_conf,          /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_tavus_api_module = {
    NGX_MODULE_V1,
    &ngx_tavus_api_module_ctx,             /* module context */
    ngx_tavus_api_commands,                /* module directives */
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
ngx_tavus_api_set_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_api_main_conf_t *amcf = conf;

    ngx_str_t  *value, *key;

    key = &amcf->api.key;

    if (key->data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (amcf->api.peer == NULL) {
        ngx_tavus_place_note(cf, &amcf->api_place);
    }

    return ngx_tavus_secret_read_key(cf, &value[0], &value[1],
                                     TAVUS_SECRET_MIN, key);
}


static char *
ngx_tavus_api_set_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_api_main_conf_t *amcf = conf;

    ngx_str_t  *value;

    if (amcf->api.peer) {
        return "is duplicate";
    }

    ngx_tavus_place_note(cf, &amcf->api_place);

    value = cf->args->elts;

    amcf->api.peer = ngx_tavus_curl_parse(cf, &value[1]);

    return amcf->api.peer ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_tavus_api_set_trusted(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_api_main_conf_t *amcf = conf;

    ngx_tavus_place_note(cf, &amcf->trusted_place);

    return ngx_conf_set_str_slot(cf, cmd, conf);
}


static char *
ngx_tavus_api_set_call_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_api_main_conf_t *amcf = conf;

    char  *rv;

    rv = ngx_conf_set_sec_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (amcf->call_limit < NGX_TAVUS_API_CALL_MIN
        || amcf->call_limit > NGX_TAVUS_API_CALL_MAX)
    {
        return "must be from 30s to 1d";
    }

    return NGX_CONF_OK;
}


static void *
ngx_tavus_api_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_api_main_conf_t  *amcf;

    amcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_api_main_conf_t));
    if (amcf == NULL) {
        return NULL;
    }

    amcf->api.timeout = NGX_CONF_UNSET_MSEC;
    amcf->api.names = NGX_CONF_UNSET_UINT;
    amcf->call_limit = NGX_CONF_UNSET;

    return amcf;
}


static char *
ngx_tavus_api_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_tavus_api_main_conf_t *amcf = conf;

    ngx_conf_init_msec_value(amcf->api.timeout, 15000);
    ngx_conf_init_uint_value(amcf->api.names, NGX_TAVUS_API_CURRENT);
    ngx_conf_init_value(amcf->call_limit, 0);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_tavus_api_trust(ngx_conf_t *cf, ngx_tavus_api_main_conf_t *amcf)
{
    if (amcf->trusted_certificate.len == 0) {
        ngx_str_set(&amcf->trusted_certificate, NGX_TAVUS_API_CA_BUNDLE);
        amcf->trusted_place = amcf->api_place;

    } else if (ngx_conf_full_name(cf->cycle, &amcf->trusted_certificate, 1)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    amcf->trusted = ngx_tavus_curl_trust(cf, &amcf->trusted_certificate);
    if (amcf->trusted == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "could not load certificates from \"%V\" in %V:%ui",
                      &amcf->trusted_certificate, &amcf->trusted_place.file,
                      amcf->trusted_place.line);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_tavus_api_check(ngx_conf_t *cf, ngx_tavus_api_main_conf_t *amcf,
    ngx_uint_t others, ngx_uint_t sandbox, ngx_resolver_t *resolver,
    ngx_msec_t resolver_timeout)
{
    if ((amcf->api.key.len || others)
        && ngx_tavus_api_trust(cf, amcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (amcf->api.key.len == 0) {
        return NGX_OK;
    }

    return ngx_tavus_service_check(cf, &amcf->api.peer, "tavus_api_url",
                                   NGX_TAVUS_API_URL, &amcf->api_place,
                                   sandbox, resolver, resolver_timeout);
}
