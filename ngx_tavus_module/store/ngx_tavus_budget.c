
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "store/ngx_tavus_budget.h"


typedef struct {
    const char                *name;
    ngx_int_t                  max;
    size_t                     offset;
} ngx_tavus_budget_limit_t;


static char *ngx_tavus_budget(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_tavus_budget_limit(ngx_conf_t *cf, ngx_tavus_budget_t *budget,
    ngx_str_t *value);
static char *ngx_tavus_budget_json(ngx_conf_t *cf,
    ngx_tavus_budget_t *budget);
static void *ngx_tavus_budget_create_main_conf(ngx_conf_t *cf);


/* the names are those of the members that tavus.record_wishes() reads */

static const ngx_tavus_budget_limit_t  ngx_tavus_budget_limits[] = {
    { "active", 10000, offsetof(ngx_tavus_budget_t, active) },
    { "day", 1000000, offsetof(ngx_tavus_budget_t, day) },
    { "minutes", 1000000, offsetof(ngx_tavus_budget_t, minutes) },
    { "visitor_day", 1000000, offsetof(ngx_tavus_budget_t, visitor_day) },
    { "line", 1000, offsetof(ngx_tavus_budget_t, line) },
    { NULL, 0, 0 }
};


static ngx_command_t  ngx_tavus_budget_commands[] = {

    { ngx_string("tavus_budget"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_tavus_budget,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_budget_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_budget_create_main_conf,     /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_tavus_budget_module = {
    NGX_MODULE_V1,
    &ngx_tavus_budget_module_ctx,          /* module context */
    ngx_tavus_budget_commands,             /* module directives */
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
ngx_tavus_budget(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_budget_t *budget = conf;

    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (budget->json.len) {
        return "is duplicate";
    }

    ngx_tavus_place_note(cf, &budget->place);

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        rv = ngx_tavus_budget_limit(cf, budget, &value[i]);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (budget->line && budget->active == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"line\" of \"%V\" needs \"active\", as nobody "
                           "waits where there is always a place", &value[0]);
        return NGX_CONF_ERROR;
    }

    return ngx_tavus_budget_json(cf, budget);
}


static char *
ngx_tavus_budget_limit(ngx_conf_t *cf, ngx_tavus_budget_t *budget,
    ngx_str_t *value)
{
    size_t                           len;
    u_char                          *p;
    ngx_int_t                        n;
    ngx_uint_t                      *limit;
    const ngx_tavus_budget_limit_t  *l;

    p = ngx_strlchr(value->data, value->data + value->len, '=');
    len = p ? (size_t) (p - value->data) : value->len;

    for (l = ngx_tavus_budget_limits; l->name; l++) {
        if (p && ngx_strlen(l->name) == len
            && ngx_strncmp(l->name, value->data, len) == 0)
        {
            break;
        }
    }

    if (l->name == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid limit \"%V\", it is one of active, day, "
                           "minutes, visitor_day and line with \"=\" and a "
                           "number", value);
        return NGX_CONF_ERROR;
    }

    limit = (ngx_uint_t *) ((u_char *) budget + l->offset);

    if (*limit) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "duplicate limit \"%V\"",
                           value);
        return NGX_CONF_ERROR;
    }

    n = ngx_atoi(value->data + len + 1, value->len - len - 1);

    if (n < 1 || n > l->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid limit \"%V\", it is a number from 1 to "
                           "%i", value, l->max);
        return NGX_CONF_ERROR;
    }

    *limit = (ngx_uint_t) n;

    return NGX_CONF_OK;
}


/* with a NUL behind it, as libpq wants a text */

static char *
ngx_tavus_budget_json(ngx_conf_t *cf, ngx_tavus_budget_t *budget)
{
    u_char                          *p;
    ngx_uint_t                       limit;
    const ngx_tavus_budget_limit_t  *l;

    p = ngx_pnalloc(cf->pool, 256);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    budget->json.data = p;

    for (l = ngx_tavus_budget_limits; l->name; l++) {
        limit = *(ngx_uint_t *) ((u_char *) budget + l->offset);

        if (limit) {
            p = ngx_sprintf(p, "%c\"%s\":%ui",
                            p == budget->json.data ? '{' : ',', l->name,
                            limit);
        }
    }

    *p++ = '}';
    *p = '\0';

    budget->json.len = p - budget->json.data;

    return NGX_CONF_OK;
}


static void *
ngx_tavus_budget_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_budget_t));
}
