
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "endpoint/ngx_tavus_webhook.h"
#include "endpoint/ngx_tavus_webhook_proof.h"
#include "endpoint/ngx_tavus_webhook_read.h"
#include "endpoint/ngx_tavus_webhook_verify.h"
#include "guard/ngx_tavus_keys.h"
#include "http/ngx_tavus_intake.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_request.h"
#include "http/ngx_tavus_response.h"
#include "http/ngx_tavus_wait.h"
#include "store/ngx_tavus_envelope.h"
#include "store/ngx_tavus_store.h"
#include "core/tavus_event.h"
#include "core/tavus_json.h"
#include "core/tavus_signature.h"


#define NGX_TAVUS_WEBHOOK_MAX        (8 * 1024 * 1024)
#define NGX_TAVUS_WEBHOOK_TOLERANCE  300


static void ngx_tavus_webhook_body(ngx_http_request_t *r, ngx_str_t *body);
static ngx_int_t ngx_tavus_webhook_reject(ngx_http_request_t *r,
    tavus_verify_t result);
static ngx_int_t ngx_tavus_webhook_store(ngx_http_request_t *r,
    ngx_tavus_webhook_t *w);
static ngx_int_t ngx_tavus_webhook_identify(ngx_tavus_webhook_t *w,
    ngx_tavus_event_t *ev, ngx_uint_t scheme);
static int64_t ngx_tavus_webhook_time(ngx_tavus_webhook_t *w,
    ngx_uint_t scheme);
static ngx_uint_t ngx_tavus_webhook_is_token(ngx_str_t *token);
static void ngx_tavus_webhook_mask(ngx_str_t *where, ngx_str_t *token);
static void ngx_tavus_webhook_stored(ngx_http_request_t *r,
    ngx_tavus_outcome_e outcome);


static char *ngx_tavus_webhook_header_name(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static void *ngx_tavus_webhook_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_webhook_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);


static ngx_conf_enum_t  ngx_tavus_webhook_verifies[] = {
    { ngx_string("any"), NGX_TAVUS_VERIFY_ANY },
    { ngx_string("token"), NGX_TAVUS_VERIFY_TOKEN },
    { ngx_string("signature"), NGX_TAVUS_VERIFY_SIGNATURE },
    { ngx_string("both"), NGX_TAVUS_VERIFY_BOTH },
    { ngx_null_string, 0 }
};


