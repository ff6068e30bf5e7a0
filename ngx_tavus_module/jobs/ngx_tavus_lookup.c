
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "jobs/ngx_tavus_lookup.h"
#include "service/ngx_tavus_stripe_list.h"
#include "store/ngx_tavus_statements.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_LOOKUP_FIRST    3000
#define NGX_TAVUS_LOOKUP_POLL     2000
#define NGX_TAVUS_LOOKUP_BUSY     100

/* seconds around the time at which it was asked for, by two clocks */
#define NGX_TAVUS_LOOKUP_BEFORE   300
#define NGX_TAVUS_LOOKUP_AFTER    900

/* ms, after which no other page is asked for: its lease is a minute */
#define NGX_TAVUS_LOOKUP_MOST     25000

/* looks, an hour of them, until there is none */
#define NGX_TAVUS_LOOKUP_TRIES    7

/* seconds without a request */
#define NGX_TAVUS_LOOKUP_REFUSED  900
#define NGX_TAVUS_LOOKUP_FAILED   30
#define NGX_TAVUS_LOOKUP_LONGEST  3600

#define NGX_TAVUS_LOOKUP_ID       36


typedef struct {
    ngx_tavus_stripe_t          *stripe;    /* NULL: nobody is asked */
    ngx_msec_t                   next;
    ngx_uint_t                   failures;  /* one after the other */

    /* the one that is looked for */
    char                         id[NGX_TAVUS_LOOKUP_ID + 1];
    int64_t                      asked;
    ngx_uint_t                   tries;
    ngx_msec_t                   begun;
    unsigned                     busy:1;

    /* what came of it, until the database is told */
    ngx_tavus_stripe_session_t   session;
    const char                  *reason;    /* that there is none */
    char                         expires[NGX_INT64_LEN + 1];
    char                         pause[NGX_INT_T_LEN + 1];  /* s */
    unsigned                     told:1;
} ngx_tavus_lookup_t;


static void ngx_tavus_lookup_begin(cJSON *order);
static void ngx_tavus_lookup_ask(ngx_str_t *after);
static void ngx_tavus_lookup_answered(ngx_tavus_curl_t *t);
static void ngx_tavus_lookup_find(ngx_tavus_stripe_list_t *list);
static void ngx_tavus_lookup_found(void);
static void ngx_tavus_lookup_expired(ngx_tavus_curl_t *t);
static void ngx_tavus_lookup_missing(void);
static void ngx_tavus_lookup_failed(ngx_tavus_curl_t *t, const char *reason);
static void ngx_tavus_lookup_tell(const char *reason);
static void ngx_tavus_lookup_rest(ngx_uint_t pause);


static ngx_tavus_lookup_t  ngx_tavus_lookup;


void
ngx_tavus_lookup_init_process(ngx_tavus_stripe_t *stripe)
{
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    s->stripe = stripe;
    ngx_tavus_lookup_rest(0);
    s->next += NGX_TAVUS_LOOKUP_FIRST;
}


ngx_msec_t
ngx_tavus_lookup_wait(void)
{
    ngx_msec_int_t       wait;
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    if (s->stripe == NULL) {
        return NGX_TAVUS_LOOKUP_POLL;
    }

    if (s->busy) {
        return NGX_TAVUS_LOOKUP_BUSY;
    }

    wait = (ngx_msec_int_t) (s->next - ngx_current_msec);

    return wait > 0 ? (ngx_msec_t) wait : 0;
}


const ngx_tavus_pg_stmt_t *
ngx_tavus_lookup_next(ngx_tavus_pg_op_t *op)
{
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    s->next = ngx_current_msec + NGX_TAVUS_LOOKUP_POLL;

    if (s->stripe == NULL || s->busy) {
        return NULL;
    }

    op->values[0] = s->stripe->live ? "true" : "false";
    op->values[1] = s->told ? s->id : NULL;
    op->values[2] = s->told && !s->reason ? s->session.id : NULL;
    op->values[3] = s->told && !s->reason && s->session.expires >= 0
                    ? s->expires : NULL;
    op->values[4] = s->told ? s->reason : NULL;
    op->values[5] = s->pause;

    return &ngx_tavus_statements[ngx_tavus_stmt_orders_look];
}


void
ngx_tavus_lookup_done(ngx_int_t rc, PGresult *res)
{
    cJSON               *root, *unknown;
    const char          *text;
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    if (rc != NGX_OK || PQntuples(res) != 1) {

        if (res) {
            text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "database could not be asked for orders: %s",
                          text ? text : "");
        }

        return;
    }

    s->told = 0;
    ngx_tavus_lookup_rest(0);
    s->next += NGX_TAVUS_LOOKUP_POLL;

    root = cJSON_Parse(PQgetvalue(res, 0, 0));

    unknown = cJSON_GetObjectItemCaseSensitive(root, "unknown");

    if (cJSON_IsNumber(unknown) && unknown->valuedouble >= 0) {
        tavus_metric_set(TAVUS_METRIC_ORDERS_UNKNOWN,
                         (uint64_t) unknown->valuedouble);
    }

    if (!ngx_exiting && !ngx_terminate) {
        ngx_tavus_lookup_begin(cJSON_GetObjectItemCaseSensitive(root,
                                                                "order"));
    }

    cJSON_Delete(root);
}


