
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#ifndef _NGX_TAVUS_SERVER_EVENT_H_INCLUDED_
#define _NGX_TAVUS_SERVER_EVENT_H_INCLUDED_


/* Events that this server itself has to tell: source "server". */

#include <ngx_config.h>
#include <ngx_core.h>

#include "core/tavus_json.h"
#include "store/ngx_tavus_store.h"
#include "store/ngx_tavus_wish.h"


typedef struct {
    ngx_uint_t       kind;              /* ngx_tavus_kind_e */
    const char      *type;
    ngx_str_t        conversation_id;   /* empty: none */
    const uint8_t   *nonce;             /* of the create */
    ngx_uint_t       bound;             /* the nonce is the conversation's */
    ngx_str_t        cause;             /* what makes it one of its own */
    ngx_uint_t       once;              /* whenever it is told */
    int64_t          time;              /* its own, microseconds; or 0 */
} ngx_tavus_server_event_t;


/*
 * Queues the event with data as its body; as ngx_tavus_store_put().  Two of
 * the same type, nonce and cause in a millisecond are one; and at any time,
 * if it is to be told once.
 */
ngx_tavus_row_t *ngx_tavus_server_event(ngx_tavus_server_event_t *event,
    cJSON *data, ngx_tavus_store_pt handler, void *handler_data);

/* Queues it as a wish, without a conversation; as ngx_tavus_wish_put(). */
ngx_int_t ngx_tavus_server_wish(ngx_tavus_server_event_t *event,
    cJSON *data, ngx_tavus_wish_t *wish, ngx_tavus_store_pt handler,
    void *handler_data);

/*
 * The event alone, for who queues it by other means.  It points into event,
 * and its body is the caller's to free with cJSON_free(), in any case.
 */
ngx_int_t ngx_tavus_server_event_make(ngx_tavus_event_t *ev,
    ngx_tavus_server_event_t *event, cJSON *data);


#endif /* _NGX_TAVUS_SERVER_EVENT_H_INCLUDED_ */
