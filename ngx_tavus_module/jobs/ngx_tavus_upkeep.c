
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_upkeep.h"
#include "jobs/ngx_tavus_alerts.h"
#include "jobs/ngx_tavus_budget_look.h"
#include "jobs/ngx_tavus_clean.h"
#include "jobs/ngx_tavus_health_look.h"
#include "jobs/ngx_tavus_heartbeat.h"
#include "jobs/ngx_tavus_log.h"
#include "jobs/ngx_tavus_months.h"
#include "jobs/ngx_tavus_lookup.h"
#include "jobs/ngx_tavus_repair.h"
#include "jobs/ngx_tavus_roll.h"
#include "jobs/ngx_tavus_stripe_repair.h"
#include "jobs/ngx_tavus_sweep.h"
#include "event/ngx_tavus_timer.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_UPKEEP_FIRST    1000
#define NGX_TAVUS_UPKEEP_RETRY    60000
#define NGX_TAVUS_UPKEEP_MOST     5000      /* ms without a look */
#define NGX_TAVUS_UPKEEP_TIMEOUT  15000


/* what is done from time to time, each when it says that it is due */

typedef struct {
    ngx_msec_t                 (*wait)(void);       /* ms; 0: now */

    /* the query, with its values in op; NULL: nothing is to be done now */
    const ngx_tavus_pg_stmt_t *(*next)(ngx_tavus_pg_op_t *op);

    /* takes what came of it */
    void                       (*done)(ngx_int_t rc, PGresult *res);
} ngx_tavus_upkeep_operation_t;


typedef struct {
    ngx_tavus_upkeep_conf_t   *conf;
    ngx_tavus_pg_t            *pg;
    ngx_tavus_pg_op_t          op;
    ngx_event_t                timer;
    ngx_uint_t                 operation;   /* that runs */
    ngx_uint_t                 turn;        /* that ran last, but the first */
    ngx_msec_t                 begun;
    unsigned                   regular:1;   /* the first worker's */
    unsigned                   busy:1;
} ngx_tavus_upkeep_t;


static void ngx_tavus_upkeep_timer_handler(ngx_event_t *ev);
static ngx_uint_t ngx_tavus_upkeep_can(ngx_uint_t operation);
static ngx_int_t ngx_tavus_upkeep_open(void);
static void ngx_tavus_upkeep_ask(ngx_uint_t operation, const
    ngx_tavus_pg_stmt_t *stmt);
