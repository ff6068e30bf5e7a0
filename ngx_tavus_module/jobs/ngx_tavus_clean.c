
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_clean.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_CLEAN_HOUR   3600000
#define NGX_TAVUS_CLEAN_FIRST  2000
#define NGX_TAVUS_CLEAN_RETRY  60000
#define NGX_TAVUS_CLEAN_PAUSE  20

/* rows a bite: intake may wait for one that is being deleted */
#define NGX_TAVUS_CLEAN_MAX    2000
#define NGX_TAVUS_CLEAN_MIN    10


typedef struct {
    const char                 *name;
    ngx_uint_t                  stmt;       /* ngx_tavus_stmt_e */
    ngx_uint_t                  kind;       /* ngx_tavus_keep_e */
    ngx_uint_t                  of_events;
} ngx_tavus_clean_step_t;


typedef struct {
    ngx_tavus_retention_t       retention;
    ngx_uint_t                  step;
    ngx_msec_t                  next;       /* when the next bite is due */
    ngx_msec_t                  begun;
    ngx_uint_t                  rows;       /* a bite */
    uint64_t                    trimmed;    /* in this step */
    ngx_uint_t                  round;      /* a step failed in this round */
    unsigned                    failed[NGX_TAVUS_CLEAN_STEPS];
    char                        keep[NGX_INT64_LEN + sizeof(" seconds")];
    char                        bite[NGX_INT64_LEN + 1];
    char                        after[128];
} ngx_tavus_clean_t;


static ngx_uint_t ngx_tavus_clean_whole(const ngx_tavus_clean_step_t *step);
static time_t ngx_tavus_clean_keep(ngx_uint_t kind);
static void ngx_tavus_clean_answered(const char *text);
static void ngx_tavus_clean_step(ngx_uint_t failed);


/* those by tavus.trim() are named as it names them; KINDS: as what is kept
   for the shortest time, as it may be anything */

static const ngx_tavus_clean_step_t
    ngx_tavus_clean_steps[NGX_TAVUS_CLEAN_STEPS] =
{
    { "old months", ngx_tavus_stmt_drop_months, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "digests", ngx_tavus_stmt_rotate_digests, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "browser", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_BROWSER, 1 },
    { "contacts", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_CONTACTS, 1 },
    { "transcripts", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_TRANSCRIPTS, 1 },
    { "trail", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_TRAIL, 1 },
    { "quarantine", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_KINDS, 0 },
    { "intents", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "conversations", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "elsewhere", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "consents", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "log", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "deliveries", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "leads", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_CONTACTS, 0 },
    { "alerts", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "orders", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_CONTACTS, 0 },
    { "purchases", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "stats", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_BROWSER, 0 },
    { "line", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_EVENTS, 0 },
    { "budget", ngx_tavus_stmt_trim, NGX_TAVUS_KEEP_EVENTS, 0 }
};

static ngx_tavus_clean_t  ngx_tavus_clean;


void
ngx_tavus_clean_init_process(ngx_tavus_retention_t *retention)
{
    ngx_tavus_clean_t  *c;

    c = &ngx_tavus_clean;

    c->retention = *retention;
    c->rows = NGX_TAVUS_CLEAN_MAX;
    c->next = ngx_current_msec + NGX_TAVUS_CLEAN_FIRST;
}


ngx_msec_t
ngx_tavus_clean_wait(void)
{
    ngx_msec_int_t  wait;

    wait = (ngx_msec_int_t) (ngx_tavus_clean.next - ngx_current_msec);

    return wait > 0 ? (ngx_msec_t) wait : 0;
}


const ngx_tavus_pg_stmt_t *
ngx_tavus_clean_next(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_clean_t             *c;
    const ngx_tavus_clean_step_t  *step;

    c = &ngx_tavus_clean;

    step = &ngx_tavus_clean_steps[c->step];
    c->begun = ngx_current_msec;

    ngx_sprintf((u_char *) c->keep, "%T seconds%Z",
                ngx_tavus_clean_keep(step->kind));

    if (step->stmt == ngx_tavus_stmt_trim) {
        ngx_sprintf((u_char *) c->bite, "%ui%Z", c->rows);

        op->values[0] = step->name;
        op->values[1] = c->keep;
        op->values[2] = c->bite;
        op->values[3] = c->after[0] ? c->after : NULL;

    } else {
        op->values[0] = c->keep;
    }

    return &ngx_tavus_statements[step->stmt];
}


/* what is kept as long as its months goes with them */

static ngx_uint_t
ngx_tavus_clean_whole(const ngx_tavus_clean_step_t *step)
{
    return step->of_events
           && ngx_tavus_clean_keep(step->kind)
              == ngx_tavus_clean_keep(NGX_TAVUS_KEEP_EVENTS);
}


