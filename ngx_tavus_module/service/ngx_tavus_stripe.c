
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "service/ngx_tavus_service.h"
#include "service/ngx_tavus_stripe.h"
#include "core/tavus_json.h"
#include "core/tavus_metrics.h"


static void ngx_tavus_stripe_lost(ngx_tavus_curl_t *t,
    ngx_tavus_stripe_result_t *result);
static void ngx_tavus_stripe_said(ngx_tavus_curl_t *t,
    ngx_tavus_stripe_result_t *result);
static void ngx_tavus_stripe_error(ngx_tavus_curl_t *t,
    ngx_tavus_stripe_result_t *result);
static void ngx_tavus_stripe_text(const cJSON *error, const char *name,
    char *buf, size_t size);
static ngx_uint_t ngx_tavus_stripe_ours(const char *param);


ngx_tavus_curl_t *
ngx_tavus_stripe_transfer(ngx_tavus_stripe_t *stripe, const char *method,
    ngx_tavus_curl_pt handler, void *data)
{
    ngx_tavus_curl_t  *t;

    t = ngx_tavus_service_transfer(stripe->peer, "Authorization",
                                   &stripe->bearer);
    if (t == NULL) {
        return NULL;
    }

    if (ngx_tavus_curl_header(t, "Stripe-Version: " NGX_TAVUS_STRIPE_VERSION)
        != NGX_OK)
    {
        ngx_tavus_curl_cancel(t);
        return NULL;
    }

    t->method = method;
    t->timeout = stripe->timeout;
    t->max = NGX_TAVUS_STRIPE_ANSWER;
    t->handler = handler;
    t->data = data;

    return t;
}


