
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_heartbeat.h"
#include "service/ngx_tavus_service.h"
#include "store/ngx_tavus_journal.h"
#include "store/ngx_tavus_node.h"
#include "store/ngx_tavus_statements.h"
#include "event/ngx_tavus_key_use.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"
#include "core/tavus_version.h"


#define NGX_TAVUS_HEARTBEAT_PERIOD  5000
#define NGX_TAVUS_HEARTBEAT_AGAIN   60000   /* what lasts is said again */

/* of a secret, at most */
#define NGX_TAVUS_HEARTBEAT_KEY                                              \
    (sizeof(",{\"scheme\":\"\",\"id\":\"\",\"used\":}") \
     + NGX_ATOMIC_T_LEN + 2 * NGX_TAVUS_KEY_USE_LEN)


typedef struct {
    ngx_msec_t                 next;
    ngx_msec_t                 clashed;     /* when it was said */
    ngx_uint_t                 silent;      /* nodes */
    char                       files[NGX_INT64_LEN + 1];
    char                       bytes[NGX_INT64_LEN + 1];
    char                       state[16384];
    unsigned                   clashing:1;  /* says the last beat */
    unsigned                   failed:1;    /* did the last beat */
} ngx_tavus_heartbeat_t;


static void ngx_tavus_heartbeat_state(ngx_tavus_journal_stats_t *journal);
static void ngx_tavus_heartbeat_nodes(const char *text);


static ngx_tavus_heartbeat_t  ngx_tavus_heartbeat;


ngx_msec_t
ngx_tavus_heartbeat_wait(void)
{
    ngx_msec_int_t  wait;

    wait = (ngx_msec_int_t) (ngx_tavus_heartbeat.next - ngx_current_msec);

    return (ngx_tavus_heartbeat.next && wait > 0) ? (ngx_msec_t) wait : 0;
}


/* without a journal there is no node that others would have to know of */

const ngx_tavus_pg_stmt_t *
ngx_tavus_heartbeat_next(ngx_tavus_pg_op_t *op)
{
    const char                 *node;
    ngx_tavus_heartbeat_t      *h;
    ngx_tavus_journal_stats_t   journal;

    h = &ngx_tavus_heartbeat;

    h->next = ngx_current_msec + NGX_TAVUS_HEARTBEAT_PERIOD;

    node = ngx_tavus_node_name();

    if (node == NULL || *node == '\0') {
        h->failed = 0;
        return NULL;
    }

    ngx_tavus_journal_stats(&journal);

    ngx_sprintf((u_char *) h->files, "%ui%Z", journal.found);
    ngx_sprintf((u_char *) h->bytes, "%O%Z", journal.found_bytes);

    ngx_tavus_heartbeat_state(&journal);

    op->values[0] = node;
    op->values[1] = h->files;
    op->values[2] = h->bytes;
    op->values[3] = h->state;

    return &ngx_tavus_statements[ngx_tavus_stmt_heartbeat];
}


/* what only this node knows of itself, as sql/alerts.sql reads it */

static void
ngx_tavus_heartbeat_state(ngx_tavus_journal_stats_t *journal)
{
    time_t                 ago;
    u_char                *p, *last;
    ngx_uint_t             i, status;
    ngx_tavus_key_use_t   *use;
    ngx_tavus_key_uses_t  *keys;

    static const struct {
        ngx_uint_t   service;
        const char  *name;
    } services[] = {
        { TAVUS_SERVICE_TAVUS, "tavus" },
        { TAVUS_SERVICE_STRIPE, "stripe" }
    };

    p = (u_char *) ngx_tavus_heartbeat.state;
    last = p + sizeof(ngx_tavus_heartbeat.state) - 1;

    p = ngx_slprintf(p, last, "{\"version\":\"" TAVUS_VERSION "\","
                     "\"journal\":{\"age\":%M,\"damaged\":%ui,"
                     "\"unreadable\":%ui}",
                     ngx_tavus_journal_oldest() / 1000, journal->aside,
                     journal->unreadable);

    /* of this worker, who asks on its own account: for repairs and the like */

    for (i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
        status = ngx_tavus_service_refused(services[i].service, &ago);

        if (status) {
            p = ngx_slprintf(p, last, ",\"%s\":{\"status\":%ui,"
                             "\"ago\":%T}", services[i].name, status, ago);
        }
    }

    p = ngx_slprintf(p, last, ",\"keys\":[");

    keys = ngx_tavus_key_uses();

    for (i = 0; keys && i < keys->nelts; i++) {
        if (last - p < (ssize_t) (NGX_TAVUS_HEARTBEAT_KEY + sizeof("]}"))) {
            break;
        }

        use = keys->elts[i];

        p = ngx_slprintf(p, last, "%s{\"scheme\":\"%s\",\"id\":\"%s\","
                         "\"used\":%uA}", i ? "," : "", use->scheme, use->id,
                         use->at);
    }

    p = ngx_slprintf(p, last, "]}");
    *p = '\0';
}


void
ngx_tavus_heartbeat_done(ngx_int_t rc, PGresult *res)
{
    const char  *text;

    ngx_tavus_heartbeat.failed = (rc != NGX_OK);

    if (rc == NGX_OK && PQntuples(res) == 1) {
        ngx_tavus_heartbeat_nodes(PQgetvalue(res, 0, 0));

    } else if (res) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not be told that this node lives: %s",
                      text ? text : "");
    }
}


ngx_uint_t
ngx_tavus_heartbeat_failed(void)
{
    return ngx_tavus_heartbeat.failed;
}


static void
ngx_tavus_heartbeat_nodes(const char *text)
{
    cJSON                  *json, *silent, *p;
    ngx_uint_t              n, clash;
    ngx_tavus_heartbeat_t  *h;

    h = &ngx_tavus_heartbeat;

    json = cJSON_Parse(text);

    /* once: a reload may have moved the folder to and fro */

    clash = h->clashing;
    h->clashing = cJSON_IsTrue(cJSON_GetObjectItem(json, "clash"));
    clash = clash && h->clashing;

    silent = cJSON_GetObjectItem(json, "silent");
    n = cJSON_GetArraySize(silent);

    tavus_metric_set(TAVUS_METRIC_NODE_CLASH, clash);
    tavus_metric_set(TAVUS_METRIC_NODES_SILENT, n);

    if (clash
        && (h->clashed == 0
            || ngx_current_msec - h->clashed >= NGX_TAVUS_HEARTBEAT_AGAIN))
    {
        h->clashed = ngx_current_msec;

        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "another node has the id of this one, \"%s\": one of "
                      "the two journal folders is a copy",
                      ngx_tavus_node_name());
    }

    if (n > h->silent) {
        cJSON_ArrayForEach(p, silent) {
            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "node \"%s\" is silent: its journal may hold "
                          "events", cJSON_GetStringValue(p));
        }
    }

    h->silent = n;

    cJSON_Delete(json);
}
