
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "ngx_tavus_conf.h"
#include "http/ngx_tavus_intake.h"
#include "http/ngx_tavus_request.h"
#include "endpoint/ngx_tavus_webhook.h"
#include "endpoint/ngx_tavus_webhook_verify.h"
#include "core/tavus_metrics.h"


#define NGX_TAVUS_WEBHOOK_MAX        (8 * 1024 * 1024)
#define NGX_TAVUS_WEBHOOK_TOLERANCE  300
/* seconds between lines that anybody can cause */
#define NGX_TAVUS_WEBHOOK_SELDOM     60

#define NGX_TAVUS_WEBHOOK_MAX_KEYS   16


typedef struct {
    ngx_str_t                value;
    ngx_str_t                id;
    ngx_str_t                file;
    ngx_uint_t               line;
} ngx_tavus_secret_t;


static void ngx_tavus_webhook_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_webhook_reject(ngx_http_request_t *r,
    tavus_verify_t result);
static ngx_int_t ngx_tavus_webhook_store(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w);
static void ngx_tavus_webhook_read(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w, ngx_tavus_event_t *ev);
static void ngx_tavus_webhook_text(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w, ngx_uint_t member, ngx_str_t *text,
    const char *unfit, ngx_str_t *reason);
static ngx_int_t ngx_tavus_webhook_identify(ngx_tavus_webhook_t *w,
    ngx_tavus_event_t *ev, ngx_uint_t scheme);
static ngx_int_t ngx_tavus_webhook_identify_tavus(ngx_tavus_webhook_t *w,
    ngx_tavus_event_t *ev, int64_t time);
static int64_t ngx_tavus_webhook_time(ngx_tavus_webhook_t *w,
    ngx_uint_t scheme);
static ngx_uint_t ngx_tavus_webhook_is_token(ngx_str_t *token);
static void ngx_tavus_webhook_mask(ngx_str_t *where, ngx_str_t *token);
static void ngx_tavus_webhook_stored(ngx_http_request_t *r,
    ngx_tavus_outcome_e outcome);
static void ngx_tavus_webhook_free_keys(void *data);


static ngx_str_t  ngx_tavus_webhook_sources[] = {
    ngx_string("tavus"),
    ngx_string("standard"),
    ngx_string("stripe")
};


ngx_int_t
ngx_tavus_webhook_handler(ngx_http_request_t *r)
{
    ngx_int_t       rc;
    tavus_verify_t  result;

    rc = ngx_tavus_allow(r, NGX_HTTP_POST, "POST");

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_tavus_get_ctx(r) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    result = ngx_tavus_webhook_foresee(r);

    if (result != TAVUS_VERIFY_OK) {
        return ngx_tavus_webhook_reject(r, result);
    }

    return ngx_tavus_read_body(r, NGX_TAVUS_WEBHOOK_MAX,
                               ngx_tavus_webhook_body);
}


static void
ngx_tavus_webhook_body(ngx_http_request_t *r, ngx_str_t *body)
{
    tavus_verify_t        result;
    ngx_tavus_webhook_t   w;

    ngx_memzero(&w, sizeof(ngx_tavus_webhook_t));

    w.body = *body;

    result = ngx_tavus_webhook_verify(r, &w);

    if (result != TAVUS_VERIFY_OK) {
        ngx_tavus_finalize(r, ngx_tavus_webhook_reject(r, result));
        return;
    }

    if (ngx_tavus_webhook_store(r, &w) != NGX_OK) {
        ngx_tavus_finalize(r, ngx_tavus_intake_unavailable(r));
    }
}


static ngx_int_t
ngx_tavus_webhook_reject(ngx_http_request_t *r, tavus_verify_t result)
{
    const char            *code, *detail;
    ngx_tavus_ctx_t       *ctx;
    ngx_tavus_loc_conf_t  *lcf;

    ctx = ngx_tavus_get_ctx(r);
    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "webhook not verified by %V%s: %s",
                  &ngx_tavus_webhook_sources[lcf->scheme],
                  ctx->token.data ? " with a token" : "",
                  tavus_verify_reason(result));

    if (result == TAVUS_VERIFY_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (result == TAVUS_VERIFY_UNKNOWN_KEY) {
        ngx_tavus_webhook_unknown_key(r, &ctx->token);
    }

    switch (result) {

    case TAVUS_VERIFY_MISSING:
        code = "missing_signature";
        detail = "The webhook carries no proof of its sender, or not the "
                 "one that is asked for here.";
        break;

    case TAVUS_VERIFY_EXPIRED:
        code = "expired_signature";
        detail = "The webhook's proof is outside its time.";
        break;

    default:
        code = "invalid_signature";
        detail = "The webhook's proof of its sender is not valid.";
    }

    ctx->verify.data = (u_char *) tavus_verify_reason(result);
    ctx->verify.len = ngx_strlen(ctx->verify.data);

    return ngx_tavus_send_problem(r, NGX_HTTP_UNAUTHORIZED, code, 0, detail);
}