ngx_int_t
ngx_tavus_stripe_body(ngx_tavus_curl_t *t, const char *key,
    ngx_tavus_stripe_fill_pt fill, void *data)
{
    u_char        *line;
    tavus_form_t   form;

    tavus_form_init(&form, NULL, 0);
    fill(&form, data);

    t->body.data = ngx_pnalloc(t->pool, form.len + 1);

    if (t->body.data == NULL || form.status != TAVUS_FORM_OK) {
        return NGX_ERROR;
    }

    tavus_form_init(&form, (char *) t->body.data, form.len);
    fill(&form, data);

    if (form.status != TAVUS_FORM_OK) {
        return NGX_ERROR;
    }

    t->body.len = form.len;

    if (key) {
        line = ngx_pnalloc(t->pool, sizeof("Idempotency-Key: ")
                                    + ngx_strlen(key));
        if (line == NULL) {
            return NGX_ERROR;
        }

        ngx_sprintf(line, "Idempotency-Key: %s%Z", key);

        if (ngx_tavus_curl_header(t, (char *) line) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_tavus_curl_header(t,
                          "Content-Type: application/x-www-form-urlencoded");
}


void
ngx_tavus_stripe_result(ngx_tavus_curl_t *t,
    ngx_tavus_stripe_result_t *result)
{
    ngx_memzero(result, sizeof(ngx_tavus_stripe_result_t));

    if (t == NULL) {
        result->outcome = NGX_TAVUS_STRIPE_LATER;
        result->reason = "not_sent";

    } else if (t->rc != CURLE_OK) {
        ngx_tavus_stripe_lost(t, result);

    } else {
        ngx_tavus_stripe_said(t, result);
    }
}


/* whoever got the whole request may have acted on it */

static void
ngx_tavus_stripe_lost(ngx_tavus_curl_t *t, ngx_tavus_stripe_result_t *result)
{
    ngx_uint_t  whole;

    whole = t->body.len ? t->body_sent > 0 : t->sent > 0;

    if (t->rc == CURLE_OPERATION_TIMEDOUT) {
        result->reason = "timeout";

    } else if (t->rc == CURLE_WRITE_ERROR) {
        result->reason = "invalid_answer";

    } else {
        result->reason = whole ? "connection_lost" : "unreachable";
    }

    result->outcome = whole ? NGX_TAVUS_STRIPE_UNKNOWN
                            : NGX_TAVUS_STRIPE_LATER;
}


/* https://docs.stripe.com/api/errors: a refusal alone says nothing was done */

static void
ngx_tavus_stripe_said(ngx_tavus_curl_t *t, ngx_tavus_stripe_result_t *result)
{
    ngx_tavus_stripe_error(t, result);

    switch (t->status) {

    case 200:
        result->outcome = NGX_TAVUS_STRIPE_DONE;
        result->reason = "ok";
        break;

    case 401:
    case 403:
        result->outcome = NGX_TAVUS_STRIPE_LATER;
        result->reason = "invalid_api_key";
        break;

    case 402:
        result->outcome = NGX_TAVUS_STRIPE_NEVER;
        result->reason = "payment_required";
        break;

    case 408:
        result->outcome = NGX_TAVUS_STRIPE_UNKNOWN;
        result->reason = "timeout";
        break;

    case 409:

        /* the same request is on its way there, for what we know */

        result->outcome = NGX_TAVUS_STRIPE_UNKNOWN;
        result->reason = "conflict";
        break;

    case 429:
        result->outcome = NGX_TAVUS_STRIPE_LATER;
        result->reason = "rate_limited";
        break;

    default:
        if (t->status >= 400 && t->status < 500) {
            result->outcome = NGX_TAVUS_STRIPE_NEVER;
            result->reason = "refused";

        } else {
            result->outcome = NGX_TAVUS_STRIPE_UNKNOWN;
            result->reason = t->status >= 500 ? "server_error"
                                              : "invalid_answer";
        }
    }
}


static void
ngx_tavus_stripe_error(ngx_tavus_curl_t *t, ngx_tavus_stripe_result_t *result)
{
    cJSON  *root, *error;

    if (t->status < 400) {
        return;
    }

    (void) tavus_json_parse((char *) t->answer.data, t->answer.len, &root,
                            NULL);

    error = cJSON_GetObjectItemCaseSensitive(root, "error");

    ngx_tavus_stripe_text(error, "type", result->type, NGX_TAVUS_STRIPE_WORD);
    ngx_tavus_stripe_text(error, "code", result->code, NGX_TAVUS_STRIPE_WORD);
    ngx_tavus_stripe_text(error, "param", result->param,
                          NGX_TAVUS_STRIPE_WORD);

    if (ngx_tavus_stripe_ours(result->param)) {
        ngx_tavus_stripe_text(error, "message", result->words,
                              NGX_TAVUS_STRIPE_WORDS);
    }

    cJSON_Delete(root);
}


static void
ngx_tavus_stripe_text(const cJSON *error, const char *name, char *buf,
    size_t size)
{
    size_t       i;
    cJSON       *p;
    const char  *text;

    p = cJSON_GetObjectItemCaseSensitive(error, name);

    if (!cJSON_IsString(p)) {
        return;
    }

    text = p->valuestring;

    for (i = 0; i < size - 1 && text[i]; i++) {
        buf[i] = (text[i] < ' ' || text[i] >= 0x7f || text[i] == '"')
                 ? '?' : text[i];
    }

    buf[i] = '\0';
}


/* those that no visitor fills: Stripe's message may repeat the value */

static ngx_uint_t
ngx_tavus_stripe_ours(const char *param)
{
    static const char  *params[] = {
        "line_items", "mode", "success_url", "cancel_url", NULL
    };

    ngx_uint_t  i;

    for (i = 0; params[i]; i++) {
        if (ngx_strncmp(param, params[i], ngx_strlen(params[i])) == 0) {
            return 1;
        }
    }

    return 0;
}


void
ngx_tavus_stripe_measure(ngx_tavus_curl_t *t)
{
    ngx_tavus_service_measure(t, TAVUS_SERVICE_STRIPE);
}


ngx_uint_t
ngx_tavus_stripe_valid_id(const u_char *id, size_t len, const char *prefix)
{
    size_t  i, head;

    head = ngx_strlen(prefix);

    if (len <= head || len > NGX_TAVUS_STRIPE_ID
        || ngx_memcmp(id, prefix, head) != 0)
    {
        return 0;
    }

    for (i = head; i < len; i++) {
        if (!((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= 'A' && id[i] <= 'Z')
              || (id[i] >= '0' && id[i] <= '9') || id[i] == '_'))
        {
            return 0;
        }
    }

    return 1;
}
