
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "store/ngx_tavus_server_event.h"
#include "core/tavus_signature.h"


ngx_tavus_row_t *
ngx_tavus_server_event(ngx_tavus_server_event_t *event, cJSON *data,
    ngx_tavus_store_pt handler, void *handler_data)
{
    ngx_tavus_row_t    *row;
    ngx_tavus_event_t   ev;

    row = NULL;

    if (ngx_tavus_server_event_make(&ev, event, data) == NGX_OK) {
        row = ngx_tavus_store_put(&ev, handler, handler_data);
    }

    cJSON_free(ev.body.data);

    return row;
}


ngx_int_t
ngx_tavus_server_wish(ngx_tavus_server_event_t *event, cJSON *data,
    ngx_tavus_wish_t *wish, ngx_tavus_store_pt handler, void *handler_data)
{
    ngx_int_t          rc;
    ngx_tavus_event_t  ev;

    rc = ngx_tavus_server_event_make(&ev, event, data);

    if (rc == NGX_OK) {
        rc = ngx_tavus_wish_put(&ev, wish, handler, handler_data);
    }

    cJSON_free(ev.body.data);

    return rc;
}


ngx_int_t
ngx_tavus_server_event_make(ngx_tavus_event_t *ev,
    ngx_tavus_server_event_t *event, cJSON *data)
{
    tavus_part_t  parts[4];

    ngx_memzero(ev, sizeof(ngx_tavus_event_t));

    ev->body.data = (u_char *) cJSON_PrintUnformatted(data);
    if (ev->body.data == NULL) {
        return NGX_ERROR;
    }

    ev->body.len = ngx_strlen(ev->body.data);
    ev->kind = event->kind;
    ngx_str_set(&ev->source, "server");
    ev->event_type.data = (u_char *) event->type;
    ev->event_type.len = ngx_strlen(event->type);
    ev->conversation_id = event->conversation_id;

    if (event->bound) {
        ev->bound = 1;
        ngx_memcpy(ev->nonce, event->nonce, TAVUS_NONCE_LEN);
    }

    parts[0].data = ev->source.data;
    parts[0].len = ev->source.len;
    parts[1].data = event->type;
    parts[1].len = ev->event_type.len;
    parts[2].data = event->nonce;
    parts[2].len = TAVUS_NONCE_LEN;
    parts[3].data = event->cause.data;
    parts[3].len = event->cause.len;

    if (ngx_tavus_store_identify(ev, event->time > 0 ? event->time : -1,
                                 parts, 4)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* its id is its own: nobody sends it a second time */

    ev->floating = event->once;

    return NGX_OK;
}
