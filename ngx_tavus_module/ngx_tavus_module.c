
/*
 * Copyright (c) 2026 the Tavus module for nginx authors
 * SPDX-License-Identifier: BSD-2-Clause
 */


#include "ngx_tavus_conf.h"
#include "endpoint/ngx_tavus_admin.h"
#include "endpoint/ngx_tavus_admin_hide.h"
#include "endpoint/ngx_tavus_checkout.h"
#include "endpoint/ngx_tavus_contact.h"
#include "endpoint/ngx_tavus_conversation.h"
#include "endpoint/ngx_tavus_conversation_conf.h"
#include "endpoint/ngx_tavus_health.h"
#include "endpoint/ngx_tavus_metrics.h"
#include "endpoint/ngx_tavus_queue.h"
#include "endpoint/ngx_tavus_track.h"
#include "endpoint/ngx_tavus_webhook.h"
#include "guard/ngx_tavus_auth.h"
#include "guard/ngx_tavus_cors.h"
#include "guard/ngx_tavus_keys.h"
#include "guard/ngx_tavus_limit.h"
#include "guard/ngx_tavus_login.h"
#include "guard/ngx_tavus_users.h"
#include "http/ngx_tavus_ctx.h"
#include "http/ngx_tavus_endpoint.h"
#include "http/ngx_tavus_problem.h"
#include "http/ngx_tavus_variable.h"
#include "jobs/ngx_tavus_budget_look.h"
#include "jobs/ngx_tavus_deliver.h"
#include "jobs/ngx_tavus_ends.h"
#include "jobs/ngx_tavus_line.h"
#include "jobs/ngx_tavus_lookup.h"
#include "jobs/ngx_tavus_repair.h"
#include "jobs/ngx_tavus_roll.h"
#include "jobs/ngx_tavus_stripe_repair.h"
#include "jobs/ngx_tavus_sweep.h"
#include "jobs/ngx_tavus_tail.h"
#include "jobs/ngx_tavus_upkeep.h"
#include "service/ngx_tavus_api_conf.h"
#include "service/ngx_tavus_deliver_conf.h"
#include "service/ngx_tavus_stripe_conf.h"
#include "store/ngx_tavus_budget.h"
#include "store/ngx_tavus_store.h"
#include "store/ngx_tavus_store_conf.h"
#include "store/ngx_tavus_watch.h"
#include "event/ngx_tavus_curl.h"
#include "event/ngx_tavus_directive.h"
#include "event/ngx_tavus_key_use.h"
#include "core/tavus_version.h"


