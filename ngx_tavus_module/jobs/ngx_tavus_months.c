
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_months.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_json.h"


#define NGX_TAVUS_MONTHS_HOUR   3600000
#define NGX_TAVUS_MONTHS_FIRST  1000
#define NGX_TAVUS_MONTHS_RETRY  60000
#define NGX_TAVUS_MONTHS_SOON   5000


typedef struct {
    ngx_msec_t                 next;        /* 0: not yet known */
    ngx_msec_t                 asked;
    time_t                     last;        /* when they were made */
    unsigned                   failed:1;
    unsigned                   wanted:1;
} ngx_tavus_months_t;


static ngx_uint_t ngx_tavus_months_all_made(const char *text);


static ngx_tavus_months_t  ngx_tavus_months;


ngx_msec_t
ngx_tavus_months_wait(void)
{
    ngx_msec_int_t       wait;
    ngx_tavus_months_t  *m;

    m = &ngx_tavus_months;

    if (m->next == 0) {
        m->next = ngx_current_msec + NGX_TAVUS_MONTHS_FIRST;
    }

    wait = (ngx_msec_int_t) (m->next - ngx_current_msec);

    return wait > 0 ? (ngx_msec_t) wait : 0;
}


const ngx_tavus_pg_stmt_t *
ngx_tavus_months_next(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_months.asked = ngx_current_msec;
    ngx_tavus_months.wanted = 0;

    return &ngx_tavus_statements[ngx_tavus_stmt_make_months];
}


void
ngx_tavus_months_done(ngx_int_t rc, PGresult *res)
{
    const char          *text;
    ngx_uint_t           done, level;
    ngx_tavus_months_t  *m;

    m = &ngx_tavus_months;
    done = 0;

    if (rc == NGX_OK && PQntuples(res) == 1) {
        text = PQgetvalue(res, 0, 0);
        done = ngx_tavus_months_all_made(text);

        level = done ? NGX_LOG_INFO : NGX_LOG_NOTICE;

        ngx_log_error(level, ngx_cycle->log, 0,
                      "database is maintained: months: %s", text);

    } else {
        text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not be maintained: months: %s",
                      text ? text : "no connection");
    }

    m->failed = !done;
    m->wanted = !done;
    m->next = ngx_current_msec + (done ? NGX_TAVUS_MONTHS_HOUR
                                       : NGX_TAVUS_MONTHS_RETRY);

    if (done) {
        m->last = ngx_time();
        ngx_tavus_store_months_made();
    }
}


/* whether none was locked by others, and none could not be made */

static ngx_uint_t
ngx_tavus_months_all_made(const char *text)
{
    cJSON       *json, *waiting, *failed;
    ngx_uint_t   done;

    json = cJSON_Parse(text);

    waiting = cJSON_GetObjectItemCaseSensitive(json, "waiting");
    failed = cJSON_GetObjectItemCaseSensitive(json, "failed");

    done = cJSON_IsArray(waiting) && cJSON_GetArraySize(waiting) == 0
           && cJSON_GetArraySize(failed) == 0;

    cJSON_Delete(json);

    return done;
}


void
ngx_tavus_months_soon(void)
{
    ngx_msec_t           wait;
    ngx_tavus_months_t  *m;

    m = &ngx_tavus_months;

    wait = ngx_current_msec - m->asked;
    wait = (m->asked && wait < NGX_TAVUS_MONTHS_SOON)
           ? NGX_TAVUS_MONTHS_SOON - wait : 1;

    if (m->wanted
        && (ngx_msec_int_t) (m->next - ngx_current_msec)
           <= (ngx_msec_int_t) wait)
    {
        return;
    }

    m->wanted = 1;
    m->next = ngx_current_msec + wait;
}


ngx_uint_t
ngx_tavus_months_wanted(void)
{
    return ngx_tavus_months.wanted;
}


time_t
ngx_tavus_months_made(ngx_uint_t *failed)
{
    *failed = ngx_tavus_months.failed;

    return ngx_tavus_months.last;
}
