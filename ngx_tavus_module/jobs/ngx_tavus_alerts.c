
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_alerts.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_ALERTS_PERIOD  2000
#define NGX_TAVUS_ALERTS_RETRY   30000


static void ngx_tavus_alerts_count(cJSON *open);


static ngx_msec_t  ngx_tavus_alerts_due;
static ngx_uint_t  ngx_tavus_alerts_failed;     /* which was said */


ngx_msec_t
ngx_tavus_alerts_wait(void)
{
    ngx_msec_int_t  wait;

    wait = (ngx_msec_int_t) (ngx_tavus_alerts_due - ngx_current_msec);

    return (ngx_tavus_alerts_due && wait > 0) ? (ngx_msec_t) wait : 0;
}


const ngx_tavus_pg_stmt_t *
ngx_tavus_alerts_next(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_alerts_due = ngx_current_msec + NGX_TAVUS_ALERTS_PERIOD;

    return &ngx_tavus_statements[ngx_tavus_stmt_alerts_look];
}


void
ngx_tavus_alerts_done(ngx_int_t rc, PGresult *res)
{
    cJSON       *json;
    const char  *text;

    if (rc == NGX_OK && PQntuples(res) == 1) {
        ngx_tavus_alerts_failed = 0;

        json = cJSON_Parse(PQgetvalue(res, 0, 0));

        ngx_tavus_alerts_count(cJSON_GetObjectItemCaseSensitive(json,
                                                                "open"));
        cJSON_Delete(json);
        return;
    }

    ngx_tavus_alerts_due = ngx_current_msec + NGX_TAVUS_ALERTS_RETRY;

    if (res && !ngx_tavus_alerts_failed) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not look for alerts: %s",
                      text ? text : "");

        ngx_tavus_alerts_failed = 1;
    }
}


/* kinds that this module has not heard of are one */

static void
ngx_tavus_alerts_count(cJSON *open)
{
    cJSON     *kind;
    uint64_t   count[TAVUS_METRIC_VALUES];
    unsigned   i;

    ngx_memzero(count, sizeof(count));

    cJSON_ArrayForEach(kind, open) {
        i = tavus_metric_label(TAVUS_METRIC_ALERTS, 0, kind->string,
                               ngx_strlen(kind->string));

        if (i < TAVUS_METRIC_VALUES && cJSON_IsNumber(kind)
            && kind->valuedouble > 0)
        {
            count[i] += (uint64_t) kind->valuedouble;
        }
    }

    for (i = 0; i < TAVUS_METRIC_VALUES; i++) {
        tavus_metric_set(tavus_metric_of(TAVUS_METRIC_ALERTS, i, 0),
                         count[i]);
    }
}
