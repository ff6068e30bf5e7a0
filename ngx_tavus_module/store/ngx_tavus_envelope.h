
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ENVELOPE_H_INCLUDED_
#define _NGX_TAVUS_ENVELOPE_H_INCLUDED_


/*
 * How what Tavus tells of an event becomes a row, whichever way it comes: by
 * a callback, or as a copy from its API.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "core/tavus_event.h"
#include "core/tavus_json.h"
#include "store/ngx_tavus_store.h"


/*
 * A member of checked JSON that an index may hold: a string of at most 200
 * bytes, copied into pool.  NGX_ERROR if it is none.
 */
ngx_int_t ngx_tavus_envelope_name(ngx_pool_t *pool, ngx_str_t *json,
    tavus_json_member_t *member, ngx_str_t *name);

/*
 * The part of the JSON that tells what an event says: the object in
 * properties, or in payload, or else the whole.  It points into json.
 */
void ngx_tavus_envelope_said(ngx_str_t *json, tavus_json_member_t *properties,
    tavus_json_member_t *payload, ngx_str_t *said);

/*
 * Sets id, digest and received of an event with conversation, type and a
 * time of its own (microseconds since 1970).
 */
ngx_int_t ngx_tavus_envelope_identify(ngx_tavus_event_t *ev, int64_t time,
    ngx_str_t *json, tavus_json_member_t *properties,
    tavus_json_member_t *payload);


#endif /* _NGX_TAVUS_ENVELOPE_H_INCLUDED_ */
