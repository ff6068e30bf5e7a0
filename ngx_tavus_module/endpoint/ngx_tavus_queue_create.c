
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_queue.h"
#include "http/ngx_tavus_problem.h"
#include "event/ngx_tavus_timer.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_QUEUE_TICK     1000       /* ms */
#define NGX_TAVUS_QUEUE_LATER    2000
#define NGX_TAVUS_QUEUE_TIMEOUT  5000


/*
 * A conversation that was made for somebody who was not there any more: the
 * connection may be all that was lost.
 */

typedef struct {
    ngx_queue_t               queue;
    ngx_tavus_call_t         *call;         /* that will end it */
    ngx_tavus_pg_op_t         op;
    ngx_msec_t                until;
    uint8_t                   id[TAVUS_UUID_LEN];       /* of the ticket */
    char                      text[TAVUS_UUID_TEXT_LEN + 1];
    ngx_uint_t                asking;
} ngx_tavus_queue_kept_t;


static ngx_int_t ngx_tavus_queue_prepare(ngx_http_request_t *r,
    ngx_tavus_create_t *c, ngx_tavus_ticket_t *ticket);
static void ngx_tavus_queue_made(ngx_tavus_call_t *call,
    const ngx_tavus_call_answer_t *answer);
static void ngx_tavus_queue_deliver(ngx_tavus_queue_t *group,
    ngx_tavus_create_t *c);
static void ngx_tavus_queue_refused(ngx_tavus_queue_t *group,
    ngx_tavus_call_t *call, const ngx_tavus_call_answer_t *answer);
static void ngx_tavus_queue_keep(ngx_tavus_queue_t *group,
    ngx_tavus_call_t *made);
