
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_stripe_repair.h"
#include "service/ngx_tavus_stripe_list.h"
#include "store/ngx_tavus_envelope.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_STRIPE_REPAIR_FIRST    2000
#define NGX_TAVUS_STRIPE_REPAIR_POLL     2000
#define NGX_TAVUS_STRIPE_REPAIR_BUSY     200

#define NGX_TAVUS_STRIPE_REPAIR_PERIOD   3600
#define NGX_TAVUS_STRIPE_REPAIR_LEAST    60
#define NGX_TAVUS_STRIPE_REPAIR_MOST     (24 * 3600)

/* seconds without a request */
#define NGX_TAVUS_STRIPE_REPAIR_REFUSED  900
#define NGX_TAVUS_STRIPE_REPAIR_FAILED   30
#define NGX_TAVUS_STRIPE_REPAIR_LONGEST  3600


typedef struct {
    ngx_tavus_stripe_t   *stripe;       /* NULL: nobody is asked */
    ngx_msec_t            next;
    ngx_uint_t            limit;        /* events in a page */

    /* the page that is asked for */
    char                  token[NGX_INT64_LEN + 1];
    ngx_uint_t            failures;     /* before it */
    ngx_uint_t            left;         /* rows under way, and one */
    ngx_uint_t            stored;
    ngx_uint_t            failed;
    ngx_uint_t            more;
    unsigned              busy:1;

    /* what came of it, until the database is told */
    const char           *told;         /* NULL: nothing */
    char                  after[NGX_TAVUS_STRIPE_ID + 1];
    char                  seconds[NGX_INT_T_LEN + 1];

    const char           *reason;       /* the last failure that was said */
    char                  period[NGX_INT_T_LEN + 1];
} ngx_tavus_stripe_repair_t;


static void ngx_tavus_stripe_repair_begin(cJSON *root);
static void ngx_tavus_stripe_repair_answered(ngx_tavus_curl_t *t);
static void ngx_tavus_stripe_repair_refused(ngx_tavus_curl_t *t);
static void ngx_tavus_stripe_repair_failed(const char *reason,
    ngx_uint_t status, ngx_uint_t seconds);
static void ngx_tavus_stripe_repair_take(ngx_tavus_curl_t *t,
    ngx_tavus_stripe_list_t *list);
static ngx_int_t ngx_tavus_stripe_repair_put(ngx_pool_t *pool,
    ngx_tavus_stripe_event_t *event);
static ngx_int_t ngx_tavus_stripe_repair_identify(ngx_tavus_event_t *ev,
    ngx_tavus_stripe_event_t *event);
static void ngx_tavus_stripe_repair_stored(void *data,
    ngx_tavus_outcome_e outcome, ngx_msec_t time);
static void ngx_tavus_stripe_repair_settle(void);
static void ngx_tavus_stripe_repair_tell(const char *what,
    ngx_uint_t seconds);

