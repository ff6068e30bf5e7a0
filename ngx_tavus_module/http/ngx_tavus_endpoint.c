
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_endpoint.h"


char *
ngx_tavus_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_loc_conf_t *lcf = conf;

    ngx_str_t                 *value;
    ngx_http_conf_ctx_t       *ctx;
    ngx_tavus_endpoint_t      *e;
    ngx_tavus_location_t      *location;
    ngx_tavus_main_conf_t     *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;
    ctx = cf->ctx;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);

    if (lcf->endpoint != NULL || clcf->handler != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": the location has a handler already",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    for (e = mcf->endpoints; e->name.len; e++) {
        if (ngx_strcmp(e->name.data, value[0].data) == 0) {
            break;
        }
    }

    lcf->endpoint = e;
    clcf->handler = e->handler;

    location = ngx_array_push(&mcf->locations);
    if (location == NULL) {
        return NGX_CONF_ERROR;
    }

    location->endpoint = e;
    location->cscf = ngx_http_conf_get_module_srv_conf(cf,
                                                       ngx_http_core_module);
    location->clcf = clcf;
    location->loc_conf = ctx->loc_conf;

    ngx_tavus_place_note(cf, &location->place);

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_tavus_endpoint_block(ngx_conf_t *cf, ngx_module_t *module, void *prev)
{
    ngx_http_conf_ctx_t       *ctx;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (!clcf->noname) {
        return 0;
    }

    ctx = cf->ctx;
    ctx->loc_conf[module->ctx_index] = prev;

    return 1;
}


ngx_tavus_location_t *
ngx_tavus_endpoint_find(ngx_tavus_main_conf_t *mcf, const char *name)
{
    ngx_uint_t             i;
    ngx_tavus_location_t  *locations;

    locations = mcf->locations.elts;

    for (i = 0; i < mcf->locations.nelts; i++) {
        if (ngx_strcmp(locations[i].endpoint->name.data, name) == 0) {
            return &locations[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_tavus_endpoint_missing(ngx_conf_t *cf, ngx_tavus_location_t *location,
    const char *directive)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                  "\"%s\" is missing, which this location needs in "
                  "%V:%ui", directive, &location->place.file,
                  location->place.line);

    return NGX_ERROR;
}
