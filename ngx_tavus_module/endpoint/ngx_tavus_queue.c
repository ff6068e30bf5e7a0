
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_queue.h"
#include "guard/ngx_tavus_visitor.h"
#include "http/ngx_tavus_header.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "store/ngx_tavus_budget.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_QUEUE_BODY   8192         /* bytes: a ticket and its name */
#define NGX_TAVUS_QUEUE_HOLD   20000        /* ms, and what it may be */
#define NGX_TAVUS_QUEUE_LEAST  2000         /* a look, and some */
#define NGX_TAVUS_QUEUE_MOST   30000
#define NGX_TAVUS_QUEUE_FRESH  3000         /* ms, of places that are free */
#define NGX_TAVUS_QUEUE_AGAIN  1000

/* requests that a worker holds, and of one ticket */

#define NGX_TAVUS_QUEUE_MAX    512
#define NGX_TAVUS_QUEUE_TABS   8


typedef struct {
    ngx_msec_t                 hold;
} ngx_tavus_queue_loc_conf_t;


static void ngx_tavus_queue_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_queue_read(ngx_http_request_t *r, cJSON *root,
    ngx_tavus_ticket_t *ticket);
static ngx_tavus_queue_t *ngx_tavus_queue_group(const uint8_t *id);
static ngx_int_t ngx_tavus_queue_hold(ngx_http_request_t *r,
    ngx_tavus_queue_t *group, ngx_tavus_queue_ask_t *ask);
static void ngx_tavus_queue_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_queue_drop(ngx_tavus_queue_ask_t *ask);
static void ngx_tavus_queue_turn(void *data);
static void ngx_tavus_queue_overdue(ngx_tavus_queue_t *group,
    ngx_uint_t all);
static void ngx_tavus_queue_advance(ngx_tavus_queue_t *group);
static void ngx_tavus_queue_spent(ngx_tavus_queue_t *group,
    const ngx_tavus_line_view_t *view);
static ngx_int_t ngx_tavus_queue_pending(ngx_http_request_t *r,
    ngx_tavus_ticket_t *ticket, ngx_uint_t position, ngx_uint_t retry_after);

