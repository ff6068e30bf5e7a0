
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_TRAIL_H_INCLUDED_
#define _NGX_TAVUS_TRAIL_H_INCLUDED_


/*
 * The trail: who changed something, or looked at what is personal, as events
 * "admin.*" of this server.  They hold ids and words, never content.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "core/tavus_json.h"
#include "store/ngx_tavus_store.h"


typedef struct {
    ngx_str_t    user;
    ngx_str_t    from;      /* the client's address, masked */
    ngx_str_t    cause;     /* the id of the request; empty: not told */
} ngx_tavus_trail_t;


/* Who and from where; members are added by the caller.  NULL: no memory. */
cJSON *ngx_tavus_trail_data(ngx_tavus_trail_t *trail);

/* Queues one, which is one of its own; as ngx_tavus_store_put(). */
ngx_tavus_row_t *ngx_tavus_trail_put(const char *type, cJSON *data,
    ngx_tavus_store_pt handler, void *handler_data);


#endif /* _NGX_TAVUS_TRAIL_H_INCLUDED_ */
