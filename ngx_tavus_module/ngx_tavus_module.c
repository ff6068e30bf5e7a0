
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "ngx_tavus_module.h"
#include "ngx_tavus_conf.h"
#include "endpoint/ngx_tavus_admin.h"
#include "guard/ngx_tavus_auth.h"
#include "endpoint/ngx_tavus_contact.h"
#include "endpoint/ngx_tavus_conversation.h"
#include "guard/ngx_tavus_cors.h"
#include "endpoint/ngx_tavus_ends.h"
#include "guard/ngx_tavus_limit.h"
#include "guard/ngx_tavus_login.h"
#include "endpoint/ngx_tavus_metrics.h"
#include "http/ngx_tavus_request.h"
#include "endpoint/ngx_tavus_health.h"
#include "endpoint/ngx_tavus_track.h"
#include "guard/ngx_tavus_variable.h"
#include "endpoint/ngx_tavus_webhook.h"
#include "jobs/ngx_tavus_sweep.h"


#define NGX_TAVUS_CALLBACK       "/api/tavus/webhook"
#define NGX_TAVUS_RETENTION      (400 * 24 * 3600)
#define NGX_TAVUS_MIN_RETENTION  (60 * 24 * 3600)
#define NGX_TAVUS_MIN_BROWSER    (24 * 3600)


typedef struct {
    ngx_str_t               name;
    ngx_uint_t              endpoint;       /* ngx_tavus_endpoint_e */
    ngx_http_handler_pt     handler;
    ngx_uint_t              subrequests;    /* its guards are not skipped */
} ngx_tavus_endpoint_t;