static void
ngx_tavus_lookup_begin(cJSON *order)
{
    cJSON               *id, *asked, *tries;
    ngx_str_t            none;
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    id = cJSON_GetObjectItemCaseSensitive(order, "id");
    asked = cJSON_GetObjectItemCaseSensitive(order, "asked");
    tries = cJSON_GetObjectItemCaseSensitive(order, "tries");

    if (!cJSON_IsString(id) || !cJSON_IsNumber(asked)
        || !cJSON_IsNumber(tries)
        || ngx_strlen(id->valuestring) != NGX_TAVUS_LOOKUP_ID)
    {
        return;
    }

    ngx_memcpy(s->id, id->valuestring, sizeof(s->id));
    s->asked = (int64_t) asked->valuedouble;
    s->tries = tries->valueint;
    s->begun = ngx_current_msec;
    s->busy = 1;

    ngx_str_null(&none);
    ngx_tavus_lookup_ask(&none);
}


static void
ngx_tavus_lookup_ask(ngx_str_t *after)
{
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    if (ngx_tavus_stripe_sessions(s->stripe,
                                  s->asked - NGX_TAVUS_LOOKUP_BEFORE,
                                  s->asked + NGX_TAVUS_LOOKUP_AFTER, after,
                                  ngx_tavus_lookup_answered, NULL)
        != NGX_OK)
    {
        ngx_tavus_lookup_failed(NULL, "not_sent");
    }
}


static void
ngx_tavus_lookup_answered(ngx_tavus_curl_t *t)
{
    ngx_tavus_stripe_list_t    list;
    ngx_tavus_stripe_result_t  result;

    ngx_tavus_stripe_measure(t);
    ngx_tavus_stripe_result(t, &result);

    if (result.outcome != NGX_TAVUS_STRIPE_DONE) {
        ngx_tavus_lookup_failed(t, result.reason);

    } else if (ngx_tavus_stripe_list(t, &list) != NGX_OK) {
        ngx_tavus_lookup_failed(t, "invalid_answer");

    } else {
        ngx_tavus_lookup.failures = 0;
        ngx_tavus_lookup_find(&list);
    }
}


static void
ngx_tavus_lookup_find(ngx_tavus_stripe_list_t *list)
{
    ngx_str_t            last;
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    s->session.id[0] = '\0';

    while (ngx_tavus_stripe_next_session(list, &s->session) == NGX_OK) {

        if (ngx_strcmp(s->session.order, s->id) == 0) {
            ngx_tavus_lookup_found();
            return;
        }
    }

    if (!list->more) {
        ngx_tavus_lookup_missing();
        return;
    }

    if (s->session.id[0] == '\0' || ngx_exiting || ngx_terminate
        || ngx_current_msec - s->begun > NGX_TAVUS_LOOKUP_MOST)
    {
        ngx_tavus_lookup_failed(NULL, "too_many");
        return;
    }

    last.data = (u_char *) s->session.id;
    last.len = ngx_strlen(s->session.id);

    ngx_tavus_lookup_ask(&last);
}


static void
ngx_tavus_lookup_found(void)
{
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    if (s->session.open
        && ngx_tavus_stripe_expire(s->stripe, s->session.id,
                                   ngx_tavus_lookup_expired, NULL)
           == NGX_OK)
    {
        return;
    }

    ngx_tavus_lookup_tell(NULL);
}


/* one that Stripe does not close was paid, or is over, meanwhile */

static void
ngx_tavus_lookup_expired(ngx_tavus_curl_t *t)
{
    ngx_tavus_lookup_t         *s;
    ngx_tavus_stripe_result_t   result;

    s = &ngx_tavus_lookup;

    ngx_tavus_stripe_measure(t);
    ngx_tavus_stripe_result(t, &result);

    if (result.outcome == NGX_TAVUS_STRIPE_DONE
        || result.outcome == NGX_TAVUS_STRIPE_NEVER
        || s->tries >= NGX_TAVUS_LOOKUP_TRIES)
    {
        ngx_tavus_lookup_tell(NULL);

    } else {
        ngx_tavus_lookup_failed(t, result.reason);
    }
}


/* the request may be on its way there for a while */

static void
ngx_tavus_lookup_missing(void)
{
    if (ngx_tavus_lookup.tries >= NGX_TAVUS_LOOKUP_TRIES) {
        ngx_tavus_lookup_tell("not_found");

    } else {
        ngx_tavus_lookup_rest(0);
    }
}


/* its lease brings it back; all nodes have the same trouble */

static void
ngx_tavus_lookup_failed(ngx_tavus_curl_t *t, const char *reason)
{
    ngx_uint_t           seconds, status;
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    status = t && t->rc == CURLE_OK ? t->status : 0;
    seconds = t ? t->retry_after : 0;

    if (seconds == 0) {
        seconds = status == 401 || status == 403
                  ? NGX_TAVUS_LOOKUP_REFUSED
                  : NGX_TAVUS_LOOKUP_FAILED << ngx_min(s->failures, 7);
    }

    seconds = ngx_min(seconds, NGX_TAVUS_LOOKUP_LONGEST);

    if (s->failures++ == 0) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "order \"%s\" could not be looked for: status %ui, %s; "
                      "none is looked for in the next %ui seconds",
                      s->id, status, reason, seconds);
    }

    ngx_tavus_lookup_rest(seconds);
}


static void
ngx_tavus_lookup_tell(const char *reason)
{
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    s->told = 1;
    s->reason = reason;
    ngx_sprintf((u_char *) s->expires, "%L%Z", s->session.expires);

    if (reason) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "order \"%s\" was looked for: Stripe has none", s->id);

    } else {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "order \"%s\" was looked for: it is session \"%s\"",
                      s->id, s->session.id);
    }

    ngx_tavus_lookup_rest(0);
}


/* the database is told at once, and asked for another; pause: seconds */

static void
ngx_tavus_lookup_rest(ngx_uint_t pause)
{
    ngx_tavus_lookup_t  *s;

    s = &ngx_tavus_lookup;

    s->busy = 0;
    s->next = ngx_current_msec;
    ngx_sprintf((u_char *) s->pause, "%ui%Z", pause);
}
