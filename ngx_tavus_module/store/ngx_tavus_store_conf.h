
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_STORE_CONF_H_INCLUDED_
#define _NGX_TAVUS_STORE_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "event/ngx_tavus_directive.h"
#include "store/ngx_tavus_store.h"


/* tavus_database, tavus_journal and what belongs to them */

typedef struct {
    ngx_tavus_store_conf_t     store;
    ngx_str_t                  password;
    ngx_tavus_place_t          database_place;
    ngx_tavus_place_t          journal_place;
} ngx_tavus_store_main_conf_t;


/*
 * When all is read: that hosts can be resolved, and that a journal has a
 * database.
 */
ngx_int_t ngx_tavus_store_check(ngx_conf_t *cf,
    ngx_tavus_store_main_conf_t *smcf, ngx_resolver_t *resolver,
    ngx_msec_t resolver_timeout);

/*
 * Takes over the folders that journals were in before this reload: events
 * may lie there, and old workers write there until they end.
 */
ngx_int_t ngx_tavus_store_former_journals(ngx_conf_t *cf,
    ngx_tavus_store_main_conf_t *smcf);


extern ngx_module_t  ngx_tavus_store_module;


#endif /* _NGX_TAVUS_STORE_CONF_H_INCLUDED_ */