static void ngx_tavus_queue_timer_handler(ngx_event_t *ev);
static void ngx_tavus_queue_check_kept(ngx_tavus_queue_kept_t *kept);
static void ngx_tavus_queue_kept_told(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_queue_end(ngx_tavus_call_t *call);


static ngx_queue_t  ngx_tavus_queue_kept;
static ngx_event_t  ngx_tavus_queue_timer;


/*
 * The call belongs to the ticket, not to the request whose wish it is: that
 * one may be gone when it is done, and others have come.
 */

void
ngx_tavus_queue_create(ngx_tavus_queue_t *group)
{
    ngx_int_t               rc;
    ngx_http_request_t     *r;
    ngx_tavus_create_t     *c;
    ngx_tavus_queue_ask_t  *ask;

    ask = ngx_queue_data(ngx_queue_head(&group->asks), ngx_tavus_queue_ask_t,
                         queue);
    r = ask->wait.request;

    c = ngx_tavus_create_make(r);
    if (c == NULL) {
        return;
    }

    rc = ngx_tavus_queue_prepare(r, c, &ask->ticket);

    if (rc != NGX_OK) {
        ngx_tavus_call_free(c->call);

        ngx_tavus_finalize(ngx_tavus_queue_next(group), rc == NGX_DONE
                                                        ? NGX_OK : rc);
        return;
    }

    c->call->handler = ngx_tavus_queue_made;
    c->call->data = group;

    group->create = c;

    if (ngx_tavus_call_start(c->call) != NGX_OK) {
        group->create = NULL;
        ngx_tavus_call_free(c->call);
    }
}


/* NGX_OK; else what the request is finalized with, NGX_DONE for NGX_OK */

static ngx_int_t
ngx_tavus_queue_prepare(ngx_http_request_t *r, ngx_tavus_create_t *c,
    ngx_tavus_ticket_t *ticket)
{
    cJSON              *root;
    ngx_int_t           rc;
    ngx_tavus_fault_t   fault;

    if (tavus_json_parse(ticket->line.wish, ticket->line.wish_len, &root,
                         NULL)
        != TAVUS_JSON_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&fault, sizeof(ngx_tavus_fault_t));

    /* as it was when the ticket was made; the configuration may be another */

    rc = ngx_tavus_create_read(r, c, root, &fault);

    if (rc == NGX_OK) {
        rc = ngx_tavus_create_wish(r, c, root);
    }

    cJSON_Delete(root);

    if (rc == NGX_DECLINED) {
        rc = ngx_tavus_create_fault(r, c, &fault);

        return rc == NGX_OK ? NGX_DONE : rc;
    }

    if (rc != NGX_OK || ngx_tavus_create_print(c) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    c->call->wish.has_ticket = 1;
    ngx_memcpy(c->call->wish.ticket, ticket->line.id, TAVUS_UUID_LEN);

    return NGX_OK;
}


static void
ngx_tavus_queue_made(ngx_tavus_call_t *call,
    const ngx_tavus_call_answer_t *answer)
{
    ngx_tavus_queue_t *group = call->data;

    ngx_tavus_create_t  *c;

    c = group->create;
    group->create = NULL;

    group->busy++;

    if (answer) {
        ngx_tavus_queue_refused(group, call, answer);

    } else if (group->nasks) {
        ngx_tavus_queue_deliver(group, c);

    } else {
        ngx_tavus_queue_keep(group, call);
    }

    group->busy--;

    ngx_tavus_queue_release(group);
}


static void
ngx_tavus_queue_deliver(ngx_tavus_queue_t *group, ngx_tavus_create_t *c)
{
    ngx_http_request_t  *r;

    ngx_tavus_line_tell(group->waiter.id);

    while ((r = ngx_tavus_queue_next(group)) != NULL) {
        tavus_metric_add(tavus_metric_of(TAVUS_METRIC_QUEUE_ANSWERS,
                                         TAVUS_QUEUE_SERVED, 0), 1);

        ngx_tavus_call_log(r, c->call);
        ngx_tavus_finalize(r, ngx_tavus_create_respond(r, c));
    }
}


static void
ngx_tavus_queue_refused(ngx_tavus_queue_t *group, ngx_tavus_call_t *call,
    const ngx_tavus_call_answer_t *answer)
{
    ngx_tavus_verdict_t  *v;

    v = &call->wish.verdict;

    if (answer == &ngx_tavus_call_waits) {
        group->waiter.position = v->position;

    } else if (v->fate == NGX_TAVUS_FATE_TAKEN
               || v->fate == NGX_TAVUS_FATE_UNKNOWN_TICKET)
    {
        group->doubtful = 1;

    } else if (ngx_strcmp(answer->code, "storage_unavailable") == 0) {

        /* it has kept its place, whatever became of the wish */

        group->again = ngx_current_msec + NGX_TAVUS_QUEUE_LATER;

    } else {
        ngx_tavus_queue_fail(group, answer);
    }
}


/* whoever needs a token to enter cannot be given it again */

static void
ngx_tavus_queue_keep(ngx_tavus_queue_t *group, ngx_tavus_call_t *made)
{
    ngx_event_t             *ev;
    ngx_tavus_call_t        *call;
    ngx_tavus_queue_kept_t  *kept;

    call = ngx_tavus_call_create(made->api, &made->cause);
    if (call == NULL) {
        return;
    }

    kept = ngx_pcalloc(call->pool, sizeof(ngx_tavus_queue_kept_t));

    call->conversation_id.len = made->conversation_id.len;
    call->conversation_id.data = ngx_pnalloc(call->pool,
                                             made->conversation_id.len + 1);

    if (kept == NULL || call->conversation_id.data == NULL) {
        ngx_tavus_call_free(call);
        return;
    }

    ngx_cpystrn(call->conversation_id.data, made->conversation_id.data,
                made->conversation_id.len + 1);
    ngx_memcpy(call->nonce, made->nonce, TAVUS_NONCE_LEN);

    if (made->meeting_token.len || ngx_exiting) {
        ngx_tavus_queue_end(call);
        return;
    }

    kept->call = call;
    kept->until = ngx_current_msec + NGX_TAVUS_QUEUE_KEEP;

    ngx_memcpy(kept->id, group->waiter.id, TAVUS_UUID_LEN);
    ngx_memcpy(kept->text, group->text, sizeof(kept->text));

    if (ngx_tavus_queue_kept.next == NULL) {
        ngx_queue_init(&ngx_tavus_queue_kept);
    }

    ngx_queue_insert_tail(&ngx_tavus_queue_kept, &kept->queue);

    ev = &ngx_tavus_queue_timer;

    if (!ev->timer_set) {
        ev->data = &ngx_tavus_timer_dummy;
        ev->handler = ngx_tavus_queue_timer_handler;
        ev->log = ngx_cycle->log;

        ngx_add_timer(ev, NGX_TAVUS_QUEUE_TICK);
    }
}


static void
ngx_tavus_queue_timer_handler(ngx_event_t *ev)
{
    ngx_queue_t             *q, *next;
    ngx_tavus_queue_kept_t  *kept;

    for (q = ngx_queue_head(&ngx_tavus_queue_kept);
         q != ngx_queue_sentinel(&ngx_tavus_queue_kept);
         q = next)
    {
        next = ngx_queue_next(q);
        kept = ngx_queue_data(q, ngx_tavus_queue_kept_t, queue);

        if (kept->asking) {
            continue;
        }

        if (ngx_exiting) {
            ngx_queue_remove(q);
            ngx_tavus_queue_end(kept->call);

        } else if ((ngx_msec_int_t) (kept->until - ngx_current_msec) <= 0) {
            ngx_tavus_queue_check_kept(kept);
        }
    }

    if (!ngx_queue_empty(&ngx_tavus_queue_kept)) {
        ngx_add_timer(ev, NGX_TAVUS_QUEUE_TICK);
    }
}


/*
 * Another worker may have told them meanwhile; or another node, whose looks
 * note it in the database.
 */

static void
ngx_tavus_queue_check_kept(ngx_tavus_queue_kept_t *kept)
{
    if (!ngx_tavus_line_told(kept->id)) {
        kept->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_line_ticket];
        kept->op.values[0] = kept->text;
        kept->op.timeout = NGX_TAVUS_QUEUE_TIMEOUT;
        kept->op.handler = ngx_tavus_queue_kept_told;
        kept->op.data = kept;
        kept->asking = 1;

        if (ngx_tavus_store_query(&kept->op) == NGX_OK) {
            return;
        }
    }

    ngx_queue_remove(&kept->queue);
    ngx_tavus_call_free(kept->call);
}


/*
 * If nobody can say whether the visitor is there, it stays: Tavus ends it
 * when nobody comes, participant_absent_timeout.
 */

static void
ngx_tavus_queue_kept_told(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_queue_kept_t *kept = op->data;

    cJSON       *json, *state;
    ngx_uint_t   taken;

    json = rc == NGX_OK && PQntuples(res) == 1
           ? cJSON_ParseWithLength(PQgetvalue(res, 0, 0),
                                   PQgetlength(res, 0, 0))
           : NULL;

    state = cJSON_GetObjectItemCaseSensitive(json, "state");

    taken = cJSON_IsString(state)
            && ngx_strcmp(state->valuestring, "taken") == 0
            && cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(json,
                                                              "asked"));

    cJSON_Delete(json);

    ngx_queue_remove(&kept->queue);

    if (taken && !ngx_tavus_line_told(kept->id)) {
        ngx_tavus_queue_end(kept->call);

    } else {
        ngx_tavus_call_free(kept->call);
    }
}


static void
ngx_tavus_queue_end(ngx_tavus_call_t *call)
{
    if (ngx_tavus_call_end(call, "abandoned") != NGX_OK) {
        ngx_tavus_call_free(call);
    }
}
