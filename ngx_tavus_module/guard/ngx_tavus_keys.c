
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_keys.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_endpoint.h"
#include "event/ngx_tavus_directive.h"
#include "event/ngx_tavus_secret.h"


/* ms between lines that anybody can cause */
#define NGX_TAVUS_KEYS_SELDOM  60000


typedef struct {
    ngx_str_t                value;
    ngx_str_t                id;
    ngx_tavus_place_t        place;
} ngx_tavus_secret_t;


static char *ngx_tavus_keys_secret(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static void *ngx_tavus_keys_create_main_conf(ngx_conf_t *cf);
static void *ngx_tavus_keys_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_keys_merge_loc_conf(ngx_conf_t *cf, void *parent, void
    *child);
static void ngx_tavus_keys_free(void *data);


static ngx_command_t  ngx_tavus_keys_commands[] = {

    { ngx_string("tavus_webhook_secret"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_tavus_keys_secret,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_keys_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_keys_create_main_conf,       /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_tavus_keys_create_loc_conf,        /* create location configuration */
    ngx_tavus_keys_merge_loc_conf          /* merge location configuration */
};


ngx_module_t  ngx_tavus_keys_module = {
    NGX_MODULE_V1,
    &ngx_tavus_keys_module_ctx,            /* module context */
    ngx_tavus_keys_commands,               /* module directives */
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


/*
 * Another node may sign with a key that this one was not given, and then
 * authentic callbacks are lost.  Anybody can send such a token, though.
 */

void
ngx_tavus_keys_unknown(ngx_http_request_t *r, ngx_str_t *token)
{
    size_t      len;
    u_char      c;
    ngx_str_t   id;

    static ngx_msec_t  said;
    static ngx_uint_t  n, once;

    n++;

    if (once && ngx_current_msec - said < NGX_TAVUS_KEYS_SELDOM) {
        return;
    }

    for (len = 0; len < token->len && len < TAVUS_KEY_ID_MAX; len++) {
        c = token->data[len];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            break;
        }
    }

    id.data = token->data;
    id.len = len;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "token of a key \"%V\" that is not configured here, %ui of "
                  "unknown keys since the last such line", &id, n);

    once = 1;
    said = ngx_current_msec;
    n = 0;
}


void
ngx_tavus_keys_verified(ngx_http_request_t *r, ngx_tavus_keys_t *keys,
    size_t i, const char *how)
{
    const char       *id;
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_get_ctx(r);
    id = tavus_key_id(keys->elts[i]);

    ctx->verify.data = (u_char *) how;
    ctx->verify.len = ngx_strlen(how);
    ctx->key_id.data = (u_char *) id;
    ctx->key_id.len = ngx_strlen(id);

    ngx_tavus_key_use_now(keys->uses[i]);
}


static char *
ngx_tavus_keys_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_keys_loc_conf_t *klcf = conf;

    ngx_str_t           *value;
    ngx_uint_t           i;
    ngx_tavus_secret_t  *secret, *other;

    value = cf->args->elts;

    if (value[2].len <= 3 || ngx_strncmp(value[2].data, "id=", 3) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" needs an \"id=\" after the secret",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (klcf->secrets == NULL) {
        klcf->secrets = ngx_array_create(cf->pool, 2,
                                        sizeof(ngx_tavus_secret_t));
        if (klcf->secrets == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (klcf->secrets->nelts == NGX_TAVUS_MAX_KEYS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d secrets in one place",
                           NGX_TAVUS_MAX_KEYS);
        return NGX_CONF_ERROR;
    }

    secret = ngx_array_push(klcf->secrets);
    if (secret == NULL) {
        return NGX_CONF_ERROR;
    }

    secret->id.data = value[2].data + 3;
    secret->id.len = value[2].len - 3;

    ngx_tavus_place_note(cf, &secret->place);

    other = klcf->secrets->elts;

    for (i = 0; i < klcf->secrets->nelts - 1; i++) {
        if (other[i].id.len == secret->id.len
            && ngx_strncmp(other[i].id.data, secret->id.data, secret->id.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate secret id \"%V\"", &secret->id);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_tavus_secret_read(cf, &value[0], &value[1], TAVUS_SECRET_MIN,
                              &secret->value)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* nobody could say which of the two verified, or whether one may go */

    for (i = 0; i < klcf->secrets->nelts - 1; i++) {
        if (other[i].value.len == secret->value.len
            && ngx_memcmp(other[i].value.data, secret->value.data,
                          secret->value.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "secret \"%V\" has the same value as \"%V\"",
                               &secret->id, &other[i].id);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static void *
ngx_tavus_keys_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_key_uses_t));
}


static void *
ngx_tavus_keys_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_keys_loc_conf_t));
}


static char *
ngx_tavus_keys_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_tavus_keys_loc_conf_t *prev = parent;
    ngx_tavus_keys_loc_conf_t *conf = child;

    if (ngx_tavus_endpoint_block(cf, &ngx_tavus_keys_module, prev)) {
        return NGX_CONF_OK;
    }

    /* a Stripe secret belongs to its endpoint alone */

    if (conf->secrets == NULL && !conf->own && !prev->own) {
        conf->secrets = prev->secrets;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_tavus_keys_make(ngx_conf_t *cf, ngx_tavus_keys_loc_conf_t *klcf,
    tavus_secret_form_t form, const char *scheme)
{
    ngx_int_t              rc;
    const char            *error;
    ngx_uint_t             i;
    ngx_tavus_secret_t    *secret;
    ngx_pool_cleanup_t    *cln;
    ngx_tavus_key_uses_t  *uses;

    uses = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_keys_module);

    klcf->keys = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_keys_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (klcf->keys == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_tavus_keys_free;
    cln->data = klcf->keys;

    secret = klcf->secrets->elts;

    for (i = 0; i < klcf->secrets->nelts; i++) {

        klcf->keys->elts[i] = tavus_key_create((char *) secret[i].id.data,
                                               secret[i].id.len,
                                               (char *) secret[i].value.data,
                                               secret[i].value.len, form,
                                               &error);

        if (klcf->keys->elts[i] == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "secret \"%V\": %s in %V:%ui", &secret[i].id,
                          error, &secret[i].place.file,
                          secret[i].place.line);
            return NGX_ERROR;
        }

        klcf->keys->nelts++;

        rc = ngx_tavus_key_use_add(cf, uses, scheme,
                                   tavus_key_id(klcf->keys->elts[i]),
                                   &klcf->keys->uses[i]);

        if (rc == NGX_DECLINED) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "more than %d secrets in all locations in %V:%ui",
                          NGX_TAVUS_KEY_USES, &secret[i].place.file,
                          secret[i].place.line);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_tavus_keys_free(void *data)
{
    ngx_tavus_keys_t  *keys = data;

    ngx_uint_t  i;

    for (i = 0; i < keys->nelts; i++) {
        tavus_key_free(keys->elts[i]);
    }
}