static char *ngx_tavus_queue(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static void *ngx_tavus_queue_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_queue_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


const ngx_tavus_call_answer_t  ngx_tavus_queue_expired = {
    410, "ticket_expired", 0, "The place in the line is lost.", NULL
};


static ngx_command_t  ngx_tavus_queue_commands[] = {

    { ngx_string("tavus_queue"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS|NGX_CONF_TAKE1,
      ngx_tavus_queue,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_queue_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_tavus_queue_create_loc_conf,       /* create location configuration */
    ngx_tavus_queue_merge_loc_conf         /* merge location configuration */
};


ngx_module_t  ngx_tavus_queue_module = {
    NGX_MODULE_V1,
    &ngx_tavus_queue_module_ctx,           /* module context */
    ngx_tavus_queue_commands,              /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_queue_t  ngx_tavus_queue_groups;
static ngx_uint_t   ngx_tavus_queue_held;


ngx_int_t
ngx_tavus_queue_handler(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_tavus_allow(r, NGX_HTTP_POST, "POST");

    if (rc == NGX_OK) {
        rc = ngx_tavus_allow_json(r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_tavus_read_body(r, NGX_TAVUS_QUEUE_BODY, ngx_tavus_queue_body);
}


static void
ngx_tavus_queue_body(ngx_http_request_t *r, ngx_str_t *body)
{
    cJSON                  *root;
    ngx_int_t               rc;
    ngx_uint_t              position;
    ngx_tavus_queue_t      *group;
    ngx_tavus_queue_ask_t  *ask;

    root = ngx_tavus_parse_object(r, body);

    if (root == NULL) {
        return;
    }

    ask = ngx_pcalloc(r->pool, sizeof(ngx_tavus_queue_ask_t));

    rc = ask ? ngx_tavus_queue_read(r, root, &ask->ticket)
             : NGX_HTTP_INTERNAL_SERVER_ERROR;

    cJSON_Delete(root);

    if (rc != NGX_DONE) {
        ngx_tavus_finalize(r, rc);
        return;
    }

    group = NULL;

    if (ngx_tavus_queue_held < NGX_TAVUS_QUEUE_MAX && !ngx_exiting) {
        group = ngx_tavus_queue_group(ask->ticket.line.id);

        if (group == NULL) {
            ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    if (group == NULL || group->nasks >= NGX_TAVUS_QUEUE_TABS) {
        position = ngx_tavus_line_asked(ask->ticket.line.id);

        rc = ngx_tavus_queue_pending(r, &ask->ticket, position,
                                     NGX_TAVUS_QUEUE_RETRY);

        ngx_tavus_finalize(r, rc);
        return;
    }

    if (ngx_tavus_queue_hold(r, group, ask) != NGX_OK) {
        ngx_tavus_queue_release(group);
        ngx_tavus_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


/* NGX_DONE: it may be held; else what it is finalized with */

static ngx_int_t
ngx_tavus_queue_read(ngx_http_request_t *r, cJSON *root,
    ngx_tavus_ticket_t *ticket)
{
    cJSON      *text;
    ngx_int_t   rc;

    text = cJSON_GetObjectItemCaseSensitive(root, "ticket");

    if (!cJSON_IsString(text) || cJSON_GetArraySize(root) != 1) {
        return ngx_tavus_send_problem(r, NGX_HTTP_BAD_REQUEST,
                                      "invalid_field", 0,
                                      "The body must have the string ticket, "
                                      "and nothing else.");
    }

    rc = ngx_tavus_ticket_read(r, text->valuestring, ticket);

    switch (rc) {

    case NGX_OK:
        return NGX_DONE;

    case NGX_HTTP_UNAUTHORIZED:
        return ngx_tavus_send_problem(r, rc, "invalid_ticket", 0,
                                      "The ticket is none of this site's.");

    case NGX_HTTP_FORBIDDEN:
        return ngx_tavus_send_problem(r, rc, "foreign_ticket", 0,
                                      "The ticket is of another address or "
                                      "visitor.");

    case NGX_HTTP_INTERNAL_SERVER_ERROR:
        return rc;

    default: /* 410 */
        return ngx_tavus_call_send_problem(r, &ngx_tavus_queue_expired);
    }
}


static ngx_tavus_queue_t *
ngx_tavus_queue_group(const uint8_t *id)
{
    ngx_pool_t         *pool;
    ngx_queue_t        *q;
    ngx_tavus_queue_t  *group;

    if (ngx_tavus_queue_groups.next == NULL) {
        ngx_queue_init(&ngx_tavus_queue_groups);
    }

    for (q = ngx_queue_head(&ngx_tavus_queue_groups);
         q != ngx_queue_sentinel(&ngx_tavus_queue_groups);
         q = ngx_queue_next(q))
    {
        group = ngx_queue_data(q, ngx_tavus_queue_t, queue);

        if (ngx_memcmp(group->waiter.id, id, TAVUS_UUID_LEN) == 0) {
            return group;
        }
    }

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    group = ngx_pcalloc(pool, sizeof(ngx_tavus_queue_t));
    if (group == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    group->pool = pool;
    group->waiter.handler = ngx_tavus_queue_turn;
    group->waiter.data = group;
    group->again = ngx_current_msec;

    ngx_memcpy(group->waiter.id, id, TAVUS_UUID_LEN);
    tavus_uuid_format(id, group->text);

    ngx_queue_init(&group->asks);
    ngx_queue_insert_tail(&ngx_tavus_queue_groups, &group->queue);

    return group;
}


static ngx_int_t
ngx_tavus_queue_hold(ngx_http_request_t *r, ngx_tavus_queue_t *group,
    ngx_tavus_queue_ask_t *ask)
{
    ngx_tavus_queue_loc_conf_t   *qlcf;
    const ngx_tavus_line_view_t  *view;

    qlcf = ngx_http_get_module_loc_conf(r, ngx_tavus_queue_module);

    if (ngx_tavus_attach(&ask->wait, r, ngx_tavus_queue_gone, ask)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* as for a create: a conversation is for whoever is there */

    r->read_event_handler = ngx_http_test_reading;

    ask->group = group;
    ask->until = ngx_current_msec + qlcf->hold;

    ngx_queue_insert_tail(&group->asks, &ask->queue);

    tavus_metric_set(TAVUS_METRIC_QUEUE_HELD, ++ngx_tavus_queue_held);

    if (group->nasks++ == 0) {
        ngx_tavus_line_join(&group->waiter);

        /* it may have had its turn: no need to wait for the next look */

        view = ngx_tavus_line_view();

        if (group->waiter.position == 0 && view->number
            && ngx_current_msec - view->at <= NGX_TAVUS_QUEUE_FRESH)
        {
            group->doubtful = 1;
        }
    }

    return NGX_OK;
}


static void
ngx_tavus_queue_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_queue_ask_t *ask = data;

    ngx_tavus_queue_drop(ask);
    ngx_tavus_queue_release(ask->group);
}


static void
ngx_tavus_queue_drop(ngx_tavus_queue_ask_t *ask)
{
    ngx_queue_remove(&ask->queue);

    tavus_metric_set(TAVUS_METRIC_QUEUE_HELD, --ngx_tavus_queue_held);

    if (--ask->group->nasks == 0) {
        ngx_tavus_line_leave(&ask->group->waiter);
    }
}


ngx_http_request_t *
ngx_tavus_queue_next(ngx_tavus_queue_t *group)
{
    ngx_tavus_queue_ask_t  *ask;

    if (group->nasks == 0) {
        return NULL;
    }

    ask = ngx_queue_data(ngx_queue_head(&group->asks), ngx_tavus_queue_ask_t,
                         queue);

    ngx_tavus_queue_drop(ask);

    return ngx_tavus_detach(&ask->wait);
}


void
ngx_tavus_queue_fail(ngx_tavus_queue_t *group,
    const ngx_tavus_call_answer_t *answer)
{
    ngx_uint_t           result;
    ngx_http_request_t  *r;

    result = answer->status == 410 ? TAVUS_QUEUE_EXPIRED : TAVUS_QUEUE_FAILED;

    group->busy++;

    while ((r = ngx_tavus_queue_next(group)) != NULL) {
        tavus_metric_add(tavus_metric_of(TAVUS_METRIC_QUEUE_ANSWERS, result,
                                         0), 1);

        ngx_tavus_finalize(r, ngx_tavus_call_send_problem(r, answer));
    }

    ngx_tavus_line_forget(group->waiter.id);

    group->busy--;
}


void
ngx_tavus_queue_release(ngx_tavus_queue_t *group)
{
    if (group->nasks || group->busy || group->asking || group->create) {
        return;
    }

    ngx_queue_remove(&group->queue);
    ngx_destroy_pool(group->pool);
}


static void
ngx_tavus_queue_turn(void *data)
{
    ngx_tavus_queue_t *group = data;

    group->busy++;

    /* who is having a conversation made is told of it, however long */

    if (group->create == NULL) {
        ngx_tavus_queue_overdue(group, ngx_exiting);
        ngx_tavus_queue_advance(group);
    }

    group->busy--;

    ngx_tavus_queue_release(group);
}


/* in the order of arrival, which is that of their ends, but at a reload */

static void
ngx_tavus_queue_overdue(ngx_tavus_queue_t *group, ngx_uint_t all)
{
    ngx_int_t               rc;
    ngx_uint_t              position;
    ngx_http_request_t     *r;
    ngx_tavus_queue_ask_t  *ask;

    while (group->nasks) {
        ask = ngx_queue_data(ngx_queue_head(&group->asks),
                             ngx_tavus_queue_ask_t, queue);

        if (!all
            && (ngx_msec_int_t) (ask->until - ngx_current_msec) > 0)
        {
            return;
        }

        position = group->waiter.position;

        r = ngx_tavus_queue_next(group);
        rc = ngx_tavus_queue_pending(r, &ask->ticket, position, 0);

        ngx_tavus_finalize(r, rc);
    }
}


static void
ngx_tavus_queue_advance(ngx_tavus_queue_t *group)
{
    const ngx_tavus_line_view_t  *view;

    if (group->nasks == 0 || group->asking
        || (ngx_msec_int_t) (group->again - ngx_current_msec) > 0)
    {
        return;
    }

    view = ngx_tavus_line_view();

    if (group->doubtful || group->waiter.absent) {
        group->again = ngx_current_msec + NGX_TAVUS_QUEUE_AGAIN;

        ngx_tavus_queue_inquire(group);
        return;
    }

    if (ngx_current_msec - view->at > NGX_TAVUS_QUEUE_FRESH) {
        return;
    }

    if (view->spent != NGX_TAVUS_LINE_OPEN) {
        ngx_tavus_queue_spent(group, view);
        return;
    }

    /* the budget's lock decides in the end: who is late waits on */

    if (group->waiter.position && group->waiter.position <= view->free) {
        group->again = ngx_current_msec + NGX_TAVUS_QUEUE_AGAIN;

        ngx_tavus_queue_create(group);
    }
}


static void
ngx_tavus_queue_spent(ngx_tavus_queue_t *group,
    const ngx_tavus_line_view_t *view)
{
    ngx_tavus_call_answer_t  answer;

    answer.status = NGX_HTTP_SERVICE_UNAVAILABLE;
    answer.code = "budget_spent";
    answer.retry_after = view->retry_after;
    answer.detail = "There are no more conversations today.";
    answer.reason = view->spent == NGX_TAVUS_LINE_DAY ? "day" : "minutes";

    ngx_tavus_queue_fail(group, &answer);
}


/* a ticket that gets old, or whose key may go, is replaced in time */

static ngx_int_t
ngx_tavus_queue_pending(ngx_http_request_t *r, ngx_tavus_ticket_t *ticket,
    ngx_uint_t position, ngx_uint_t retry_after)
{
    u_char     digits[NGX_INT_T_LEN];
    ngx_int_t  rc;
    ngx_str_t  text, visitor, wish;

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_QUEUE_ANSWERS,
                                     TAVUS_QUEUE_PENDING, 0), 1);

    ngx_str_null(&text);
    ngx_str_null(&visitor);

    if (ticket->old && position) {

        if (ticket->line.known
            && ngx_tavus_visitor_known(r, &visitor) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        wish.data = (u_char *) ticket->line.wish;
        wish.len = ticket->line.wish_len;

        if (ngx_tavus_ticket_make(r, r->pool, ticket->line.id, &visitor,
                                  &wish, &text)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    if (retry_after) {
        visitor.data = digits;
        visitor.len = ngx_sprintf(digits, "%ui", retry_after) - digits;

        rc = ngx_tavus_set_header(r, "Retry-After", &visitor);
        if (rc != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_tavus_pending_send(r, &text, position,
                                  position ? ngx_tavus_line_estimate(position)
                                           : -1);
}


ngx_int_t
ngx_tavus_queue_check(ngx_conf_t *cf, ngx_tavus_location_t *location)
{
    ngx_tavus_budget_t  *budget;

    budget = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_budget_module);

    if (budget->line == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"tavus_queue\" needs a \"tavus_budget\" with "
                      "\"line=\", or nobody ever waits in %V:%ui",
                      &location->place.file, location->place.line);
        return NGX_ERROR;
    }

    return ngx_tavus_conversation_check(cf, location);
}


static char *
ngx_tavus_queue(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_queue_loc_conf_t *qlcf = conf;

    ngx_int_t   hold;
    ngx_str_t  *value, time;

    value = cf->args->elts;

    if (cf->args->nelts == 2) {

        if (ngx_strncmp(value[1].data, "hold=", 5) != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" has no parameter \"%V\"", &value[0],
                               &value[1]);
            return NGX_CONF_ERROR;
        }

        time.data = value[1].data + 5;
        time.len = value[1].len - 5;

        hold = ngx_parse_time(&time, 0);

        if (hold < NGX_TAVUS_QUEUE_LEAST || hold > NGX_TAVUS_QUEUE_MOST) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid \"%V\" of \"%V\", it may be 2s to "
                               "30s", &value[1], &value[0]);
            return NGX_CONF_ERROR;
        }

        qlcf->hold = hold;
    }

    return ngx_tavus_endpoint(cf, cmd,
                      ngx_http_conf_get_module_loc_conf(cf, ngx_tavus_module));
}


static void *
ngx_tavus_queue_create_loc_conf(ngx_conf_t *cf)
{
    ngx_tavus_queue_loc_conf_t  *conf;

    conf = ngx_palloc(cf->pool, sizeof(ngx_tavus_queue_loc_conf_t));

    if (conf) {
        conf->hold = NGX_TAVUS_QUEUE_HOLD;
    }

    return conf;
}


static char *
ngx_tavus_queue_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    (void) ngx_tavus_endpoint_block(cf, &ngx_tavus_queue_module, parent);

    return NGX_CONF_OK;
}
