
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_roll.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_json.h"


#define NGX_TAVUS_ROLL_PERIOD  1000
#define NGX_TAVUS_ROLL_RETRY   5000
#define NGX_TAVUS_ROLL_PAUSE   20       /* ms for others, where there is more */

/*
 * Events of batches that have what is looked for: what is slow to merge takes
 * 0.4 ms each.  To count them takes some us each, and 1 ms to begin: so many,
 * and the pause, keep no core for long.
 */
#define NGX_TAVUS_ROLL_BITE    "500"
#define NGX_TAVUS_ROLL_COUNT   "2000"


typedef struct {
    const char  *name;                  /* what it makes */
    ngx_uint_t   stmt;                  /* ngx_tavus_stmt_e */
    const char  *most;                  /* events */
    ngx_msec_t   due;
    unsigned     failed:1;
} ngx_tavus_roll_t;


static ngx_uint_t ngx_tavus_roll_more(cJSON *json, ngx_tavus_roll_t *roll);
static uint64_t ngx_tavus_roll_number(cJSON *json, const char *name);


static ngx_tavus_roll_t  ngx_tavus_rolls[] = {
    { "leads", ngx_tavus_stmt_leads_roll, NGX_TAVUS_ROLL_BITE, 0, 0 },
    { "orders", ngx_tavus_stmt_orders_roll, NGX_TAVUS_ROLL_BITE, 0, 0 },
    { "traces", ngx_tavus_stmt_traces_roll, NGX_TAVUS_ROLL_BITE, 0, 0 },
    { "statistics", ngx_tavus_stmt_stats_roll, NGX_TAVUS_ROLL_COUNT, 0, 0 },
    { "words", ngx_tavus_stmt_words_roll, NGX_TAVUS_ROLL_BITE, 0, 0 }
};

#define NGX_TAVUS_ROLLS                                                      \
    (sizeof(ngx_tavus_rolls) / sizeof(ngx_tavus_roll_t))


static ngx_tavus_roll_t  *ngx_tavus_roll;       /* that runs */

/* NULL, which is as of test mode, until there is a key */
static const char        *ngx_tavus_roll_live;


void
ngx_tavus_roll_init_process(ngx_tavus_stripe_t *stripe)
{
    ngx_tavus_roll_live = stripe == NULL ? NULL
                          : stripe->live ? "true" : "false";
}


/* the one that has been due for longest */

static ngx_tavus_roll_t *
ngx_tavus_roll_first(void)
{
    ngx_uint_t         i;
    ngx_tavus_roll_t  *roll;

    roll = &ngx_tavus_rolls[0];

    for (i = 1; i < NGX_TAVUS_ROLLS; i++) {
        if ((ngx_msec_int_t) (ngx_tavus_rolls[i].due - roll->due) < 0) {
            roll = &ngx_tavus_rolls[i];
        }
    }

    return roll;
}


ngx_msec_t
ngx_tavus_roll_wait(void)
{
    ngx_msec_int_t     wait;
    ngx_tavus_roll_t  *roll;

    roll = ngx_tavus_roll_first();
    wait = (ngx_msec_int_t) (roll->due - ngx_current_msec);

    return (roll->due && wait > 0) ? (ngx_msec_t) wait : 0;
}


const ngx_tavus_pg_stmt_t *
ngx_tavus_roll_next(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_roll = ngx_tavus_roll_first();
    ngx_tavus_roll->due = ngx_current_msec + NGX_TAVUS_ROLL_PERIOD;

    op->values[0] = ngx_tavus_roll->most;

    if (ngx_tavus_roll->stmt == ngx_tavus_stmt_orders_roll) {
        op->values[1] = ngx_tavus_roll_live;
    }

    return &ngx_tavus_statements[ngx_tavus_roll->stmt];
}


void
ngx_tavus_roll_done(ngx_int_t rc, PGresult *res)
{
    cJSON             *json;
    uint64_t           unread;
    const char        *text;
    ngx_tavus_roll_t  *roll;

    roll = ngx_tavus_roll;

    if (rc != NGX_OK || PQntuples(res) != 1) {
        text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

        if (!roll->failed) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "database could not make %s of what is stored: %s",
                          roll->name, text ? text : "no connection");
        }

        roll->failed = 1;
        roll->due = ngx_current_msec + NGX_TAVUS_ROLL_RETRY;
        return;
    }

    roll->failed = 0;

    json = cJSON_Parse(PQgetvalue(res, 0, 0));

    if (ngx_tavus_roll_more(json, roll)) {
        roll->due = ngx_current_msec + NGX_TAVUS_ROLL_PAUSE;
    }

    unread = ngx_tavus_roll_number(json, "unread");

    if (unread) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "%uL events are not what %s are made of, and are passed "
                      "over", unread, roll->name);
    }

    cJSON_Delete(json);
}


/* as it says itself, or all that it was to take was there */

static ngx_uint_t
ngx_tavus_roll_more(cJSON *json, ngx_tavus_roll_t *roll)
{
    cJSON  *more;

    more = cJSON_GetObjectItemCaseSensitive(json, "more");

    if (more) {
        return cJSON_IsTrue(more);
    }

    return ngx_tavus_roll_number(json, "events")
           >= (uint64_t) ngx_atoi((u_char *) roll->most,
                                  ngx_strlen(roll->most));
}


static uint64_t
ngx_tavus_roll_number(cJSON *json, const char *name)
{
    cJSON  *p;

    p = cJSON_GetObjectItemCaseSensitive(json, name);

    return cJSON_IsNumber(p) && p->valuedouble > 0
           ? (uint64_t) p->valuedouble : 0;
}
