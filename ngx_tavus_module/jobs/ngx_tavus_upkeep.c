
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_upkeep.h"
#include "jobs/ngx_tavus_clean.h"
#include "store/ngx_tavus_journal.h"
#include "store/ngx_tavus_node.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_UPKEEP_HOUR     3600000
#define NGX_TAVUS_UPKEEP_FIRST    1000
#define NGX_TAVUS_UPKEEP_RETRY    60000
#define NGX_TAVUS_UPKEEP_SOON     5000
#define NGX_TAVUS_UPKEEP_BEAT     5000
#define NGX_TAVUS_UPKEEP_AGAIN    60000     /* what lasts is said again */
#define NGX_TAVUS_UPKEEP_TIMEOUT  15000

/* seconds that events are kept */
#define NGX_TAVUS_UPKEEP_RETENTION      (400 * 24 * 3600)
#define NGX_TAVUS_UPKEEP_LEAST          (60 * 24 * 3600)
#define NGX_TAVUS_UPKEEP_LEAST_BROWSER  (24 * 3600)


typedef struct {
    ngx_tavus_upkeep_conf_t   *conf;
    ngx_tavus_pg_t            *pg;
    ngx_tavus_pg_op_t          op;
    ngx_event_t                timer;
    ngx_msec_t                 next;        /* when to make months */
    ngx_msec_t                 turn;        /* when to claim */
    ngx_msec_t                 asked;
    ngx_msec_t                 clashed;     /* when it was said */
    ngx_uint_t                 silent;      /* nodes */
    char                       files[NGX_INT64_LEN + 1];
    char                       bytes[NGX_INT64_LEN + 1];
    char                       clean[NGX_INT64_LEN + 1];
    ngx_tavus_upkeep_stats_t   stats;
    unsigned                   regular:1;   /* the first worker's */
    unsigned                   wanted:1;
    unsigned                   busy:1;
    unsigned                   clashing:1;  /* says the last beat */
} ngx_tavus_upkeep_t;


static void ngx_tavus_upkeep_timer_handler(ngx_event_t *ev);
static ngx_int_t ngx_tavus_upkeep_open(void);
static void ngx_tavus_upkeep_ask(const ngx_tavus_pg_stmt_t *stmt,
    ngx_tavus_pg_handler_pt handler);
