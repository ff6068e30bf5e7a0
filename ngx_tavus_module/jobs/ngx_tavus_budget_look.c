
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_budget_look.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_BUDGET_LOOK_PERIOD  10000
#define NGX_TAVUS_BUDGET_LOOK_NEVER   (24 * 3600 * 1000)


/* in the order of what the metrics count */

static const char  *ngx_tavus_budget_look_names[] = {
    "active", "day", "minutes", "waiting"
};


static ngx_tavus_budget_t  *ngx_tavus_budget_looked;
static ngx_msec_t           ngx_tavus_budget_look_due;
static ngx_uint_t           ngx_tavus_budget_look_failed;   /* which was said */


void
ngx_tavus_budget_look_init_process(ngx_tavus_budget_t *budget)
{
    ngx_tavus_budget_looked = budget->json.len ? budget : NULL;
}


ngx_msec_t
ngx_tavus_budget_look_wait(void)
{
    ngx_msec_int_t  wait;

    if (ngx_tavus_budget_looked == NULL) {
        return NGX_TAVUS_BUDGET_LOOK_NEVER;
    }

    wait = (ngx_msec_int_t) (ngx_tavus_budget_look_due - ngx_current_msec);

    return (ngx_tavus_budget_look_due && wait > 0) ? (ngx_msec_t) wait : 0;
}


const ngx_tavus_pg_stmt_t *
ngx_tavus_budget_look_next(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_budget_look_due = ngx_current_msec
                                + NGX_TAVUS_BUDGET_LOOK_PERIOD;

    op->values[0] = (char *) ngx_tavus_budget_looked->json.data;

    return &ngx_tavus_statements[ngx_tavus_stmt_budget_state];
}


void
ngx_tavus_budget_look_done(ngx_int_t rc, PGresult *res)
{
    cJSON       *json, *limit, *used, *most;
    unsigned     i;
    const char  *text;

    if (rc != NGX_OK || PQntuples(res) != 1) {

        if (res && !ngx_tavus_budget_look_failed) {
            text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "database could not tell what is used of the "
                          "budget: %s", text ? text : "");

            ngx_tavus_budget_look_failed = 1;
        }

        return;
    }

    ngx_tavus_budget_look_failed = 0;

    json = cJSON_Parse(PQgetvalue(res, 0, 0));

    for (i = 0; i < sizeof(ngx_tavus_budget_look_names) / sizeof(char *); i++)
    {
        limit = cJSON_GetObjectItemCaseSensitive(json,
                                            ngx_tavus_budget_look_names[i]);
        used = cJSON_GetObjectItemCaseSensitive(limit, "used");
        most = cJSON_GetObjectItemCaseSensitive(limit, "limit");

        tavus_metric_set(tavus_metric_of(TAVUS_METRIC_BUDGET_USED, i, 0),
                         cJSON_IsNumber(used) && used->valuedouble > 0
                         ? (uint64_t) used->valuedouble : 0);

        tavus_metric_set(tavus_metric_of(TAVUS_METRIC_BUDGET_LIMIT, i, 0),
                         cJSON_IsNumber(most) && most->valuedouble > 0
                         ? (uint64_t) most->valuedouble : 0);
    }

    cJSON_Delete(json);
}
