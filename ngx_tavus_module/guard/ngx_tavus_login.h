
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_LOGIN_H_INCLUDED_
#define _NGX_TAVUS_LOGIN_H_INCLUDED_


/*
 * Failed logins are counted for the node, in shared memory, and told as an
 * event "system.login_failed", the first at once and then at most one a
 * minute, with how many there were.
 */

#include <ngx_config.h>
#include <ngx_core.h>


void ngx_tavus_login_failed(void);

/* Once for a configuration that has users; *pool is set when it is made. */
ngx_int_t ngx_tavus_login_add_zone(ngx_conf_t *cf, ngx_slab_pool_t **pool);

/* NULL, as without a database: nothing is told. */
void ngx_tavus_login_init_process(ngx_slab_pool_t *pool);


#endif /* _NGX_TAVUS_LOGIN_H_INCLUDED_ */
