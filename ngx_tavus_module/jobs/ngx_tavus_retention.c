
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_retention.h"


#define NGX_TAVUS_RETENTION_DAY      (24 * 3600)
#define NGX_TAVUS_RETENTION_DEFAULT  (400 * NGX_TAVUS_RETENTION_DAY)


typedef struct {
    ngx_str_t     name;
    ngx_uint_t    least;        /* days */
} ngx_tavus_retention_kind_t;


static char *ngx_tavus_retention_one(ngx_conf_t *cf, ngx_str_t *arg,
    ngx_uint_t first, ngx_tavus_retention_t *retention);


/* months are dropped whole, and two are kept in any case */

static const ngx_tavus_retention_kind_t
    ngx_tavus_retention_kinds[NGX_TAVUS_KEEP_KINDS] =
{
    { ngx_string("events"), 60 },
    { ngx_string("browser"), 1 },
    { ngx_string("contacts"), 1 },
    { ngx_string("transcripts"), 1 },
    { ngx_string("trail"), 30 }
};


void
ngx_tavus_retention_create(ngx_tavus_retention_t *retention)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_TAVUS_KEEP_KINDS; i++) {
        retention->keep[i] = NGX_CONF_UNSET;
    }
}


char *
ngx_tavus_retention_set(ngx_conf_t *cf, ngx_tavus_retention_t *retention)
{
    time_t       events;
    ngx_str_t   *value;
    ngx_uint_t   i;

    for (i = 0; i < NGX_TAVUS_KEEP_KINDS; i++) {
        if (retention->keep[i] != NGX_CONF_UNSET) {
            return "is duplicate";
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_tavus_retention_one(cf, &value[i], i == 1, retention)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    events = retention->keep[NGX_TAVUS_KEEP_EVENTS];

    if (events == NGX_CONF_UNSET) {
        events = NGX_TAVUS_RETENTION_DEFAULT;
    }

    for (i = 0; i < NGX_TAVUS_KEEP_KINDS; i++) {
        if (retention->keep[i] > events) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"tavus_retention\" cannot keep \"%V\" "
                               "longer than events, which are kept for %Td",
                               &ngx_tavus_retention_kinds[i].name,
                               events / NGX_TAVUS_RETENTION_DAY);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


/* what has no name is that of events, and comes first */

static char *
ngx_tavus_retention_one(ngx_conf_t *cf, ngx_str_t *arg, ngx_uint_t first,
    ngx_tavus_retention_t *retention)
{
    u_char      *p;
    time_t       time;
    ngx_str_t    name, text;
    ngx_uint_t   i;

    const ngx_tavus_retention_kind_t  *kind;

    text = *arg;
    p = ngx_strlchr(arg->data, arg->data + arg->len, '=');

    if (p) {
        name.data = arg->data;
        name.len = p - arg->data;
        text.data = p + 1;
        text.len = arg->data + arg->len - text.data;

    } else if (first) {
        name = ngx_tavus_retention_kinds[NGX_TAVUS_KEEP_EVENTS].name;

    } else {
        ngx_str_set(&name, "");
    }

    for (i = 0; i < NGX_TAVUS_KEEP_KINDS; i++) {
        kind = &ngx_tavus_retention_kinds[i];

        if (name.len == kind->name.len
            && ngx_strncmp(name.data, kind->name.data, name.len) == 0)
        {
            break;
        }
    }

    if (i == NGX_TAVUS_KEEP_KINDS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"tavus_retention\" has an unknown parameter "
                           "\"%V\": it knows \"events\", \"browser\", "
                           "\"contacts\", \"transcripts\" and \"trail\"",
                           arg);
        return NGX_CONF_ERROR;
    }

    if (retention->keep[i] != NGX_CONF_UNSET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"tavus_retention\" has \"%V\" twice",
                           &kind->name);
        return NGX_CONF_ERROR;
    }

    time = ngx_parse_time(&text, 1);

    if (time == (time_t) NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"tavus_retention\" has an invalid time "
                           "\"%V\"", arg);
        return NGX_CONF_ERROR;
    }

    if (time < (time_t) kind->least * NGX_TAVUS_RETENTION_DAY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"tavus_retention\" must keep \"%V\" for at "
                           "least %uid", &kind->name, kind->least);
        return NGX_CONF_ERROR;
    }

    retention->keep[i] = time;

    return NGX_CONF_OK;
}


void
ngx_tavus_retention_init(ngx_tavus_retention_t *retention)
{
    ngx_uint_t  i;

    ngx_conf_init_value(retention->keep[NGX_TAVUS_KEEP_EVENTS],
                        NGX_TAVUS_RETENTION_DEFAULT);

    for (i = 1; i < NGX_TAVUS_KEEP_KINDS; i++) {
        ngx_conf_init_value(retention->keep[i],
                            retention->keep[NGX_TAVUS_KEEP_EVENTS]);
    }
}


ngx_int_t
ngx_tavus_retention_json(ngx_pool_t *pool, ngx_tavus_retention_t *retention,
    ngx_str_t *json)
{
    u_char      *p;
    size_t       len;
    ngx_uint_t   i;

    len = sizeof("{}");

    for (i = 0; i < NGX_TAVUS_KEEP_KINDS; i++) {
        len += ngx_tavus_retention_kinds[i].name.len + NGX_TIME_T_LEN
               + sizeof("\"\":,") - 1;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    json->data = p;

    /* a part of a day counts as one: no longer than it says */

    for (i = 0; i < NGX_TAVUS_KEEP_KINDS; i++) {
        p = ngx_sprintf(p, "%c\"%V\":%T", i ? ',' : '{',
                        &ngx_tavus_retention_kinds[i].name,
                        (retention->keep[i] + NGX_TAVUS_RETENTION_DAY - 1)
                        / NGX_TAVUS_RETENTION_DAY);
    }

    *p++ = '}';

    json->len = p - json->data;

    return NGX_OK;
}
