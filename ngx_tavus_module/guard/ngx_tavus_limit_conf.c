
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "guard/ngx_tavus_limit.h"
#include "guard/ngx_tavus_limit_zone.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_endpoint.h"
#include "core/tavus_bucket.h"


#define NGX_TAVUS_LIMIT_NAME  64                /* of a zone */

/* what a zone counts */

#define NGX_TAVUS_LIMIT_REQUESTS  1
#define NGX_TAVUS_LIMIT_BYTES     2


static char *ngx_tavus_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static char *ngx_tavus_limit_parse_key(ngx_conf_t *cf, ngx_str_t *value,
    ngx_tavus_limit_zone_t *key);
static char *ngx_tavus_limit_parse_zone(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name, size_t *size);
static char *ngx_tavus_limit_parse_rate(ngx_conf_t *cf, ngx_str_t *value,
    tavus_bucket_rate_t *rate, ngx_uint_t *units);
static ngx_int_t ngx_tavus_limit_parse_tokens(u_char *p, u_char *last,
    ngx_uint_t *units);
static char *ngx_tavus_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static void *ngx_tavus_limit_create_main_conf(ngx_conf_t *cf);
static void *ngx_tavus_limit_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_limit_merge_loc_conf(ngx_conf_t *cf, void *parent, void
    *child);


static ngx_command_t  ngx_tavus_limit_commands[] = {

    { ngx_string("tavus_limit_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_tavus_limit_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_tavus_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_limit_module_ctx = {
    ngx_tavus_limit_add_variables,         /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_limit_create_main_conf,      /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_tavus_limit_create_loc_conf,       /* create location configuration */
    ngx_tavus_limit_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_tavus_limit_module = {
    NGX_MODULE_V1,
    &ngx_tavus_limit_module_ctx,           /* module context */
    ngx_tavus_limit_commands,              /* module directives */
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
ngx_tavus_limit_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    size_t                    size;
    ngx_str_t                *value, name;
    ngx_int_t                 n;
    ngx_uint_t                i, masks, units;
    tavus_bucket_rate_t       rate;
    ngx_tavus_limit_zone_t   *zone, key;

    value = cf->args->elts;

    size = 0;
    masks = 0;
    units = 0;
    ngx_str_null(&name);
    ngx_memzero(&rate, sizeof(tavus_bucket_rate_t));
    ngx_memzero(&key, sizeof(ngx_tavus_limit_zone_t));

    key.v4 = 32;
    key.v6 = 64;

    if (ngx_tavus_limit_parse_key(cf, &value[1], &key) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {

            if (ngx_tavus_limit_parse_zone(cf, &value[i], &name, &size)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "rate=", 5) == 0) {

            if (ngx_tavus_limit_parse_rate(cf, &value[i], &rate, &units)
                != NGX_CONF_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "capacity=", 9) == 0) {

            n = ngx_tavus_limit_parse_tokens(value[i].data + 9,
                                             value[i].data + value[i].len,
                                             &units);

            if (n < 1 || n > TAVUS_BUCKET_MAX_CAPACITY) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid capacity \"%V\", it must be "
                                   "between 1 and %d, or 1k and %dk bytes",
                                   &value[i], TAVUS_BUCKET_MAX_CAPACITY,
                                   TAVUS_BUCKET_MAX_CAPACITY);
                return NGX_CONF_ERROR;
            }

            rate.capacity = (uint32_t) n;

            continue;
        }

        if (ngx_strncmp(value[i].data, "v4=", 3) == 0
            || ngx_strncmp(value[i].data, "v6=", 3) == 0)
        {
            n = ngx_atoi(value[i].data + 3, value[i].len - 3);

            if (n < 1 || n > (value[i].data[1] == '4' ? 32 : 128)) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid prefix length \"%V\"",
                                   &value[i]);
                return NGX_CONF_ERROR;
            }

            if (value[i].data[1] == '4') {
                key.v4 = n;

            } else {
                key.v6 = n;
            }

            masks = 1;

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (name.len == 0 || rate.rate == 0 || rate.capacity == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"%s\" parameter", &cmd->name,
                           name.len == 0 ? "zone"
                           : rate.rate == 0 ? "rate" : "capacity");
        return NGX_CONF_ERROR;
    }

    if (units == (NGX_TAVUS_LIMIT_REQUESTS|NGX_TAVUS_LIMIT_BYTES)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"rate\" and \"capacity\" of limit zone \"%V\" "
                           "must both count requests or both bytes", &name);
        return NGX_CONF_ERROR;
    }

    if (masks && !key.addr) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"v4\" and \"v6\" of limit zone \"%V\" need "
                           "the key \"$binary_remote_addr\"", &name);
        return NGX_CONF_ERROR;
    }

    zone = ngx_tavus_limit_add_zone(cf, &name, size, &rate,
                                    units == NGX_TAVUS_LIMIT_BYTES);
    if (zone == NULL) {
        return NGX_CONF_ERROR;
    }

    zone->source = value[1];
    zone->key = key.key;
    zone->addr = key.addr;
    zone->v4 = key.v4;
    zone->v6 = key.v6;

    return NGX_CONF_OK;
}


