
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_log.h"
#include "service/ngx_tavus_deliver_conf.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_LOG_PERIOD  10000
#define NGX_TAVUS_LOG_AGAIN   60000     /* what lasts is said again */
#define NGX_TAVUS_LOG_HELD    60        /* s */


static void ngx_tavus_log_state(const char *text);
static ngx_uint_t ngx_tavus_log_absent(const char *name);
static uint64_t ngx_tavus_log_number(cJSON *json, const char *name);


static ngx_msec_t  ngx_tavus_log_due;
static ngx_msec_t  ngx_tavus_log_said;  /* 0: not yet */


ngx_msec_t
ngx_tavus_log_wait(void)
{
    ngx_msec_int_t  wait;

    wait = (ngx_msec_int_t) (ngx_tavus_log_due - ngx_current_msec);

    return (ngx_tavus_log_due && wait > 0) ? (ngx_msec_t) wait : 0;
}


const ngx_tavus_pg_stmt_t *
ngx_tavus_log_next(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_log_due = ngx_current_msec + NGX_TAVUS_LOG_PERIOD;

    return &ngx_tavus_statements[ngx_tavus_stmt_log_state];
}


void
ngx_tavus_log_done(ngx_int_t rc, PGresult *res)
{
    const char  *text;

    if (rc == NGX_OK && PQntuples(res) == 1) {
        ngx_tavus_log_state(PQgetvalue(res, 0, 0));

    } else if (res) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not be asked how far its log is: %s",
                      text ? text : "");
    }
}


static void
ngx_tavus_log_state(const char *text)
{
    cJSON       *json, *cursor;
    uint64_t     held, events, seconds, missed;
    const char  *by, *name;

    json = cJSON_Parse(text);

    held = ngx_tavus_log_number(json, "held_seconds");
    events = 0;
    seconds = 0;
    missed = 0;

    cJSON_ArrayForEach(cursor, cJSON_GetObjectItem(json, "cursors")) {
        missed += ngx_tavus_log_number(cursor, "missed");

        name = cJSON_GetStringValue(cJSON_GetObjectItem(cursor, "name"));

        if (name == NULL || ngx_tavus_log_absent(name)) {
            continue;
        }

        events = ngx_max(events, ngx_tavus_log_number(cursor, "events"));
        seconds = ngx_max(seconds, ngx_tavus_log_number(cursor, "seconds"));
    }

    tavus_metric_set(TAVUS_METRIC_LOG_HELD, held);
    tavus_metric_set(TAVUS_METRIC_LOG_LAG_EVENTS, events);
    tavus_metric_set(TAVUS_METRIC_LOG_LAG_SECONDS, seconds);
    tavus_metric_set(TAVUS_METRIC_LOG_MISSED, missed);

    if (held >= NGX_TAVUS_LOG_HELD
        && (ngx_tavus_log_said == 0
            || ngx_current_msec - ngx_tavus_log_said >= NGX_TAVUS_LOG_AGAIN))
    {
        ngx_tavus_log_said = ngx_current_msec;

        by = cJSON_GetStringValue(cJSON_GetObjectItem(json, "held_by"));

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "what is stored has not been read on for %uL s: a "
                      "transaction of intake does not end, %s",
                      held, by ? by : "of nobody who is known");
    }

    cJSON_Delete(json);
}


/*
 * A destination that is in no configuration any more keeps its cursor, which
 * would lag for ever: it is shown, but nobody is woken for it.
 */

static ngx_uint_t
ngx_tavus_log_absent(const char *name)
{
    ngx_uint_t                       i;
    ngx_tavus_destination_t        **d;
    ngx_tavus_deliver_main_conf_t   *dmcf;

    /* as tavus.deliver_cursor() has it */

    if (ngx_strncmp(name, "deliver:", 8) != 0) {
        return 0;
    }

    dmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_tavus_deliver_module);
    d = dmcf->destinations.elts;

    for (i = 0; i < dmcf->destinations.nelts; i++) {
        if (ngx_strcmp(name + 8, d[i]->name.data) == 0) {
            return 0;
        }
    }

    return 1;
}


static uint64_t
ngx_tavus_log_number(cJSON *json, const char *name)
{
    cJSON  *p;

    p = cJSON_GetObjectItem(json, name);

    return cJSON_IsNumber(p) && p->valuedouble > 0
           ? (uint64_t) p->valuedouble : 0;
}
