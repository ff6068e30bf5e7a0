
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_DELIVER_H_INCLUDED_
#define _NGX_TAVUS_DELIVER_H_INCLUDED_


/*
 * What is stored goes on to the destinations of tavus_deliver: the first
 * worker claims what each is to get next (sql/deliver.sql) when a worker of
 * this node has stored something, and else every few seconds.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_destination.h"


/*
 * The memory in which workers count what they have stored, in *stored when
 * it is there.
 */
ngx_int_t ngx_tavus_deliver_zone(ngx_conf_t *cf, ngx_atomic_t **stored);

/*
 * destinations are ngx_tavus_destination_t *, and one more if there is what
 * is to be erased elsewhere, which does not look at what is stored.
 */
ngx_int_t ngx_tavus_deliver_init_process(ngx_array_t *destinations,
    ngx_tavus_destination_t *erase, ngx_atomic_t *stored);
void ngx_tavus_deliver_exit_process(void);


#endif /* _NGX_TAVUS_DELIVER_H_INCLUDED_ */
