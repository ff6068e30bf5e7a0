
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_health_look.h"
#include "service/ngx_tavus_deliver_conf.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_HEALTH_LOOK_PERIOD  10000


static void ngx_tavus_health_look_gauges(cJSON *json);
static void ngx_tavus_health_look_destinations(cJSON *list);
static void ngx_tavus_health_look_cursors(cJSON *list);
static unsigned ngx_tavus_health_look_place(cJSON *json, const char *prefix);
static uint64_t ngx_tavus_health_look_number(cJSON *json, const char *name);


static ngx_msec_t  ngx_tavus_health_look_due;
static ngx_uint_t  ngx_tavus_health_look_failed;    /* which was said */


ngx_msec_t
ngx_tavus_health_look_wait(void)
{
    ngx_msec_int_t  wait;

    wait = (ngx_msec_int_t) (ngx_tavus_health_look_due - ngx_current_msec);

    return (ngx_tavus_health_look_due && wait > 0) ? (ngx_msec_t) wait : 0;
}


const ngx_tavus_pg_stmt_t *
ngx_tavus_health_look_next(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_health_look_due = ngx_current_msec
                                + NGX_TAVUS_HEALTH_LOOK_PERIOD;

    return &ngx_tavus_statements[ngx_tavus_stmt_health_look];
}


void
ngx_tavus_health_look_done(ngx_int_t rc, PGresult *res)
{
    cJSON       *json;
    const char  *text;

    if (rc == NGX_OK && PQntuples(res) == 1) {
        ngx_tavus_health_look_failed = 0;

        json = cJSON_Parse(PQgetvalue(res, 0, 0));

        ngx_tavus_health_look_gauges(json);

        cJSON_Delete(json);

    } else if (res && !ngx_tavus_health_look_failed) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not tell its health to the metrics: "
                      "%s", text ? text : "");

        ngx_tavus_health_look_failed = 1;
    }
}


static void
ngx_tavus_health_look_gauges(cJSON *json)
{
    cJSON       *p;
    uint64_t     behind;
    ngx_uint_t   i;

    static const struct {
        tavus_metric_e  metric;
        const char     *name;
    } numbers[] = {
        { TAVUS_METRIC_SCHEMA, "schema" },
        { TAVUS_METRIC_QUARANTINED, "quarantined" },
        { TAVUS_METRIC_UNSETTLED, "unsettled" },
        { TAVUS_METRIC_NODES, "nodes" }
    };

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        tavus_metric_set(numbers[i].metric,
                         ngx_tavus_health_look_number(json, numbers[i].name));
    }

    p = cJSON_GetObjectItemCaseSensitive(json, "missing_months");
    tavus_metric_set(TAVUS_METRIC_MONTHS_MISSING, cJSON_GetArraySize(p));

    p = cJSON_GetObjectItemCaseSensitive(json, "synchronous_replication");
    tavus_metric_set(TAVUS_METRIC_SYNCHRONOUS, cJSON_IsTrue(p));

    behind = 0;

    cJSON_ArrayForEach(p, cJSON_GetObjectItemCaseSensitive(json,
                                                           "retention"))
    {
        behind += cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(p, "behind"));
    }

    tavus_metric_set(TAVUS_METRIC_RETENTION_BEHIND, behind);

    ngx_tavus_health_look_destinations(
        cJSON_GetObjectItemCaseSensitive(json, "destinations"));

    p = cJSON_GetObjectItemCaseSensitive(json, "log");
    ngx_tavus_health_look_cursors(
        cJSON_GetObjectItemCaseSensitive(p, "cursors"));
}


static void
ngx_tavus_health_look_destinations(cJSON *list)
{
    cJSON       *p;
    unsigned     i, k;
    const char  *state;

    static const struct {
        tavus_metric_e  metric;
        const char     *name;
    } numbers[] = {
        { TAVUS_METRIC_DESTINATION_WAITING, "waiting" },
        { TAVUS_METRIC_DESTINATION_DEAD, "dead" },
        { TAVUS_METRIC_DESTINATION_OLDEST, "oldest" }
    };

    cJSON_ArrayForEach(p, list) {

        state = cJSON_GetStringValue(cJSON_GetObjectItem(p, "state"));
        i = ngx_tavus_health_look_place(p, "");

        if (i == TAVUS_METRIC_NAMES || state == NULL) {
            continue;
        }

        for (k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
            tavus_metric_set(tavus_metric_of(numbers[k].metric, i, 0),
                             ngx_tavus_health_look_number(p,
                                                          numbers[k].name));
        }

        tavus_metric_set(tavus_metric_of(TAVUS_METRIC_DESTINATION_HALTED, i,
                                         0),
                         ngx_strcmp(state, "paused") == 0
                         || ngx_strcmp(state, "stopped") == 0);
    }
}


/* as tavus.deliver_cursor() has their names */

static void
ngx_tavus_health_look_cursors(cJSON *list)
{
    cJSON     *p;
    unsigned   i;

    cJSON_ArrayForEach(p, list) {

        i = ngx_tavus_health_look_place(p, "deliver:");

        if (i < TAVUS_METRIC_NAMES) {
            tavus_metric_set(tavus_metric_of(TAVUS_METRIC_DESTINATION_LAG, i,
                                             0),
                             ngx_tavus_health_look_number(p, "seconds"));
        }
    }
}


/* where it is configured here; TAVUS_METRIC_NAMES: it is not shown */

static unsigned
ngx_tavus_health_look_place(cJSON *json, const char *prefix)
{
    size_t                           len;
    ngx_uint_t                       i;
    const char                      *name;
    ngx_tavus_destination_t        **d;
    ngx_tavus_deliver_main_conf_t   *dmcf;

    name = cJSON_GetStringValue(cJSON_GetObjectItem(json, "name"));
    len = ngx_strlen(prefix);

    if (name == NULL || ngx_strncmp(name, prefix, len) != 0) {
        return TAVUS_METRIC_NAMES;
    }

    dmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_tavus_deliver_module);
    d = dmcf->destinations.elts;

    for (i = 0; i < ngx_min(dmcf->destinations.nelts, TAVUS_METRIC_NAMES);
         i++)
    {
        if (ngx_strcmp(name + len, d[i]->name.data) == 0) {
            return i;
        }
    }

    return TAVUS_METRIC_NAMES;
}


static uint64_t
ngx_tavus_health_look_number(cJSON *json, const char *name)
{
    cJSON  *p;

    p = cJSON_GetObjectItemCaseSensitive(json, name);

    return cJSON_IsNumber(p) && p->valuedouble > 0
           ? (uint64_t) p->valuedouble : 0;
}