static time_t
ngx_tavus_clean_keep(ngx_uint_t kind)
{
    time_t      keep, *all;
    ngx_uint_t  i;

    all = ngx_tavus_clean.retention.keep;

    if (kind < NGX_TAVUS_KEEP_KINDS) {
        return all[kind];
    }

    keep = all[NGX_TAVUS_KEEP_EVENTS];

    for (i = 0; i < NGX_TAVUS_KEEP_TRAIL; i++) {
        keep = ngx_min(keep, all[i]);
    }

    return keep;
}


void
ngx_tavus_clean_done(ngx_int_t rc, PGresult *res)
{
    const char         *text, *state;
    ngx_tavus_clean_t  *c;

    c = &ngx_tavus_clean;

    if (rc == NGX_OK && PQntuples(res) == 1) {
        ngx_tavus_clean_answered(PQgetvalue(res, 0, 0));
        return;
    }

    text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "database could not be maintained: %s: %s",
                  ngx_tavus_clean_steps[c->step].name,
                  text ? text : "no connection");

    /* query_canceled: a bite was too large for its time */

    if (state && ngx_strcmp(state, "57014") == 0) {
        c->rows = ngx_max(c->rows / 4, NGX_TAVUS_CLEAN_MIN);
    }

    ngx_tavus_clean_step(1);
}


static void
ngx_tavus_clean_answered(const char *text)
{
    cJSON              *json, *p;
    uint64_t            n;
    ngx_msec_t          took;
    const char         *name;
    ngx_uint_t          more, waiting, level;
    ngx_tavus_clean_t  *c;

    c = &ngx_tavus_clean;

    json = cJSON_Parse(text);

    p = cJSON_GetObjectItemCaseSensitive(json, "trimmed");
    n = cJSON_IsNumber(p) ? (uint64_t) p->valuedouble : 0;
    c->trimmed += n;

    name = ngx_tavus_clean_steps[c->step].name;

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_RETENTION,
                                     tavus_metric_label(
                                         TAVUS_METRIC_RETENTION, 0, name,
                                         ngx_strlen(name)), 0), n);

    waiting = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(json,
                                                               "waiting")) > 0
              || cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "busy"));

    more = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "more"));

    p = cJSON_GetObjectItemCaseSensitive(json, "after");

    if (cJSON_IsString(p)) {
        more = 1;
        ngx_cpystrn((u_char *) c->after, (u_char *) p->valuestring,
                    sizeof(c->after));
    }

    cJSON_Delete(json);

    if (more) {

        /* at most half of a backend's time, and a disk's */

        took = ngx_current_msec - c->begun;

        c->rows = ngx_min(c->rows * 2, NGX_TAVUS_CLEAN_MAX);
        c->next = ngx_current_msec + ngx_max(took, NGX_TAVUS_CLEAN_PAUSE);
        return;
    }

    level = waiting ? NGX_LOG_NOTICE : NGX_LOG_INFO;

    if (ngx_tavus_clean_steps[c->step].stmt == ngx_tavus_stmt_trim
        && !waiting)
    {
        ngx_log_error(level, ngx_cycle->log, 0,
                      "database is maintained: %s: %uL trimmed",
                      ngx_tavus_clean_steps[c->step].name, c->trimmed);

    } else {
        ngx_log_error(level, ngx_cycle->log, 0,
                      "database is maintained: %s: %s",
                      ngx_tavus_clean_steps[c->step].name, text);
    }

    ngx_tavus_clean_step(waiting);
}


static void
ngx_tavus_clean_step(ngx_uint_t failed)
{
    ngx_tavus_clean_t  *c;

    c = &ngx_tavus_clean;

    c->failed[c->step] = failed;
    c->round |= failed;

    c->trimmed = 0;
    c->after[0] = '\0';
    c->next = ngx_current_msec;

    do {
        c->step++;
    } while (c->step < NGX_TAVUS_CLEAN_STEPS
             && ngx_tavus_clean_whole(&ngx_tavus_clean_steps[c->step]));

    if (c->step == NGX_TAVUS_CLEAN_STEPS) {
        c->step = 0;
        c->next += c->round ? NGX_TAVUS_CLEAN_RETRY : NGX_TAVUS_CLEAN_HOUR;
        c->round = 0;
    }
}


ngx_uint_t
ngx_tavus_clean_failed(const char *names[NGX_TAVUS_CLEAN_STEPS])
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < NGX_TAVUS_CLEAN_STEPS; i++) {
        if (ngx_tavus_clean.failed[i]) {
            names[n++] = ngx_tavus_clean_steps[i].name;
        }
    }

    return n;
}