static char *
ngx_tavus_limit_parse_key(ngx_conf_t *cf, ngx_str_t *value,
    ngx_tavus_limit_zone_t *key)
{
    ngx_http_compile_complex_value_t  ccv;

    if (value->len == sizeof("$binary_remote_addr") - 1
        && ngx_strncmp(value->data, "$binary_remote_addr", value->len) == 0)
    {
        key->addr = 1;
        return NGX_CONF_OK;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = &key->key;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_limit_parse_zone(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *name,
    size_t *size)
{
    u_char     *p, *last;
    ssize_t     n;
    ngx_str_t   s;

    last = value->data + value->len;

    name->data = value->data + 5;
    p = ngx_strlchr(name->data, last, ':');

    if (p == NULL || p == name->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone \"%V\", it must be name:size",
                           value);
        return NGX_CONF_ERROR;
    }

    name->len = p - name->data;

    s.data = p + 1;
    s.len = last - s.data;

    n = ngx_parse_size(&s);

    if (n == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\"", value);
        return NGX_CONF_ERROR;
    }

    if (n < (ssize_t) (8 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small, it needs %uz bytes",
                           value, 8 * ngx_pagesize);
        return NGX_CONF_ERROR;
    }

    *size = (size_t) n;

    /* the name stands between quotes in a header */

    for (p = name->data; p < name->data + name->len; p++) {
        if (name->len > NGX_TAVUS_LIMIT_NAME
            || !((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
                 || (*p >= '0' && *p <= '9')
                 || *p == '_' || *p == '-' || *p == '.'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid zone name \"%V\"", name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_limit_parse_rate(ngx_conf_t *cf, ngx_str_t *value,
    tavus_bucket_rate_t *rate, ngx_uint_t *units)
{
    u_char      *p, *last;
    ngx_int_t    n;
    ngx_uint_t   requests;

    p = value->data + sizeof("rate=") - 1;
    last = value->data + value->len - 2;

    if (last - p < 2 || last[0] != '/') {
        goto invalid;
    }

    switch (last[1]) {

    case 's':
        rate->period = 1000;
        break;

    case 'm':
        rate->period = 60000;
        break;

    case 'h':
        rate->period = 3600000;
        break;

    default:
        goto invalid;
    }

    /* "5r/m", or "256k/m" */

    requests = (last[-1] == 'r');
    last -= requests;

    if (requests != (last[-1] >= '0' && last[-1] <= '9')) {
        goto invalid;
    }

    n = ngx_tavus_limit_parse_tokens(p, last, units);

    if (n < 1 || n > TAVUS_BUCKET_MAX_RATE) {
        goto invalid;
    }

    rate->rate = (uint32_t) n;

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid rate \"%V\", it must be a number between "
                       "1 and %d followed by r/s, r/m or r/h, or by k/s, "
                       "k/m or k/h", value, TAVUS_BUCKET_MAX_RATE);
    return NGX_CONF_ERROR;
}


/* a number of requests, or of KiB where it ends in k or m; or NGX_ERROR */

static ngx_int_t
ngx_tavus_limit_parse_tokens(u_char *p, u_char *last, ngx_uint_t *units)
{
    ngx_str_t  s;

    if (p == last) {
        return NGX_ERROR;
    }

    if (last[-1] >= '0' && last[-1] <= '9') {
        *units |= NGX_TAVUS_LIMIT_REQUESTS;

        return ngx_atoi(p, last - p);
    }

    *units |= NGX_TAVUS_LIMIT_BYTES;

    s.data = p;
    s.len = last - p;

    return ngx_parse_size(&s) / 1024;
}


static char *
ngx_tavus_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_limit_loc_conf_t *llcf = conf;

    ngx_str_t               *value, name;
    ngx_uint_t               i, dry_run;
    ngx_tavus_limit_t       *limits, limit;
    ngx_tavus_main_conf_t   *mcf;
    ngx_tavus_limit_zone_t  *zone;

    value = cf->args->elts;

    dry_run = 0;
    ngx_str_null(&name);

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {
            name.data = value[i].data + 5;
            name.len = value[i].len - 5;
            continue;
        }

        if (ngx_strcmp(value[i].data, "dry_run") == 0) {
            dry_run = 1;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\"", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have \"zone\" parameter", &cmd->name);
        return NGX_CONF_ERROR;
    }

    zone = ngx_tavus_limit_find_zone(cf, &name);

    if (zone == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown limit zone \"%V\", \"tavus_limit_zone\" "
                           "must come before its use", &name);
        return NGX_CONF_ERROR;
    }

    if (llcf->limits == NULL) {
        llcf->limits = ngx_array_create(cf->pool, 2,
                                       sizeof(ngx_tavus_limit_t));
        if (llcf->limits == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    limits = llcf->limits->elts;

    for (i = 0; i < llcf->limits->nelts; i++) {
        if (limits[i].zone == zone) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "limit zone \"%V\" is used twice here",
                               &name);
            return NGX_CONF_ERROR;
        }
    }

    if (i == NGX_TAVUS_MAX_LIMITS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d limits in one place",
                           NGX_TAVUS_MAX_LIMITS);
        return NGX_CONF_ERROR;
    }

    if (ngx_array_push(llcf->limits) == NULL) {
        return NGX_CONF_ERROR;
    }

    limits = llcf->limits->elts;

    /* kept in the order in which the zones are locked */

    limit.zone = zone;
    limit.dry_run = dry_run;

    while (i && ngx_tavus_limit_before(zone, limits[i - 1].zone)) {
        limits[i] = limits[i - 1];
        i--;
    }

    limits[i] = limit;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);
    mcf->guarded = 1;

    return NGX_CONF_OK;
}


static void *
ngx_tavus_limit_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_limit_main_conf_t  *lmcf;

    lmcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_limit_main_conf_t));

    if (lmcf == NULL
        || ngx_array_init(&lmcf->zones, cf->pool, 4,
                          sizeof(ngx_tavus_limit_zone_t *))
           != NGX_OK)
    {
        return NULL;
    }

    return lmcf;
}


static void *
ngx_tavus_limit_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_limit_loc_conf_t));
}


static char *
ngx_tavus_limit_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_tavus_limit_loc_conf_t *prev = parent;
    ngx_tavus_limit_loc_conf_t *conf = child;

    if (ngx_tavus_endpoint_block(cf, &ngx_tavus_limit_module, prev)) {
        return NGX_CONF_OK;
    }

    if (conf->limits == NULL) {
        conf->limits = prev->limits;
    }

    return NGX_CONF_OK;
}