static ngx_int_t ngx_tavus_post_read_handler(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_log_handler(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_preaccess_handler(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_subrequest(ngx_http_request_t *r,
    ngx_uint_t endpoint);
static ngx_tavus_endpoint_t *ngx_tavus_find_endpoint(ngx_uint_t endpoint);
static ngx_int_t ngx_tavus_header_filter(ngx_http_request_t *r);
static void ngx_tavus_ctx_cleanup(void *data);

static ngx_int_t ngx_tavus_init(ngx_conf_t *cf);
static void *ngx_tavus_create_main_conf(ngx_conf_t *cf);
static char *ngx_tavus_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_tavus_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_tavus_init_process(ngx_cycle_t *cycle);
static void ngx_tavus_exit_process(ngx_cycle_t *cycle);

static char *ngx_tavus_endpoint(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_tavus_database(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_tavus_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_tavus_public_origin(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_tavus_api_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_tavus_trusted_certificate(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_tavus_sandbox(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_tavus_time(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_tavus_retention(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


static ngx_conf_enum_t  ngx_tavus_verify[] = {
    { ngx_string("any"), NGX_TAVUS_VERIFY_ANY },
    { ngx_string("token"), NGX_TAVUS_VERIFY_TOKEN },
    { ngx_string("signature"), NGX_TAVUS_VERIFY_SIGNATURE },
    { ngx_string("both"), NGX_TAVUS_VERIFY_BOTH },
    { ngx_null_string, 0 }
};


/* the directives that make a location an endpoint */

static ngx_tavus_endpoint_t  ngx_tavus_endpoints[] = {
    { ngx_string("tavus_conversation"), NGX_TAVUS_CONVERSATION,
      ngx_tavus_conversation_handler, 0 },
    { ngx_string("tavus_conversation_end"), NGX_TAVUS_CONVERSATION_END,
      ngx_tavus_conversation_end_handler, 0 },
    { ngx_string("tavus_webhook"), NGX_TAVUS_WEBHOOK,
      ngx_tavus_webhook_handler, 1 },
    { ngx_string("tavus_track"), NGX_TAVUS_TRACK,
      ngx_tavus_track_handler, 0 },
    { ngx_string("tavus_contact"), NGX_TAVUS_CONTACT,
      ngx_tavus_contact_handler, 0 },
    { ngx_string("tavus_admin"), NGX_TAVUS_ADMIN,
      ngx_tavus_admin_handler, 0 },
    { ngx_string("tavus_health"), NGX_TAVUS_HEALTH,
      ngx_tavus_health_handler, 1 },
    { ngx_string("tavus_metrics"), NGX_TAVUS_METRICS,
      ngx_tavus_metrics_handler, 0 },
    { ngx_string("tavus_problem"), NGX_TAVUS_PROBLEM,
      ngx_tavus_problem_handler, 1 },
    { ngx_null_string, 0, NULL, 0 }
};


static ngx_command_t  ngx_tavus_commands[] = {

    { ngx_string("tavus_database"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_database,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_database_password"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_secret,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_main_conf_t, database_password),
      NULL },

    { ngx_string("tavus_store_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_time,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_main_conf_t, store.timeout),
      NULL },

    { ngx_string("tavus_store_buffer"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_main_conf_t, store.buffer),
      NULL },

    { ngx_string("tavus_journal"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_tavus_conf_journal,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_retention"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_tavus_retention,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_main_conf_t, upkeep.retention),
      NULL },

    { ngx_string("tavus_api_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_secret,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_main_conf_t, api.key),
      NULL },

    { ngx_string("tavus_api_url"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_api_url,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_api_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_time,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_main_conf_t, api.timeout),
      NULL },

    { ngx_string("tavus_trusted_certificate"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_trusted_certificate,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_main_conf_t, trusted_certificate),
      NULL },

    { ngx_string("tavus_sandbox"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_tavus_sandbox,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_tavus_main_conf_t, sandbox),
      NULL },

    { ngx_string("tavus_public_origin"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_tavus_public_origin,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_vertical"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_tavus_vertical,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_limit_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ngx_tavus_limit_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_tavus_limit,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_cors_origin"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ngx_tavus_cors_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_admin_users"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ngx_tavus_admin_users,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_webhook_secret"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE2,
      ngx_tavus_webhook_secret,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_webhook_verify"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_enum_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_tavus_loc_conf_t, verify),
      &ngx_tavus_verify },

    { ngx_string("tavus_webhook_signature_header"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_tavus_webhook_signature_header,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_webhook_tolerance"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_tavus_loc_conf_t, tolerance),
      NULL },

    { ngx_string("tavus_callback"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_tavus_loc_conf_t, callback),
      NULL },

    { ngx_string("tavus_conversation"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_tavus_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_conversation_end"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_tavus_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_webhook"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_tavus_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_track"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_tavus_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_contact"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_tavus_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_admin"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_tavus_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_health"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_tavus_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_metrics"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_tavus_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("tavus_problem"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_tavus_endpoint,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_tavus_module_ctx = {
    ngx_tavus_add_variables,               /* preconfiguration */
    ngx_tavus_init,                        /* postconfiguration */

    ngx_tavus_create_main_conf,            /* create main configuration */
    ngx_tavus_init_main_conf,              /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_tavus_create_loc_conf,             /* create location configuration */
    ngx_tavus_merge_loc_conf               /* merge location configuration */
};


ngx_module_t  ngx_tavus_module = {
    NGX_MODULE_V1,
    &ngx_tavus_module_ctx,                 /* module context */
    ngx_tavus_commands,                    /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ngx_tavus_init_process,                /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_tavus_exit_process,                /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


/*
 * A callback token leaves the request line and the arguments before
 * anything of this request is logged.
 */

static ngx_int_t
ngx_tavus_post_read_handler(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t  *ctx;

    if (r != r->main || r->args.len < sizeof("token=") - 1
        || ngx_strlcasestrn(r->args.data, r->args.data + r->args.len,
                            (u_char *) "token=", 6 - 1)
           == NULL)
    {
        return NGX_DECLINED;
    }

    ctx = ngx_tavus_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_tavus_webhook_take_token(r, ctx);
}


/* of a request that nginx refused before its first phase */

static ngx_int_t
ngx_tavus_log_handler(ngx_http_request_t *r)
{
    if (ngx_tavus_find_ctx(r) == NULL) {
        (void) ngx_tavus_post_read_handler(r);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_preaccess_handler(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_tavus_ctx_t       *ctx;
    ngx_tavus_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    if (lcf->endpoint == NGX_TAVUS_NO_ENDPOINT
        && lcf->limits == NULL && lcf->origins == NULL)
    {
        return NGX_DECLINED;
    }

    if (r != r->main) {
        return ngx_tavus_subrequest(r, lcf->endpoint);
    }

    ctx = ngx_tavus_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /*
     * The location that a request comes to decides for those that it is
     * redirected to, but what stands at an endpoint counts on any way there.
     */

    if (lcf->endpoint == NGX_TAVUS_PROBLEM
        || (lcf->endpoint == NGX_TAVUS_NO_ENDPOINT && ctx->guarded))
    {
        return NGX_DECLINED;
    }

    ctx->guarded = 1;

    rc = ngx_tavus_cors_handler(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_tavus_limit_handler(r);
}


/* nginx skips the access phase, and with it what guards most endpoints */

static ngx_int_t
ngx_tavus_subrequest(ngx_http_request_t *r, ngx_uint_t endpoint)
{
    ngx_tavus_endpoint_t  *e;

    e = ngx_tavus_find_endpoint(endpoint);

    if (e == NULL || e->subrequests) {
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "\"%V\" refuses the subrequest \"%V\", in which neither "
                  "a login nor an origin is asked for", &e->name, &r->uri);

    return NGX_HTTP_FORBIDDEN;
}


static ngx_tavus_endpoint_t *
ngx_tavus_find_endpoint(ngx_uint_t endpoint)
{
    ngx_tavus_endpoint_t  *e;

    for (e = ngx_tavus_endpoints; e->name.len; e++) {
        if (e->endpoint == endpoint) {
            return e;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_tavus_header_filter(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t  *ctx;

    if (r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    ctx = ngx_tavus_find_ctx(r);

    if (ctx != NULL
        && (ngx_tavus_cors_headers(r, ctx) != NGX_OK
            || ngx_tavus_limit_headers(r, ctx) != NGX_OK))
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


ngx_tavus_ctx_t *
ngx_tavus_find_ctx(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t     *ctx;
    ngx_pool_cleanup_t  *cln;

    ctx = ngx_http_get_module_ctx(r, ngx_tavus_module);

    if (ctx == NULL && r != r->main) {
        ctx = ngx_http_get_module_ctx(r->main, ngx_tavus_module);
    }

    if (ctx != NULL || (!r->main->internal && !r->main->filter_finalize)) {
        return ctx;
    }

    /* an internal redirect cleared the contexts; the pool remembers */

    for (cln = r->main->pool->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_tavus_ctx_cleanup) {
            ctx = cln->data;
            ngx_http_set_ctx(r->main, ctx, ngx_tavus_module);

            return ctx;
        }
    }

    return NULL;
}


ngx_tavus_ctx_t *
ngx_tavus_get_ctx(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t     *ctx, *main;
    ngx_pool_cleanup_t  *cln;

    main = ngx_tavus_find_ctx(r->main);

    if (r == r->main) {

        if (main != NULL) {
            return main;
        }

        cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_tavus_ctx_t));
        if (cln == NULL) {
            return NULL;
        }

        cln->handler = ngx_tavus_ctx_cleanup;
        ctx = cln->data;

    } else {
        ctx = ngx_http_get_module_ctx(r, ngx_tavus_module);

        if (ctx != NULL) {
            return ctx;
        }

        ctx = ngx_palloc(r->pool, sizeof(ngx_tavus_ctx_t));
        if (ctx == NULL) {
            return NULL;
        }
    }

    ngx_memzero(ctx, sizeof(ngx_tavus_ctx_t));

    ctx->store_time = -1;
    ctx->upstream_time = -1;

    if (main != NULL) {
        ctx->token = main->token;
    }

    ngx_http_set_ctx(r, ctx, ngx_tavus_module);

    return ctx;
}


static void
ngx_tavus_ctx_cleanup(void *data)
{
    /* a mark to find the context by */
}


int64_t
ngx_tavus_now(void)
{
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    return (int64_t) tv.tv_sec * 1000000 + tv.tv_usec;
}


static ngx_int_t
ngx_tavus_init_process(ngx_cycle_t *cycle)
{
    ngx_core_conf_t        *ccf;
    ngx_tavus_main_conf_t  *mcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_tavus_module);

    if (mcf == NULL) {
        return NGX_OK;
    }

    ngx_tavus_metrics_init_process(mcf);

    if (ngx_tavus_auth_init_process(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    if (mcf->trusted
        && ngx_tavus_curl_init_process(cycle, mcf->trusted) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    ngx_tavus_login_init_process(mcf);

    if (mcf->database == NULL) {
        return ngx_tavus_store_init_process(&mcf->store,
                                            ccf->worker_processes);
    }

    mcf->store.missing = ngx_tavus_upkeep_soon;

    if (mcf->api.peer) {
        ngx_tavus_sweep_init_process(&mcf->api);
        mcf->upkeep.unsettled = ngx_tavus_sweep;
    }

    mcf->upkeep.database = mcf->database;
    mcf->upkeep.idle = ngx_tavus_sweep_idle;

    if (ngx_tavus_store_init_process(&mcf->store, ccf->worker_processes)
        != NGX_OK
        || ngx_tavus_upkeep_init_process(&mcf->upkeep) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* from the floor that starts work down to the one that carries it */

static void
ngx_tavus_exit_process(ngx_cycle_t *cycle)
{
    ngx_tavus_curl_exit_process(cycle);
    ngx_tavus_upkeep_exit_process();
    ngx_tavus_store_exit_process();
    ngx_tavus_metrics_exit_process();
}


static void *
ngx_tavus_create_main_conf(ngx_conf_t *cf)
{
    ngx_tavus_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     mcf->database = NULL;
     *     mcf->database_password = { 0, NULL };
     *     mcf->api = { NULL, { 0, NULL }, 0 };
     *     mcf->trusted_certificate = { 0, NULL };
     *     mcf->trusted = NULL;
     *     mcf->public_origin = { 0, NULL };
     *     mcf->auth_zone = NULL;
     *     mcf->resolver = NULL;
     *     mcf->metrics = NULL;
     *     mcf->ends = NULL;
     */

    mcf->store.timeout = NGX_CONF_UNSET_MSEC;
    mcf->store.buffer = NGX_CONF_UNSET_SIZE;
    mcf->upkeep.retention = NGX_CONF_UNSET;
    mcf->api.timeout = NGX_CONF_UNSET_MSEC;
    mcf->sandbox = NGX_CONF_UNSET;

    if (ngx_array_init(&mcf->verticals, cf->pool, 4,
                       sizeof(ngx_tavus_vertical_t)) != NGX_OK
        || ngx_array_init(&mcf->limit_zones, cf->pool, 4,
                          sizeof(ngx_tavus_limit_zone_t *)) != NGX_OK
        || ngx_array_init(&mcf->locations, cf->pool, 8,
                          sizeof(ngx_tavus_location_t)) != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


static char *
ngx_tavus_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    ngx_conf_init_msec_value(mcf->store.timeout, 1000);
    ngx_conf_init_size_value(mcf->store.buffer, 16 * 1024 * 1024);
    ngx_conf_init_value(mcf->upkeep.retention, NGX_TAVUS_RETENTION);
    ngx_conf_init_msec_value(mcf->api.timeout, 15000);
    ngx_conf_init_value(mcf->sandbox, 0);

    return NGX_CONF_OK;
}


static void *
ngx_tavus_create_loc_conf(ngx_conf_t *cf)
{
    ngx_tavus_loc_conf_t  *lcf;

    lcf = ngx_pcalloc(cf->pool, sizeof(ngx_tavus_loc_conf_t));
    if (lcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     lcf->endpoint = NGX_TAVUS_NO_ENDPOINT;
     *     lcf->limits = NULL;
     *     lcf->origins = NULL;
     *     lcf->users = NULL;
     *     lcf->realm = { 0, NULL };
     *     lcf->scheme = NGX_TAVUS_SCHEME_TAVUS;
     *     lcf->secrets = NULL;
     *     lcf->keys = NULL;
     *     lcf->signature_header = { 0, NULL };
     *     lcf->callback = { 0, NULL };
     */

    lcf->verify = NGX_CONF_UNSET_UINT;
    lcf->tolerance = NGX_CONF_UNSET;

    return lcf;
}


static char *
ngx_tavus_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_tavus_loc_conf_t *prev = parent;
    ngx_tavus_loc_conf_t *conf = child;

    void                      **loc_conf;
    ngx_tavus_endpoint_t       *e;
    ngx_http_core_loc_conf_t   *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && clcf->handler == NULL) {

        /*
         * None of our directives may stand in "if" and "limit_except": what
         * is none of another module's there is the location itself
         */

        e = ngx_tavus_find_endpoint(prev->endpoint);

        if (e) {
            clcf->handler = e->handler;
        }

        loc_conf = ((ngx_http_conf_ctx_t *) cf->ctx)->loc_conf;
        loc_conf[ngx_tavus_module.ctx_index] = prev;
        conf = prev;
    }

    if (conf->endpoint == NGX_TAVUS_PROBLEM) {

        /* or a body that was too large would be so again on the way here */

        clcf->client_max_body_size = 0;
    }

    if (conf == prev) {
        return NGX_CONF_OK;
    }

    if (conf->limits == NULL) {
        conf->limits = prev->limits;
    }

    if (conf->origins == NULL) {
        conf->origins = prev->origins;
    }

    if (conf->users == NULL) {
        conf->users = prev->users;
        conf->realm = prev->realm;
    }

    /* a Stripe secret belongs to its endpoint alone */

    if (conf->secrets == NULL
        && conf->scheme != NGX_TAVUS_SCHEME_STRIPE
        && prev->scheme != NGX_TAVUS_SCHEME_STRIPE)
    {
        conf->secrets = prev->secrets;
    }

    /* what has no meaning with a scheme is not inherited, but refused */

    if (conf->endpoint != NGX_TAVUS_WEBHOOK
        || conf->scheme == NGX_TAVUS_SCHEME_TAVUS)
    {
        if (conf->verify == NGX_CONF_UNSET_UINT) {
            conf->verify = prev->verify;
        }

        if (conf->signature_header.data == NULL) {
            conf->signature_header = prev->signature_header;
        }
    }

    if ((conf->endpoint != NGX_TAVUS_WEBHOOK
         || conf->scheme != NGX_TAVUS_SCHEME_TAVUS)
        && conf->tolerance == NGX_CONF_UNSET)
    {
        conf->tolerance = prev->tolerance;
    }

    ngx_conf_merge_str_value(conf->callback, prev->callback,
                             NGX_TAVUS_CALLBACK);

    return NGX_CONF_OK;
}


static char *
ngx_tavus_endpoint(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_loc_conf_t *lcf = conf;

    ngx_str_t                 *value;
    ngx_tavus_endpoint_t      *e;
    ngx_tavus_location_t      *location;
    ngx_tavus_main_conf_t     *mcf;
    ngx_http_core_loc_conf_t  *clcf;

    value = cf->args->elts;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (lcf->endpoint != NGX_TAVUS_NO_ENDPOINT || clcf->handler != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\": the location has a handler already",
                           &value[0]);
        return NGX_CONF_ERROR;
    }

    for (e = ngx_tavus_endpoints; e->name.len; e++) {
        if (ngx_strcmp(e->name.data, value[0].data) == 0) {
            break;
        }
    }

    lcf->endpoint = e->endpoint;
    clcf->handler = e->handler;

    if (lcf->endpoint == NGX_TAVUS_WEBHOOK
        && ngx_tavus_webhook_scheme(cf, lcf, &value[1]) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);

    location = ngx_array_push(&mcf->locations);
    if (location == NULL) {
        return NGX_CONF_ERROR;
    }

    location->cscf = ngx_http_conf_get_module_srv_conf(cf,
                                                       ngx_http_core_module);
    location->clcf = clcf;
    location->lcf = lcf;
    location->name = e->name;
    location->handler = e->handler;
    location->file = cf->conf_file->file.name;
    location->line = cf->conf_file->line;

    return NGX_CONF_OK;
}


static char *
ngx_tavus_database(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->database) {
        return "is duplicate";
    }

    ngx_tavus_conf_place(cf, &mcf->database_place);

    value = cf->args->elts;

    mcf->database = ngx_tavus_pg_parse(cf, &value[1]);

    return mcf->database ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* a single secret of the http level */

static char *
ngx_tavus_secret(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    ngx_str_t   *value, *secret;
    ngx_uint_t   i;

    secret = (ngx_str_t *) ((u_char *) conf + cmd->offset);

    if (secret->data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (secret != &mcf->api.key) {

        /* a database's password is as long as its owner made it */

        return ngx_tavus_conf_secret(cf, &value[0], &value[1], 1, secret);
    }

    if (mcf->api.peer == NULL) {
        ngx_tavus_conf_place(cf, &mcf->api_place);
    }

    if (ngx_tavus_conf_secret(cf, &value[0], &value[1], TAVUS_SECRET_MIN,
                              secret)
        != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    /* it will be the value of a header */

    for (i = 0; i < secret->len; i++) {
        if (secret->data[i] <= ' ' || secret->data[i] >= 0x7f) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\": the key holds a blank, a control "
                               "character or one outside of ASCII",
                               &value[0]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_public_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    ngx_str_t   *value;
    const char  *reason;

    if (mcf->public_origin.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    reason = ngx_tavus_cors_check_origin(&value[1]);

    if (reason == NULL
        && ngx_strncmp(value[1].data, "https://", 8) != 0
        && ngx_strncmp(value[1].data, "http://", 7) != 0)
    {
        reason = "its scheme is neither https nor http";
    }

    if (reason != NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid origin \"%V\": %s",
                           &value[1], reason);
        return NGX_CONF_ERROR;
    }

    mcf->public_origin = value[1];

    return NGX_CONF_OK;
}


static char *
ngx_tavus_api_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    ngx_str_t  *value;

    if (mcf->api.peer) {
        return "is duplicate";
    }

    ngx_tavus_conf_place(cf, &mcf->api_place);

    value = cf->args->elts;

    mcf->api.peer = ngx_tavus_curl_parse(cf, &value[1]);

    return mcf->api.peer ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_tavus_trusted_certificate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    ngx_tavus_conf_place(cf, &mcf->trusted_place);

    return ngx_conf_set_str_slot(cf, cmd, conf);
}


static char *
ngx_tavus_sandbox(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    ngx_tavus_conf_place(cf, &mcf->sandbox_place);

    return ngx_conf_set_flag_slot(cf, cmd, conf);
}


/* nothing can be done in no time */

static char *
ngx_tavus_time(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char        *rv;
    ngx_msec_t  *time;

    rv = ngx_conf_set_msec_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    time = (ngx_msec_t *) ((u_char *) conf + cmd->offset);

    if (*time < 100 || *time > 600000) {
        return "must be from 100ms to 10m";
    }

    return NGX_CONF_OK;
}


/* months are dropped whole, and two are kept in any case */

static char *
ngx_tavus_retention(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    char       *rv;
    ngx_str_t   s, *value;

    rv = ngx_conf_set_sec_slot(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (mcf->upkeep.retention < NGX_TAVUS_MIN_RETENTION) {
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

    mcf->upkeep.browser = ngx_parse_time(&s, 1);

    if (mcf->upkeep.browser == (time_t) NGX_ERROR) {
        return "has an invalid time in \"browser=\"";
    }

    if (mcf->upkeep.browser < NGX_TAVUS_MIN_BROWSER
        || mcf->upkeep.browser > mcf->upkeep.retention)
    {
        return "takes for \"browser=\" at least 1d, and at most what it "
               "keeps of all";
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_tavus_init(ngx_conf_t *cf)
{
    ngx_uint_t                  n;
    ngx_http_handler_pt        *h;
    ngx_tavus_main_conf_t      *mcf;
    ngx_http_core_main_conf_t  *cmcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    if (ngx_tavus_conf_check(cf, mcf) != NGX_OK
        || ngx_tavus_conf_former_journals(cf, mcf) != NGX_OK
        || ngx_tavus_metrics_zone(cf, mcf) != NGX_OK
        || ngx_tavus_ends_zone(cf, mcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (mcf->tokens) {
        h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_tavus_post_read_handler;

        h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        /* before the access log is written */

        h = cmcf->phases[NGX_HTTP_LOG_PHASE].handlers.elts;
        n = cmcf->phases[NGX_HTTP_LOG_PHASE].handlers.nelts;

        ngx_memmove(h + 1, h, (n - 1) * sizeof(ngx_http_handler_pt));

        *h = ngx_tavus_log_handler;
    }

    if (!mcf->guarded && mcf->locations.nelts == 0) {
        return NGX_OK;
    }

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_tavus_preaccess_handler;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_tavus_auth_handler;

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_tavus_header_filter;

    return NGX_OK;
}