static ngx_command_t  ngx_tavus_webhook_commands[] = {

    { ngx_string("tavus_webhook_verify"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_tavus_webhook_loc_conf_t, verify),
      &ngx_tavus_webhook_verifies },

    { ngx_string("tavus_webhook_signature_header"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_tavus_webhook_header_name,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_webhook_tolerance"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_tavus_webhook_loc_conf_t, tolerance),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_webhook_module_ctx = {
    NULL,                                  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_tavus_webhook_create_loc_conf,     /* create location configuration */
    ngx_tavus_webhook_merge_loc_conf       /* merge location configuration */
};


ngx_module_t  ngx_tavus_webhook_module = {
    NGX_MODULE_V1,
    &ngx_tavus_webhook_module_ctx,         /* module context */
    ngx_tavus_webhook_commands,            /* module directives */
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

    result = ngx_tavus_webhook_verify(r, body, &w);

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
    ngx_tavus_webhook_loc_conf_t  *wlcf;

    ctx = ngx_tavus_get_ctx(r);
    wlcf = ngx_http_get_module_loc_conf(r, ngx_tavus_webhook_module);

    ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                  "webhook not verified by %V%s: %s",
                  &ngx_tavus_webhook_sources[wlcf->scheme],
                  ctx->token.data ? " with a token" : "",
                  tavus_verify_reason(result));

    if (result == TAVUS_VERIFY_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (result == TAVUS_VERIFY_UNKNOWN_KEY) {
        ngx_tavus_keys_unknown(r, &ctx->token);
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


static ngx_int_t
ngx_tavus_webhook_store(ngx_http_request_t *r, ngx_tavus_webhook_t *w)
{
    ngx_tavus_ctx_t       *ctx;
    ngx_tavus_event_t      ev;
    ngx_tavus_webhook_loc_conf_t  *wlcf;

    ctx = ngx_tavus_get_ctx(r);
    wlcf = ngx_http_get_module_loc_conf(r, ngx_tavus_webhook_module);

    ngx_memzero(&ev, sizeof(ngx_tavus_event_t));

    ev.kind = NGX_TAVUS_KIND_WEBHOOK;
    ev.source = ngx_tavus_webhook_sources[wlcf->scheme];
    ev.body = w->body;

    if (w->token) {
        ev.bound = 1;
        ngx_memcpy(ev.nonce, w->nonce, TAVUS_NONCE_LEN);

        /* Tavus echoes the URL; what a signature covers stays as it is */

        if (!w->covered) {
            ngx_tavus_webhook_mask(&ev.body, &ctx->token);
        }
    }

    ngx_tavus_webhook_read(r->pool, w, &ev);

    if (ngx_tavus_webhook_keep(r, w, &ev) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_tavus_webhook_identify(w, &ev, wlcf->scheme) != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->event_type = ev.event_type;
    ctx->conversation_id = ev.conversation_id;

    return ngx_tavus_intake(r, &ev, 1, ngx_tavus_webhook_stored);
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

            return ngx_tavus_envelope_identify(ev, time, &w->body,
                                  &w->members[ngx_tavus_member_properties],
                                  &w->members[ngx_tavus_member_payload]);

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
ngx_tavus_webhook(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t                     *value;
    ngx_tavus_keys_loc_conf_t     *klcf;
    ngx_tavus_webhook_loc_conf_t  *wlcf;

    if (ngx_tavus_endpoint(cf, cmd, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    wlcf = ngx_http_conf_get_module_loc_conf(cf, ngx_tavus_webhook_module);
    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "tavus") == 0) {
        wlcf->scheme = NGX_TAVUS_SCHEME_TAVUS;

    } else if (ngx_strcmp(value[1].data, "standard") == 0) {
        wlcf->scheme = NGX_TAVUS_SCHEME_STANDARD;

    } else if (ngx_strcmp(value[1].data, "stripe") == 0) {
        wlcf->scheme = NGX_TAVUS_SCHEME_STRIPE;

        klcf = ngx_http_conf_get_module_loc_conf(cf, ngx_tavus_keys_module);
        klcf->own = 1;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown webhook scheme \"%V\", it is tavus, "
                           "standard or stripe", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_webhook_header_name(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_webhook_loc_conf_t *wlcf = conf;

    u_char      *p;
    ngx_str_t   *value;
    ngx_uint_t   i;

    if (wlcf->signature_header.data) {
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

    wlcf->signature_header = value[1];

    return NGX_CONF_OK;
}


static void *
ngx_tavus_webhook_create_loc_conf(ngx_conf_t *cf)
{
    ngx_tavus_webhook_loc_conf_t  *wlcf;

    wlcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_webhook_loc_conf_t));
    if (wlcf == NULL) {
        return NULL;
    }

    wlcf->scheme = NGX_CONF_UNSET_UINT;
    wlcf->verify = NGX_CONF_UNSET_UINT;
    wlcf->tolerance = NGX_CONF_UNSET;

    return wlcf;
}


static char *
ngx_tavus_webhook_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_tavus_webhook_loc_conf_t *prev = parent;
    ngx_tavus_webhook_loc_conf_t *conf = child;

    if (ngx_tavus_endpoint_block(cf, &ngx_tavus_webhook_module, prev)) {
        return NGX_CONF_OK;
    }

    /* what has no meaning with a scheme is not inherited, but refused */

    if (conf->scheme == NGX_TAVUS_SCHEME_STANDARD
        || conf->scheme == NGX_TAVUS_SCHEME_STRIPE)
    {
        if (conf->tolerance == NGX_CONF_UNSET) {
            conf->tolerance = prev->tolerance;
        }

        return NGX_CONF_OK;
    }

    if (conf->verify == NGX_CONF_UNSET_UINT) {
        conf->verify = prev->verify;
    }

    if (conf->signature_header.data == NULL) {
        conf->signature_header = prev->signature_header;
    }

    if (conf->scheme != NGX_TAVUS_SCHEME_TAVUS
        && conf->tolerance == NGX_CONF_UNSET)
    {
        conf->tolerance = prev->tolerance;
    }

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_tavus_webhook_listens(ngx_tavus_main_conf_t *mcf, ngx_uint_t scheme)
{
    ngx_uint_t                     i;
    ngx_tavus_location_t          *l;
    ngx_tavus_webhook_loc_conf_t  *wlcf;

    l = mcf->locations.elts;

    for (i = 0; i < mcf->locations.nelts; i++) {
        wlcf = ngx_tavus_location_conf(&l[i], ngx_tavus_webhook_module);

        if (wlcf->scheme == scheme) {
            return 1;
        }
    }

    return 0;
}


ngx_tavus_location_t *
ngx_tavus_webhook_find(ngx_conf_t *cf, ngx_tavus_location_t *location,
    ngx_str_t *path)
{
    ngx_uint_t                     i;
    ngx_tavus_location_t          *l, *found;
    ngx_tavus_main_conf_t         *mcf;
    ngx_tavus_webhook_loc_conf_t  *wlcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);

    found = NULL;
    l = mcf->locations.elts;

    for (i = 0; i < mcf->locations.nelts; i++) {
        wlcf = ngx_tavus_location_conf(&l[i], ngx_tavus_webhook_module);

        if (wlcf->scheme != NGX_TAVUS_SCHEME_TAVUS
            || l[i].clcf->named
            || l[i].clcf->name.len != path->len
            || ngx_strncmp(l[i].clcf->name.data, path->data, path->len) != 0)
        {
            continue;
        }

        if (l[i].cscf == location->cscf) {
            return &l[i];
        }

        if (found == NULL) {
            found = &l[i];
        }
    }

    return found;
}


ngx_int_t
ngx_tavus_webhook_check(ngx_conf_t *cf, ngx_tavus_location_t *location)
{
    const char                    *error;
    ngx_tavus_main_conf_t         *mcf;
    ngx_tavus_keys_loc_conf_t     *klcf;
    ngx_tavus_webhook_loc_conf_t  *wlcf;

    klcf = ngx_tavus_location_conf(location, ngx_tavus_keys_module);
    wlcf = ngx_tavus_location_conf(location, ngx_tavus_webhook_module);

    error = NULL;

    if (klcf->secrets == NULL) {
        error = "\"tavus_webhook\" has no \"tavus_webhook_secret\"";

    } else if (wlcf->scheme == NGX_TAVUS_SCHEME_TAVUS) {
        if (wlcf->tolerance != NGX_CONF_UNSET) {
            error = "\"tavus_webhook_tolerance\" has no effect, as "
                    "\"tavus_webhook tavus\" signs no time";
        }

    } else if (wlcf->verify != NGX_CONF_UNSET_UINT) {
        error = "\"tavus_webhook_verify\" is for \"tavus_webhook tavus\"";

    } else if (wlcf->signature_header.len) {
        error = "\"tavus_webhook_signature_header\" is for "
                "\"tavus_webhook tavus\"";

    } else if (wlcf->tolerance == 0) {
        error = "\"tavus_webhook_tolerance\" must not be 0";
    }

    if (error) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in %V:%ui", error,
                      &location->place.file, location->place.line);
        return NGX_ERROR;
    }

    ngx_conf_init_uint_value(wlcf->verify, NGX_TAVUS_VERIFY_ANY);
    ngx_conf_init_value(wlcf->tolerance, NGX_TAVUS_WEBHOOK_TOLERANCE);

    if (wlcf->signature_header.len == 0) {
        ngx_str_set(&wlcf->signature_header, "x-tavus-signature");
    }

    if (wlcf->scheme == NGX_TAVUS_SCHEME_TAVUS) {
        mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);
        mcf->tokens = 1;
    }

    if (location->clcf->client_max_body_size != 0
        && location->clcf->client_max_body_size < NGX_TAVUS_WEBHOOK_MAX)
    {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"client_max_body_size\" is under 8m, larger webhooks "
                      "will be refused in %V:%ui", &location->place.file,
                      location->place.line);
    }

    return ngx_tavus_keys_make(cf, klcf,
                               wlcf->scheme == NGX_TAVUS_SCHEME_STANDARD
                               ? TAVUS_SECRET_STANDARD : TAVUS_SECRET_RAW,
                               (char *) ngx_tavus_webhook_sources[wlcf->scheme]
                               .data);
}
