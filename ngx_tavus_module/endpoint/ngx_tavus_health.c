
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_health.h"
#include "guard/ngx_tavus_auth.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_wait.h"
#include "jobs/ngx_tavus_clean.h"
#include "jobs/ngx_tavus_upkeep.h"
#include "store/ngx_tavus_journal.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"
#include "store/ngx_tavus_store_conf.h"
#include "event/ngx_tavus_pg.h"
#include "event/ngx_tavus_timer.h"
#include "core/tavus_json.h"
#include "core/tavus_version.h"


/* a webhook of the largest size that is usual */
#define NGX_TAVUS_STATUS_RECORD     65536

#define NGX_TAVUS_STATUS_TIMEOUT    5000

/* how long health waits for what the database says */
#define NGX_TAVUS_STATUS_PATIENCE   500


typedef struct {
    ngx_tavus_wait_t       wait;
    ngx_event_t            timer;
    ngx_tavus_pg_op_t      op;
} ngx_tavus_health_t;


static ngx_uint_t ngx_tavus_health_status(ngx_tavus_store_stats_t *stats);
static ngx_int_t ngx_tavus_health_full(ngx_http_request_t *r);
static void ngx_tavus_health_answered(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_health_late(ngx_event_t *ev);
static void ngx_tavus_health_give(ngx_tavus_health_t *h, const char *text,
    const char *refused);
static void ngx_tavus_health_gone(void *data, ngx_http_request_t *r);
static void ngx_tavus_health_error(cJSON *part, const char *name,
    ngx_str_t *error);
static void ngx_tavus_health_schema(cJSON *part, ngx_int_t told);
static ngx_int_t ngx_tavus_health_send(ngx_http_request_t *r,
    const char *text, const char *refused);


ngx_int_t
ngx_tavus_health_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_uint_t               status;
    ngx_tavus_store_stats_t  stats;

    static ngx_str_t  ok = ngx_string("{\"status\":\"ok\"}");

    rc = ngx_tavus_allow(r, NGX_HTTP_GET|NGX_HTTP_HEAD, "GET, HEAD");

    if (rc == NGX_OK) {
        rc = ngx_http_discard_request_body(r);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_tavus_auth_passed(r)) {
        return ngx_tavus_health_full(r);
    }

    status = ngx_tavus_health_status(&stats);

    if (status != NGX_HTTP_OK) {
        return ngx_tavus_send_problem(r, status, "storage_unavailable", 5,
                                      "Events cannot be stored now.");
    }

    return ngx_tavus_send(r, status, "application/json", &ok);
}


/* the node accepts if either of two can take an event */

static ngx_uint_t
ngx_tavus_health_status(ngx_tavus_store_stats_t *stats)
{
    ngx_memzero(stats, sizeof(ngx_tavus_store_stats_t));
    ngx_tavus_store_stats(stats);

    return stats->ready || ngx_tavus_journal_ready(NGX_TAVUS_STATUS_RECORD)
           ? NGX_HTTP_OK : NGX_HTTP_SERVICE_UNAVAILABLE;
}


/* what the database says of itself, if it does so soon; else without */

static ngx_int_t
ngx_tavus_health_full(ngx_http_request_t *r)
{
    ngx_tavus_health_t       *h;
    ngx_tavus_store_stats_t   stats;

    (void) ngx_tavus_health_status(&stats);

    if (!stats.ready || !ngx_tavus_store_query_idle()) {
        return ngx_tavus_health_send(r, NULL, NULL);
    }

    /* the answer of the database may come when the request is gone */

    h = ngx_calloc(sizeof(ngx_tavus_health_t), r->connection->log);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_tavus_attach(&h->wait, r, ngx_tavus_health_gone, h) != NGX_OK) {
        ngx_free(h);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->op.stmt = &ngx_tavus_statements[ngx_tavus_stmt_health];
    h->op.timeout = NGX_TAVUS_STATUS_TIMEOUT;
    h->op.background = 1;
    h->op.handler = ngx_tavus_health_answered;
    h->op.data = h;

    if (ngx_tavus_store_query(&h->op) != NGX_OK) {
        (void) ngx_tavus_detach(&h->wait);
        ngx_free(h);

        return ngx_tavus_health_send(r, NULL, NULL);
    }

    h->timer.data = &ngx_tavus_timer_dummy;
    h->timer.handler = ngx_tavus_health_late;
    h->timer.log = ngx_cycle->log;

    ngx_add_timer(&h->timer, NGX_TAVUS_STATUS_PATIENCE);

    r->main->count++;

    return NGX_DONE;
}


static void
ngx_tavus_health_answered(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res)
{
    ngx_tavus_health_t *h = op->data;

    char         refused[256];
    const char  *text, *state, *message;

    refused[0] = '\0';

    if (rc == NGX_ERROR && res != NULL) {
        state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
        message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        (void) snprintf(refused, sizeof(refused), "%s %s",
                        state ? state : "", message ? message : "");

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database refused to tell its health: %s", refused);
    }

    if (h->wait.request) {
        text = (rc == NGX_OK && PQntuples(res) == 1) ? PQgetvalue(res, 0, 0)
                                                     : "";
        ngx_tavus_health_give(h, text, refused);
    }

    ngx_free(h);
}


/* who else asks on the connection is not to suffer: the query goes on */

static void
ngx_tavus_health_late(ngx_event_t *ev)
{
    ngx_tavus_health_give(ngx_queue_data(ev, ngx_tavus_health_t, timer), "",
                          NULL);
}


static void
ngx_tavus_health_give(ngx_tavus_health_t *h, const char *text,
    const char *refused)
{
    ngx_http_request_t  *r;

    r = ngx_tavus_detach(&h->wait);

    ngx_tavus_health_gone(h, r);

    ngx_tavus_finalize(r, ngx_tavus_health_send(r, text, refused));
}


