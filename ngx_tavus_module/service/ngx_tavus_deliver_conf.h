
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_DELIVER_CONF_H_INCLUDED_
#define _NGX_TAVUS_DELIVER_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "service/ngx_tavus_destination.h"


typedef struct {
    ngx_array_t          destinations;      /* ngx_tavus_destination_t * */
    ngx_tavus_destination_t *erase;         /* NULL: Tavus has nothing */
    ngx_atomic_t        *stored;            /* see ngx_tavus_deliver_zone() */
    ngx_str_t            origin;            /* of the site; len 0: none */
    ngx_array_t          transcripts;       /* tavus_part_t: verticals whose
                                               mails have them */
} ngx_tavus_deliver_main_conf_t;


/*
 * When all is read, and the origin and transcripts are set: judges addresses,
 * which are those of a sandbox only if there is to be one.
 */
ngx_int_t ngx_tavus_deliver_check(ngx_conf_t *cf,
    ngx_tavus_deliver_main_conf_t *dmcf, ngx_uint_t sandbox,
    ngx_resolver_t *resolver, ngx_msec_t resolver_timeout);


/* directive: tavus_deliver service [name=name] [from=beginning] { … } */
extern ngx_module_t  ngx_tavus_deliver_module;


#endif /* _NGX_TAVUS_DELIVER_CONF_H_INCLUDED_ */
