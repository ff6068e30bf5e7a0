
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_conversation.h"
#include "http/ngx_tavus_response.h"
#include "core/tavus_json.h"
#include "core/tavus_uuid.h"


ngx_int_t
ngx_tavus_create_pending(ngx_http_request_t *r, ngx_tavus_create_t *c)
{
    char                  ticket[TAVUS_UUID_TEXT_LEN + 1];
    cJSON                *json;
    ngx_int_t             rc;
    ngx_tavus_verdict_t  *v;

    if (ngx_tavus_create_cookie(r, c) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    v = &c->call->wish.verdict;

    tavus_uuid_format(v->ticket, ticket);
    ticket[TAVUS_UUID_TEXT_LEN] = '\0';

    json = cJSON_CreateObject();

    if (cJSON_AddStringToObject(json, "status", "pending")
        && cJSON_AddStringToObject(json, "ticket", ticket)
        && cJSON_AddNumberToObject(json, "position", v->position)
        && (v->wait < 0 || cJSON_AddNumberToObject(json, "wait", v->wait)))
    {
        rc = ngx_tavus_send_json(r, NGX_HTTP_ACCEPTED, json);

    } else {
        rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cJSON_Delete(json);

    return rc;
}