static char *ngx_tavus_stripe_repair_directive(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static void *ngx_tavus_stripe_repair_create_main_conf(ngx_conf_t *cf);
static char *ngx_tavus_stripe_repair_init_main_conf(ngx_conf_t *cf,
    void *conf);


static ngx_command_t  ngx_tavus_stripe_repair_commands[] = {

    { ngx_string("tavus_stripe_repair"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_stripe_repair_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_stripe_repair_conf_t, period),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_stripe_repair_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_stripe_repair_create_main_conf,
                                           /* create main configuration */
    ngx_tavus_stripe_repair_init_main_conf,
                                           /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_tavus_stripe_repair_module = {
    NGX_MODULE_V1,
    &ngx_tavus_stripe_repair_module_ctx,   /* module context */
    ngx_tavus_stripe_repair_commands,      /* module directives */
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


static ngx_tavus_stripe_repair_t  ngx_tavus_stripe_repair;


void
ngx_tavus_stripe_repair_init_process(ngx_tavus_stripe_repair_conf_t *conf,
    ngx_tavus_stripe_t *stripe)
{
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    s->stripe = conf->period ? stripe : NULL;
    s->next = ngx_current_msec + NGX_TAVUS_STRIPE_REPAIR_FIRST;
    s->limit = NGX_TAVUS_STRIPE_PAGE;

    ngx_sprintf((u_char *) s->period, "%T%Z", conf->period);
}


ngx_msec_t
ngx_tavus_stripe_repair_wait(void)
{
    ngx_msec_int_t              wait;
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    if (s->stripe == NULL) {
        return NGX_TAVUS_STRIPE_REPAIR_POLL;
    }

    if (s->busy) {
        return NGX_TAVUS_STRIPE_REPAIR_BUSY;
    }

    wait = (ngx_msec_int_t) (s->next - ngx_current_msec);

    return wait > 0 ? (ngx_msec_t) wait : 0;
}


const ngx_tavus_pg_stmt_t *
ngx_tavus_stripe_repair_next(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    s->next = ngx_current_msec + NGX_TAVUS_STRIPE_REPAIR_POLL;

    if (s->stripe == NULL || s->busy) {
        return NULL;
    }

    op->values[0] = s->stripe->live ? "true" : "false";
    op->values[1] = s->told ? s->token : "0";
    op->values[2] = s->told;
    op->values[3] = s->after[0] ? s->after : NULL;
    op->values[4] = s->told ? s->seconds : "0";

    return &ngx_tavus_statements[ngx_tavus_stmt_stripe_repair];
}


void
ngx_tavus_stripe_repair_done(ngx_int_t rc, PGresult *res)
{
    cJSON                      *root, *age;
    const char                 *text;
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    if (rc != NGX_OK || PQntuples(res) != 1) {

        /* what is to be told is told again: the token holds it off twice */

        if (res) {
            text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "database could not be asked for events of Stripe: "
                          "%s", text ? text : "");
        }

        return;
    }

    s->told = NULL;

    root = cJSON_Parse(PQgetvalue(res, 0, 0));

    age = cJSON_GetObjectItemCaseSensitive(root, "age");

    if (cJSON_IsNumber(age) && age->valuedouble >= 0) {
        tavus_metric_set(TAVUS_METRIC_STRIPE_REPAIR_AGE,
                         (uint64_t) age->valuedouble);
    }

    if (!ngx_exiting && !ngx_terminate) {
        ngx_tavus_stripe_repair_begin(root);
    }

    cJSON_Delete(root);
}


static void
ngx_tavus_stripe_repair_begin(cJSON *root)
{
    cJSON                      *token, *since, *after, *failures;
    size_t                      len;
    ngx_str_t                   place;
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    token = cJSON_GetObjectItemCaseSensitive(root, "token");
    since = cJSON_GetObjectItemCaseSensitive(root, "since");
    after = cJSON_GetObjectItemCaseSensitive(root, "after");
    failures = cJSON_GetObjectItemCaseSensitive(root, "failures");

    if (!cJSON_IsString(token) || !cJSON_IsNumber(since)) {
        return;
    }

    len = ngx_strlen(token->valuestring);

    if (len >= sizeof(s->token)) {
        return;
    }

    ngx_memcpy(s->token, token->valuestring, len + 1);
    s->failures = cJSON_IsNumber(failures) ? failures->valueint : 0;

    ngx_str_null(&place);

    if (cJSON_IsString(after)) {
        place.data = (u_char *) after->valuestring;
        place.len = ngx_strlen(after->valuestring);
    }

    s->busy = 1;

    if (ngx_tavus_stripe_events(s->stripe, (int64_t) since->valuedouble,
                                &place, s->limit,
                                cJSON_IsTrue(
                                cJSON_GetObjectItemCaseSensitive(root,
                                                                 "whole")),
                                ngx_tavus_stripe_repair_answered, NULL)
        != NGX_OK)
    {
        ngx_tavus_stripe_repair_failed("not_sent", 0, 0);
    }
}


static void
ngx_tavus_stripe_repair_answered(ngx_tavus_curl_t *t)
{
    ngx_tavus_stripe_list_t     list;
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    ngx_tavus_stripe_measure(t);

    if (t->rc != CURLE_OK || t->status != 200) {
        ngx_tavus_stripe_repair_refused(t);
        return;
    }

    if (ngx_tavus_stripe_list(t, &list) != NGX_OK) {
        ngx_tavus_stripe_repair_failed("invalid_answer", t->status, 0);
        return;
    }

    if (s->reason) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "events of Stripe are listed again");
        s->reason = NULL;
    }

    ngx_tavus_stripe_repair_take(t, &list);
}


static void
ngx_tavus_stripe_repair_refused(ngx_tavus_curl_t *t)
{
    ngx_uint_t                  seconds;
    ngx_tavus_stripe_result_t   result;
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    ngx_tavus_stripe_result(t, &result);

    /* the event behind which it was to go on is older than Stripe keeps */

    if (t->rc == CURLE_OK
        && ngx_strcmp(result.code, "resource_missing") == 0
        && ngx_strcmp(result.param, "starting_after") == 0)
    {
        ngx_tavus_stripe_repair_tell("lost", NGX_TAVUS_STRIPE_REPAIR_FAILED);
        return;
    }

    if (t->excess) {
        s->limit = ngx_max(s->limit / 5, 1);
    }

    seconds = t->retry_after;

    if (seconds == 0 && result.outcome == NGX_TAVUS_STRIPE_NEVER) {
        seconds = NGX_TAVUS_STRIPE_REPAIR_LONGEST;

    } else if (seconds == 0 && t->rc == CURLE_OK
               && (t->status == 401 || t->status == 403))
    {
        seconds = NGX_TAVUS_STRIPE_REPAIR_REFUSED;
    }

    ngx_tavus_stripe_repair_failed(result.reason,
                                   t->rc == CURLE_OK ? t->status : 0,
                                   seconds);
}


/* said once, until it is another one; seconds: 0 if nobody says */

static void
ngx_tavus_stripe_repair_failed(const char *reason, ngx_uint_t status,
    ngx_uint_t seconds)
{
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    if (seconds == 0) {
        seconds = NGX_TAVUS_STRIPE_REPAIR_FAILED << ngx_min(s->failures, 7);
    }

    seconds = ngx_min(seconds, NGX_TAVUS_STRIPE_REPAIR_LONGEST);

    if (s->reason == NULL || ngx_strcmp(s->reason, reason) != 0) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "events of Stripe could not be listed: status %ui, %s; "
                      "again in %ui seconds", status, reason, seconds);
    }

    s->reason = reason;

    ngx_tavus_stripe_repair_tell("failed", seconds);
}