static void ngx_tavus_upkeep_beat(const char *node);
static void ngx_tavus_upkeep_beaten(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_upkeep_nodes(const char *text);
static void ngx_tavus_upkeep_claim_due(void);
static void ngx_tavus_upkeep_made(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static ngx_uint_t ngx_tavus_upkeep_all_made(const char *text);
static void ngx_tavus_upkeep_cleaned(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_upkeep_claimed(ngx_tavus_pg_op_t *op, ngx_int_t rc,
    PGresult *res);
static void ngx_tavus_upkeep_rest(void);

static char *ngx_tavus_upkeep_retention(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void *ngx_tavus_upkeep_create_main_conf(ngx_conf_t *cf);
static char *ngx_tavus_upkeep_init_main_conf(ngx_conf_t *cf, void *conf);


static ngx_command_t  ngx_tavus_upkeep_commands[] = {

    { ngx_string("tavus_retention"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_tavus_upkeep_retention,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_upkeep_conf_t, retention),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_upkeep_module_ctx = {
    NULL,                                  /* preconfiguration */
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


static const Oid  ngx_tavus_upkeep_types[] = {
    25 /* text */, 25, 25
};

static const ngx_tavus_pg_stmt_t  ngx_tavus_upkeep_months = {
    0, "make_months", "SELECT tavus.make_months()", 0, NULL
};

static const ngx_tavus_pg_stmt_t  ngx_tavus_upkeep_claim = {
    1, "claim", "SELECT tavus.claim_unsettled($1, $2::bigint)",
    2, ngx_tavus_upkeep_types
};

static const ngx_tavus_pg_stmt_t  ngx_tavus_upkeep_heartbeat = {
    2, "heartbeat", "SELECT tavus.heartbeat($1, $2::int, $3::bigint)",
    3, ngx_tavus_upkeep_types
};


static const ngx_tavus_pg_setting_t  ngx_tavus_upkeep_settings[] = {
    { "statement_timeout", "10s" },
    { NULL, NULL }
};


/* debug logging reads the descriptor of a timer's "connection" */

static ngx_connection_t    ngx_tavus_upkeep_dummy = {
    .fd = (ngx_socket_t) -1
};

static ngx_tavus_upkeep_t  ngx_tavus_upkeep;


ngx_int_t
ngx_tavus_upkeep_init_process(ngx_tavus_upkeep_conf_t *conf)
{
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    u->conf = conf;

    ngx_tavus_clean_init_process(conf->retention, conf->browser);

    u->timer.data = &ngx_tavus_upkeep_dummy;
    u->timer.handler = ngx_tavus_upkeep_timer_handler;
    u->timer.log = ngx_cycle->log;
    u->timer.cancelable = 1;

    /* during a reload there are two: both give way to each other in SQL */

    if (ngx_worker != 0 && ngx_process != NGX_PROCESS_SINGLE) {
        return NGX_OK;
    }

    u->regular = 1;
    u->next = ngx_current_msec + NGX_TAVUS_UPKEEP_FIRST;

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
    ngx_msec_t           wait;
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    if (u->conf == NULL || u->wanted || ngx_exiting) {
        return;
    }

    u->wanted = 1;

    /* no more often than it can help */

    wait = ngx_current_msec - u->asked;
    wait = (u->asked && wait < NGX_TAVUS_UPKEEP_SOON)
           ? NGX_TAVUS_UPKEEP_SOON - wait : 1;

    u->next = ngx_current_msec + wait;

    if (u->timer.timer_set) {
        ngx_del_timer(&u->timer);
    }

    ngx_add_timer(&u->timer, wait);
}


void
ngx_tavus_upkeep_stats(ngx_tavus_upkeep_stats_t *stats)
{
    *stats = ngx_tavus_upkeep.stats;

    if (ngx_tavus_upkeep.pg) {
        stats->error = ngx_tavus_pg_error(ngx_tavus_upkeep.pg);
    }
}


static void
ngx_tavus_upkeep_timer_handler(ngx_event_t *ev)
{
    const char          *node;
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    if (ngx_exiting || u->busy) {
        return;
    }

    if (!u->regular && !u->wanted) {

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

    if (u->wanted
        || (ngx_msec_int_t) (ngx_current_msec - u->next) >= 0)
    {
        u->asked = ngx_current_msec;
        u->wanted = 0;

        ngx_tavus_upkeep_ask(&ngx_tavus_upkeep_months,
                             ngx_tavus_upkeep_made);
        return;
    }

    /* neither keeps the other from its turn */

    if ((ngx_msec_int_t) (u->turn - ngx_current_msec) > 0
        && ngx_tavus_pg_ready(u->pg))
    {
        if (ngx_tavus_clean_wait() == 0) {
            ngx_tavus_upkeep_ask(ngx_tavus_clean_next(&u->op),
                                 ngx_tavus_upkeep_cleaned);
            return;
        }

        ngx_tavus_upkeep_rest();
        return;
    }

    u->turn = ngx_current_msec + NGX_TAVUS_UPKEEP_BEAT;

    node = ngx_tavus_node_name();

    if (!ngx_tavus_pg_ready(u->pg)) {
        ngx_tavus_upkeep_rest();

    } else if (node && *node) {
        ngx_tavus_upkeep_beat(node);

    } else {
        ngx_tavus_upkeep_claim_due();
    }
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
ngx_tavus_upkeep_ask(const ngx_tavus_pg_stmt_t *stmt,
    ngx_tavus_pg_handler_pt handler)
{
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    u->op.stmt = stmt;
    u->op.timeout = NGX_TAVUS_UPKEEP_TIMEOUT;
    u->op.background = 1;
    u->op.handler = handler;

    if (ngx_tavus_pg_query(u->pg, &u->op) != NGX_OK) {
        ngx_add_timer(&u->timer, NGX_TAVUS_UPKEEP_RETRY);
        return;
    }

    u->busy = 1;
}


static void
ngx_tavus_upkeep_made(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    const char          *text;
    ngx_uint_t           done, level;
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;
    u->busy = 0;

    if (u->conf == NULL) {
        return;
    }

    done = 0;

    if (rc == NGX_OK && PQntuples(res) == 1) {
        text = PQgetvalue(res, 0, 0);
        done = ngx_tavus_upkeep_all_made(text);

        level = done ? NGX_LOG_INFO : NGX_LOG_NOTICE;

        ngx_log_error(level, ngx_cycle->log, 0,
                      "database is maintained: months: %s", text);

    } else {
        text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not be maintained: months: %s",
                      text ? text : "no connection");
    }

    if (done) {
        u->stats.last = ngx_time();
        ngx_tavus_store_months_made();
    }

    u->stats.failed = !done;

    u->next = ngx_current_msec + (done ? NGX_TAVUS_UPKEEP_HOUR
                                       : NGX_TAVUS_UPKEEP_RETRY);

    if (!u->regular) {
        u->wanted = !done;
    }

    ngx_add_timer(&u->timer, (done || u->regular) ? 1
                                                  : NGX_TAVUS_UPKEEP_RETRY);
}


/* whether none was locked by others, and none could not be made */

static ngx_uint_t
ngx_tavus_upkeep_all_made(const char *text)
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


static void
ngx_tavus_upkeep_cleaned(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;
    u->busy = 0;

    if (u->conf == NULL) {
        return;
    }

    ngx_tavus_clean_done(rc, res);
    ngx_tavus_upkeep_rest();
}


static void
ngx_tavus_upkeep_beat(const char *node)
{
    ngx_tavus_upkeep_t         *u;
    ngx_tavus_journal_stats_t   journal;

    u = &ngx_tavus_upkeep;

    ngx_tavus_journal_stats(&journal);

    ngx_sprintf((u_char *) u->files, "%ui%Z", journal.found);
    ngx_sprintf((u_char *) u->bytes, "%O%Z", journal.found_bytes);

    u->op.values[0] = node;
    u->op.values[1] = u->files;
    u->op.values[2] = u->bytes;

    ngx_tavus_upkeep_ask(&ngx_tavus_upkeep_heartbeat,
                         ngx_tavus_upkeep_beaten);
}


static void
ngx_tavus_upkeep_beaten(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    const char          *text;
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;
    u->busy = 0;

    if (u->conf == NULL) {
        return;
    }

    if (rc == NGX_OK && PQntuples(res) == 1) {
        ngx_tavus_upkeep_nodes(PQgetvalue(res, 0, 0));
        ngx_tavus_upkeep_claim_due();
        return;
    }

    if (res) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not be told that this node lives: %s",
                      text ? text : "");
    }

    ngx_tavus_upkeep_rest();
}


static void
ngx_tavus_upkeep_nodes(const char *text)
{
    cJSON               *json, *silent, *p;
    ngx_uint_t           n, clash;
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    json = cJSON_Parse(text);

    /* once: a reload may have moved the folder to and fro */

    clash = u->clashing;
    u->clashing = cJSON_IsTrue(cJSON_GetObjectItem(json, "clash"));
    clash = clash && u->clashing;

    silent = cJSON_GetObjectItem(json, "silent");
    n = cJSON_GetArraySize(silent);

    tavus_metric_set(TAVUS_METRIC_NODE_CLASH, clash);
    tavus_metric_set(TAVUS_METRIC_NODES_SILENT, n);

    if (clash
        && (u->clashed == 0
            || ngx_current_msec - u->clashed >= NGX_TAVUS_UPKEEP_AGAIN))
    {
        u->clashed = ngx_current_msec;

        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "another node has the id of this one, \"%s\": one of "
                      "the two journal folders is a copy",
                      ngx_tavus_node_name());
    }

    if (n > u->silent) {
        cJSON_ArrayForEach(p, silent) {
            ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                          "node \"%s\" is silent: its journal may hold "
                          "events", cJSON_GetStringValue(p));
        }
    }

    u->silent = n;

    cJSON_Delete(json);
}


/* what this node was told of it would have told by when its folder was empty */

static void
ngx_tavus_upkeep_claim_due(void)
{
    ngx_tavus_upkeep_t         *u;
    ngx_tavus_journal_stats_t   journal;

    u = &ngx_tavus_upkeep;

    if (u->conf->unsettled == NULL || !u->conf->idle()) {
        ngx_tavus_upkeep_rest();
        return;
    }

    ngx_tavus_journal_tell();
    ngx_tavus_journal_stats(&journal);

    ngx_sprintf((u_char *) u->clean, "%M%Z",
                ngx_current_msec - journal.clean);

    u->op.values[0] = ngx_tavus_node_name();
    u->op.values[1] = journal.cleaned ? u->clean : NULL;

    ngx_tavus_upkeep_ask(&ngx_tavus_upkeep_claim, ngx_tavus_upkeep_claimed);
}


static void
ngx_tavus_upkeep_claimed(ngx_tavus_pg_op_t *op, ngx_int_t rc, PGresult *res)
{
    const char          *text;
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;
    u->busy = 0;

    if (u->conf == NULL) {
        return;
    }

    if (rc == NGX_OK && PQntuples(res) == 1) {
        u->conf->unsettled(PQgetvalue(res, 0, 0));

    } else if (res) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not be asked for unsettled "
                      "conversations: %s", text ? text : "");
    }

    ngx_tavus_upkeep_rest();
}


/* until a claim or a bite is due, unless months are wanted before */

static void
ngx_tavus_upkeep_rest(void)
{
    ngx_msec_t           wait;
    ngx_tavus_upkeep_t  *u;

    u = &ngx_tavus_upkeep;

    if (u->wanted) {
        wait = (ngx_msec_int_t) (u->next - ngx_current_msec) > 0
               ? u->next - ngx_current_msec : 1;

    } else {
        wait = (ngx_msec_int_t) (u->turn - ngx_current_msec) > 0
               ? u->turn - ngx_current_msec : 1;

        if (ngx_tavus_pg_ready(u->pg)) {
            wait = ngx_min(wait, ngx_max(ngx_tavus_clean_wait(), 1));
        }
    }

    ngx_add_timer(&u->timer, wait);
}


/* months are dropped whole, and two are kept in any case */

static char *
ngx_tavus_upkeep_retention(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_upkeep_conf_t *ucf = conf;

    char       *rv;
    ngx_str_t   s, *value;

    rv = ngx_conf_set_sec_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ucf->retention < NGX_TAVUS_UPKEEP_LEAST) {
        return "must be at least 60d";
    }

    if (cf->args->nelts == 2) {
        return NGX_CONF_OK;
    }

    value = cf->args->elts;
    s = value[2];

    if (s.len < 8 || ngx_strncmp(s.data, "browser=", 8) != 0) {
        return "has an unknown parameter";
    }

    s.data += 8;
    s.len -= 8;

    ucf->browser = ngx_parse_time(&s, 1);

    if (ucf->browser == (time_t) NGX_ERROR) {
        return "has an invalid time in \"browser=\"";
    }

    if (ucf->browser < NGX_TAVUS_UPKEEP_LEAST_BROWSER
        || ucf->browser > ucf->retention)
    {
        return "takes for \"browser=\" at least 1d, and at most what it "
               "keeps of all";
    }

    return NGX_CONF_OK;
}


static void *
ngx_tavus_upkeep_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_upkeep_conf_t  *ucf;

    ucf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_upkeep_conf_t));
    if (ucf == NULL) {
        return NULL;
    }

    ucf->retention = NGX_CONF_UNSET;

    return ucf;
}


static char *
ngx_tavus_upkeep_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_tavus_upkeep_conf_t *ucf = conf;

    ngx_conf_init_value(ucf->retention, NGX_TAVUS_UPKEEP_RETENTION);

    return NGX_CONF_OK;
}
