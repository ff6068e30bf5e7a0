
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "store/ngx_tavus_envelope.h"


ngx_int_t
ngx_tavus_envelope_name(ngx_pool_t *pool, ngx_str_t *json,
    tavus_json_member_t *member, ngx_str_t *name)
{
    int      len;
    u_char  *p;

    p = ngx_pnalloc(pool, TAVUS_EVENT_MAX_NAME);
    if (p == NULL) {
        return NGX_ERROR;
    }

    len = tavus_json_string((char *) json->data, member, (char *) p,
                            TAVUS_EVENT_MAX_NAME);
    if (len <= 0) {
        return NGX_ERROR;
    }

    name->data = p;
    name->len = len;

    return NGX_OK;
}


void
ngx_tavus_envelope_said(ngx_str_t *json, tavus_json_member_t *properties,
    tavus_json_member_t *payload, ngx_str_t *said)
{
    tavus_json_member_t  *m;

    m = properties;

    if (m->count == 0 || m->type != '{') {
        m = payload;
    }

    *said = *json;

    if (m->count && m->type == '{') {
        said->data = json->data + m->value_start;
        said->len = m->value_end - m->value_start;
    }
}


ngx_int_t
ngx_tavus_envelope_identify(ngx_tavus_event_t *ev, int64_t time,
    ngx_str_t *json, tavus_json_member_t *properties,
    tavus_json_member_t *payload)
{
    ngx_str_t                said;
    tavus_part_t             conversation, type;
    tavus_event_identity_t   id;

    ngx_tavus_envelope_said(json, properties, payload, &said);

    conversation.data = ev->conversation_id.data;
    conversation.len = ev->conversation_id.len;
    type.data = ev->event_type.data;
    type.len = ev->event_type.len;

    tavus_event_identity(&id, &conversation, &type, time,
                         (char *) said.data, said.len);

    return ngx_tavus_store_identify(ev, time, id.parts, id.n);
}