static void
ngx_tavus_stripe_repair_take(ngx_tavus_curl_t *t,
    ngx_tavus_stripe_list_t *list)
{
    int                         len;
    char                        id[NGX_TAVUS_STRIPE_ID];
    ngx_tavus_stripe_event_t    event;
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    s->left = 1;
    s->stored = 0;
    s->failed = 0;
    s->more = list->more;
    s->after[0] = '\0';

    while (ngx_tavus_stripe_next_event(list, &event) == NGX_OK) {

        if (ngx_tavus_stripe_repair_put(t->pool, &event) == NGX_OK) {
            s->left++;

        } else {
            s->failed++;
        }

        len = tavus_json_string((char *) event.json.data, &event.id, id,
                                sizeof(id));

        s->after[0] = '\0';

        if (len > 0
            && ngx_tavus_stripe_valid_id((u_char *) id, len, "evt_"))
        {
            ngx_memcpy(s->after, id, len);
            s->after[len] = '\0';
        }
    }

    if (--s->left == 0) {
        ngx_tavus_stripe_repair_settle();
    }
}


/* as its webhook is */

static ngx_int_t
ngx_tavus_stripe_repair_put(ngx_pool_t *pool, ngx_tavus_stripe_event_t *event)
{
    ngx_tavus_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_tavus_event_t));

    ev.kind = NGX_TAVUS_KIND_WEBHOOK;
    ngx_str_set(&ev.source, "stripe");
    ngx_str_set(&ev.verification, "{\"method\":\"repair\"}");
    ngx_str_set(&ev.event_type, "unknown");
    ev.body = event->json;

    if (event->status != TAVUS_JSON_OK) {
        ev.reason.data = (u_char *) tavus_json_reason(event->status);
        ev.reason.len = ngx_strlen(ev.reason.data);
    }

    if (event->type.count
        && ngx_tavus_envelope_name(pool, &event->json, &event->type,
                                   &ev.event_type)
           != NGX_OK
        && ev.reason.len == 0)
    {
        ngx_str_set(&ev.reason, "unfit_event_type");
    }

    if (ngx_tavus_stripe_repair_identify(&ev, event) != NGX_OK
        || ngx_tavus_store_put(&ev, ngx_tavus_stripe_repair_stored, NULL)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_stripe_repair_identify(ngx_tavus_event_t *ev,
    ngx_tavus_stripe_event_t *event)
{
    int           len;
    char          id[TAVUS_EVENT_MAX_NAME];
    int64_t       time;
    ngx_int_t     rc;
    tavus_part_t  parts[3];

    if (tavus_event_member_time((char *) event->json.data, &event->created,
                                &time)
        != 0)
    {
        time = -1;
    }

    parts[0].data = "stripe";
    parts[0].len = 6;

    len = tavus_json_string((char *) event->json.data, &event->id, id,
                            sizeof(id));

    if (ev->reason.len == 0 && len > 0) {
        parts[1].data = id;
        parts[1].len = len;

        rc = ngx_tavus_store_identify(ev, time, parts, 2);
        ev->floating = 1;

        return rc;
    }

    parts[1].data = "body";
    parts[1].len = 4;
    parts[2].data = ev->body.data;
    parts[2].len = ev->body.len;

    return ngx_tavus_store_identify(ev, time, parts, 3);
}


static void
ngx_tavus_stripe_repair_stored(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    if (outcome == NGX_TAVUS_STORED) {
        s->stored++;

    } else if (outcome > NGX_TAVUS_QUARANTINED) {
        s->failed++;
    }

    if (--s->left == 0) {
        ngx_tavus_stripe_repair_settle();
    }
}


/* nothing is passed over that is not stored */

static void
ngx_tavus_stripe_repair_settle(void)
{
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    if (s->stored) {
        tavus_metric_add(TAVUS_METRIC_STRIPE_REPAIRED, s->stored);

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "%ui events of Stripe had not come, and were fetched",
                      s->stored);
    }

    /* it may be more than the buffer takes */

    if (s->failed) {
        s->limit = ngx_max(s->limit / 5, 1);
        ngx_tavus_stripe_repair_failed("storage_unavailable", 200, 0);

    } else if (s->more && s->after[0] == '\0') {
        ngx_tavus_stripe_repair_failed("invalid_answer", 200, 0);

    } else if (s->more) {
        s->limit = ngx_min(s->limit * 2, NGX_TAVUS_STRIPE_PAGE);
        ngx_tavus_stripe_repair_tell("page", 0);

    } else {
        s->after[0] = '\0';
        ngx_tavus_stripe_repair_tell("end", 0);
        ngx_memcpy(s->seconds, s->period, sizeof(s->period));
    }
}


