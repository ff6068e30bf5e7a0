
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_stripe_list.h"
#include "core/tavus_event.h"


typedef struct {
    int64_t        from;
    int64_t        to;              /* -1: any */
    ngx_str_t     *after;
    ngx_uint_t     limit;
    ngx_uint_t     events;
    ngx_uint_t     whole;
} ngx_tavus_stripe_query_t;


static ngx_int_t ngx_tavus_stripe_ask(ngx_tavus_stripe_t *stripe,
    const char *path, ngx_tavus_stripe_query_t *query,
    ngx_tavus_curl_pt handler, void *data);
static void ngx_tavus_stripe_query(tavus_form_t *form,
    ngx_tavus_stripe_query_t *query);
static void ngx_tavus_stripe_metadata(const char *p,
    tavus_json_member_t *member, char *order);
static void ngx_tavus_stripe_copy(const char *p, tavus_json_member_t *member,
    char *buf, size_t size);


/* what orders are made of: twenty types, which is what may be asked for */

static const char  *ngx_tavus_stripe_types[] = {
    "checkout.session.completed", "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed", "checkout.session.expired",
    "payment_intent.payment_failed", "charge.refunded",
    "charge.dispute.created", "charge.dispute.updated",
    "charge.dispute.closed", "refund.created", "refund.updated",
    "refund.failed", "invoice.paid", "invoice.payment_failed",
    "invoice_payment.paid", "customer.subscription.created",
    "customer.subscription.updated", "customer.subscription.deleted",
    "customer.subscription.paused", "customer.subscription.resumed", NULL
};


ngx_int_t
ngx_tavus_stripe_events(ngx_tavus_stripe_t *stripe, int64_t since,
    ngx_str_t *after, ngx_uint_t limit, ngx_uint_t whole,
    ngx_tavus_curl_pt handler, void *data)
{
    ngx_tavus_stripe_query_t  query;

    query.from = since;
    query.to = -1;
    query.after = after;
    query.limit = limit;
    query.events = 1;
    query.whole = whole;

    return ngx_tavus_stripe_ask(stripe, "/v1/events?", &query, handler, data);
}


ngx_int_t
ngx_tavus_stripe_sessions(ngx_tavus_stripe_t *stripe, int64_t from,
    int64_t to, ngx_str_t *after, ngx_tavus_curl_pt handler, void *data)
{
    ngx_tavus_stripe_query_t  query;

    query.from = from;
    query.to = to;
    query.after = after;
    query.limit = NGX_TAVUS_STRIPE_PAGE;
    query.events = 0;
    query.whole = 0;

    return ngx_tavus_stripe_ask(stripe, "/v1/checkout/sessions?", &query,
                                handler, data);
}


ngx_int_t
ngx_tavus_stripe_expire(ngx_tavus_stripe_t *stripe, const char *id,
    ngx_tavus_curl_pt handler, void *data)
{
    u_char            *p;
    ngx_tavus_curl_t  *t;

    t = ngx_tavus_stripe_transfer(stripe, "POST", handler, data);
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->timeout = ngx_min(t->timeout, NGX_TAVUS_STRIPE_LIST_MS);

    p = ngx_pnalloc(t->pool, sizeof("/v1/checkout/sessions//expire")
                             + ngx_strlen(id));
    if (p == NULL) {
        ngx_tavus_curl_cancel(t);
        return NGX_ERROR;
    }

    t->path.data = p;
    t->path.len = ngx_sprintf(p, "/v1/checkout/sessions/%s/expire", id) - p;

    return ngx_tavus_curl_send(t);
}


static ngx_int_t
ngx_tavus_stripe_ask(ngx_tavus_stripe_t *stripe, const char *path,
    ngx_tavus_stripe_query_t *query, ngx_tavus_curl_pt handler, void *data)
{
    u_char            *p;
    size_t             len;
    tavus_form_t       form;
    ngx_tavus_curl_t  *t;

    t = ngx_tavus_stripe_transfer(stripe, "GET", handler, data);
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->max = NGX_TAVUS_STRIPE_LIST_MAX;
    t->timeout = ngx_min(t->timeout, NGX_TAVUS_STRIPE_LIST_MS);
    len = ngx_strlen(path);

    tavus_form_init(&form, NULL, 0);
    ngx_tavus_stripe_query(&form, query);

    p = ngx_pnalloc(t->pool, len + form.len + 1);

    if (p == NULL || form.status != TAVUS_FORM_OK) {
        ngx_tavus_curl_cancel(t);
        return NGX_ERROR;
    }

    t->path.data = p;
    t->path.len = len + form.len;

    p = ngx_cpymem(p, path, len);

    tavus_form_init(&form, (char *) p, form.len);
    ngx_tavus_stripe_query(&form, query);

    return ngx_tavus_curl_send(t);
}


