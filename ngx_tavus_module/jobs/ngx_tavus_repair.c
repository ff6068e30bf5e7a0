
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "jobs/ngx_tavus_repair.h"
#include "service/ngx_tavus_verbose.h"
#include "store/ngx_tavus_envelope.h"
#include "store/ngx_tavus_server_event.h"
#include "store/ngx_tavus_statements.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"
#include "core/tavus_signature.h"


#define NGX_TAVUS_REPAIR_FIRST    2000
#define NGX_TAVUS_REPAIR_PERIOD   5000
#define NGX_TAVUS_REPAIR_BUSY     100
#define NGX_TAVUS_REPAIR_RATE     1800      /* an hour */
#define NGX_TAVUS_REPAIR_MOST     36000

/* in a claim: their leases are longer than it takes to ask for all */
#define NGX_TAVUS_REPAIR_LIMIT    20

/* rows of one conversation */
#define NGX_TAVUS_REPAIR_ROWS     1000

/* when a 404 without Tavus's own words is believed */
#define NGX_TAVUS_REPAIR_TRIES    3

/* seconds beyond its limit until a call is ended: to join, and to end */
#define NGX_TAVUS_REPAIR_OVERDUE  (3600 + 900)

/* seconds without a request */
#define NGX_TAVUS_REPAIR_REFUSED  900
#define NGX_TAVUS_REPAIR_FAILED   30
#define NGX_TAVUS_REPAIR_LONGEST  3600


/* what the database is told of one, all but the first two */

typedef enum {
    NGX_TAVUS_REPAIR_WAITS = 0,         /* was not asked for */
    NGX_TAVUS_REPAIR_LEFT,              /* nothing is known: again later */
    NGX_TAVUS_REPAIR_ANSWERED,
    NGX_TAVUS_REPAIR_FINAL
} ngx_tavus_repair_state_e;


typedef struct {
    ngx_str_t                  id;
    uint8_t                    nonce[TAVUS_NONCE_LEN];
    ngx_uint_t                 bound;   /* there is a nonce */
    ngx_uint_t                 tries;
    time_t                     limit;   /* seconds of a call, or -1 */
    ngx_tavus_repair_state_e   state;
} ngx_tavus_repair_item_t;


typedef struct {
    ngx_tavus_repair_conf_t   *conf;
    ngx_tavus_api_t           *api;     /* NULL: nobody is asked */
    ngx_msec_t                 next;    /* claim */
    ngx_uint_t                 failures;    /* one after the other */
    ngx_uint_t                 pause;   /* seconds, not told yet */

    /* the last claim */
    ngx_pool_t                *pool;    /* NULL: there is none */
    ngx_tavus_repair_item_t   *items;
    ngx_uint_t                 n;
    ngx_uint_t                 i;       /* that is asked for */

    /* this one's */
    ngx_tavus_verbose_t        told;
    ngx_uint_t                 left;    /* rows under way, and one */
    ngx_uint_t                 stored;
    ngx_uint_t                 failed;
    unsigned                   begun:1;     /* somebody joined */
    unsigned                   shutdown:1;
    unsigned                   busy:1;

    char                       rate[NGX_INT_T_LEN + 1];
    char                       limit[NGX_INT_T_LEN + 1];
    char                       seconds[NGX_INT_T_LEN + 1];
} ngx_tavus_repair_t;


static ngx_int_t ngx_tavus_repair_list(ngx_pool_t *pool,
    ngx_tavus_repair_state_e state, const char **value);
static void ngx_tavus_repair_begin(const char *text);
static ngx_int_t ngx_tavus_repair_read(cJSON *list);
static void ngx_tavus_repair_proceed(void);
static void ngx_tavus_repair_answered(ngx_tavus_curl_t *t);
static void ngx_tavus_repair_refused(ngx_tavus_repair_item_t *item,
    ngx_tavus_curl_t *t, ngx_int_t rc);
static void ngx_tavus_repair_rest(ngx_uint_t seconds);
static void ngx_tavus_repair_take(ngx_tavus_repair_item_t *item,
    ngx_pool_t *pool);