static void
ngx_tavus_stripe_repair_tell(const char *what, ngx_uint_t seconds)
{
    ngx_tavus_stripe_repair_t  *s;

    s = &ngx_tavus_stripe_repair;

    s->told = what;
    s->busy = 0;
    s->next = ngx_current_msec;

    ngx_sprintf((u_char *) s->seconds, "%ui%Z", seconds);
}


static char *
ngx_tavus_stripe_repair_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_tavus_stripe_repair_conf_t *rcf = conf;

    char       *rv;
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {

        if (rcf->period != NGX_CONF_UNSET) {
            return "is duplicate";
        }

        rcf->period = 0;
        return NGX_CONF_OK;
    }

    rv = ngx_conf_set_sec_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (rcf->period < NGX_TAVUS_STRIPE_REPAIR_LEAST
        || rcf->period > NGX_TAVUS_STRIPE_REPAIR_MOST)
    {
        return "must be off, or from 1m to 1d";
    }

    return NGX_CONF_OK;
}


static void *
ngx_tavus_stripe_repair_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_stripe_repair_conf_t  *rcf;

    rcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_stripe_repair_conf_t));
    if (rcf == NULL) {
        return NULL;
    }

    rcf->period = NGX_CONF_UNSET;

    return rcf;
}


static char *
ngx_tavus_stripe_repair_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_tavus_stripe_repair_conf_t *rcf = conf;

    ngx_conf_init_value(rcf->period, NGX_TAVUS_STRIPE_REPAIR_PERIOD);

    return NGX_CONF_OK;
}