/*
 * Another node may sign with a key that this one was not given, and then
 * authentic callbacks are lost.  Anybody can send such a token, though.
 */

void
ngx_tavus_webhook_unknown_key(ngx_http_request_t *r, ngx_str_t *token)
{
    size_t      len;
    u_char      c;
    ngx_str_t   id;

    static time_t      said;
    static ngx_uint_t  n;

    n++;

    if (said && ngx_time() - said < NGX_TAVUS_WEBHOOK_SELDOM) {
        return;
    }

    for (len = 0; len < token->len && len < TAVUS_KEY_ID_MAX; len++) {
        c = token->data[len];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        {
            break;
        }
    }

    id.data = token->data;
    id.len = len;

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "token of a key \"%V\" that is not configured here, %ui of "
                  "unknown keys since the last such line", &id, n);

    said = ngx_time();
    n = 0;
}


static ngx_int_t
ngx_tavus_webhook_store(ngx_http_request_t *r, ngx_tavus_webhook_t *w)
{
    u_char                *p;
    ngx_tavus_ctx_t       *ctx;
    ngx_tavus_event_t      ev;
    ngx_tavus_loc_conf_t  *lcf;

    ctx = ngx_tavus_get_ctx(r);
    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    ngx_memzero(&ev, sizeof(ngx_tavus_event_t));

    ev.kind = NGX_TAVUS_KIND_WEBHOOK;
    ev.source = ngx_tavus_webhook_sources[lcf->scheme];
    ev.body = w->body;

    if (w->token) {
        ev.bound = 1;
        ngx_memcpy(ev.nonce, w->nonce, TAVUS_NONCE_LEN);

        /* Tavus echoes the URL; what a signature covers stays as it is */

        if (!w->covered) {
            ngx_tavus_webhook_mask(&ev.body, &ctx->token);
        }
    }

    ngx_tavus_webhook_read(r, w, &ev);

    p = ngx_pnalloc(r->pool, sizeof("{\"method\":\"\",\"key_id\":\"\"}")
                             + ctx->verify.len + ctx->key_id.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ev.verification.data = p;
    ev.verification.len = ngx_sprintf(p, "{\"method\":\"%V\","
                                      "\"key_id\":\"%V\"}",
                                      &ctx->verify, &ctx->key_id)
                          - p;

    if (ngx_tavus_webhook_identify(w, &ev, lcf->scheme) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->event_type = ev.event_type;
    ctx->conversation_id = ev.conversation_id;

    return ngx_tavus_intake(r, &ev, 1, ngx_tavus_webhook_stored);
}


/* an authentic webhook is never refused for its content */

static void
ngx_tavus_webhook_read(ngx_http_request_t *r, ngx_tavus_webhook_t *w,
    ngx_tavus_event_t *ev)
{
    const char            *reason;
    ngx_uint_t             type;
    ngx_tavus_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    type = lcf->scheme == NGX_TAVUS_SCHEME_TAVUS
           ? ngx_tavus_member_event_type : ngx_tavus_member_type;

    ngx_str_set(&ev->event_type, "unknown");

    if (w->status != TAVUS_JSON_OK) {
        reason = tavus_json_reason(w->status);

        ev->reason.data = (u_char *) reason;
        ev->reason.len = ngx_strlen(reason);
    }

    if (w->members[type].count) {
        ngx_tavus_webhook_text(r, w, type, &ev->event_type,
                               "unfit_event_type", &ev->reason);
    }

    if (lcf->scheme == NGX_TAVUS_SCHEME_TAVUS
        && w->members[ngx_tavus_member_conversation_id].count
        && w->members[ngx_tavus_member_conversation_id].type != 'n')
    {
        ngx_tavus_webhook_text(r, w, ngx_tavus_member_conversation_id,
                               &ev->conversation_id, "unfit_conversation_id",
                               &ev->reason);
    }
}


/* a name that an index may hold: a string of at most 200 bytes */

static void
ngx_tavus_webhook_text(ngx_http_request_t *r, ngx_tavus_webhook_t *w,
    ngx_uint_t member, ngx_str_t *text, const char *unfit, ngx_str_t *reason)
{
    int      len;
    u_char  *p;

    p = ngx_pnalloc(r->pool, TAVUS_EVENT_MAX_NAME);

    if (p != NULL) {
        len = tavus_json_string((char *) w->body.data, &w->members[member],
                                (char *) p, TAVUS_EVENT_MAX_NAME);

        if (len > 0) {
            text->data = p;
            text->len = len;
            return;
        }
    }

    if (reason->len == 0) {
        reason->data = (u_char *) unfit;
        reason->len = ngx_strlen(unfit);
    }
}


static ngx_int_t
ngx_tavus_webhook_identify(ngx_tavus_webhook_t *w, ngx_tavus_event_t *ev,
    ngx_uint_t scheme)
{
    int           len;
    char          id[TAVUS_EVENT_MAX_NAME];
    int64_t       time;
    ngx_int_t     rc;
    tavus_part_t  parts[3];

    time = ngx_tavus_webhook_time(w, scheme);

    parts[0].data = ev->source.data;
    parts[0].len = ev->source.len;

    if (ev->reason.len == 0) {

        switch (scheme) {

        case NGX_TAVUS_SCHEME_TAVUS:
            if (time < 0 || ev->conversation_id.len == 0) {
                goto body;
            }

            return ngx_tavus_webhook_identify_tavus(w, ev, time);

        case NGX_TAVUS_SCHEME_STANDARD:
            parts[1].data = w->id.data;
            parts[1].len = w->id.len;
            break;

        default: /* NGX_TAVUS_SCHEME_STRIPE */
            len = tavus_json_string((char *) w->body.data,
                                    &w->members[ngx_tavus_member_id], id,
                                    sizeof(id));
            if (len <= 0) {
                goto body;
            }

            parts[1].data = id;
            parts[1].len = len;
        }

        /* the sender's id is looked for, whatever time comes with it */

        rc = ngx_tavus_store_identify(ev, time, parts, 2);
        ev->floating = 1;

        return rc;
    }

body:

    parts[1].data = "body";
    parts[1].len = 4;
    parts[2].data = ev->body.data;
    parts[2].len = ev->body.len;

    return ngx_tavus_store_identify(ev, time, parts, 3);
}


/* what an event says is in properties, or payload, or else its own members */

static ngx_int_t
ngx_tavus_webhook_identify_tavus(ngx_tavus_webhook_t *w,
    ngx_tavus_event_t *ev, int64_t time)
{
    ngx_str_t               object;
    tavus_part_t            conversation, type;
    tavus_json_member_t    *m;
    tavus_event_identity_t  id;

    m = &w->members[ngx_tavus_member_properties];

    if (m->count == 0 || m->type != '{') {
        m = &w->members[ngx_tavus_member_payload];
    }

    object = ev->body;

    if (m->count && m->type == '{') {
        object.data = w->body.data + m->value_start;
        object.len = m->value_end - m->value_start;
    }

    conversation.data = ev->conversation_id.data;
    conversation.len = ev->conversation_id.len;
    type.data = ev->event_type.data;
    type.len = ev->event_type.len;

    tavus_event_identity(&id, &conversation, &type, time,
                         (char *) object.data, object.len);

    return ngx_tavus_store_identify(ev, time, id.parts, id.n);
}


/* microseconds since 1970 that the sender gave the event, or -1 */

static int64_t
ngx_tavus_webhook_time(ngx_tavus_webhook_t *w, ngx_uint_t scheme)
{
    int64_t     time;
    ngx_uint_t  member;

    member = scheme == NGX_TAVUS_SCHEME_STRIPE ? ngx_tavus_member_created
                                               : ngx_tavus_member_timestamp;

    if (scheme == NGX_TAVUS_SCHEME_STANDARD && w->members[member].count == 0) {
        member = ngx_tavus_member_created_at;
    }

    return tavus_event_member_time((char *) w->body.data,
                                   &w->members[member], &time) == 0
           ? time : -1;
}


static void
ngx_tavus_webhook_stored(ngx_http_request_t *r, ngx_tavus_outcome_e outcome)
{
    ngx_int_t  rc;

    static ngx_str_t  received = ngx_string("{\"received\":true}");

    switch (outcome) {

    case NGX_TAVUS_FOREIGN:
        rc = ngx_tavus_webhook_reject(r, TAVUS_VERIFY_MISMATCH);
        break;

    case NGX_TAVUS_UNAVAILABLE:
        rc = ngx_tavus_intake_unavailable(r);
        break;

    default:
        rc = ngx_tavus_send(r, NGX_HTTP_OK, "application/json", &received);
    }

    ngx_tavus_finalize(r, rc);
}


ngx_int_t
ngx_tavus_webhook_take_token(ngx_http_request_t *r, ngx_tavus_ctx_t *ctx)
{
    u_char     *start, *end, *last;
    ngx_str_t   token;

    last = r->args.data + r->args.len;

    for (start = r->args.data; start < last; start = end + 1) {

        end = ngx_strlchr(start, last, '&');

        if (end == NULL) {
            end = last;
        }

        if (end - start < 6 || ngx_strncmp(start, "token=", 6) != 0) {
            continue;
        }

        token.len = end - start - 6;
        token.data = ngx_pnalloc(r->pool, token.len + 1);
        if (token.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_memcpy(token.data, start + 6, token.len);

        /* the first one counts, but none of them is for a log */

        if (ctx->token.data == NULL) {
            ctx->token = token;
        }

        if (ngx_tavus_webhook_is_token(&token)) {
            ngx_tavus_webhook_mask(&r->request_line, &token);
            ngx_tavus_webhook_mask(&r->unparsed_uri, &token);
            ngx_tavus_webhook_mask(&r->args, &token);
        }
    }

    return NGX_DECLINED;
}


/*
 * Other applications of this server may have tokens of another shape.  One
 * of ours that was cut is still a secret but for what is missing.
 */

static ngx_uint_t
ngx_tavus_webhook_is_token(ngx_str_t *token)
{
    u_char  *p, *last, *digits;

    last = token->data + token->len;

    p = ngx_strlchr(token->data, last, '.');

    if (p == NULL
        || p - token->data > TAVUS_KEY_ID_MAX
        || last - p <= 1 + TAVUS_NONCE_LEN * 2
        || p[1 + TAVUS_NONCE_LEN * 2] != '.')
    {
        return 0;
    }

    p += 1 + TAVUS_NONCE_LEN * 2 + 1;

    for (digits = p; p < last && *p >= '0' && *p <= '9'; p++) { /* void */ }

    return p > digits && p < last && *p == '.';
}


static void
ngx_tavus_webhook_mask(ngx_str_t *where, ngx_str_t *token)
{
    u_char  *p, *last;

    if (where->len == 0 || token->len == 0) {
        return;
    }

    p = where->data;
    last = p + where->len;

    for ( ;; ) {
        p = memmem(p, last - p, token->data, token->len);

        if (p == NULL) {
            return;
        }

        ngx_memset(p, '*', token->len);
        p += token->len;
    }
}


char *
ngx_tavus_webhook_scheme(ngx_conf_t *cf, ngx_tavus_loc_conf_t *lcf,
    ngx_str_t *name)
{
    if (ngx_strcmp(name->data, "tavus") == 0) {
        lcf->scheme = NGX_TAVUS_SCHEME_TAVUS;

    } else if (ngx_strcmp(name->data, "standard") == 0) {
        lcf->scheme = NGX_TAVUS_SCHEME_STANDARD;

    } else if (ngx_strcmp(name->data, "stripe") == 0) {
        lcf->scheme = NGX_TAVUS_SCHEME_STRIPE;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown webhook scheme \"%V\", it is tavus, "
                           "standard or stripe", name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_tavus_webhook_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_loc_conf_t *lcf = conf;

    ngx_str_t           *value;
    ngx_uint_t           i;
    ngx_tavus_secret_t  *secret, *other;

    value = cf->args->elts;

    if (value[2].len <= 3 || ngx_strncmp(value[2].data, "id=", 3) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" needs an \"id=\" after the secret",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    if (lcf->secrets == NULL) {
        lcf->secrets = ngx_array_create(cf->pool, 2,
                                        sizeof(ngx_tavus_secret_t));
        if (lcf->secrets == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (lcf->secrets->nelts == NGX_TAVUS_WEBHOOK_MAX_KEYS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "more than %d secrets in one place",
                           NGX_TAVUS_WEBHOOK_MAX_KEYS);
        return NGX_CONF_ERROR;
    }

    secret = ngx_array_push(lcf->secrets);
    if (secret == NULL) {
        return NGX_CONF_ERROR;
    }

    secret->id.data = value[2].data + 3;
    secret->id.len = value[2].len - 3;
    secret->file = cf->conf_file->file.name;
    secret->line = cf->conf_file->line;

    other = lcf->secrets->elts;

    for (i = 0; i < lcf->secrets->nelts - 1; i++) {
        if (other[i].id.len == secret->id.len
            && ngx_strncmp(other[i].id.data, secret->id.data, secret->id.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "duplicate secret id \"%V\"", &secret->id);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_tavus_conf_secret(cf, &value[0], &value[1], TAVUS_SECRET_MIN,
                              &secret->value)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* nobody could say which of the two verified, or whether one may go */

    for (i = 0; i < lcf->secrets->nelts - 1; i++) {
        if (other[i].value.len == secret->value.len
            && ngx_memcmp(other[i].value.data, secret->value.data,
                          secret->value.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "secret \"%V\" has the same value as \"%V\"",
                               &secret->id, &other[i].id);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_tavus_webhook_signature_header(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_tavus_loc_conf_t *lcf = conf;

    u_char      *p;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (lcf->signature_header.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    p = value[1].data;

    for (i = 0; i < value[1].len; i++) {
        p[i] = ngx_tolower(p[i]);

        if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9')
              || p[i] == '-'))
        {
            break;
        }
    }

    if (i != value[1].len || i == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid header name \"%V\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    lcf->signature_header = value[1];

    return NGX_CONF_OK;
}


ngx_int_t
ngx_tavus_webhook_check(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf,
    ngx_tavus_location_t *location)
{
    const char            *error;
    ngx_uint_t             i;
    ngx_tavus_secret_t    *secret;
    ngx_pool_cleanup_t    *cln;
    tavus_secret_form_t    form;
    ngx_tavus_loc_conf_t  *lcf;

    lcf = location->lcf;
    error = NULL;

    if (lcf->secrets == NULL) {
        error = "\"tavus_webhook\" has no \"tavus_webhook_secret\"";

    } else if (lcf->scheme == NGX_TAVUS_SCHEME_TAVUS) {
        if (lcf->tolerance != NGX_CONF_UNSET) {
            error = "\"tavus_webhook_tolerance\" has no effect, as "
                    "\"tavus_webhook tavus\" signs no time";
        }

    } else if (lcf->verify != NGX_CONF_UNSET_UINT) {
        error = "\"tavus_webhook_verify\" is for \"tavus_webhook tavus\"";

    } else if (lcf->signature_header.len) {
        error = "\"tavus_webhook_signature_header\" is for "
                "\"tavus_webhook tavus\"";

    } else if (lcf->tolerance == 0) {
        error = "\"tavus_webhook_tolerance\" must not be 0";
    }

    if (error) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in %V:%ui", error,
                      &location->file, location->line);
        return NGX_ERROR;
    }

    ngx_conf_init_uint_value(lcf->verify, NGX_TAVUS_VERIFY_ANY);
    ngx_conf_init_value(lcf->tolerance, NGX_TAVUS_WEBHOOK_TOLERANCE);

    if (lcf->signature_header.len == 0) {
        ngx_str_set(&lcf->signature_header, "x-tavus-signature");
    }

    if (lcf->scheme == NGX_TAVUS_SCHEME_TAVUS) {
        mcf->tokens = 1;
    }

    if (location->clcf->client_max_body_size != 0
        && location->clcf->client_max_body_size < NGX_TAVUS_WEBHOOK_MAX)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"client_max_body_size\" is under 8m, larger webhooks "
                      "will be refused in %V:%ui", &location->file,
                      location->line);
    }

    lcf->keys = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_keys_t));
    cln = ngx_pool_cleanup_add(cf->pool, 0);

    if (lcf->keys == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_tavus_webhook_free_keys;
    cln->data = lcf->keys;

    form = lcf->scheme == NGX_TAVUS_SCHEME_STANDARD ? TAVUS_SECRET_STANDARD
                                                    : TAVUS_SECRET_RAW;
    secret = lcf->secrets->elts;

    for (i = 0; i < lcf->secrets->nelts; i++) {

        lcf->keys->elts[i] = tavus_key_create((char *) secret[i].id.data,
                                              secret[i].id.len,
                                              (char *) secret[i].value.data,
                                              secret[i].value.len, form,
                                              &error);

        if (lcf->keys->elts[i] == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "secret \"%V\": %s in %V:%ui", &secret[i].id,
                          error, &secret[i].file, secret[i].line);
            return NGX_ERROR;
        }

        lcf->keys->nelts++;
    }

    return NGX_OK;
}


static void
ngx_tavus_webhook_free_keys(void *data)
{
    ngx_tavus_keys_t  *keys = data;

    ngx_uint_t  i;

    for (i = 0; i < keys->nelts; i++) {
        tavus_key_free(keys->elts[i]);
    }
}
