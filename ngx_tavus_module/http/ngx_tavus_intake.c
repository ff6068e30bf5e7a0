
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "http/ngx_tavus_intake.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_wait.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_INTAKE_RETRY  5


/* a row knows where its own place among the rows is */

typedef struct ngx_tavus_intake_wait_s  ngx_tavus_intake_wait_t;

typedef struct {
    ngx_tavus_intake_wait_t  *wait;
    ngx_tavus_row_t          *row;      /* NULL: answered */
} ngx_tavus_intake_row_t;


struct ngx_tavus_intake_wait_s {
    ngx_tavus_wait_t          wait;
    ngx_tavus_intake_pt       handler;
    ngx_tavus_outcome_e       outcome;
    unsigned                  source;   /* of the metrics */
    ngx_uint_t                left;
    ngx_uint_t                n;
    ngx_tavus_intake_row_t    rows[1];
};


static void ngx_tavus_intake_stored(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_intake_gone(void *data, ngx_http_request_t *r);


ngx_int_t
ngx_tavus_intake(ngx_http_request_t *r, ngx_tavus_event_t *events,
    ngx_uint_t n, ngx_tavus_intake_pt handler)
{
    ngx_uint_t                i;
    ngx_tavus_intake_row_t   *row;
    ngx_tavus_intake_wait_t  *wait;

    wait = ngx_pcalloc(r->pool, sizeof(ngx_tavus_intake_wait_t)
                                + n * sizeof(ngx_tavus_intake_row_t));

    if (wait == NULL
        || ngx_tavus_attach(&wait->wait, r, ngx_tavus_intake_gone, wait)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    wait->handler = handler;
    wait->outcome = NGX_TAVUS_STORED;
    wait->n = n;
    wait->source = tavus_metric_label(TAVUS_METRIC_WAIT, 0,
                                      (char *) events[0].source.data,
                                      events[0].source.len);

    for (i = 0; i < n; i++) {
        row = &wait->rows[i];

        row->wait = wait;
        row->row = ngx_tavus_store_put(&events[i], ngx_tavus_intake_stored,
                                       row);

        if (row->row == NULL) {

            /* what was taken is stored; the client sends it all again */

            (void) ngx_tavus_detach(&wait->wait);
            ngx_tavus_intake_gone(wait, r);

            return NGX_ERROR;
        }

        wait->left++;
    }

    return NGX_OK;
}


static void
ngx_tavus_intake_stored(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_intake_row_t *row = data;

    ngx_tavus_ctx_t          *ctx;
    ngx_http_request_t       *r;
    ngx_tavus_intake_wait_t  *wait;

    wait = row->wait;
    row->row = NULL;

    /* in the order of the enumeration each is worse than the one before */

    if (outcome > wait->outcome) {
        wait->outcome = outcome;
    }

    if (--wait->left) {
        return;
    }

    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_WAIT, wait->source, 0),
                         (uint64_t) time * 1000);

    r = ngx_tavus_detach(&wait->wait);
    ctx = ngx_tavus_get_ctx(r);

    if (ctx != NULL) {
        ctx->store_time = time;

        ngx_tavus_store_name(wait->outcome, &ctx->store);
    }

    wait->handler(r, wait->outcome);
}


static void
ngx_tavus_intake_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_intake_wait_t *wait = data;

    ngx_uint_t  i;

    for (i = 0; i < wait->n; i++) {
        if (wait->rows[i].row) {
            ngx_tavus_store_forget(wait->rows[i].row);
            wait->rows[i].row = NULL;
        }
    }
}


ngx_int_t
ngx_tavus_intake_unavailable(ngx_http_request_t *r)
{
    return ngx_tavus_send_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "storage_unavailable",
                                  NGX_TAVUS_INTAKE_RETRY,
                                  "The event cannot be stored now.");
}
