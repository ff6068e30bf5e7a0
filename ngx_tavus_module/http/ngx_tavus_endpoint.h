
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ENDPOINT_H_INCLUDED_
#define _NGX_TAVUS_ENDPOINT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "event/ngx_tavus_directive.h"


/* how an endpoint is guarded, and what it needs */

#define NGX_TAVUS_ASKS_ORIGIN      0x01     /* wherever it stands */
#define NGX_TAVUS_ASKS_LOGIN       0x02     /* where there are users */
#define NGX_TAVUS_ASKS_LOGIN_FULL  0x04     /* for "full" in its arguments */
#define NGX_TAVUS_SUBREQUESTS      0x08     /* it carries its own proof */
#define NGX_TAVUS_UNGUARDED        0x10     /* answers for other locations */
#define NGX_TAVUS_NEEDS_DATABASE   0x20
#define NGX_TAVUS_NEEDS_API        0x40     /* at Tavus */


typedef struct ngx_tavus_location_s  ngx_tavus_location_t;


/* what a location can be: a row of the table in ngx_tavus_module.c */

typedef struct {
    ngx_str_t                  name;            /* of the directive */
    ngx_http_handler_pt        handler;
    ngx_uint_t                 methods;         /* for a preflight */
    ngx_uint_t                 flags;

    /* that the location has what it needs, said if not; NULL: nothing */
    ngx_int_t                (*check)(ngx_conf_t *cf,
                                      ngx_tavus_location_t *location);
} ngx_tavus_endpoint_t;


/* a location with an endpoint, for what is judged when all is read */

struct ngx_tavus_location_s {
    ngx_tavus_endpoint_t      *endpoint;
    ngx_http_core_srv_conf_t  *cscf;
    ngx_http_core_loc_conf_t  *clcf;
    void                     **loc_conf;
    ngx_tavus_place_t          place;
};


#define ngx_tavus_location_conf(location, module)                            \
    (location)->loc_conf[module.ctx_index]


/* what features share */

typedef struct {
    ngx_tavus_endpoint_t      *endpoints;       /* ends with an empty name */
    ngx_array_t                locations;       /* ngx_tavus_location_t */

    ngx_flag_t                 sandbox;
    ngx_tavus_place_t          sandbox_place;
    ngx_str_t                  public_origin;
    ngx_str_t                  features;        /* of $tavus_features */

    ngx_resolver_t            *resolver;        /* NULL if not configured */
    ngx_msec_t                 resolver_timeout;
    ngx_int_t                  request_id_index;

    unsigned                   guarded:1;       /* limits, origins, users */
    unsigned                   tokens:1;        /* some tavus_webhook tavus */
} ngx_tavus_main_conf_t;


typedef struct {
    ngx_tavus_endpoint_t      *endpoint;        /* NULL: none of ours */
} ngx_tavus_loc_conf_t;


/* A directive that makes the location an endpoint: its row has its name. */
char *ngx_tavus_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * For the merge of a module's location configuration: whether the block is
 * an "if" or a "limit_except".  None of our directives may stand there; what
 * runs there does so with the configuration of the location itself.
 */
ngx_uint_t ngx_tavus_endpoint_block(ngx_conf_t *cf, ngx_module_t *module,
    void *prev);

/* Whether a location has an endpoint with that name; NULL if none has. */
ngx_tavus_location_t *ngx_tavus_endpoint_find(ngx_tavus_main_conf_t *mcf,
    const char *name);

/* Says that a directive is missing that a location needs. */
ngx_int_t ngx_tavus_endpoint_missing(ngx_conf_t *cf,
    ngx_tavus_location_t *location, const char *directive);


extern ngx_module_t  ngx_tavus_module;


#endif /* _NGX_TAVUS_ENDPOINT_H_INCLUDED_ */
