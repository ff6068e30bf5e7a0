
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_conversation.h"
#include "guard/ngx_tavus_ticket.h"
#include "jobs/ngx_tavus_line.h"
#include "http/ngx_tavus_response.h"
#include "core/tavus_json.h"


ngx_int_t
ngx_tavus_create_pending(ngx_http_request_t *r, ngx_tavus_create_t *c)
{
    ngx_str_t             ticket;
    ngx_tavus_verdict_t  *v;

    v = &c->call->wish.verdict;

    if (ngx_tavus_ticket_make(r, r->pool, v->ticket, &c->visitor, &c->asked,
                              &ticket)
        != NGX_OK
        || ngx_tavus_create_cookie(r, c) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* who never asks is to be looked for, too, or would not lapse */

    (void) ngx_tavus_line_asked(v->ticket);

    return ngx_tavus_pending_send(r, &ticket, v->position, v->wait);
}


ngx_int_t
ngx_tavus_pending_send(ngx_http_request_t *r, ngx_str_t *ticket,
    ngx_uint_t position, ngx_int_t wait)
{
    cJSON      *json;
    ngx_int_t   rc;

    json = cJSON_CreateObject();

    if (cJSON_AddStringToObject(json, "status", "pending")
        && (ticket->len == 0
            || cJSON_AddStringToObject(json, "ticket", (char *) ticket->data))
        && (position == 0
            || cJSON_AddNumberToObject(json, "position", position))
        && (wait < 0 || cJSON_AddNumberToObject(json, "wait", wait)))
    {
        rc = ngx_tavus_send_json(r, NGX_HTTP_ACCEPTED, json);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cJSON_Delete(json);

    return rc;
}