static void
ngx_tavus_stripe_query(tavus_form_t *form, ngx_tavus_stripe_query_t *query)
{
    char         name[sizeof("types[]") + NGX_INT_T_LEN];
    ngx_uint_t   i;
    const char  *type;

    tavus_form_add_number(form, "limit", query->limit);
    tavus_form_add_number(form, "created[gte]", query->from);

    if (query->to >= 0) {
        tavus_form_add_number(form, "created[lte]", query->to);
    }

    if (query->after->len) {
        tavus_form_add(form, "starting_after", (char *) query->after->data,
                       query->after->len);
    }

    if (!query->events) {
        return;
    }

    if (!query->whole) {
        tavus_form_add(form, "delivery_success", "false", 5);
        return;
    }

    for (i = 0; ngx_tavus_stripe_types[i]; i++) {
        type = ngx_tavus_stripe_types[i];
        ngx_sprintf((u_char *) name, "types[%ui]%Z", i);

        tavus_form_add(form, name, type, ngx_strlen(type));
    }
}


ngx_int_t
ngx_tavus_stripe_list(ngx_tavus_curl_t *t, ngx_tavus_stripe_list_t *list)
{
    char                *data;
    tavus_json_member_t  m[2];

    m[0].name = "data";
    m[1].name = "has_more";

    data = (char *) t->answer.data;

    /* an event that jsonb cannot hold is one that quarantine can */

    switch (tavus_json_check(data, t->answer.len, m, 2, NULL)) {

    case TAVUS_JSON_OK:
    case TAVUS_JSON_NUL:
    case TAVUS_JSON_SURROGATE:
    case TAVUS_JSON_NUMBER:
        break;

    default:
        return NGX_ERROR;
    }

    if (m[0].count != 1 || m[0].type != '[' || m[1].count != 1
        || (m[1].type != 't' && m[1].type != 'f'))
    {
        return NGX_ERROR;
    }

    list->more = m[1].type == 't';
    tavus_json_array(&list->data, data, &m[0]);

    return NGX_OK;
}


ngx_int_t
ngx_tavus_stripe_next_event(ngx_tavus_stripe_list_t *list,
    ngx_tavus_stripe_event_t *event)
{
    size_t                len;
    const char           *p;
    tavus_json_member_t   m[3];

    while (tavus_json_next(&list->data, &p, &len)) {

        if (*p != '{') {
            continue;
        }

        m[0].name = "id";
        m[1].name = "type";
        m[2].name = "created";

        event->json.data = (u_char *) p;
        event->json.len = len;
        event->status = tavus_json_check(p, len, m, 3, NULL);
        event->id = m[0];
        event->type = m[1];
        event->created = m[2];

        return NGX_OK;
    }

    return NGX_DONE;
}


ngx_int_t
ngx_tavus_stripe_next_session(ngx_tavus_stripe_list_t *list,
    ngx_tavus_stripe_session_t *session)
{
    int                   n;
    char                  status[8];
    size_t                len;
    int64_t               time;
    const char           *p;
    tavus_json_member_t   m[4];

    while (tavus_json_next(&list->data, &p, &len)) {

        m[0].name = "id";
        m[1].name = "metadata";
        m[2].name = "status";
        m[3].name = "expires_at";

        if (*p != '{'
            || tavus_json_check(p, len, m, 4, NULL) != TAVUS_JSON_OK)
        {
            continue;
        }

        ngx_tavus_stripe_copy(p, &m[0], session->id, sizeof(session->id));

        if (!ngx_tavus_stripe_valid_id((u_char *) session->id,
                                       ngx_strlen(session->id), "cs_"))
        {
            continue;
        }

        ngx_tavus_stripe_metadata(p, &m[1], session->order);

        n = tavus_json_string(p, &m[2], status, sizeof(status));

        session->open = n == 4 && ngx_memcmp(status, "open", 4) == 0;
        session->expires = tavus_event_member_time(p, &m[3], &time) == 0
                           ? time / 1000000 : -1;

        return NGX_OK;
    }

    return NGX_DONE;
}


static void
ngx_tavus_stripe_metadata(const char *p, tavus_json_member_t *member,
    char *order)
{
    tavus_json_member_t  m;

    order[0] = '\0';

    if (member->count && member->type == '{') {
        p += member->value_start;
        m.name = "order_id";

        (void) tavus_json_check(p, member->value_end - member->value_start,
                                &m, 1, NULL);

        ngx_tavus_stripe_copy(p, &m, order, NGX_TAVUS_STRIPE_WORD);
    }
}


/* empty, if it is no string or too long */

static void
ngx_tavus_stripe_copy(const char *p, tavus_json_member_t *member, char *buf,
    size_t size)
{
    int  len;

    len = tavus_json_string(p, member, buf, size - 1);

    buf[len > 0 ? len : 0] = '\0';
}