static void ngx_tavus_upkeep_answered(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_upkeep_rest(void);

static ngx_int_t ngx_tavus_upkeep_variables(ngx_conf_t *cf);
static ngx_int_t ngx_tavus_upkeep_days(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static char *ngx_tavus_upkeep_retention(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void *ngx_tavus_upkeep_create_main_conf(ngx_conf_t *cf);
static char *ngx_tavus_upkeep_init_main_conf(ngx_conf_t *cf, void *conf);


/* in the order of the label "operation" of the metrics; what is first goes
   before the others, and is done in any worker that needs it */

static const ngx_tavus_upkeep_operation_t  ngx_tavus_upkeep_operations[] = {
    { ngx_tavus_months_wait, ngx_tavus_months_next, ngx_tavus_months_done },
    { ngx_tavus_heartbeat_wait, ngx_tavus_heartbeat_next,
      ngx_tavus_heartbeat_done },
    { ngx_tavus_sweep_wait, ngx_tavus_sweep_next, ngx_tavus_sweep_done },
    { ngx_tavus_repair_wait, ngx_tavus_repair_next, ngx_tavus_repair_done },
    { ngx_tavus_clean_wait, ngx_tavus_clean_next, ngx_tavus_clean_done },
    { ngx_tavus_log_wait, ngx_tavus_log_next, ngx_tavus_log_done },
    { ngx_tavus_roll_wait, ngx_tavus_roll_next, ngx_tavus_roll_done },
    { ngx_tavus_stripe_repair_wait, ngx_tavus_stripe_repair_next,
      ngx_tavus_stripe_repair_done },
    { ngx_tavus_lookup_wait, ngx_tavus_lookup_next, ngx_tavus_lookup_done },
    { ngx_tavus_alerts_wait, ngx_tavus_alerts_next, ngx_tavus_alerts_done },
    { ngx_tavus_budget_look_wait, ngx_tavus_budget_look_next,
      ngx_tavus_budget_look_done },
    { ngx_tavus_health_look_wait, ngx_tavus_health_look_next,
      ngx_tavus_health_look_done },
};

#define NGX_TAVUS_UPKEEP_OPERATIONS                                          \
    (sizeof(ngx_tavus_upkeep_operations)                                     \
     / sizeof(ngx_tavus_upkeep_operation_t))


static ngx_command_t  ngx_tavus_upkeep_commands[] = {

    { ngx_string("tavus_retention"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_tavus_upkeep_retention,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_variable_t  ngx_tavus_upkeep_said[] = {

    { ngx_string("tavus_retention_days"), NULL, ngx_tavus_upkeep_days, 0, 0,
      0 },

      ngx_http_null_variable
};


static ngx_http_module_t  ngx_tavus_upkeep_module_ctx = {
    ngx_tavus_upkeep_variables,            /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_upkeep_create_main_conf,     /* create main configuration */
    ngx_tavus_upkeep_init_main_conf,       /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_tavus_upkeep_module = {
    NGX_MODULE_V1,
    &ngx_tavus_upkeep_module_ctx,          /* module context */
    ngx_tavus_upkeep_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static const ngx_tavus_pg_setting_t  ngx_tavus_upkeep_settings[] = {
    { "statement_timeout", "10s" },
    { NULL, NULL }
};


static ngx_tavus_upkeep_t  ngx_tavus_upkeep;


ngx_int_t
ngx_tavus_upkeep_init_process(ngx_tavus_upkeep_conf_t *conf)
{
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    u->conf = conf;

    ngx_tavus_clean_init_process(&conf->retention);

    u->timer.data = &ngx_tavus_timer_dummy;
    u->timer.handler = ngx_tavus_upkeep_timer_handler;
    u->timer.log = ngx_cycle->log;
    u->timer.cancelable = 1;

    /* during a reload there are two: both give way to each other in SQL */

    if (ngx_worker != 0 && ngx_process != NGX_PROCESS_SINGLE) {
        return NGX_OK;
    }

    u->regular = 1;

    ngx_add_timer(&u->timer, NGX_TAVUS_UPKEEP_FIRST);

    return ngx_tavus_upkeep_open();
}


void
ngx_tavus_upkeep_exit_process(void)
{
    ngx_tavus_pg_t      *pg;
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    pg = u->pg;
    u->pg = NULL;
    u->conf = NULL;

    if (pg) {
        ngx_tavus_pg_close(pg);
    }

    if (u->timer.timer_set) {
        ngx_del_timer(&u->timer);
    }
}


void
ngx_tavus_upkeep_soon(void)
{
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    if (u->conf == NULL || ngx_exiting) {
        return;
    }

    ngx_tavus_months_soon();

    if (!u->busy) {
        ngx_tavus_upkeep_rest();
    }
}


ngx_int_t
ngx_tavus_upkeep_query(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_pg_t  *pg;

    pg = ngx_tavus_upkeep.pg;

    return pg && ngx_tavus_pg_ready(pg) ? ngx_tavus_pg_query(pg, op)
                                        : NGX_DECLINED;
}


void
ngx_tavus_upkeep_stats(ngx_tavus_upkeep_stats_t *stats)
{
    stats->last = ngx_tavus_months_made(&stats->failed);
    stats->error = ngx_tavus_upkeep.pg
                   ? ngx_tavus_pg_error(ngx_tavus_upkeep.pg) : NULL;
}


static void
ngx_tavus_upkeep_timer_handler(ngx_event_t *ev)
{
    ngx_uint_t                  i, n;
    ngx_tavus_upkeep_t         *u;
    const ngx_tavus_pg_stmt_t  *stmt;

    u = &ngx_tavus_upkeep;

    if (ngx_exiting || u->busy) {
        return;
    }

    if (!u->regular && !ngx_tavus_months_wanted()) {

        /* done: another worker's connection is one too many */

        if (u->pg) {
            ngx_tavus_pg_close(u->pg);
            u->pg = NULL;
        }

        return;
    }

    if (u->pg == NULL && ngx_tavus_upkeep_open() != NGX_OK) {
        ngx_add_timer(&u->timer, NGX_TAVUS_UPKEEP_RETRY);
        return;
    }

    /* after the first in turns, so that none that is slow keeps others out */

    for (n = 0; n < NGX_TAVUS_UPKEEP_OPERATIONS; n++) {

        i = n ? 1 + (u->turn + n - 1) % (NGX_TAVUS_UPKEEP_OPERATIONS - 1) : 0;

        if (!ngx_tavus_upkeep_can(i)
            || ngx_tavus_upkeep_operations[i].wait() > 0)
        {
            continue;
        }

        stmt = ngx_tavus_upkeep_operations[i].next(&u->op);

        if (stmt) {
            u->turn = i ? i : u->turn;

            ngx_tavus_upkeep_ask(i, stmt);
            return;
        }
    }

    ngx_tavus_upkeep_rest();
}


/* the first operation is any worker's, and waits for the connection */

static ngx_uint_t
ngx_tavus_upkeep_can(ngx_uint_t operation)
{
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    return operation == 0
           || (u->regular && u->pg && ngx_tavus_pg_ready(u->pg));
}


static ngx_int_t
ngx_tavus_upkeep_open(void)
{
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    u->pg = ngx_tavus_pg_open(u->conf->database, "upkeep",
                              ngx_tavus_upkeep_settings, 0);

    return u->pg ? NGX_OK : NGX_ERROR;
}


static void
ngx_tavus_upkeep_ask(ngx_uint_t operation, const ngx_tavus_pg_stmt_t *stmt)
{
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    u->operation = operation;
    u->begun = ngx_current_msec;

    u->op.stmt = stmt;
    u->op.timeout = NGX_TAVUS_UPKEEP_TIMEOUT;
    u->op.background = 1;
    u->op.handler = ngx_tavus_upkeep_answered;

    if (ngx_tavus_pg_query(u->pg, &u->op) != NGX_OK) {
        ngx_add_timer(&u->timer, NGX_TAVUS_UPKEEP_RETRY);
        return;
    }

    u->busy = 1;
}


static void
ngx_tavus_upkeep_answered(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;
    u->busy = 0;

    if (u->conf == NULL) {
        return;
    }

    tavus_metric_add(tavus_metric_of(TAVUS_METRIC_UPKEEP, u->operation,
                                     rc == NGX_OK ? 0 : 1), 1);
    if (rc == NGX_OK) {
        tavus_metric_set(tavus_metric_of(TAVUS_METRIC_UPKEEP_SUCCESS,
                                         u->operation, 0), ngx_time());
    }

    tavus_metric_observe(tavus_metric_of(TAVUS_METRIC_UPKEEP_TIME,
                                         u->operation, 0),
                         (uint64_t) (ngx_current_msec - u->begun) * 1000);

    ngx_tavus_upkeep_operations[u->operation].done(rc, res);

    ngx_tavus_upkeep_rest();
}


/* until the next operation is due */

static void
ngx_tavus_upkeep_rest(void)
{
    ngx_uint_t           i;
    ngx_msec_t           wait;
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    wait = NGX_TAVUS_UPKEEP_MOST;

    for (i = 0; i < NGX_TAVUS_UPKEEP_OPERATIONS; i++) {

        if (ngx_tavus_upkeep_can(i)) {
            wait = ngx_min(wait, ngx_tavus_upkeep_operations[i].wait());
        }
    }

    if (!u->regular && !ngx_tavus_months_wanted()) {
        wait = 0;
    }

    ngx_add_timer(&u->timer, ngx_max(wait, 1));
}


static char *
ngx_tavus_upkeep_retention(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_upkeep_conf_t *ucf = conf;

    return ngx_tavus_retention_set(cf, &ucf->retention);
}


static ngx_int_t
ngx_tavus_upkeep_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_tavus_upkeep_said; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
    }

    return NGX_OK;
}


/* as JSON has it, for the page that tells of it */

static ngx_int_t
ngx_tavus_upkeep_days(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t                 json;
    ngx_tavus_upkeep_conf_t  *ucf;

    ucf = ngx_http_get_module_main_conf(r, ngx_tavus_upkeep_module);

    if (ngx_tavus_retention_json(r->pool, &ucf->retention, &json) != NGX_OK) {
        return NGX_ERROR;
    }

    v->len = json.len;
    v->data = json.data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static void *
ngx_tavus_upkeep_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_upkeep_conf_t  *ucf;

    ucf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_upkeep_conf_t));
    if (ucf == NULL) {
        return NULL;
    }

    ngx_tavus_retention_create(&ucf->retention);

    return ucf;
}


static char *
ngx_tavus_upkeep_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_tavus_upkeep_conf_t *ucf = conf;

    ngx_tavus_retention_init(&ucf->retention);

    return NGX_CONF_OK;
}