static ngx_int_t ngx_tavus_repair_put(ngx_tavus_repair_item_t *item,
    ngx_pool_t *pool, ngx_tavus_verbose_event_t *event);
static void ngx_tavus_repair_note(ngx_str_t *type);
static void ngx_tavus_repair_stored(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time);
static void ngx_tavus_repair_settle(void);
static void ngx_tavus_repair_ended(ngx_tavus_curl_t *t);
static void ngx_tavus_repair_close(ngx_tavus_repair_item_t *item,
    const char *reason, int64_t time);
static void ngx_tavus_repair_finish(void);

static char *ngx_tavus_repair_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_tavus_repair_rate(ngx_str_t *value);
static void *ngx_tavus_repair_create_main_conf(ngx_conf_t *cf);
static char *ngx_tavus_repair_init_main_conf(ngx_conf_t *cf, void *conf);


static ngx_command_t  ngx_tavus_repair_commands[] = {

    { ngx_string("tavus_repair"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_repair_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_repair_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_tavus_repair_create_main_conf,     /* create main configuration */
    ngx_tavus_repair_init_main_conf,       /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_tavus_repair_module = {
    NGX_MODULE_V1,
    &ngx_tavus_repair_module_ctx,          /* module context */
    ngx_tavus_repair_commands,             /* module directives */
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


static ngx_tavus_repair_t  ngx_tavus_repair;


void
ngx_tavus_repair_init_process(ngx_tavus_repair_conf_t *conf,
    ngx_tavus_api_t *api)
{
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    s->conf = conf;
    s->api = conf->rate ? api : NULL;
    s->next = ngx_current_msec + NGX_TAVUS_REPAIR_FIRST;

    ngx_sprintf((u_char *) s->rate, "%i%Z", conf->rate);
    ngx_sprintf((u_char *) s->limit, "%d%Z", NGX_TAVUS_REPAIR_LIMIT);
}


ngx_msec_t
ngx_tavus_repair_wait(void)
{
    ngx_msec_int_t       wait;
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    if (s->api == NULL) {
        return NGX_TAVUS_REPAIR_PERIOD;
    }

    /* there are more than one claim takes */

    if (s->busy) {
        return s->n == NGX_TAVUS_REPAIR_LIMIT ? NGX_TAVUS_REPAIR_BUSY
                                              : NGX_TAVUS_REPAIR_PERIOD;
    }

    wait = (ngx_msec_int_t) (s->next - ngx_current_msec);

    return wait > 0 ? (ngx_msec_t) wait : 0;
}


const ngx_tavus_pg_stmt_t *
ngx_tavus_repair_next(ngx_tavus_pg_op_t *op)
{
    ngx_pool_t          *pool;
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    s->next = ngx_current_msec + NGX_TAVUS_REPAIR_PERIOD;

    if (s->api == NULL || s->busy) {
        return NULL;
    }

    pool = s->pool;

    if (ngx_tavus_repair_list(pool, NGX_TAVUS_REPAIR_ANSWERED, &op->values[2])
        != NGX_OK
        || ngx_tavus_repair_list(pool, NGX_TAVUS_REPAIR_FINAL, &op->values[3])
           != NGX_OK
        || ngx_tavus_repair_list(pool, NGX_TAVUS_REPAIR_WAITS, &op->values[4])
           != NGX_OK)
    {
        return NULL;
    }

    ngx_sprintf((u_char *) s->seconds, "%ui%Z", s->pause);

    op->values[0] = s->rate;
    op->values[1] = s->limit;
    op->values[5] = s->seconds;

    return &ngx_tavus_statements[ngx_tavus_stmt_claim_repairs];
}


/* PostgreSQL's text of an array; ids have nothing that is to be quoted */

static ngx_int_t
ngx_tavus_repair_list(ngx_pool_t *pool, ngx_tavus_repair_state_e state,
    const char **value)
{
    u_char              *p;
    size_t               len;
    ngx_uint_t           i;
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    if (pool == NULL) {
        *value = "{}";
        return NGX_OK;
    }

    len = sizeof("{}");

    for (i = 0; i < s->n; i++) {
        len += s->items[i].id.len + 1;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *value = (char *) p;
    *p++ = '{';

    for (i = 0; i < s->n; i++) {

        if (s->items[i].state == state) {

            if (p[-1] != '{') {
                *p++ = ',';
            }

            p = ngx_cpymem(p, s->items[i].id.data, s->items[i].id.len);
        }
    }

    *p++ = '}';
    *p = '\0';

    return NGX_OK;
}


void
ngx_tavus_repair_done(ngx_int_t rc, PGresult *res)
{
    const char          *text;
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    if (rc == NGX_OK && PQntuples(res) == 1) {

        /* what came of the last one is told */

        s->pause = 0;
        ngx_tavus_repair_finish();
        ngx_tavus_repair_begin(PQgetvalue(res, 0, 0));

    } else if (res) {
        text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "database could not be asked for repairs: %s",
                      text ? text : "");
    }
}


static void
ngx_tavus_repair_begin(const char *text)
{
    cJSON               *root, *open, *list;
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    root = cJSON_Parse(text);
    open = cJSON_GetObjectItemCaseSensitive(root, "open");
    list = cJSON_GetObjectItemCaseSensitive(root, "items");

    if (cJSON_IsNumber(open)) {
        tavus_metric_set(TAVUS_METRIC_REPAIRS_OPEN,
                         (uint64_t) open->valuedouble);
    }

    if (cJSON_GetArraySize(list) > 0) {
        s->pool = ngx_create_pool(4096, ngx_cycle->log);

        if (s->pool) {

            if (ngx_tavus_repair_read(list) == NGX_OK) {
                s->busy = 1;
                s->i = 0;

            } else {
                ngx_tavus_repair_finish();
            }
        }
    }

    cJSON_Delete(root);

    if (s->busy) {
        ngx_tavus_repair_proceed();
    }
}


static ngx_int_t
ngx_tavus_repair_read(cJSON *list)
{
    cJSON                    *p, *id, *nonce, *value;
    u_char                   *hex;
    ngx_uint_t                i;
    ngx_tavus_repair_t       *s;
    ngx_tavus_repair_item_t  *item;

    s = &ngx_tavus_repair;

    s->n = 0;
    s->items = ngx_pcalloc(s->pool, cJSON_GetArraySize(list)
                                    * sizeof(ngx_tavus_repair_item_t));
    if (s->items == NULL) {
        return NGX_ERROR;
    }

    cJSON_ArrayForEach(p, list) {

        id = cJSON_GetObjectItemCaseSensitive(p, "id");
        nonce = cJSON_GetObjectItemCaseSensitive(p, "nonce");

        if (!cJSON_IsString(id)) {
            continue;
        }

        item = &s->items[s->n];

        item->id.len = ngx_strlen(id->valuestring);
        item->id.data = ngx_pnalloc(s->pool, item->id.len + 1);
        if (item->id.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(item->id.data, id->valuestring, item->id.len + 1);

        if (cJSON_IsString(nonce)
            && ngx_strlen(nonce->valuestring) == 2 * TAVUS_NONCE_LEN)
        {
            item->bound = 1;
            hex = (u_char *) nonce->valuestring;

            for (i = 0; i < TAVUS_NONCE_LEN; i++) {
                item->nonce[i] = (uint8_t) ngx_hextoi(hex + 2 * i, 2);
            }
        }

        value = cJSON_GetObjectItemCaseSensitive(p, "tries");
        item->tries = cJSON_IsNumber(value) ? value->valueint : 1;

        value = cJSON_GetObjectItemCaseSensitive(p, "limit");
        item->limit = cJSON_IsNumber(value) ? value->valueint : -1;

        s->n++;
    }

    return NGX_OK;
}


/* one after the other, so that one answer at most is in memory */

static void
ngx_tavus_repair_proceed(void)
{
    ngx_tavus_repair_t       *s;
    ngx_tavus_repair_item_t  *item;

    s = &ngx_tavus_repair;

    while (s->i < s->n && s->pause == 0 && !ngx_exiting && !ngx_terminate) {

        item = &s->items[s->i];

        if (ngx_tavus_verbose_get(s->api, &item->id,
                                  ngx_tavus_repair_answered, item)
            == NGX_OK)
        {
            return;
        }

        item->state = NGX_TAVUS_REPAIR_LEFT;
        s->i++;
    }

    s->busy = 0;

    if (s->n == NGX_TAVUS_REPAIR_LIMIT) {
        s->next = ngx_current_msec;
    }
}


static void
ngx_tavus_repair_answered(ngx_tavus_curl_t *t)
{
    ngx_tavus_repair_item_t *item = t->data;

    ngx_int_t            rc;
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    ngx_tavus_api_measure(t);

    item->state = NGX_TAVUS_REPAIR_LEFT;

    rc = ngx_tavus_verbose_read(t, &item->id, &s->told);

    if (rc == NGX_OK) {
        s->failures = 0;
        ngx_tavus_repair_take(item, t->pool);
        return;
    }

    if (rc == NGX_DECLINED
        || (t->rc == CURLE_OK && t->status == 404
            && item->tries >= NGX_TAVUS_REPAIR_TRIES))
    {
        s->failures = 0;
        item->state = NGX_TAVUS_REPAIR_FINAL;
        ngx_tavus_repair_close(item, "unknown_to_tavus", 0);

    } else {
        ngx_tavus_repair_refused(item, t, rc);
    }

    s->i++;
    ngx_tavus_repair_proceed();
}


/* what concerns all of them is not this one's fault */

static void
ngx_tavus_repair_refused(ngx_tavus_repair_item_t *item, ngx_tavus_curl_t *t,
    ngx_int_t rc)
{
    u_char               buf[NGX_TAVUS_API_WORDS];
    ngx_str_t            words;
    ngx_uint_t           seconds;
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    words = ngx_tavus_api_words(s->api, t, buf, sizeof(buf));

    ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                  "conversation \"%V\" could not be repaired: status %ui "
                  "\"%V\", %s", &item->id, t->status, &words,
                  rc == NGX_ERROR ? "unusable answer"
                                  : curl_easy_strerror(t->rc));

    s->failures++;

    if (rc == NGX_BUSY && t->rc == CURLE_OK && t->status < 500
        && t->status != 408)
    {
        item->state = NGX_TAVUS_REPAIR_WAITS;
        seconds = NGX_TAVUS_REPAIR_REFUSED;

    } else if (s->failures == 1) {
        return;

    } else {
        seconds = NGX_TAVUS_REPAIR_FAILED;
        seconds <<= ngx_min(s->failures - 2, 7);
    }

    ngx_tavus_repair_rest(t->retry_after ? t->retry_after : seconds);
}


static void
ngx_tavus_repair_rest(ngx_uint_t seconds)
{
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    s->pause = ngx_min(seconds, NGX_TAVUS_REPAIR_LONGEST);

    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "no conversation is repaired for %ui seconds", s->pause);
}


static void
ngx_tavus_repair_take(ngx_tavus_repair_item_t *item, ngx_pool_t *pool)
{
    ngx_uint_t                  n;
    ngx_tavus_repair_t         *s;
    ngx_tavus_verbose_event_t   event;

    s = &ngx_tavus_repair;

    s->left = 1;
    s->stored = 0;
    s->failed = 0;
    s->begun = 0;
    s->shutdown = 0;

    for (n = 0; ngx_tavus_verbose_next(&s->told, &event) == NGX_OK; n++) {

        if (n == NGX_TAVUS_REPAIR_ROWS) {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "conversation \"%V\" has more than %ui events, "
                          "the rest is left out", &item->id, n);
            break;
        }

        switch (ngx_tavus_repair_put(item, pool, &event)) {

        case NGX_OK:
            s->left++;
            break;

        case NGX_ERROR:
            s->failed++;
        }
    }

    if (--s->left == 0) {
        ngx_tavus_repair_settle();
    }
}


/* as its callback is; one that nothing tells from others is left out */

static ngx_int_t
ngx_tavus_repair_put(ngx_tavus_repair_item_t *item, ngx_pool_t *pool,
    ngx_tavus_verbose_event_t *event)
{
    int64_t             time;
    ngx_int_t           rc;
    tavus_part_t        parts[3];
    ngx_tavus_event_t   ev;

    ngx_memzero(&ev, sizeof(ngx_tavus_event_t));

    ev.kind = NGX_TAVUS_KIND_WEBHOOK;
    ngx_str_set(&ev.source, "tavus");
    ngx_str_set(&ev.verification, "{\"method\":\"repair\"}");
    ev.conversation_id = item->id;
    ev.body = event->json;

    if (ngx_tavus_envelope_name(pool, &event->json, &event->type,
                                &ev.event_type)
        != NGX_OK
        || tavus_event_member_time((char *) event->json.data, &event->time,
                                   &time)
           != 0)
    {
        return NGX_DECLINED;
    }

    if (event->status == TAVUS_JSON_OK) {
        ngx_tavus_repair_note(&ev.event_type);

        rc = ngx_tavus_envelope_identify(&ev, time, &event->json,
                                         &event->properties,
                                         &event->payload);

    } else {
        ev.reason.data = (u_char *) tavus_json_reason(event->status);
        ev.reason.len = ngx_strlen(ev.reason.data);

        parts[0].data = "tavus";
        parts[0].len = 5;
        parts[1].data = "body";
        parts[1].len = 4;
        parts[2].data = ev.body.data;
        parts[2].len = ev.body.len;

        rc = ngx_tavus_store_identify(&ev, time, parts, 3);
    }

    if (rc != NGX_OK
        || ngx_tavus_store_put(&ev, ngx_tavus_repair_stored, NULL) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* what makes it likely that Tavus has more to tell, or not */

static void
ngx_tavus_repair_note(ngx_str_t *type)
{
    size_t               len;
    const char          *name;
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    len = type->len;
    name = tavus_event_canonical((char *) type->data, &len);

#define ngx_tavus_repair_is(text)                                            \
    (len == sizeof(text) - 1 && ngx_memcmp(name, text, len) == 0)

    if (ngx_tavus_repair_is("system.shutdown")) {
        s->shutdown = 1;

    } else if (ngx_tavus_repair_is("system.replica_joined")
               || ngx_tavus_repair_is("application.transcription_ready")
               || ngx_tavus_repair_is("application.perception_analysis"))
    {
        s->begun = 1;
    }

#undef ngx_tavus_repair_is
}


static void
ngx_tavus_repair_stored(void *data, ngx_tavus_outcome_e outcome,
    ngx_msec_t time)
{
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    if (outcome == NGX_TAVUS_STORED || outcome == NGX_TAVUS_JOURNALED) {
        s->stored++;

    } else if (outcome > NGX_TAVUS_QUARANTINED) {
        s->failed++;
    }

    if (--s->left == 0) {
        ngx_tavus_repair_settle();
    }
}


static void
ngx_tavus_repair_settle(void)
{
    ngx_tavus_repair_t       *s;
    ngx_tavus_repair_item_t  *item;

    s = &ngx_tavus_repair;
    item = &s->items[s->i];

    if (s->stored) {
        tavus_metric_add(TAVUS_METRIC_REPAIRED, s->stored);

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "conversation \"%V\" was repaired: %ui events had not "
                      "come", &item->id, s->stored);
    }

    if (s->failed) {

        /* it stays leased: not all that Tavus told is stored */

    } else if (s->told.ended) {

        if (!s->shutdown) {
            ngx_tavus_repair_close(item, s->told.reason[0]
                                         ? (char *) s->told.reason : "ended",
                                   s->told.updated);
        }

        item->state = s->begun ? NGX_TAVUS_REPAIR_ANSWERED
                               : NGX_TAVUS_REPAIR_FINAL;

    } else if (item->limit >= 0
               && s->told.age > item->limit + NGX_TAVUS_REPAIR_OVERDUE
               && !ngx_exiting && !ngx_terminate
               && ngx_tavus_api_end(s->api, &item->id,
                                    ngx_tavus_repair_ended, item)
                  == NGX_OK)
    {
        return;
    }

    s->i++;
    ngx_tavus_repair_proceed();
}


static void
ngx_tavus_repair_ended(ngx_tavus_curl_t *t)
{
    ngx_tavus_repair_item_t *item = t->data;

    u_char               buf[NGX_TAVUS_API_WORDS];
    ngx_str_t            words;
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    ngx_tavus_api_measure(t);

    if (ngx_tavus_api_ended(t)) {
        ngx_tavus_repair_close(item, "overdue", 0);

    } else {
        words = ngx_tavus_api_words(s->api, t, buf, sizeof(buf));

        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "conversation \"%V\" could not be ended: status %ui "
                      "\"%V\", %s", &item->id, t->status, &words,
                      curl_easy_strerror(t->rc));
    }

    s->i++;
    ngx_tavus_repair_proceed();
}


/* time: of the end, microseconds since 1970, if it is known */

static void
ngx_tavus_repair_close(ngx_tavus_repair_item_t *item, const char *reason,
    int64_t time)
{
    u_char                    *p;
    cJSON                     *data;
    ngx_tavus_server_event_t   event;

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "conversation \"%V\" was repaired: it is over, %s",
                  &item->id, reason);

    ngx_memzero(&event, sizeof(ngx_tavus_server_event_t));

    event.kind = NGX_TAVUS_KIND_INFO;
    event.type = "conversation.ended";
    event.conversation_id = item->id;
    event.nonce = item->nonce;
    event.bound = item->bound;
    event.once = 1;
    event.time = time;

    event.cause.len = item->id.len + 1 + ngx_strlen(reason);

    p = ngx_pnalloc(ngx_tavus_repair.pool, event.cause.len);
    data = cJSON_CreateObject();

    if (p
        && cJSON_AddStringToObject(data, "conversation_id",
                                   (char *) item->id.data)
        && cJSON_AddStringToObject(data, "reason", reason))
    {
        event.cause.data = p;
        ngx_sprintf(p, "%V %s", &item->id, reason);

        (void) ngx_tavus_server_event(&event, data, NULL, NULL);
    }

    cJSON_Delete(data);
}


static void
ngx_tavus_repair_finish(void)
{
    ngx_tavus_repair_t  *s;

    s = &ngx_tavus_repair;

    if (s->pool) {
        ngx_destroy_pool(s->pool);
        s->pool = NULL;
    }

    s->n = 0;
}


static char *
ngx_tavus_repair_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_repair_conf_t *rcf = conf;

    ngx_str_t  *value, rate;

    if (rcf->rate != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        rcf->rate = 0;
        return NGX_CONF_OK;
    }

    if (ngx_strncmp(value[1].data, "rate=", 5) != 0) {
        return "must be off or rate=";
    }

    rate.data = value[1].data + 5;
    rate.len = value[1].len - 5;

    rcf->rate = ngx_tavus_repair_rate(&rate);

    return rcf->rate == NGX_ERROR
           ? "takes for \"rate=\" from 1r/h to 10r/s" : NGX_CONF_OK;
}


/* in an hour */

static ngx_int_t
ngx_tavus_repair_rate(ngx_str_t *value)
{
    ngx_int_t   n;
    ngx_uint_t  i;

    static const struct {
        const char  *name;
        ngx_int_t    hour;
    } units[] = {
        { "r/s", 3600 }, { "r/m", 60 }, { "r/h", 1 }
    };

    if (value->len < 4) {
        return NGX_ERROR;
    }

    n = ngx_atoi(value->data, value->len - 3);

    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {

        if (n > 0 && n <= NGX_TAVUS_REPAIR_MOST / units[i].hour
            && ngx_strncmp(value->data + value->len - 3, units[i].name, 3)
               == 0)
        {
            return n * units[i].hour;
        }
    }

    return NGX_ERROR;
}


static void *
ngx_tavus_repair_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_repair_conf_t  *rcf;

    rcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_repair_conf_t));
    if (rcf == NULL) {
        return NULL;
    }

    rcf->rate = NGX_CONF_UNSET;

    return rcf;
}


static char *
ngx_tavus_repair_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_tavus_repair_conf_t *rcf = conf;

    ngx_conf_init_value(rcf->rate, NGX_TAVUS_REPAIR_RATE);

    return NGX_CONF_OK;
}
