
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_VERBOSE_H_INCLUDED_
#define _NGX_TAVUS_VERBOSE_H_INCLUDED_


/*
 * A conversation with its events, as Tavus has it: GET
 * /v2/conversations/{id}?verbose=true.  It repeats what was sent as
 * callbacks, but for their envelopes.
 */

#include "core/tavus_json_array.h"
#include "service/ngx_tavus_api.h"


#define NGX_TAVUS_VERBOSE_MAX     (8 * 1024 * 1024)
#define NGX_TAVUS_VERBOSE_REASON  200


typedef struct {
    ngx_uint_t           ended;
    u_char               reason[NGX_TAVUS_VERBOSE_REASON + 1];  /* or empty */
    int64_t              updated;   /* microseconds since 1970, -1: unknown */
    time_t               age;       /* seconds, by Tavus's own clock; or -1 */
    tavus_json_array_t   events;
} ngx_tavus_verbose_t;


typedef struct {
    ngx_str_t             json;
    tavus_json_status_t   status;
    tavus_json_member_t   type;
    tavus_json_member_t   time;
    tavus_json_member_t   properties;
    tavus_json_member_t   payload;
} ngx_tavus_verbose_event_t;


/* Asks for it; as ngx_tavus_curl_send(). */
ngx_int_t ngx_tavus_verbose_get(ngx_tavus_api_t *api,
    ngx_str_t *conversation_id, ngx_tavus_curl_pt handler, void *data);

/*
 * Reads the answer, of which v points into the transfer's.  NGX_OK;
 * NGX_DECLINED if Tavus has no such conversation; NGX_BUSY if Tavus refuses
 * or fails whoever asks; NGX_ERROR if this answer cannot be used.
 */
ngx_int_t ngx_tavus_verbose_read(ngx_tavus_curl_t *t,
    ngx_str_t *conversation_id, ngx_tavus_verbose_t *v);

/* The next of its events that is an object: NGX_OK, or NGX_DONE. */
ngx_int_t ngx_tavus_verbose_next(ngx_tavus_verbose_t *v,
    ngx_tavus_verbose_event_t *event);


#endif /* _NGX_TAVUS_VERBOSE_H_INCLUDED_ */
