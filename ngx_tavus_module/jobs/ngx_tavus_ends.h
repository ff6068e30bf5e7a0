
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_ENDS_H_INCLUDED_
#define _NGX_TAVUS_ENDS_H_INCLUDED_


/*
 * What end tokens were used for, in memory that all workers share: what
 * became of the visitors' wishes to end a conversation, so that a token costs
 * one request to Tavus, and how much of it was relayed.
 */

#include <ngx_config.h>
#include <ngx_core.h>

#include "core/tavus_signature.h"


typedef struct ngx_tavus_ends_s  ngx_tavus_ends_t;


typedef enum {
    NGX_TAVUS_END_NONE = 0,         /* go ahead: it is the caller's now */
    NGX_TAVUS_END_UNDER_WAY,
    NGX_TAVUS_END_UNENDED,          /* failed, and somebody sees to it */
    NGX_TAVUS_END_DONE
} ngx_tavus_end_e;


/* Makes the zone, for a configuration with a location that takes tokens. */
ngx_int_t ngx_tavus_ends_zone(ngx_conf_t *cf, ngx_tavus_ends_t **ends);

/*
 * What is known of the conversation; if nothing, the caller has so many
 * seconds to end it, until when others are told that it is under way.
 */
ngx_tavus_end_e ngx_tavus_ends_begin(ngx_tavus_ends_t *ends,
    const uint8_t nonce[TAVUS_NONCE_LEN], time_t lease);

/* What became of it, to be known for so many seconds. */
void ngx_tavus_ends_set(ngx_tavus_ends_t *ends,
    const uint8_t nonce[TAVUS_NONCE_LEN], ngx_tavus_end_e state,
    time_t keep);

/*
 * Counts n more events that are relayed with this token, which is good for so
 * many seconds yet: NGX_OK, or NGX_DECLINED if they are over the most.
 */
ngx_int_t ngx_tavus_ends_relay(ngx_tavus_ends_t *ends,
    const uint8_t nonce[TAVUS_NONCE_LEN], ngx_uint_t n, ngx_uint_t most,
    time_t keep);


#endif /* _NGX_TAVUS_ENDS_H_INCLUDED_ */
