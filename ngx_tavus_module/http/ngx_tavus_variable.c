
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_variable.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_endpoint.h"
#include "core/tavus_random.h"


static ngx_int_t ngx_tavus_string_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_tavus_time_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_tavus_main_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static void ngx_tavus_make_request_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *vv);


static ngx_http_variable_t  ngx_tavus_variables[] = {

    { ngx_string("tavus_event_type"), NULL, ngx_tavus_string_variable,
      offsetof(ngx_tavus_ctx_t, event_type), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tavus_conversation_id"), NULL, ngx_tavus_string_variable,
      offsetof(ngx_tavus_ctx_t, conversation_id),
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tavus_verify"), NULL, ngx_tavus_string_variable,
      offsetof(ngx_tavus_ctx_t, verify), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tavus_key_id"), NULL, ngx_tavus_string_variable,
      offsetof(ngx_tavus_ctx_t, key_id), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tavus_store"), NULL, ngx_tavus_string_variable,
      offsetof(ngx_tavus_ctx_t, store), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tavus_store_time"), NULL, ngx_tavus_time_variable,
      offsetof(ngx_tavus_ctx_t, store_time), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tavus_upstream_time"), NULL, ngx_tavus_time_variable,
      offsetof(ngx_tavus_ctx_t, upstream_time), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("tavus_features"), NULL, ngx_tavus_main_variable,
      offsetof(ngx_tavus_main_conf_t, features), 0, 0 },

    { ngx_string("tavus_public_origin"), NULL, ngx_tavus_main_variable,
      offsetof(ngx_tavus_main_conf_t, public_origin), 0, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_tavus_add_variables(ngx_conf_t *cf)
{
    return ngx_tavus_variables_add(cf, ngx_tavus_variables);
}


ngx_int_t
ngx_tavus_variables_add(ngx_conf_t *cf, ngx_http_variable_t *variables)
{
    ngx_http_variable_t  *var, *v;

    for (v = variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_string_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t        *s;
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_find_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    s = (ngx_str_t *) ((u_char *) ctx + data);

    if (s->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->len = s->len;
    v->data = s->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_time_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    u_char           *p;
    ngx_msec_int_t    ms;
    ngx_tavus_ctx_t  *ctx;

    ctx = ngx_tavus_find_ctx(r);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    ms = *(ngx_msec_int_t *) ((u_char *) ctx + data);

    if (ms < 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_TIME_T_LEN + 4);
    if (p == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(p, "%T.%03M", (time_t) ms / 1000,
                         (ngx_msec_t) ms % 1000) - p;
    v->data = p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_main_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t              *s;
    ngx_tavus_main_conf_t  *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

    s = (ngx_str_t *) ((u_char *) mcf + data);

    if (s->len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->len = s->len;
    v->data = s->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


ngx_str_t *
ngx_tavus_request_id(ngx_http_request_t *r)
{
    ngx_str_t                  *id;
    ngx_tavus_main_conf_t      *mcf;
    ngx_http_variable_value_t  *vv;

    static ngx_str_t  none = ngx_string("");

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);

    vv = &r->variables[mcf->request_id_index];

    if (!vv->valid && !vv->not_found) {
        ngx_tavus_make_request_id(r, vv);
    }

    /* who asked for it before has had nginx make it */

    vv = ngx_http_get_indexed_variable(r, mcf->request_id_index);

    if (vv == NULL || vv->not_found) {
        return &none;
    }

    id = ngx_palloc(r->pool, sizeof(ngx_str_t));
    if (id == NULL) {
        return &none;
    }

    id->data = vv->data;
    id->len = vv->len;

    return id;
}


/*
 * nginx makes 16 bytes at each request, which costs more than all else that
 * an event costs beside its MAC.
 */

static void
ngx_tavus_make_request_id(ngx_http_request_t *r,
    ngx_http_variable_value_t *vv)
{
    u_char  *p, id[TAVUS_RANDOM_ID_LEN];

    p = ngx_pnalloc(r->pool, 2 * TAVUS_RANDOM_ID_LEN);

    if (p == NULL || tavus_random_id(id) != 0) {
        return;
    }

    (void) ngx_hex_dump(p, id, TAVUS_RANDOM_ID_LEN);

    vv->len = 2 * TAVUS_RANDOM_ID_LEN;
    vv->data = p;
    vv->valid = 1;
    vv->no_cacheable = 0;
    vv->not_found = 0;
}
