
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_webhook_read.h"
#include "store/ngx_tavus_envelope.h"
#include "core/tavus_event.h"
#include "core/tavus_json.h"


static void ngx_tavus_webhook_flat(ngx_pool_t *pool,
    ngx_tavus_webhook_t *w, ngx_tavus_event_t *ev);
static void ngx_tavus_webhook_conversation(ngx_pool_t *pool,
    ngx_tavus_webhook_t *w, ngx_tavus_event_t *ev);
static void ngx_tavus_webhook_text(ngx_pool_t *pool, ngx_str_t *object,
    tavus_json_member_t *member, ngx_str_t *text, const char *unfit,
    ngx_str_t *reason);


/* an authentic webhook is never refused for its content */

void
ngx_tavus_webhook_read(ngx_pool_t *pool, ngx_tavus_webhook_t *w,
    ngx_tavus_event_t *ev)
{
    const char            *reason;
    ngx_uint_t             tavus, type;

    tavus = (w->conf->scheme == NGX_TAVUS_SCHEME_TAVUS);
    type = tavus ? ngx_tavus_member_event_type : ngx_tavus_member_type;

    ngx_str_set(&ev->event_type, "unknown");

    if (w->status != TAVUS_JSON_OK) {
        reason = tavus_json_reason(w->status);

        ev->reason.data = (u_char *) reason;
        ev->reason.len = ngx_strlen(reason);
    }

    if (w->members[type].count) {
        ngx_tavus_webhook_text(pool, &w->body, &w->members[type],
                               &ev->event_type, "unfit_event_type",
                               &ev->reason);

    } else if (tavus && w->status == TAVUS_JSON_OK) {
        ngx_tavus_webhook_flat(pool, w, ev);
    }

    if (tavus) {
        ngx_tavus_webhook_conversation(pool, w, ev);
    }
}


/* the callbacks of some things have no envelope */

static void
ngx_tavus_webhook_flat(ngx_pool_t *pool, ngx_tavus_webhook_t *w,
    ngx_tavus_event_t *ev)
{
    size_t   len;
    u_char  *p;

    p = ngx_pnalloc(pool, TAVUS_EVENT_MAX_NAME);
    if (p == NULL) {
        return;
    }

    len = tavus_event_flat((char *) w->body.data, w->body.len, (char *) p);

    if (len) {
        ev->event_type.data = p;
        ev->event_type.len = len;
    }
}


/* beside what an event says, or among it */

static void
ngx_tavus_webhook_conversation(ngx_pool_t *pool, ngx_tavus_webhook_t *w,
    ngx_tavus_event_t *ev)
{
    ngx_str_t            said;
    tavus_json_member_t  inner, *m;

    said = w->body;
    m = &w->members[ngx_tavus_member_conversation_id];

    if ((m->count == 0 || m->type == 'n') && w->status == TAVUS_JSON_OK) {
        ngx_tavus_envelope_said(&w->body,
                                &w->members[ngx_tavus_member_properties],
                                &w->members[ngx_tavus_member_payload], &said);

        inner.name = "conversation_id";
        m = &inner;

        (void) tavus_json_check((char *) said.data, said.len, m, 1, NULL);
    }

    if (m->count && m->type != 'n') {
        ngx_tavus_webhook_text(pool, &said, m, &ev->conversation_id,
                               "unfit_conversation_id", &ev->reason);
    }
}


static void
ngx_tavus_webhook_text(ngx_pool_t *pool, ngx_str_t *object,
    tavus_json_member_t *member, ngx_str_t *text, const char *unfit,
    ngx_str_t *reason)
{
    if (ngx_tavus_envelope_name(pool, object, member, text) == NGX_OK) {
        return;
    }

    if (reason->len == 0) {
        reason->data = (u_char *) unfit;
        reason->len = ngx_strlen(unfit);
    }
}