static ngx_int_t ngx_tavus_post_read_handler(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_log_handler(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_preaccess_handler(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_subrequest(ngx_http_request_t *r,
    ngx_tavus_endpoint_t *endpoint);
static ngx_int_t ngx_tavus_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_tavus_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_tavus_init_process(ngx_cycle_t *cycle);
static void ngx_tavus_exit_process(ngx_cycle_t *cycle);
static void *ngx_tavus_create_main_conf(ngx_conf_t *cf);
static char *ngx_tavus_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_tavus_create_loc_conf(ngx_conf_t *cf);
static char *ngx_tavus_merge_loc_conf(ngx_conf_t *cf, void *parent, void
    *child);
static char *ngx_tavus_sandbox(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ngx_tavus_public_origin(ngx_conf_t *cf, ngx_command_t *cmd, void
    *conf);
static ngx_int_t ngx_tavus_init(ngx_conf_t *cf);
static ngx_int_t ngx_tavus_init_handlers(ngx_conf_t *cf, ngx_tavus_main_conf_t
    *mcf);


/*
 * What a location can be.  Configurations are checked in this order: webhooks
 * first, as others sign with their keys.  The label "endpoint" of the metrics
 * has it, too.
 */

static ngx_tavus_endpoint_t  ngx_tavus_endpoints[] = {

    { ngx_string("tavus_webhook"), ngx_tavus_webhook_handler,
      NGX_HTTP_POST,
      NGX_TAVUS_SUBREQUESTS|NGX_TAVUS_NEEDS_DATABASE,
      ngx_tavus_webhook_check },

    { ngx_string("tavus_conversation"), ngx_tavus_conversation_handler,
      NGX_HTTP_POST,
      NGX_TAVUS_ASKS_ORIGIN|NGX_TAVUS_NEEDS_API|
      NGX_TAVUS_NEEDS_DATABASE,
      ngx_tavus_conversation_check },

    { ngx_string("tavus_queue"), ngx_tavus_queue_handler,
      NGX_HTTP_POST,
      NGX_TAVUS_ASKS_ORIGIN|NGX_TAVUS_NEEDS_API|
      NGX_TAVUS_NEEDS_DATABASE,
      ngx_tavus_queue_check },

    { ngx_string("tavus_conversation_end"), ngx_tavus_conversation_end_handler,
      NGX_HTTP_POST,
      NGX_TAVUS_ASKS_ORIGIN|NGX_TAVUS_NEEDS_API|
      NGX_TAVUS_NEEDS_DATABASE,
      ngx_tavus_conversation_check_callback },

    { ngx_string("tavus_track"), ngx_tavus_track_handler,
      NGX_HTTP_POST,
      NGX_TAVUS_ASKS_ORIGIN|NGX_TAVUS_NEEDS_DATABASE,
      ngx_tavus_conversation_check_keys },

    { ngx_string("tavus_contact"), ngx_tavus_contact_handler,
      NGX_HTTP_POST,
      NGX_TAVUS_ASKS_ORIGIN|NGX_TAVUS_NEEDS_DATABASE,
      NULL },

    { ngx_string("tavus_checkout"), ngx_tavus_checkout_handler,
      NGX_HTTP_GET|NGX_HTTP_POST,
      NGX_TAVUS_ASKS_ORIGIN|NGX_TAVUS_NEEDS_DATABASE,
      ngx_tavus_checkout_check },

    { ngx_string("tavus_admin"), ngx_tavus_admin_handler,
      NGX_HTTP_GET|NGX_HTTP_POST|NGX_HTTP_PATCH|NGX_HTTP_DELETE,
      NGX_TAVUS_ASKS_LOGIN|NGX_TAVUS_NEEDS_DATABASE,
      ngx_tavus_admin_check },

    { ngx_string("tavus_health"), ngx_tavus_health_handler,
      NGX_HTTP_GET|NGX_HTTP_HEAD,
      NGX_TAVUS_ASKS_LOGIN_FULL|NGX_TAVUS_SUBREQUESTS,
      NULL },

    { ngx_string("tavus_metrics"), ngx_tavus_metrics_handler,
      NGX_HTTP_GET|NGX_HTTP_HEAD,
      NGX_TAVUS_ASKS_LOGIN,
      NULL },

    { ngx_string("tavus_problem"), ngx_tavus_problem_handler,
      0,
      NGX_TAVUS_UNGUARDED|NGX_TAVUS_SUBREQUESTS,
      NULL },

    { ngx_null_string, NULL, 0, 0, NULL }
};


static ngx_command_t  ngx_tavus_commands[] = {

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

    { ngx_string("tavus_webhook"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_tavus_webhook,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
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

    { ngx_string("tavus_checkout"),
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
    ngx_tavus_init_module,                 /* init module */
    ngx_tavus_init_process,                /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_tavus_exit_process,                /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


/* for who looks into the file, as debian/tavus-check does */

const char  ngx_tavus_module_build[] =
    "nginx-tavus/" TAVUS_VERSION ", schema " ngx_value(NGX_TAVUS_SCHEMA);



static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


/*
 * A callback token leaves the request line and the arguments before
 * anything of this request is logged; whom an admin asks for, the line.
 */

static ngx_int_t
ngx_tavus_post_read_handler(ngx_http_request_t *r)
{
    ngx_tavus_ctx_t  *ctx;

    if (r != r->main) {
        return NGX_DECLINED;
    }

    if (ngx_tavus_admin_hide_early(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->args.len < sizeof("token=") - 1
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


/* nginx may have refused it before its first phase */

static ngx_int_t
ngx_tavus_log_handler(ngx_http_request_t *r)
{
    if (ngx_tavus_find_ctx(r) == NULL) {
        (void) ngx_tavus_post_read_handler(r);
    }

    (void) ngx_tavus_admin_hide_late(r);

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_preaccess_handler(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_tavus_ctx_t       *ctx;
    ngx_tavus_loc_conf_t  *lcf;

    lcf = ngx_http_get_module_loc_conf(r, ngx_tavus_module);

    if (lcf->endpoint == NULL
        && !ngx_tavus_limit_asks(r) && !ngx_tavus_cors_asks(r))
    {
        return NGX_DECLINED;
    }

    if (r != r->main) {
        return ngx_tavus_subrequest(r, lcf->endpoint);
    }

    if (lcf->endpoint && lcf->endpoint->handler == ngx_tavus_admin_handler
        && ngx_tavus_admin_hide(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_tavus_get_ctx(r);
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /*
     * The location that a request comes to decides for those that it is
     * redirected to, but what stands at an endpoint counts on any way there.
     */

    if (lcf->endpoint ? lcf->endpoint->flags & NGX_TAVUS_UNGUARDED
                      : ctx->guarded)
    {
        return NGX_DECLINED;
    }

    ctx->guarded = 1;

    if (lcf->endpoint) {
        ctx->endpoint = lcf->endpoint - ngx_tavus_endpoints + 1;
    }

    rc = ngx_tavus_cors_handler(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_tavus_limit_handler(r);
}


/* nginx skips the access phase, and with it what guards most endpoints */

static ngx_int_t
ngx_tavus_subrequest(ngx_http_request_t *r, ngx_tavus_endpoint_t *endpoint)
{
    if (endpoint == NULL || endpoint->flags & NGX_TAVUS_SUBREQUESTS) {
        return NGX_DECLINED;
    }

    ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                  "\"%V\" refuses the subrequest \"%V\", in which neither "
                  "a login nor an origin is asked for", &endpoint->name,
                  &r->uri);

    return NGX_HTTP_FORBIDDEN;
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


/* at a start, and again with each configuration */

static ngx_int_t
ngx_tavus_init_module(ngx_cycle_t *cycle)
{
    if (!ngx_test_config) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0, "nginx-tavus/%s",
                      TAVUS_VERSION);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_tavus_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                    workers;
    ngx_core_conf_t              *ccf;
    ngx_tavus_budget_t           *budget;
    ngx_tavus_repair_conf_t      *rcf;
    ngx_tavus_upkeep_conf_t      *ucf;
    ngx_tavus_api_main_conf_t    *amcf;
    ngx_tavus_auth_main_conf_t   *lmcf;
    ngx_tavus_store_main_conf_t  *smcf;
    ngx_tavus_stripe_main_conf_t   *pmcf;
    ngx_tavus_deliver_main_conf_t  *dmcf;
    ngx_tavus_stripe_repair_conf_t  *prcf;
    ngx_tavus_conversation_main_conf_t  *cmcf;

    if (ngx_process != NGX_PROCESS_WORKER
        && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    amcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_tavus_api_module);

    if (amcf == NULL) {
        return NGX_OK;
    }

    lmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_tavus_auth_module);
    smcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_tavus_store_module);
    ucf = ngx_http_cycle_get_module_main_conf(cycle, ngx_tavus_upkeep_module);
    rcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_tavus_repair_module);
    pmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_tavus_stripe_module);
    prcf = ngx_http_cycle_get_module_main_conf(cycle,
                                             ngx_tavus_stripe_repair_module);
    dmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_tavus_deliver_module);

    ngx_tavus_metrics_init_process(cycle);
    ngx_tavus_key_use_init_process(ngx_http_cycle_get_module_main_conf(cycle,
                                                    ngx_tavus_keys_module));

    if (ngx_tavus_auth_init_process(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    if (amcf->trusted
        && ngx_tavus_curl_init_process(cycle, amcf->trusted) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);
    workers = ccf->worker_processes;

    if (smcf->store.database == NULL) {
        ngx_tavus_login_init_process(NULL);

        return ngx_tavus_store_init_process(&smcf->store, workers);
    }

    ngx_tavus_login_init_process(lmcf->logins);

    smcf->store.missing = ngx_tavus_upkeep_soon;

    budget = ngx_http_cycle_get_module_main_conf(cycle,
                                                 ngx_tavus_budget_module);
    cmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_tavus_conversation_module);

    ngx_tavus_budget_look_init_process(budget);
    ngx_tavus_line_init_process(cmcf->line, &budget->json);

    ngx_tavus_sweep_init_process(amcf->api.key.len ? &amcf->api : NULL);
    ngx_tavus_repair_init_process(rcf, amcf->api.key.len ? &amcf->api : NULL);
    ngx_tavus_roll_init_process(pmcf->stripe.key.len ? &pmcf->stripe : NULL);
    ngx_tavus_lookup_init_process(pmcf->stripe.key.len ? &pmcf->stripe
                                                       : NULL);
    ngx_tavus_stripe_repair_init_process(prcf, pmcf->stripe.key.len
                                               ? &pmcf->stripe : NULL);

    ucf->database = smcf->store.database;
    smcf->store.stored = dmcf->stored;

    if (ngx_tavus_store_init_process(&smcf->store, workers) != NGX_OK
        || ngx_tavus_upkeep_init_process(ucf) != NGX_OK
        || ngx_tavus_deliver_init_process(&dmcf->destinations, dmcf->erase,
                                          dmcf->stored)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_tavus_tail_init_process(dmcf->stored);
    ngx_tavus_watch_init_process();

    return NGX_OK;
}


/* from the floor that starts work down to the one that carries it */

static void
ngx_tavus_exit_process(ngx_cycle_t *cycle)
{
    ngx_tavus_watch_exit_process();
    ngx_tavus_tail_exit_process();
    ngx_tavus_line_exit_process();
    ngx_tavus_deliver_exit_process();
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

    if (mcf == NULL
        || ngx_array_init(&mcf->locations, cf->pool, 8,
                          sizeof(ngx_tavus_location_t))
           != NGX_OK)
    {
        return NULL;
    }

    mcf->endpoints = ngx_tavus_endpoints;
    mcf->sandbox = NGX_CONF_UNSET;

    return mcf;
}


static char *
ngx_tavus_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    ngx_conf_init_value(mcf->sandbox, 0);

    return NGX_CONF_OK;
}


static void *
ngx_tavus_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_tavus_loc_conf_t));
}


static char *
ngx_tavus_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_tavus_loc_conf_t *prev = parent;
    ngx_tavus_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* where no other module answers, a block is its location */

    if (clcf->handler == NULL
        && ngx_tavus_endpoint_block(cf, &ngx_tavus_module, prev))
    {
        conf = prev;

        if (conf->endpoint) {
            clcf->handler = conf->endpoint->handler;
        }
    }

    if (conf->endpoint && conf->endpoint->flags & NGX_TAVUS_UNGUARDED) {

        /* or a body that was too large would be so again on the way here */

        clcf->client_max_body_size = 0;
    }

    return NGX_CONF_OK;
}


static char *
ngx_tavus_sandbox(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_tavus_main_conf_t *mcf = conf;

    ngx_tavus_place_note(cf, &mcf->sandbox_place);

    return ngx_conf_set_flag_slot(cf, cmd, conf);
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


static ngx_int_t
ngx_tavus_init(ngx_conf_t *cf)
{
    ngx_tavus_main_conf_t               *mcf;
    ngx_tavus_store_main_conf_t         *smcf;
    ngx_tavus_deliver_main_conf_t   *dmcf;
    ngx_tavus_conversation_main_conf_t  *cmcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_module);
    dmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_tavus_deliver_module);
    smcf = ngx_http_conf_get_module_main_conf(cf, ngx_tavus_store_module);
    cmcf = ngx_http_conf_get_module_main_conf(cf,
                                              ngx_tavus_conversation_module);

    if (ngx_tavus_conf_check(cf) != NGX_OK
        || ngx_tavus_store_former_journals(cf, smcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_tavus_endpoint_find(mcf, "tavus_metrics")
        && ngx_tavus_metrics_zone(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if ((ngx_tavus_endpoint_find(mcf, "tavus_conversation_end")
         || ngx_tavus_endpoint_find(mcf, "tavus_track"))
        && ngx_tavus_ends_zone(cf, &cmcf->ends) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_tavus_endpoint_find(mcf, "tavus_queue")
        && ngx_tavus_line_zone(cf, &cmcf->line) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if ((dmcf->destinations.nelts
         || ngx_tavus_endpoint_find(mcf, "tavus_admin"))
        && ngx_tavus_deliver_zone(cf, &dmcf->stored) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_tavus_init_handlers(cf, mcf);
}


static ngx_int_t
ngx_tavus_init_handlers(ngx_conf_t *cf, ngx_tavus_main_conf_t *mcf)
{
    ngx_uint_t                  n;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

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

    if (ngx_tavus_endpoint_find(mcf, "tavus_metrics")) {
        h = ngx_array_push(&cmcf->phases[NGX_HTTP_LOG_PHASE].handlers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        *h = ngx_tavus_metrics_log_handler;
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