static void
ngx_tavus_health_gone(void *data, ngx_http_request_t *r)
{
    ngx_tavus_health_t *h = data;

    if (h->timer.timer_set) {
        ngx_del_timer(&h->timer);
    }
}


static void
ngx_tavus_health_error(cJSON *part, const char *name, ngx_str_t *error)
{
    char  text[512];

    if (error && error->len) {
        ngx_cpystrn((u_char *) text, error->data,
                    ngx_min(error->len + 1, sizeof(text)));
        (void) cJSON_AddStringToObject(part, name, text);
    }
}


/* the answer's own version is that of now, a session's of when it began */

static void
ngx_tavus_health_schema(cJSON *part, ngx_int_t told)
{
    cJSON  *said;

    said = cJSON_GetObjectItemCaseSensitive(part, "schema");

    if (cJSON_IsNumber(said)) {
        told = (ngx_int_t) said->valuedouble;

    } else if (told) {
        (void) cJSON_AddNumberToObject(part, "schema", told);
    }

    (void) cJSON_AddNumberToObject(part, "schema_needed", NGX_TAVUS_SCHEMA);

    if (told && told != NGX_TAVUS_SCHEMA) {
        (void) cJSON_AddStringToObject(part, "schema_is",
                                       told < NGX_TAVUS_SCHEMA ? "older"
                                                               : "newer");
    }
}


/* text is the database's answer: NULL if not asked, empty if it gave none */

static ngx_int_t
ngx_tavus_health_send(ngx_http_request_t *r, const char *text,
    const char *refused)
{
    const char                 *failed[NGX_TAVUS_CLEAN_STEPS + 1];
    cJSON                      *json, *part, *said, *p;
    ngx_int_t                   rc;
    ngx_uint_t                  n, status;
    ngx_tavus_main_conf_t      *mcf;
    ngx_tavus_store_main_conf_t  *smcf;
    ngx_tavus_store_stats_t     stats;
    ngx_tavus_upkeep_stats_t    upkeep;
    ngx_tavus_journal_stats_t   journal;

    mcf = ngx_http_get_module_main_conf(r, ngx_tavus_module);
    smcf = ngx_http_get_module_main_conf(r, ngx_tavus_store_module);

    status = ngx_tavus_health_status(&stats);

    json = cJSON_CreateObject();

    (void) cJSON_AddStringToObject(json, "status",
                                   status == NGX_HTTP_OK ? "ok"
                                                         : "unavailable");
    (void) cJSON_AddStringToObject(json, "version", TAVUS_VERSION);
    (void) cJSON_AddBoolToObject(json, "sandbox", mcf->sandbox);
    (void) cJSON_AddNumberToObject(json, "worker", ngx_worker);

    part = cJSON_AddObjectToObject(json, "database");
    (void) cJSON_AddBoolToObject(part, "connected", stats.ready);

    ngx_tavus_health_error(part, "error", stats.error);
    ngx_tavus_health_error(part, "query_error", stats.query_error);

    said = text ? cJSON_Parse(text) : NULL;

    if (text != NULL) {
        (void) cJSON_AddBoolToObject(part, "answered", said != NULL);
    }

    if (refused && *refused) {
        (void) cJSON_AddStringToObject(part, "refused", refused);
    }

    while (said && said->child) {
        p = cJSON_DetachItemViaPointer(said, said->child);
        (void) cJSON_AddItemToObject(part, p->string, p);
    }

    cJSON_Delete(said);

    ngx_tavus_health_schema(part, stats.schema);

    ngx_tavus_upkeep_stats(&upkeep);

    ngx_tavus_health_error(part, "upkeep_error", upkeep.error);
    n = ngx_tavus_clean_failed(failed);

    if (upkeep.failed) {
        failed[n++] = "months";
    }

    if (n) {
        (void) cJSON_AddItemToObject(part, "upkeep_failed",
                                     cJSON_CreateStringArray(failed, n));
    }

    if (stats.month_missing) {
        (void) cJSON_AddTrueToObject(part, "month_missing");
    }

    part = cJSON_AddObjectToObject(json, "store");
    (void) cJSON_AddNumberToObject(part, "waiting", stats.rows);
    (void) cJSON_AddNumberToObject(part, "bytes", stats.bytes);

    if (smcf->store.journal.path.len || smcf->store.journal.former) {
        ngx_tavus_journal_stats(&journal);

        part = cJSON_AddObjectToObject(json, "journal");
        (void) cJSON_AddBoolToObject(part, "writable",
                          ngx_tavus_journal_ready(NGX_TAVUS_STATUS_RECORD));
        (void) cJSON_AddNumberToObject(part, "files", journal.files);
        (void) cJSON_AddNumberToObject(part, "files_of_all",
                                       ngx_max(journal.found,
                                               journal.files));
        (void) cJSON_AddNumberToObject(part, "former", journal.former);
        (void) cJSON_AddNumberToObject(part, "unreadable",
                                       journal.unreadable);

        if (journal.unreadable) {
            (void) cJSON_AddStringToObject(part, "unreadable_file",
                                           journal.unreadable_why);
        }

        (void) cJSON_AddNumberToObject(part, "records", journal.records);
        (void) cJSON_AddNumberToObject(part, "bytes", journal.bytes);
        journal.age /= 1000;
        (void) cJSON_AddNumberToObject(part, "age", journal.age);
        (void) cJSON_AddNumberToObject(part, "damaged", journal.damaged);
    }

    rc = ngx_tavus_send_json(r, status, json);

    cJSON_Delete(json);

    return rc;
}
