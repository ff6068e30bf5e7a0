
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_verbose.h"
#include "core/tavus_event.h"


enum {
    ngx_tavus_verbose_id = 0,
    ngx_tavus_verbose_status,
    ngx_tavus_verbose_reason,
    ngx_tavus_verbose_created_at,
    ngx_tavus_verbose_updated_at,
    ngx_tavus_verbose_events,
    ngx_tavus_verbose_count
};


static ngx_int_t ngx_tavus_verbose_refused(ngx_tavus_curl_t *t);
static void ngx_tavus_verbose_fill(ngx_tavus_curl_t *t,
    tavus_json_member_t *members, ngx_tavus_verbose_t *v);


static const char  *ngx_tavus_verbose_names[] = {
    "conversation_id", "status", "shutdown_reason", "created_at",
    "updated_at", "events"
};


ngx_int_t
ngx_tavus_verbose_get(ngx_tavus_api_t *api, ngx_str_t *conversation_id,
    ngx_tavus_curl_pt handler, void *data)
{
    u_char            *p;
    ngx_tavus_curl_t  *t;

    if (!ngx_tavus_api_valid_id(conversation_id->data, conversation_id->len))
    {
        return NGX_ERROR;
    }

    t = ngx_tavus_api_transfer(api, "GET", handler, data);
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->max = NGX_TAVUS_VERBOSE_MAX;

    p = ngx_pnalloc(t->pool, sizeof("/v2/conversations/?verbose=true")
                             + conversation_id->len);
    if (p == NULL) {
        ngx_tavus_curl_cancel(t);
        return NGX_ERROR;
    }

    t->path.data = p;
    t->path.len = ngx_sprintf(p, "/v2/conversations/%V?verbose=true",
                              conversation_id)
                  - p;

    return ngx_tavus_curl_send(t);
}


ngx_int_t
ngx_tavus_verbose_read(ngx_tavus_curl_t *t, ngx_str_t *conversation_id,
    ngx_tavus_verbose_t *v)
{
    int                   len;
    char                  text[NGX_TAVUS_VERBOSE_REASON];
    ngx_uint_t            i;
    tavus_json_member_t  *m, members[ngx_tavus_verbose_count];

    if (t->rc != CURLE_OK || t->status != 200) {
        return ngx_tavus_verbose_refused(t);
    }

    for (i = 0; i < ngx_tavus_verbose_count; i++) {
        members[i].name = ngx_tavus_verbose_names[i];
    }

    /* an event that jsonb cannot hold is one that quarantine can */

    switch (tavus_json_check((char *) t->answer.data, t->answer.len, members,
                             ngx_tavus_verbose_count, NULL))
    {
    case TAVUS_JSON_OK:
    case TAVUS_JSON_NUL:
    case TAVUS_JSON_SURROGATE:
    case TAVUS_JSON_NUMBER:
        break;

    default:
        return NGX_ERROR;
    }

    m = &members[ngx_tavus_verbose_id];
    len = tavus_json_string((char *) t->answer.data, m, text, sizeof(text));

    if (len < 0 || (size_t) len != conversation_id->len
        || ngx_memcmp(text, conversation_id->data, len) != 0)
    {
        return NGX_ERROR;
    }

    m = &members[ngx_tavus_verbose_status];
    len = tavus_json_string((char *) t->answer.data, m, text, sizeof(text));

    if (len == 5 && ngx_memcmp(text, "ended", 5) == 0) {
        v->ended = 1;

    } else if (len == 6 && ngx_memcmp(text, "active", 6) == 0) {
        v->ended = 0;

    } else {
        return NGX_ERROR;
    }

    m = &members[ngx_tavus_verbose_events];

    if (m->count && m->type != '[' && m->type != 'n') {
        return NGX_ERROR;
    }

    ngx_tavus_verbose_fill(t, members, v);

    return NGX_OK;
}


/* a 404 without Tavus's words is one of something in between */

static ngx_int_t
ngx_tavus_verbose_refused(ngx_tavus_curl_t *t)
{
    if (t->rc != CURLE_OK) {
        return t->excess ? NGX_ERROR : NGX_BUSY;
    }

    if (t->status == 410 || ngx_tavus_api_unknown(t)) {
        return NGX_DECLINED;
    }

    switch (t->status) {

    case 401:
    case 402:
    case 403:
    case 408:
    case 429:
        return NGX_BUSY;

    default:
        return t->status >= 500 ? NGX_BUSY : NGX_ERROR;
    }
}


static void
ngx_tavus_verbose_fill(ngx_tavus_curl_t *t, tavus_json_member_t *members,
    ngx_tavus_verbose_t *v)
{
    int          len;
    char        *data;
    int64_t      created;
    ngx_str_t    reason;

    static const char  reached[] = " reached";

    data = (char *) t->answer.data;

    len = tavus_json_string(data, &members[ngx_tavus_verbose_reason],
                            (char *) v->reason, NGX_TAVUS_VERBOSE_REASON);

    reason.data = v->reason;
    reason.len = ngx_max(len, 0);

    /* as in the callback's reason, the same with and without it */

    if (reason.len > sizeof(reached) - 1
        && ngx_memcmp(reason.data + reason.len - (sizeof(reached) - 1),
                      reached, sizeof(reached) - 1) == 0)
    {
        reason.len -= sizeof(reached) - 1;
    }

    v->reason[reason.len] = '\0';

    if (tavus_event_member_time(data, &members[ngx_tavus_verbose_updated_at],
                                &v->updated)
        != 0)
    {
        v->updated = -1;
    }

    v->age = -1;

    if (t->date
        && tavus_event_member_time(data,
                                   &members[ngx_tavus_verbose_created_at],
                                   &created)
           == 0)
    {
        v->age = t->date - (time_t) (created / 1000000);
    }

    tavus_json_array(&v->events, data, &members[ngx_tavus_verbose_events]);
}


/* some know the type of an event by another name */

ngx_int_t
ngx_tavus_verbose_next(ngx_tavus_verbose_t *v,
    ngx_tavus_verbose_event_t *event)
{
    size_t                len;
    const char           *p;
    tavus_json_member_t   m[5];

    while (tavus_json_next(&v->events, &p, &len)) {

        if (*p != '{') {
            continue;
        }

        m[0].name = "event_type";
        m[1].name = "message_type";
        m[2].name = "timestamp";
        m[3].name = "properties";
        m[4].name = "payload";

        event->json.data = (u_char *) p;
        event->json.len = len;
        event->status = tavus_json_check(p, len, m, 5, NULL);
        event->type = m[0].count ? m[0] : m[1];
        event->time = m[2];
        event->properties = m[3];
        event->payload = m[4];

        return NGX_OK;
    }

    return NGX_DONE;
}
